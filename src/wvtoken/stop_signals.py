"""SIGINT and SIGTERM for the command line: stop between two steps, never within one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Stopped(Exception):
    """SIGINT or SIGTERM arrived. `status` is the exit status, 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status: int = 128 + number


class StopSignals:
    """Delay SIGINT and SIGTERM to the next call of `check` or `wait_for`. A second signal ends the process at once.

    Signals that the parent ignores (`nohup`), or that other code handles, stay as they are.
    """

    def __init__(self) -> None:
        self.number: int = 0
        self._waiting = False
        self._replaced: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                self._replaced[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise Stopped if a signal has arrived."""
        if self.number:
            raise Stopped(self.number)

    def wait_for(self, read: Callable[[], _Result]) -> _Result:
        """Return `read()`, which may block. Raise Stopped if a signal has arrived or arrives meanwhile."""
        self._waiting = True
        try:
            self.check()
            return read()
        finally:
            self._waiting = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.number = number
        if self._waiting:
            self.check()
