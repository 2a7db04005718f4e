"""Generate the facts in docs/errors.md from the catalogue: `python -m tests.errors_page`.

The heading, the message and the status of each code are generated. The advice below them is written by hand, in the
page itself.
"""

from __future__ import annotations

import re
from pathlib import Path

import wvtoken
from wvtoken import ErrorCode

PAGE = Path(wvtoken.__file__).parent / "docs" / "errors.md"
RAISED_BY = {
    "library": "raised by the library",
    "server": "raised by your server",
    "nobody": "not raised: it belongs to a sister interface",
}
STATUSES = {ErrorCode.MALFORMED_REQUEST: "400, 404 or 405", ErrorCode.KEY_STORAGE_FAILED: "400 or 500"}


def facts(code: ErrorCode) -> str:
    """Return the generated part of a code's section."""
    statuses = STATUSES.get(code, str(code.status))
    status = f"HTTP status {statuses}, {RAISED_BY[code.raised_by]}."
    return f"## {code:d} {code.name}\n\n> `{code.template}`\n\n{status}\n\n"


def advice(page: str) -> dict[int, str]:
    """Return the hand-written text for each code."""
    _, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    return {int(section.split(maxsplit=1)[0]): section.split("\n\n", maxsplit=3)[3].strip() for section in sections}


def generated(page: str) -> str:
    """Return the page with all facts of the catalogue."""
    written = advice(page)
    introduction = page[: page.index("\n## ") + 1]
    return introduction + "\n".join(f"{facts(code)}{written.get(code, '')}\n" for code in ErrorCode)


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
