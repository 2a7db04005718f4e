"""Whether `issue_iter` and `redeem_iter` keep memory flat over a long stream.

    python -m benchmarks.memory [items]

The peak is that of what Python has allocated, while the first twentieth of the stream went by and in the end.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple, TypeVar

import wvtoken

from . import data

_Item = TypeVar("_Item")

ITEMS = 1_000_000


class Peak(NamedTuple):
    """Bytes above what was there before the stream."""

    name: str
    items: int
    early: int
    end: int

    def __str__(self) -> str:
        early, end = (f"{peak / 1024:,.0f} KiB" for peak in (self.early, self.end))
        return f"`{self.name}` over {self.items:,} items: {end} at its peak, {early} after the first twentieth"


def peaks(items: int = ITEMS) -> list[Peak]:
    """Streams as many items through each of the two."""
    specs = data.specs(min(4096, items))
    issuer = wvtoken.Issuer(data.KEYRING, data.RIGHTS_URL, audience=data.AUDIENCE)
    redeemer = wvtoken.Redeemer(data.KEYRING, audience=data.AUDIENCE)
    urls = [str(url) for url in issuer.issue_many(specs, now=data.NOW)]
    return [
        _peak("issue_iter", issuer.issue_iter(_stream(specs, items), now=data.NOW), items),
        _peak("redeem_iter", redeemer.redeem_iter(_stream(urls, items), now=data.NOW), items),
    ]


def _stream(some: Sequence[_Item], items: int) -> Iterator[_Item]:
    return islice(cycle(some), items)


def _peak(name: str, results: Iterator[object], items: int) -> Peak:
    tracemalloc.start()
    try:
        _exhaust(islice(results, items // 20))
        early = tracemalloc.get_traced_memory()[1]
        _exhaust(results)
        end = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return Peak(name, items, early, end)


def _exhaust(results: Iterator[object]) -> None:
    deque(results, maxlen=0)


if __name__ == "__main__":
    for peak in peaks(*map(int, sys.argv[1:2])):
        print(peak)
