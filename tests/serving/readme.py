"""The README's serving section as data: its files, its commands and its sessions, as they stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).parents[2] / "README.md"
PORT = "8000"
"""The port in its commands; the tests put a free one in its place, and change nothing else."""

_SECTION = re.compile(r"<!-- serving: begin -->\n(.*)<!-- serving: end -->", re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Exchange(NamedTuple):
    """A command in a session, and what it printed."""

    command: str
    output: str


def files() -> dict[str, str]:
    """The Python files by their names, which stand in their first lines."""
    found = {}
    for text in _blocks("python"):
        first = text.partition("\n")[0]
        assert first.startswith("# "), f"a file without a name: {first}"
        found[first.removeprefix("# ")] = text
    assert found
    return found


def command(program: str, argument: str) -> list[str]:
    """The first command of this program with this argument, as words."""
    lines = [shlex.split(line) for block in _blocks("sh") for line in block.splitlines()]
    return next(words for words in lines if words[0] == program and argument in words)


def session() -> list[Exchange]:
    """The commands of the console sessions, with their outputs."""
    text = "".join(_blocks("console"))
    parts = [part.partition("\n") for part in text.split("$ ")[1:]]
    assert parts
    return [Exchange(line, output) for line, _, output in parts]


def _blocks(language: str) -> Iterator[str]:
    section = _SECTION.search(README.read_text(encoding="utf-8"))
    assert section
    return (text for name, text in _BLOCK.findall(section[1]) if name == language)
