"""Read the examples in the documentation pages: files to save, lines for a shell, sessions with their output."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import wvtoken

from .processes import run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = Path(wvtoken.__file__).parent / "docs"

_FENCE = re.compile(r"^```(.*)$")
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_HEADING = re.compile(r"^##+ (.*)$")
_FILE_NAME = re.compile(r"# ([\w.-]+\.\w+)\n")


class Block(NamedTuple):
    """A fenced block: the heading above it, its language, its text, and the number of its first line."""

    section: str
    language: str
    text: str
    line: int

    @property
    def file_name(self) -> str | None:
        """The name in the first line of a block that is a file."""
        match = _FILE_NAME.match(self.text)
        return match[1] if match else None


class Exchange(NamedTuple):
    """A command of a session, and its output."""

    command: str
    output: str


def blocks(page: Path, section: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page, or of one of its sections."""
    found: list[Block] = []
    heading, language, lines, start = "", "", [""], 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(keepends=True), 1):
        fence = _FENCE.match(line)
        if fence and not start:
            language, lines, start = fence[1].strip(), [], number + 1
        elif fence:
            found.append(Block(heading, language, "".join(lines), start))
            start = 0
        elif start:
            lines.append(line)
        elif match := _HEADING.match(line):
            heading = match[1]
    assert not start, f"{page.name}, line {start}: the block is not closed"
    found = [block for block in found if section in (None, block.section)]
    assert found, f"{page.name} has no blocks in section {section}"
    return found


def save_files(page: Path, folder: Path) -> list[str]:
    """Save each block that is a file under its name, and return the names."""
    names = []
    for block in blocks(page):
        if block.file_name is not None:
            assert block.file_name not in names, f"{page.name} has two files {block.file_name}"
            (folder / block.file_name).write_text(block.text, encoding="utf-8")
            names.append(block.file_name)
    return names


def shell_lines(page: Path, section: str) -> list[str]:
    """Return the lines of the section's sh blocks."""
    return [line for block in blocks(page, section) if block.language == "sh" for line in block.text.splitlines()]


def exchanges(page: Path, section: str) -> list[Exchange]:
    """Return the commands of the section's console blocks with their outputs."""
    found = [one for block in blocks(page, section) if block.language == "console" for one in exchanges_of(block)]
    assert found, f"{page.name} has no session in section {section}"
    return found


def exchanges_of(block: Block) -> list[Exchange]:
    """Return the commands of a console block with their outputs."""
    parts = [part.partition("\n") for part in _PROMPT.split(block.text)[1:]]
    return [Exchange(command, output) for command, _, output in parts]


def check_session(
    page: Path,
    section: str,
    folder: Path,
    env: Mapping[str, str] | None = None,
    *,
    port: int = 8000,
    mask: Callable[[str], str] = str.strip,
) -> None:
    """Run the commands of the section's session and compare their output. `mask` removes what differs in each run."""
    for command, output in exchanges(page, section):
        printed = run(command.replace("8000", str(port)), folder, env, check=False)
        assert mask(printed) == mask(output), command


def run_python_sessions(page: Path) -> int:
    """Run the page's pycon blocks as one session, and return the number of statements."""
    sessions = [block for block in blocks(page) if block.language == "pycon"]
    text = "\n".join(block.text for block in sessions)
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), sessions[0].line)
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert results.failed == 0, "".join(report)
    return results.attempted
