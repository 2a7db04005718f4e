"""Shared by issuing and redeeming: the time argument, the check of items, and chunks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from . import values

_Item = TypeVar("_Item")

CHUNK = 512
"""Items per call of the engine: enough to fill its SIMD lanes, few enough to stay in the cache."""
_END = values.TIME_MAX + 1


def unix_seconds(now: float | None) -> int:
    """Return `now` in whole UNIX seconds, rounded down. None is the wall clock.

    Raises:
        ValueError: before 1970 or after the year 9999.
        TypeError: not a number.
    """
    if now is None:
        now = time.time()
    elif isinstance(now, bool) or not isinstance(now, (int, float)):
        raise TypeError(f"now must be int or float, not {type(now).__name__}")
    if not 0 <= now < _END:
        raise ValueError("now must be UNIX seconds from 1970 to the year 9999")
    return int(now)


def source(name: str, items: Iterable[_Item]) -> Iterator[_Item]:
    """Return an iterator over the items. TypeError for one str or bytes, which Python could iterate too."""
    if isinstance(items, (str, bytes)):
        raise TypeError(f"{name} must be an iterable of str or bytes, not {type(items).__name__}")
    return iter(items)


def checked(name: str, items: list[Any], kinds: tuple[type, ...], start: int = 0) -> list[Any]:
    """Return the items. A subclass of str or bytes is replaced by its base type.

    Raises:
        TypeError: an item is none of `kinds`. The message has its index; `start` is the index of the first item.
    """
    if set(map(type, items)).issubset(kinds):
        return items
    for index, item in enumerate(items, start):
        if not isinstance(item, kinds):
            *most, last = (kind.__name__ for kind in kinds)
            raise TypeError(f"{name}[{index}] must be {', '.join(most)} or {last}, not {type(item).__name__}")
    return [values.exact(item) if issubclass(type(item), (str, bytes)) else item for item in items]


def chunks(name: str, items: Iterator[Any], kinds: tuple[type, ...]) -> Iterator[list[Any]]:
    """Yield the checked items in lists of at most CHUNK. Yield the last items before an error of the iterator."""
    start = 0
    while True:
        chunk: list[Any] = []
        try:
            chunk.extend(islice(items, CHUNK))
        except Exception:
            if chunk:
                yield checked(name, chunk, kinds, start)
            raise
        if not chunk:
            return
        yield checked(name, chunk, kinds, start)
        start += len(chunk)
