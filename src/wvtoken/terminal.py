"""Standard streams of the command line: output in full, messages at best effort, tables, colours and progress.

Colours, tables and the progress bar need `rich` (extra `cli`) and an interactive terminal. Elsewhere text is plain.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PROGRESS_DELAY = 1.0
"""Seconds before the progress bar appears."""
_PROGRESS_INTERVAL = 0.1


class UsageError(Exception):
    """An argument, a file or the environment cannot be used. The text is for the user and shows no secret."""


def prepare_streams() -> None:
    """Make standard input and output blocking. Escape characters that the encoding of standard output does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for stream in (sys.stdin, sys.stdout):
        # A parent may leave a pipe non-blocking. A read from an empty one would look like the end of the input.
        if stream is not None and os.name == "posix":
            with suppress(OSError, ValueError):
                os.set_blocking(stream.fileno(), True)


def check_output() -> None:
    """Raise OSError if standard output is closed."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")


def write_output(text: str) -> None:
    """Write all of `text` to standard output and flush it. Raise OSError if that fails."""
    check_output()
    data = memoryview(text.encode(sys.stdout.encoding, "backslashreplace"))
    while data:  # An unbuffered stream (PYTHONUNBUFFERED) may write less when a signal arrives.
        data = data[sys.stdout.buffer.write(data) :]
    sys.stdout.flush()


def report(text: str) -> None:
    """Write `text` and a newline to standard error, in red on a terminal. Ignore errors of standard error."""
    if sys.stderr is None:
        return
    try:
        console = _console(sys.stderr)
        if console is None:
            print(text, file=sys.stderr, flush=True)
        else:
            console.print(text, style="red", markup=False, highlight=False, emoji=False, soft_wrap=True)
    except (OSError, ValueError):
        discard(sys.stderr)


def flush_errors() -> None:
    """Flush standard error, so that the interpreter's own flush at exit does not change the exit status."""
    if sys.stderr is not None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            discard(sys.stderr)


def discard(stream: TextIO | None) -> None:
    """Point the stream to the null device. Later writes and the flush at exit then succeed."""
    if stream is not None:
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def print_table(rows: Sequence[tuple[str, ...]], heading: tuple[str, ...] = ()) -> None:
    """Print columns. On a terminal they have colours and fit its width."""
    check_output()
    console = _console(sys.stdout)
    if console is None:
        write_output(_plain_table([heading, *rows] if heading else rows))
        return
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=bool(heading), pad_edge=False, padding=(0, 2, 0, 0))
    for title in heading or ("",) * len(rows[0]):
        table.add_column(title, overflow="fold")  # "fold" wraps long text instead of cutting it.
    for row in rows:
        table.add_row(Text(row[0], "bold cyan"), *map(Text, row[1:]))
    console.print(table)


def _plain_table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


def _is_terminal(stream: TextIO | None) -> bool:
    """Return True if the stream is an interactive terminal and TERM is not "dumb"."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


@cache
def _console(stream: TextIO) -> Console | None:
    """Return the rich console of a terminal. Return None if the stream is not a terminal or rich is not installed.

    There is one console for each stream, so that `report` writes above the progress bar.
    """
    if not _is_terminal(stream):
        return None
    try:
        from rich.console import Console  # noqa: PLC0415
    except ImportError:
        return None
    return Console(file=stream)


class ProgressBar:
    """A progress bar on standard error. It appears when a run takes longer than PROGRESS_DELAY.

    It is shown only if standard error is a terminal, and standard input and output are not.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._done = 0
        self._next = time.monotonic() + PROGRESS_DELAY
        self._console = None if _is_terminal(sys.stdout) or _is_terminal(sys.stdin) else _console(sys.stderr)
        self._total = _bytes_to_read() if self._console else None
        self._progress: Progress | None = None

    def advance(self, size: int, text: str) -> None:
        """Add `size` bytes of input, and show `text` beside the bar."""
        self._done += size
        now = time.monotonic()
        if self._console is None or now < self._next:
            return
        self._next = now + _PROGRESS_INTERVAL
        try:
            if self._progress is None:
                self._progress = _start_progress(self._console, self._name, self._total)
            self._progress.update(self._progress.task_ids[0], completed=self._done, counts=text, refresh=True)
        except (OSError, ValueError):
            discard(sys.stderr)

    def close(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            with suppress(OSError, ValueError):
                self._progress.stop()


def _start_progress(console: Console, name: str, total: int | None) -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.description}:"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,  # `advance` refreshes. A thread could draw between two lines.
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )
    progress.add_task(name, total=total, counts="")
    progress.start()
    return progress


def _bytes_to_read() -> int | None:
    """Return the number of bytes left in standard input if it is a file, else None."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor = sys.stdin.fileno()
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return status.st_size - os.lseek(descriptor, 0, os.SEEK_CUR)
    return None
