"""The README's sessions are executed, and none of its blocks is left without anybody who looks at it."""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from wvtoken import parse
from wvtoken.cli import main

from .grammar import CONTENT_KEY, KID, escaped, pairs

README = Path(__file__).parents[1] / "README.md"
FENCE = re.compile(r"^```(.*)$", re.MULTILINE)

LOOKED_AT = {
    "pycon": "executed here",
    "sh": "set-up and tests by CI, what they issue and the batch here, the rest by the tests of servers and partitions",
    "python": "compiled here, served by the tests of servers, run by that of partitions",
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
    assert redeem[-5:] == ["redeem", "--keys", "~/.local/state/wvtoken/keys.json", "--show-key", "URL"]
    assert main(["redeem", "--keys", str(tmp_path / "wvtoken" / "keys.json"), "--show-key", url]) == 0
    assert '"a9b9033df0b9ca5447839e3d074817a0"' in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="the lines are for a POSIX shell")
def test_the_command_line_runs_a_batch(tmp_path: Path) -> None:
    """The lines as they stand, in a shell, on three requests of which the second is wrong."""
    [block] = [block for block in of("sh") if "requests.txt" in block.text]
    requests = [escaped(pairs({"contentKey": (CONTENT_KEY,), "cookie": (name,)})) for name in ("one", "two", "three")]
    requests[1] += "&kid=CNN"
    (tmp_path / "requests.txt").write_text("".join(f"{request}\n" for request in requests))
    program = tmp_path / "bin" / "wvtoken"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wvtoken "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": os.pathsep.join([str(program.parent), os.environ["PATH"]])}
    statuses = [
        subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, timeout=60, check=False).returncode
        for line in block.text.splitlines()
    ]
    assert statuses == [0, 1, 0]
    urls = (tmp_path / "urls.txt").read_text().splitlines()
    assert [url.partition("?")[0] for url in urls] == ["https://wv.example.com/hms/wv/rights/", "", urls[0][:37]]
    refused, summary = map(json.loads, (tmp_path / "refused.txt").read_text().splitlines())
    assert (refused["line"], refused["parameter"]) == (2, "kid")
    assert (summary["issued"], summary["rejected"]) == (2, 1)
    grants = [json.loads(line) for line in (tmp_path / "grants.jsonl").read_text().splitlines() if line]
    assert [(grant["kid"], grant["cookie"]) for grant in grants] == [(KID, "one"), (KID, "three")]
