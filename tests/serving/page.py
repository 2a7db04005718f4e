"""Reading an error page as a browser would: its elements, and the text in them."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags of a page in their order, its attributes, and the text of each element that has one."""

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
        """The text of the only element of this name that has one."""
        (found,) = (text for name, text in self.texts if name == tag)
        return found

    @property
    def facts(self) -> dict[str, str]:
        """The list of terms and what they are."""
        terms = [text for tag, text in self.texts if tag == "dt"]
        return dict(zip(terms, [text for tag, text in self.texts if tag == "dd"], strict=True))
