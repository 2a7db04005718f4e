"""A contest: one job done by each engine of wvtoken, and by others, for batches of each size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from wvtoken.errors import EngineUnavailable

from .data import SIZES, compared_size

_Result = TypeVar("_Result")

OPENSSL = "openssl"


def _engines() -> list[str]:
    try:
        from wvtoken.engine.native import lane_names  # noqa: PLC0415  # it may not be there
    except EngineUnavailable:
        return [OPENSSL]
    return [*lane_names(), OPENSSL]


ENGINES = _engines()
"""Every engine that works here and every width of its lanes, the one that wvtoken takes by itself first."""


class Entry(NamedTuple):
    """Who does the job (an engine, or a peer by its name), and for how many items."""

    group: str
    subject: str
    entrant: str
    items: int
    wanted: float | None

    def extra_info(self) -> dict[str, object]:
        """What a report reads from the results."""
        if self.entrant == self.subject:
            return {"items": self.items, "subject": self.subject, "peer": False}
        if self.entrant in ENGINES:
            return {"items": self.items, "subject": self.subject, "peer": False, "engine": self.entrant}
        info = {"items": self.items, "subject": self.entrant, "peer": True}
        return info if self.wanted is None else {**info, "wanted": self.wanted}


Wanted = float | Mapping[str, float] | None
"""How many times a peer's speed the project wants: the first peer's, or that of each by its name."""


def contest(group: str, subject: str, *peers: str, wanted: Wanted = None) -> pytest.MarkDecorator:
    """Parametrizes the test's `run` with each engine and each peer, side by side size by size.

    Args:
        group: the job, as the table calls it.
        subject: what of wvtoken does it.
        peers: who does it otherwise. The first is measured at every size; the others, whose time per item does not
            depend on it, at the one that the table is about.
    """
    wants = wanted if isinstance(wanted, Mapping) else {} if wanted is None else {peers[0]: wanted}
    entries = []
    for items in SIZES:
        others = peers if items == compared_size(SIZES) else peers[:1]
        entries += [Entry(group, subject, engine, items, None) for engine in ENGINES]
        entries += [Entry(group, subject, peer, items, wants.get(peer)) for peer in others]
    return _parametrized(entries)


def duel(
    group: str, subject: str, *peers: str, sizes: Sequence[int], wanted: Mapping[str, float] | None = None
) -> pytest.MarkDecorator:
    """The same without engines: the subject and each peer, side by side size by size."""
    wants = wanted or {}
    return _parametrized(
        [Entry(group, subject, entrant, items, wants.get(entrant)) for items in sizes for entrant in (subject, *peers)]
    )


def _parametrized(entries: list[Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("run", entries, ids=lambda entry: f"{entry.entrant}, {entry.items}", indirect=True)


class Run:
    """An entry on its way. When it is an engine's, wvtoken uses that one."""

    def __init__(self, entry: Entry, benchmark: BenchmarkFixture) -> None:
        self.entrant = entry.entrant
        self.items = entry.items
        self._benchmark = benchmark
        benchmark.group = entry.group
        benchmark.extra_info.update(entry.extra_info())

    def __call__(self, job: Callable[[], _Result]) -> _Result:
        """Measures the job, and gives its result."""
        result: _Result = self._benchmark(job)
        return result

    @staticmethod
    def module(name: str) -> Any:
        """A peer's module. Without it the entry is left out."""
        return pytest.importorskip(name, reason=f"{name} is not installed; the extra `bench` brings it")
