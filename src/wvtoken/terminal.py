"""What the command line writes: whole lines, whatever interrupts; and for a terminal colour, tables and progress.

Colour and tables need `rich`, progress needs `tqdm`: the extra `cli`. Without them, and in pipes, all is plain.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from tqdm import tqdm

_Item = TypeVar("_Item")

LONG = 1.0
"""Seconds after which a run is long enough for a progress bar."""


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody looks on who has more than a teletype."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_table(rows: Sequence[tuple[str, ...]], heading: tuple[str, ...] = ()) -> None:
    """Columns on standard output: on a terminal with colour and wrapped to its width."""
    console = _console(sys.stdout)
    if console is None:
        _print_columns([heading, *rows] if heading else rows)
        return
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=bool(heading), pad_edge=False, padding=(0, 2, 0, 0))
    for title in heading or ("",) * len(rows[0]):
        table.add_column(title, overflow="fold")  # nothing is left out, however narrow
    for row in rows:
        table.add_row(Text(row[0], "bold cyan"), *map(Text, row[1:]))
    console.print(table)


def print_error(text: str) -> None:
    """A line on standard error, on a terminal in red."""
    console = _console(sys.stderr)
    if console is None:
        print(text, file=sys.stderr)
    else:
        console.print(text, style="red", markup=False, highlight=False, emoji=False, soft_wrap=True)


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _console(stream: TextIO) -> Console | None:
    """What draws on this stream, when it is a terminal and rich is there. NO_COLOR it minds by itself."""
    if not is_terminal(stream):
        return None
    try:
        from rich.console import Console  # noqa: PLC0415
    except ImportError:
        return None
    return Console(file=stream)


class Output:
    """The lines of a batch on standard output and standard error, each of them whole.

    While it is entered, SIGINT (Ctrl-C) raises KeyboardInterrupt between two items and nowhere else. One that comes
    while a line is written waits for its end; a second one, should nobody take that line, ends the process at once.
    """

    def __init__(self, name: str, *, reads_lines: bool) -> None:
        self._name = name
        self._reads_lines = reads_lines
        self._bar: tqdm[NoReturn] | None = None
        self._done = self._refused = 0
        self._handles = self._between = self._interrupted = False

    def __enter__(self) -> Output:
        # Where somebody else handles the signal, or has it ignored, as `nohup` does, it stays so.
        main_thread = threading.current_thread() is threading.main_thread()
        if main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_interrupt)
            self._handles = True
        if self._reads_lines:
            self._bar = _progress_bar(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._bar is not None:
                self.count(0)
                self._bar.close()
            sys.stdout.flush()
        finally:
            if self._handles:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def items(self, results: Iterator[_Item]) -> Iterator[_Item]:
        """The results; what is done with one before the next is asked for, no interrupt cuts."""
        try:
            while True:
                self._between = True
                if self._interrupted:
                    raise KeyboardInterrupt
                result = next(results, None)
                self._between = False
                if result is None:
                    return
                yield result
        finally:
            self._between = False

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._between:
            raise KeyboardInterrupt
        if self._interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        self._interrupted = True

    def write(self, text: str) -> None:
        """A line on standard output."""
        self._done += 1
        sys.stdout.write(text + "\n")

    def refuse(self, text: str) -> None:
        """A line on standard error, for an item that failed."""
        self._refused += 1
        self.say(text)

    def say(self, text: str) -> None:
        """A line on standard error, above the progress bar."""
        if self._bar is not None:
            self._bar.clear()  # the next count draws it again
        print_error(text)

    def count(self, size: int) -> None:
        """Moves the progress bar on by so many bytes of input."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._done:,} done, {self._refused:,} refused", refresh=False)
            self._bar.update(size)


def _progress_bar(name: str) -> tqdm[NoReturn] | None:
    """A bar on standard error over the bytes of standard input, when only the bar goes to the terminal."""
    if not is_terminal(sys.stderr) or sys.stdout.isatty() or sys.stdin.isatty():
        return None
    try:
        from tqdm import tqdm  # noqa: PLC0415
    except ImportError:
        return None
    return tqdm(
        desc=name, total=_bytes_to_read(), unit="B", unit_scale=True, delay=LONG, dynamic_ncols=True, file=sys.stderr
    )


def _bytes_to_read() -> int | None:
    """What is left of standard input, when it is a file."""
    try:
        descriptor = sys.stdin.fileno()
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return status.st_size - os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        pass  # io.UnsupportedOperation: no file at all
    return None
