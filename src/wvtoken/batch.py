"""What issuing and redeeming have in common: the clock as an argument, and work in chunks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from . import values

_Item = TypeVar("_Item")

CHUNK = 512
"""Items that go through the engine at once: enough to fill its lanes, few enough to stay in the cache."""


def unix_seconds(now: float | None) -> int:
    """`now` as whole UNIX seconds, rounded down; the wall clock's when None.

    Raises:
        ValueError: before 1970 or after the year 9999. TypeError: not a number.
    """
    if now is None:
        now = time.time()
    if isinstance(now, bool) or not isinstance(now, (int, float)):
        raise TypeError(f"now must be int or float, not {type(now).__name__}")
    if not 0 <= now < values.TIME_MAX + 1:
        raise ValueError("now must be UNIX seconds from 1970 to the year 9999")
    return math.floor(now)


def chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """The items in lists of at most CHUNK. What came before the source raised is given out before that goes on."""
    source = iter(items)
    while True:
        chunk: list[_Item] = []
        try:
            chunk.extend(islice(source, CHUNK))
        except Exception:
            if chunk:
                yield chunk
            raise
        if not chunk:
            return
        yield chunk
