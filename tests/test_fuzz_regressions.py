"""Replay the kept corpora of the Python fuzz targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.targets import TARGETS, Broken, require

FUZZ = Path(__file__).parents[1] / "fuzz"


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", ["corpus", "regressions"])
def test_replay(kind: str, name: str) -> None:
    paths = sorted((FUZZ / kind / name).iterdir())
    assert paths, "the corpus is empty"
    for path in paths:
        try:
            TARGETS[name](path.read_bytes())
        except Exception as error:
            error.add_note(str(path))
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_target_accepts_empty_input(name: str) -> None:
    TARGETS[name](b"")


def test_require_raises() -> None:
    with pytest.raises(Broken):
        require(False, "message")
