"""The fixture `run`, which a contest fills."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from wvtoken import engine

from .contest import ENGINES, Entry, Run


@pytest.fixture
def run(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The entry of a contest."""
    entry: Entry = request.param
    if entry.entrant in ENGINES:
        monkeypatch.setenv(engine.VARIABLE, entry.entrant)
    engine.current.cache_clear()
    yield Run(entry, benchmark)
    engine.current.cache_clear()
