"""Run the README's examples, and check what a reader and a package index need."""

from __future__ import annotations

import json
import os
import re
import shlex
from importlib.metadata import metadata
from pathlib import Path

import pytest

from benchmarks import report
from wvtoken import parse
from wvtoken.cli import main

from . import pages, processes
from .grammar import CONTENT_KEY, KID, escaped, pairs

TEXT = pages.README.read_text(encoding="utf-8")


def test_readme_has_at_most_200_lines() -> None:
    assert len(TEXT.splitlines()) <= 200


def test_package_index_page_has_no_relative_link() -> None:
    """setup.py makes the links absolute. After a change there, install the package again."""
    text = metadata("wvtoken").json["description"]
    assert isinstance(text, str)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert re.search(r"!\[[^]]*\]\(https://[^)]*/raw/[^)]*\.png\)", text)


def test_figures_are_those_of_the_benchmark_report() -> None:
    document = (pages.ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert report.with_summary(TEXT, document) == TEXT
    assert len(re.findall(r"^\| single calls: ", TEXT, flags=re.MULTILINE)) == 3
    [lengths] = re.findall(r"^\| characters in the URL \| (.*) \|$", TEXT, flags=re.MULTILINE)
    measured = set(re.findall(r"^- .*: (\d+) characters$", document, flags=re.MULTILINE))
    assert measured
    assert measured <= set(lengths.split(" | "))


def test_session_shows_an_error() -> None:
    """test_docs runs the session."""
    assert any("Traceback" in block.text for block in pages.blocks(pages.README) if block.language == "pycon")


@pytest.mark.skipif(os.name != "posix", reason="the lines are for a POSIX shell")
def test_first_line_issues_a_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CI runs the whole line; this test runs its last command."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    words = shlex.split(next(line for line in TEXT.splitlines() if "wvtoken issue '" in line))
    query = words[words.index("issue") + 1]
    assert parse(query).kid_name == "CNN.2014.12.18"
    assert main(["issue", query]) == 0
    printed = capsys.readouterr()
    keys = str(tmp_path / "wvtoken" / "keys.json")
    assert keys in printed.err
    assert ".venv/bin/wvtoken redeem --keys FILE --show-key 'URL'" in TEXT
    assert main(["redeem", "--keys", keys, "--show-key", printed.out.strip()]) == 0
    assert '"a9b9033df0b9ca5447839e3d074817a0"' in capsys.readouterr().out


def test_wsgi_recipe_answers_as_the_endpoint() -> None:
    [recipe] = [block for block in pages.blocks(pages.README) if block.file_name == "readme_app.py"]
    names: dict[str, object] = {}
    exec(recipe.text, names)
    authenticator = "201722,1ad8eed133edf43cbcc185f0236828ae"
    query = escaped(pairs({"customerAuthenticator": (authenticator,), "contentKey": (CONTENT_KEY,)}))
    assert post(names, query, len(query)) == "200 OK"
    assert post(names, query.replace("1ad8eed", "1ad9eed"), len(query)) == "401 Unauthorized"
    assert post(names, query[:-1], len(query)) == "400 Bad Request"
    for length in (-1, "abc", 5000 * "9"):
        assert post(names, query, length) == "400 Bad Request"


def post(names: dict[str, object], query: str, length: int | str) -> str:
    """Return the status that the recipe's application gives to a POST."""
    from io import BytesIO
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, object] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/hms/wv/token"}
    environ |= {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(length)}
    environ |= {"wsgi.input": BytesIO(query.encode())}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    application = names["app"]
    assert callable(application)
    application(environ, lambda status, headers: statuses.append(status))
    return statuses[0]


@pytest.mark.skipif(os.name != "posix", reason="the lines are for a POSIX shell")
def test_batch_lines_issue_every_valid_request(tmp_path: Path) -> None:
    requests = [escaped(pairs({"contentKey": (CONTENT_KEY,), "cookie": (name,)})) for name in ("one", "two", "three")]
    requests[1] += "&kid=CNN"
    (tmp_path / "requests.txt").write_text("".join(f"{request}\n" for request in requests))
    keygen, issue = pages.shell_lines(pages.README, "Batches")
    processes.run(keygen, tmp_path)
    processes.run(f"{issue} || [ $? = 1 ]", tmp_path)
    lines = (tmp_path / "urls.txt").read_text().splitlines()
    assert [bool(line) for line in lines] == [True, False, True]
    redeemed = processes.run(
        "wvtoken redeem --keys keys.json --audience production < urls.txt 2>/dev/null || [ $? = 1 ]", tmp_path
    )
    grants = [json.loads(line) for line in redeemed.splitlines() if line]
    assert [(grant["kid"], grant["cookie"]) for grant in grants] == [(KID, "one"), (KID, "three")]
