"""The README's sessions are executed, and none of its blocks is left without anybody who looks at it."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from wvtoken import parse
from wvtoken.cli import main

README = Path(__file__).parents[1] / "README.md"
FENCE = re.compile(r"^```(.*)$", re.MULTILINE)

LOOKED_AT = {
    "pycon": "executed here",
    "sh": "the lines of set-up and tests by CI, what they issue here, those that start servers by the tests of servers",
    "python": "compiled here, served by the tests of servers",
    "console": "requested by the tests of servers",
    "nginx": "read by the tests of servers",
}
"""Who looks at the blocks of each language."""


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line it begins in."""

    language: str
    text: str
    line: int


def blocks() -> list[Block]:
    text = README.read_text(encoding="utf-8")
    fences = list(FENCE.finditer(text))
    assert len(fences) % 2 == 0, "a block is not closed"
    found = []
    for opening, closing in zip(fences[::2], fences[1::2], strict=True):
        assert closing[1] == "", f"a block is not closed: {opening[0]}"
        line = text.count("\n", 0, opening.start()) + 1
        found.append(Block(opening[1], text[opening.end() + 1 : closing.start()], line))
    return found


def of(language: str) -> list[Block]:
    found = [block for block in blocks() if block.language == language]
    assert found, f"no {language} in the README"
    return found


def test_every_block_has_a_language_that_somebody_looks_at() -> None:
    languages = {block.language for block in blocks()}
    assert languages <= LOOKED_AT.keys()
    assert {"pycon", "sh"} <= languages


def test_the_sessions_are_as_they_say() -> None:
    """All of them as one session, since the second goes on with the names of the first."""
    sessions = of("pycon")
    text = "\n".join(block.text for block in sessions)
    test = doctest.DocTestParser().get_doctest(text, {}, "README", str(README), sessions[0].line)
    assert len(test.examples) >= 10
    assert sum(example.exc_msg is not None for example in test.examples) >= 1, "the session shows no failure"
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert results.attempted == len(test.examples)
    assert results.failed == 0, "".join(report)


def test_the_python_files_are_python() -> None:
    for block in blocks():
        if block.language == "python":
            compile(block.text, f"README.md, line {block.line}", "exec")


def test_the_first_line_issues_a_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands after `wvtoken issue` in the first block prints a URL, and the second block's command opens it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first, second, *_ = of("sh")
    words = shlex.split(first.text)
    query = words[words.index("issue") + 1]
    assert parse(query).kid_name == "CNN.2014.12.18"
    assert main(["issue", query]) == 0
    url = capsys.readouterr().out.strip()
    assert url.startswith("https://localhost/hms/wv/rights/?ExpressPlayToken=")
    redeem = shlex.split(second.text)
    assert redeem[-3:] == ["redeem", "--show-key", "URL"]
    assert main([*redeem[-3:-1], url]) == 0
    assert '"a9b9033df0b9ca5447839e3d074817a0"' in capsys.readouterr().out
