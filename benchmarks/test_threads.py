"""Two threads against one. Only what releases the GIL can gain."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import wvtoken

from . import data
from .contest import ENGINES

ITEMS = data.compared_size(data.SIZES)
BATCHES = 32
"""In all, so that waking a thread costs little beside."""


@pytest.mark.parametrize("threads", [2, 1])
def test_wrap_in_c(benchmark: BenchmarkFixture, threads: int) -> None:
    packed = pytest.importorskip("benchmarks.packed", reason="there is no C extension")
    _share(benchmark, "in C alone, wrap keys", threads, packed.wrap_batch, wanted=1.8)


@pytest.mark.parametrize("threads", [2, 1])
def test_seal_tokens_in_c(benchmark: BenchmarkFixture, threads: int) -> None:
    packed = pytest.importorskip("benchmarks.packed", reason="there is no C extension")
    _share(benchmark, "in C alone, payloads to token texts", threads, packed.seal_tokens_batch, wanted=1.8)


@pytest.mark.parametrize("threads", [2, 1])
def test_issue(benchmark: BenchmarkFixture, threads: int) -> None:
    specs = data.specs(ITEMS)

    def batch(engine: str, count: int) -> Callable[[], object]:
        issuer = wvtoken.Issuer(data.KEYRING, data.RIGHTS_URL, audience=data.AUDIENCE)
        return lambda: issuer.issue_many(specs, now=data.NOW)

    _share(benchmark, "issue tokens by `issue_many`", threads, batch)


def _share(
    benchmark: BenchmarkFixture,
    group: str,
    threads: int,
    batch: Callable[[str, int], Callable[[], object]],
    wanted: float | None = None,
) -> None:
    """Measures threads that share the batches, each with buffers of its own."""
    benchmark.group = group
    subject = "two threads" if threads == 2 else "one thread"
    benchmark.extra_info.update(items=BATCHES * ITEMS, subject=subject, peer=threads == 1)
    if threads == 1 and wanted is not None:
        benchmark.extra_info["wanted"] = wanted
    batches = [batch(ENGINES[0], ITEMS) for _ in range(threads)]

    def work(once: Callable[[], object]) -> None:
        for _ in range(BATCHES // threads):
            once()

    with ThreadPoolExecutor(threads) as executor:
        benchmark(lambda: list(executor.map(work, batches)))
