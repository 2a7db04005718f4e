"""Check the documentation pages: their links, their facts, and the sessions that no other test runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from . import errors_page, grammar, pages, processes

ROOT = pages.ROOT
PAGES = [pages.README, *sorted(pages.DOCS.glob("*.md")), *sorted((ROOT / ".github").glob("*.md"))]
in_repository = pytest.mark.skipif(not (ROOT / ".github").exists(), reason="the links need the whole repository")
SESSION = "```pycon\n"
ANYWHERE = {"http", "https", "mailto"}


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@in_repository
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.partition(":")[0] in ANYWHERE:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


def test_pages_link_to_installed_pages_only() -> None:
    """Only README may link to files that are not installed."""
    for page in pages.DOCS.glob("*.md"):
        links = re.findall(r"\]\(([^)\s#:]+)[)#]", page.read_text(encoding="utf-8"))
        assert {link for link in links if "/" in link} == set(), page.name


def test_readme_lists_every_page() -> None:
    text = pages.README.read_text(encoding="utf-8")
    assert [page.name for page in pages.DOCS.glob("*.md") if f"(src/wvtoken/docs/{page.name})" not in text] == []


@in_repository
def test_contributing_names_existing_files() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = [ROOT, ROOT / "src" / "wvtoken", ROOT / "tests", ROOT / "csrc"]
    names = re.findall(r"`([\w./-]+\.(?:py|md|json|c|h|toml|dict))`", text)
    names += [f"{name}.py" for name in re.findall(r"`(test_\w+)`", text)]
    assert len(names) > 30
    missing = [name for name in names if not any((folder / name).exists() for folder in folders)]
    assert [name for name in missing if "NAME" not in name] == []


def test_requests_page_lists_the_parameters() -> None:
    page = (pages.DOCS / "requests.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", page, flags=re.MULTILINE)
    assert rows == [(name, "no" if missing is None else "yes") for name, missing, *_ in grammar.TABLE]


def test_errors_page_has_the_facts_of_the_catalogue() -> None:
    """If this fails, run `python -m tests.errors_page`."""
    page = errors_page.PAGE.read_text(encoding="utf-8")
    assert page == errors_page.generated(page)


def test_errors_page_has_advice_for_every_code() -> None:
    advice = errors_page.advice(errors_page.PAGE.read_text(encoding="utf-8"))
    assert [code for code, text in advice.items() if len(text) < 20] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if SESSION in page.read_text("utf-8")], ids=lambda page: page.name
)
def test_python_session_prints_what_the_page_shows(page: Path) -> None:
    assert pages.run_python_sessions(page) >= 4


@pytest.mark.skipif(os.name != "posix", reason="the lines are for a POSIX shell")
def test_rotation_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    page = pages.DOCS / "rotation.md"
    [keygen] = [line for line in pages.shell_lines(page, "Set up") if line.startswith("wvtoken keygen")]
    processes.run(keygen, tmp_path)
    for section in ("1. Add a key", "2. Activate it", "4. Remove the old key"):
        pages.check_session(page, section, tmp_path)
