"""What the fuzzers have kept, once more through their targets: the corpora, and what was found and mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import targets
from fuzz.targets import TARGETS

FUZZ = Path(__file__).parents[1] / "fuzz"
FILES = {
    (kind, name): sorted(path for path in (FUZZ / kind / name).glob("*") if path.is_file())
    for kind in ("corpus", "regressions")
    for name in TARGETS
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", ["corpus", "regressions"])
def test_there_is_something_to_replay(kind: str, name: str) -> None:
    assert FILES[kind, name]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param(name, path, id=f"{kind}-{name}-{path.name}")
        for (kind, name), paths in FILES.items()
        for path in paths
    ],
)
def test_replay(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_at_all(name: str) -> None:
    TARGETS[name](b"")


def test_targets_can_fail() -> None:
    """A target whose checks never run would keep every file green."""
    with pytest.raises(targets.Broken):
        targets.holds(False, "nothing holds")
