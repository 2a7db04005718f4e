"""Every engine that can work here, for the tests of everything that seals or wraps."""

from __future__ import annotations

import os
import platform
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from wvtoken import engine
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


def has_aes() -> bool:
    """Whether this machine's native engine must work: x86-64 with AES-NI, or any AArch64 that Linux says has AES."""
    if platform.machine() not in ("x86_64", "aarch64") or not Path("/proc/cpuinfo").exists():
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return "aes" in flags and ("pclmulqdq" in flags or "pmull" in flags)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell has it for what it runs behind; the processes that these tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW = re.compile(r"^pytestmark = .*pytest\.mark\.slow\b", re.MULTILINE)
"""The line of a module whose tests are all slow."""


def pytest_configure(config: pytest.Config) -> None:
    """An example may take as long as it likes; the quick part takes fewer of them."""
    settings.register_profile("all", deadline=None)
    settings.register_profile("quick", deadline=None, max_examples=30)
    settings.load_profile("quick" if config.getoption("markexpr") == "not slow" else "all")


def pytest_report_header() -> str:
    return f"engines: {', '.join(ENGINES)}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The quick part does not even import such a module: what it needs may not be there."""
    quick = config.getoption("markexpr") == "not slow" and collection_path.suffix == ".py"
    return True if quick and SLOW.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.fixture(params=ENGINES)
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Each engine and each lane width in turn, as the one that the library uses."""
    monkeypatch.setenv(engine.VARIABLE, request.param)
    engine.current.cache_clear()
    yield engine.current()
    engine.current.cache_clear()


@pytest.fixture(scope="session")
def without_extension() -> bool:
    """Whether this run is meant to do without the C extension."""
    return os.environ.get("WVTOKEN_NO_EXTENSION") == "1"
