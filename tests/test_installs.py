"""Install and run the examples of the pages by their own lines: a copy of the sources, a new environment, pip."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .http_client import ask, form
from .pages import DOCS, ROOT, blocks, check_session, save_files, shell_lines
from .processes import require, run, serving

pytestmark = [pytest.mark.slow, pytest.mark.installs]
require(programs=("bash", "curl", "git"))

SECONDS = 600
SERVING = DOCS / "serving.md"
KEPT = ("PATH", "HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("PIP_")}
"""What a user has, and how to reach a package index. No PYTHONPATH."""


def set_up(page: Path, folder: Path) -> Path:
    """Run the set-up lines of a page in a copy of the tracked files. Return the new folder, with the page's files."""
    clone = folder / "clone"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    lines = "\n".join(block.text for block in blocks(page, "Set up") if "pip install ." in block.text)
    run(lines, clone, ENVIRONMENT, SECONDS)
    [new] = [path for path in folder.iterdir() if path != clone]
    save_files(page, new)
    return new


def activated(folder: Path) -> dict[str, str]:
    """Return the environment after the set-up's activate line."""
    return ENVIRONMENT | {"PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{ENVIRONMENT['PATH']}"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folder of serving.md after its set-up, and a copy of it."""
    folder = set_up(SERVING, tmp_path_factory.mktemp("serving"))
    run("\n".join(shell_lines(SERVING, "Set up")[-1:]), folder, activated(folder))
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, symlinks=True)
    return folder, copy


RECIPES = ("WSGI", "Flask", "Django", "ASGI", "FastAPI", "Starlette", "aiohttp")


@pytest.mark.parametrize("section", [*RECIPES, "Logs and metrics"])
def test_server_runs_with_what_its_section_installs(template: tuple[Path, Path], section: str) -> None:
    """The environment has only the package before. The sections left out have the same install line as WSGI."""
    folder, copy = template
    shutil.rmtree(folder)
    shutil.copytree(copy, folder, symlinks=True)  # in the same place, because scripts contain their path
    environment = activated(folder)
    *install, start = [block for block in blocks(SERVING, section) if block.language == "sh"][-1].text.splitlines()
    run("\n".join(install), folder, environment, SECONDS)
    with serving(start, folder, environment) as server:
        assert ask(server, body=form()).status == 200
        if section == "WSGI":
            lines = "\n".join(shell_lines(SERVING, "Client")).replace("8000", str(server.port))
            assert "ExpressPlayToken=" in run(lines, folder, environment, SECONDS)


def test_redeeming_page(tmp_path: Path) -> None:
    page = DOCS / "redeeming.md"
    folder = set_up(page, tmp_path)
    check_session(page, "Open, compare, use once", folder, activated(folder))


def test_rotation_page(tmp_path: Path) -> None:
    page = DOCS / "rotation.md"
    folder = set_up(page, tmp_path)
    check_session(page, "1. Add a key", folder, activated(folder))


def test_batches_page(tmp_path: Path) -> None:
    page = DOCS / "batches.md"
    folder = set_up(page, tmp_path)
    environment = activated(folder)
    run("\n".join(shell_lines(page, "Lines")), folder, environment)
    check_session(page, "Lines", folder, environment)
    run("\n".join(shell_lines(page, "On many machines")), folder, environment, SECONDS)
    assert list((folder / "urls").glob("*.parquet"))
