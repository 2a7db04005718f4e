"""Show error pages in Chromium: markup in a request stays text."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from .http_client import ask, form
from .pages import DOCS, save_files, shell_lines
from .processes import SECONDS, Server, require, run, serving

pytestmark = [pytest.mark.slow, pytest.mark.browser]
require("gunicorn", programs=("bash", "chromium"))

PAGE = DOCS / "serving.md"
MARKUP = "</p><script>document.title='run'</script><img src=x>"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --dump-dom"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("service")
    save_files(PAGE, folder)
    run("python provision.py", folder)
    with serving(shell_lines(PAGE, "WSGI")[-1], folder) as server:
        yield server


def dom(url: str, folder: Path) -> str:
    """Return the document that Chromium has after it has run the scripts of the page."""
    return run(f"chromium {OPTIONS} --user-data-dir=profile '{url}' 2>errors", folder, seconds=SECONDS)


def is_run(document: str) -> bool:
    return "<title>run</title>" in document or "<img" in document


@pytest.mark.parametrize("error_format", ["html", "json"])
def test_markup_in_a_request_is_text(server: Server, tmp_path: Path, error_format: str) -> None:
    query = form(expirationTime=MARKUP, errorFormat=error_format)
    document = dom(f"{server.url}?{query}", tmp_path)
    assert not is_run(document)
    assert MARKUP in html.unescape(document)


def test_chromium_runs_the_same_markup_unescaped(server: Server, tmp_path: Path) -> None:
    page = ask(server, "GET", f"/hms/wv/token?{form(expirationTime=MARKUP)}").text
    (tmp_path / "unescaped.html").write_text(html.unescape(page), encoding="utf-8")
    assert is_run(dom(f"file://{quote(str(tmp_path / 'unescaped.html'))}", tmp_path))
