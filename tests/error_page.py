"""Parse an error page: its elements and their text."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags and attributes of a page in order, and the text of each element that has one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.tags[-1], data))

    def text(self, tag: str) -> str:
        """Return the text of the only element of this name that has text."""
        (found,) = (text for name, text in self.texts if name == tag)
        return found

    @property
    def facts(self) -> dict[str, str]:
        """Return the page's list of terms and values."""
        terms = [text for tag, text in self.texts if tag == "dt"]
        return dict(zip(terms, [text for tag, text in self.texts if tag == "dd"], strict=True))
