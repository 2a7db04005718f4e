"""Failures of the embedding server's callbacks: logged here, and then released."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeVar

_Error = TypeVar("_Error", bound=BaseException)


def log_failure(message: str, failure: BaseException) -> None:
    """Log `failure` with its traceback under the logger "wvtoken". Remove the traceback afterwards."""
    import logging  # noqa: PLC0415  # a third of the time of `import wvtoken`, needed only here

    logging.getLogger("wvtoken").error(message, exc_info=failure)
    released(failure)


def released(error: _Error) -> _Error:
    """Return `error` after removing its traceback and those of all errors it is chained to.

    A traceback keeps the frames alive, and with them requests and keys. A server may keep errors.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        BaseException.with_traceback(one, None)  # an exception class may override `__setattr__`
        pending += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions
    return error


def wrong_answer(expected: str, answer: object) -> TypeError:
    """Return the TypeError for a callback's answer. Close a coroutine, because nothing will await it."""
    if isinstance(answer, Coroutine):
        answer.close()
    return TypeError(f"{expected}, not {type(answer).__name__}")
