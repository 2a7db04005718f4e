"""What the repository's own pages and workflows name is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# An sdist has no .github, and no Git.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOP = {
    "pyproject.toml",
    "setup.py",
    "README.md",
    "src",
    "csrc",
    "tests",
    "benchmarks",
    "fuzz",
    "LICENSE",
    "CHANGELOG.md",
}


def exists(path: str) -> bool:
    """The fuzzers' own parts are looked for once their folder is there."""
    return bool(list(ROOT.glob(path))) or (path.startswith("fuzz/") and not (ROOT / "fuzz").is_dir())


def test_the_top_level_has_nothing_else() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {line.partition("/")[0] for line in tracked.splitlines()}
    assert {name for name in names if not name.startswith(".")} <= TOP
    assert "pyproject.toml" in names


def test_contributing_names_what_there_is() -> None:
    paths = {
        path.partition(" ")[0].removesuffix("/")
        for path in re.findall(
            r"`((?:src|csrc|tests|benchmarks|fuzz|\.ci)/[^`]*)`", CONTRIBUTING.read_text(encoding="utf-8")
        )
    }
    assert len(paths) >= 10
    missing = {path for path in paths if "NAME" not in path and not exists(path)}
    assert not missing


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    for path in re.findall(r"(?:^|\s)((?:\.ci|fuzz)/\w+)\b(?!/)", text):
        assert exists(path), path
    for module in re.findall(r"-m (benchmarks[\w.]*)", text):
        assert list(ROOT.glob(module.replace(".", "/") + "*")), module


def test_there_are_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "wheels", "fuzz", "benchmarks"}
