"""Many threads, one of everything: they share an issuer, a redeemer, the engine and its first use. On a free-threaded
Python they do it truly at once.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from wvtoken import (
    Grant,
    HdcpOutputControl,
    Issuer,
    KeyRing,
    Redeemer,
    SecurityLevel,
    TokenSpec,
    unwrap_keys,
    wrap_keys,
)
from wvtoken.engine import Engine

THREADS = 8
ROUNDS = 5
NOW = 1_800_000_000
RING = KeyRing({1: bytes(range(32)), 2: bytes(range(32, 64))}, 2)
ISSUER = Issuer(RING, "https://localhost/", audience="threads")
REDEEMER = Redeemer(RING, audience="threads")

Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    """With a GIL, threads take turns far more often than they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def at_once(job: Callable[[int], Result]) -> list[Result]:
    """The job's results in threads that begin together, each with its number."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Result:
        barrier.wait()
        return job(number)

    with ThreadPoolExecutor(THREADS) as executor:
        return list(executor.map(run, range(THREADS)))


def specs(thread: int) -> list[TokenSpec]:
    return [
        TokenSpec(
            customer_authenticator="a",
            kid=bytes([thread, number % 256]) * 8,
            content_key=bytes([number % 256, thread]) * 8,
            security_level=SecurityLevel.HW_SECURE_ALL,
            hdcp_output_control=HdcpOutputControl.HDCP_V2,
            content_id="x" * (1 + number % 100),
        )
        for number in range(300)
    ]


def test_tokens(any_engine: Engine) -> None:
    """Each thread gets its own tokens back, and each token has its own id."""

    def job(thread: int) -> set[bytes]:
        ids = set()
        for _ in range(ROUNDS):
            asked = specs(thread)
            urls = [str(url) for url in ISSUER.issue_many(asked, customer=f"c{thread}", now=NOW)]
            grants = [grant for grant in REDEEMER.redeem_many(urls, now=NOW) if isinstance(grant, Grant)]
            assert [grant.content_key for grant in grants] == [spec.content_key for spec in asked]
            assert {grant.customer for grant in grants} == {f"c{thread}"}
            ids |= {grant.token_id for grant in grants}
        return ids

    ids = at_once(job)
    assert len(set().union(*ids)) == THREADS * ROUNDS * 300


def test_keys(any_engine: Engine) -> None:
    def job(thread: int) -> None:
        keks = [bytes([thread, number]) * 8 for number in range(200)]
        keys = [bytes([number, thread]) * (8 + 4 * (number % 3)) for number in range(200)]
        for _ in range(ROUNDS):
            assert unwrap_keys(keks, wrap_keys(keks, keys)) == keys

    at_once(job)


FIRST_USE = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import wvtoken
barrier = Barrier(8)
def name(_):
    barrier.wait()
    return wvtoken.engine_name(), wvtoken.wrap_key(bytes(16), bytes(16)).hex()
with ThreadPoolExecutor(8) as executor:
    print(len(set(executor.map(name, range(8)))))
"""


def test_the_first_use_of_the_engine() -> None:
    """All of them ask at once, and are told the same."""
    ran = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("1", "")
