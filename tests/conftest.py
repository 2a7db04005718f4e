"""Fixtures and settings for all tests: the engines of this machine, and the quick tests."""

from __future__ import annotations

import os
import platform
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from wvtoken import Issuer, Redeemer, engine
from wvtoken.engine import Engine
from wvtoken.errors import EngineUnavailable


def _names() -> list[str]:
    try:
        from wvtoken.engine.native import lane_names

        return [*lane_names(), "openssl"]
    except EngineUnavailable:
        return ["openssl"]


ENGINES = _names()
native_only = pytest.mark.skipif(ENGINES == ["openssl"], reason="there is no native engine here")

CPU_FEATURES = {
    "x86-vaes512": {"aes", "vaes", "vpclmulqdq", "avx512f", "avx512bw", "avx512vl"},
    "x86-vaes256": {"aes", "vaes", "vpclmulqdq", "avx2"},
    "x86-aesni": {"aes", "pclmulqdq", "ssse3"},
    "armv8": {"aes", "pmull"},
}
"""The SIMD variants and the CPU features that each needs, by their names in /proc/cpuinfo."""


def variants_of_cpu() -> list[str] | None:
    """Return the SIMD variants that this machine can run, according to Linux. None: the system is not Linux."""
    file = Path("/proc/cpuinfo")
    if platform.system() != "Linux" or not file.exists():
        return None
    features = set(file.read_text(encoding="utf-8").split())
    return [name for name, needed in CPU_FEATURES.items() if needed <= features]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells ignore SIGINT in background jobs, and child processes inherit that. Some tests send SIGINT to a child.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW = re.compile(r"^pytestmark = .*pytest\.mark\.slow\b", re.MULTILINE)
"""The line of a module in which all tests are slow."""


def pytest_configure(config: pytest.Config) -> None:
    """Set no time limit for a Hypothesis example. The quick tests run fewer examples."""
    settings.register_profile("all", deadline=None)
    settings.register_profile("quick", deadline=None, max_examples=30)
    settings.load_profile("quick" if config.getoption("markexpr") == "not slow" else "all")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the engines, because pytest -q prints no header. test_engines checks that no SIMD variant is missing."""
    missing = [name for name in CPU_FEATURES if name not in ENGINES]
    terminalreporter.write_line(f"engines tested: {', '.join(ENGINES)}; not on this machine: {', '.join(missing)}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a slow module for the quick tests: it may import packages that are not installed."""
    quick = config.getoption("markexpr") == "not slow" and collection_path.suffix == ".py"
    return True if quick and SLOW.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.fixture(params=ENGINES)
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Make each engine and each SIMD variant in turn the one that the library uses."""
    yield from use_engine(request, monkeypatch)


def use_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Use the engine `request.param`, also for ISSUER and REDEEMER of the test's module, which keep their engine."""
    monkeypatch.setenv(engine.VARIABLE, request.param)
    engine.current.cache_clear()
    old = vars(request.module).get("ISSUER"), vars(request.module).get("REDEEMER")
    if isinstance(old[0], Issuer):
        url = old[0]._prefix.partition("?")[0]
        new = Issuer(old[0]._keyring, url, audience=old[0]._audience.decode())
        monkeypatch.setattr(request.module, "ISSUER", new)
    if isinstance(old[1], Redeemer):
        monkeypatch.setattr(request.module, "REDEEMER", Redeemer(old[1]._keyring, audience=old[1]._audience.decode()))
    yield engine.current()
    engine.current.cache_clear()


@pytest.fixture(scope="session")
def without_extension() -> bool:
    """Return True if this run tests the library without its C extension."""
    return os.environ.get("WVTOKEN_NO_EXTENSION") == "1"
