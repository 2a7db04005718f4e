"""Batches of the command line: read lines as soon as they are ready, and write one line for each.

Line n of the output belongs to line n of the input. A block of lines is read, processed, written and flushed before the
next block is read. Signals stop a run only between two blocks.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import Generic, TypeVar, cast

from .errors import TokenRequestError, error_fields
from .stop_signals import Stopped, StopSignals
from .terminal import ProgressBar, UsageError, check_output, report, write_output

_Result = TypeVar("_Result")

BLOCK_BYTES = 1 << 18
"""The most bytes that one read returns. It may return less, and does not wait for more."""


@dataclass(frozen=True)
class Job(Generic[_Result]):
    """How a command processes lines.

    Args:
        name: the command.
        done: the summary's name for accepted lines.
        process: results or errors for a list of lines, in the same order.
        text: a result as a line of text.
        fields: a result as members of a JSON object.
    """

    name: str
    done: str
    process: Callable[[list[bytes]], Sequence[_Result | TokenRequestError]]
    text: Callable[[_Result], str]
    fields: Callable[[_Result], dict[str, object]]


def reads_lines(arguments: Sequence[str]) -> bool:
    """Return True if these arguments read standard input."""
    return not arguments or "-" in arguments


def run_batch(job: Job[_Result], arguments: Sequence[str], *, as_json: bool) -> bool:
    """Process the arguments; "-", or no argument, stands for the lines of standard input.

    Returns:
        True if no line was rejected.

    Raises:
        Stopped: a signal ended the run; all lines up to it are written.
        OSError: standard output is closed or full.
    """
    check_output()
    batch = _Batch(job, as_json)
    with StopSignals() as signals:
        try:
            for block in _blocks(arguments, signals):
                batch.process(block)
        except Stopped:
            report(f"wvtoken: interrupted after line {batch.lines}")
        finally:
            batch.progress.close()
        if reads_lines(arguments):
            report(batch.summary())
        signals.check()
    return batch.rejected == 0


class _Batch(Generic[_Result]):
    """The state of a run: counts, time and progress."""

    def __init__(self, job: Job[_Result], as_json: bool) -> None:
        self.lines = self.accepted = self.rejected = 0
        self.progress = ProgressBar(job.name)
        self._job = job
        self._as_json = as_json
        self._start = time.monotonic()

    def process(self, block: list[bytes]) -> None:
        """Process lines, write the results, then report the errors."""
        results = iter(self._job.process([line for line in block if line.strip()]))
        output, errors = [], []
        for number, line in enumerate(block, start=self.lines + 1):
            result = next(results) if line.strip() else None
            if isinstance(result, TokenRequestError):
                error = json.dumps({"line": number, **error_fields(result)})
                errors.append(error)
                output.append(error if self._as_json else "")
            else:
                output.append(self._line(number, result))
        self.lines += len(block)
        self.rejected += len(errors)
        self.accepted += sum(bool(line.strip()) for line in block) - len(errors)
        write_output("".join(f"{line}\n" for line in output))
        if errors and not self._as_json:
            report("\n".join(errors))
        self.progress.advance(
            sum(map(len, block)) + len(block), f"{self.accepted:,} {self._job.done}, {self.rejected:,} rejected"
        )

    def _line(self, number: int, result: _Result | None) -> str:
        if self._as_json:
            fields = {"token_id": None} if result is None else self._job.fields(result)
            return json.dumps({"line": number, **fields})
        return "" if result is None else self._job.text(result)

    def summary(self) -> str:
        """The run in one JSON object. `lines` is the number of lines that were read, blank ones included."""
        return json.dumps(
            {
                "lines": self.lines,
                self._job.done: self.accepted,
                "rejected": self.rejected,
                "seconds": round(time.monotonic() - self._start, 3),
            }
        )


def _blocks(arguments: Sequence[str], signals: StopSignals) -> Iterator[list[bytes]]:
    for argument in arguments or ["-"]:
        if argument == "-":
            yield from _read_lines(signals)
        else:
            signals.check()
            yield [os.fsencode(argument)]  # These are the bytes that the user typed.


def _read_lines(signals: StopSignals) -> Iterator[list[bytes]]:
    """Yield the complete lines of standard input as soon as they are ready."""
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    stream = cast(BufferedReader, sys.stdin.buffer)
    pieces: list[bytes] = []  # The start of a line that is not complete yet.
    while True:
        try:
            block = signals.wait_for(lambda: stream.read1(BLOCK_BYTES))
        except OSError as error:
            raise UsageError(f"standard input: {error.strerror}") from None
        complete, newline, rest = block.rpartition(b"\n")
        if newline:
            yield _split([*pieces, complete])
            pieces = []
        if not block:
            break
        pieces.append(rest)
    if any(pieces):
        yield _split(pieces)


def _split(pieces: list[bytes]) -> list[bytes]:
    return [line.rstrip(b"\r") for line in b"".join(pieces).split(b"\n")]
