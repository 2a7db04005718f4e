"""Time measurement: the fastest of several rounds, with all jobs of a row measured in turns."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from time import perf_counter

import wvtoken

from . import data

Job = Callable[[], object]


def fastest(jobs: Sequence[Job], rounds: int, seconds: float) -> list[float]:
    """Return the seconds of one call of each job.

    A round calls each job in turn, for at least `seconds`. The garbage collector is off during a round.
    """
    counts = [_calls_in(job, seconds) for job in jobs]
    best = [float("inf")] * len(jobs)
    for _ in range(rounds):
        for place, (job, count) in enumerate(zip(jobs, counts, strict=True)):
            best[place] = min(best[place], _timed(job, count) / count)
    return best


def _calls_in(job: Job, seconds: float) -> int:
    count = 1
    while True:
        spent = _timed(job, count)
        if spent >= seconds / 2:
            return max(1, round(count * seconds / spent))
        count *= 4


def _timed(job: Job, count: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(count):
            job()
        return perf_counter() - start
    finally:
        gc.enable()


def stream_memory(items: int) -> dict[str, int]:
    """Return the peak of Python's memory, in bytes, while a stream of `items` is processed."""
    size = min(items, 4096)
    specs, urls = data.specs("five parameters", size), data.urls("five parameters", size)
    return {
        "issue_iter": _peak(data.issuer().issue_iter(islice(cycle(specs), items), now=data.NOW)),
        "redeem_iter": _peak(data.redeemer().redeem_iter(islice(cycle(urls), items), now=data.NOW)),
    }


def _peak(results: Iterator[str | wvtoken.Grant | wvtoken.TokenRequestError]) -> int:
    tracemalloc.start()
    try:
        for _ in results:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
