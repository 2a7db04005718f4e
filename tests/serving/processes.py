"""Server processes on free ports of the loopback interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import wvtoken

from . import readme

SECONDS_TO_START = 60
SECONDS_TO_STOP = 60


@dataclass(frozen=True)
class Server:
    """A server that listens, and the file that holds what it prints."""

    port: int
    output: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where the interface is."""
        return f"{self.origin}/hms/wv/token"

    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")


def run(command: list[str], folder: Path) -> None:
    """A program of the README's that ends."""
    subprocess.run(_here(command), cwd=folder, env=environment(folder), check=True, timeout=SECONDS_TO_START)


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[Server]:
    """A server as the README starts it, from this folder. Python's programs are those of this Python."""
    port = _free_port()
    output = folder / f"{port}.log"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            _here([word.replace(readme.PORT, str(port)) for word in command]),
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    server = Server(port, output)
    try:
        _wait(server, process)
        yield server
    finally:
        _stop(process)


def environment(folder: Path) -> dict[str, str]:
    """The tests' own, with the library where they found it. What a server keeps at home, it keeps in the folder."""
    library = Path(wvtoken.__file__).parents[1]
    return os.environ | {"PYTHONPATH": str(library), "PYTHONUNBUFFERED": "1", "HOME": str(folder)}


def _here(command: list[str]) -> list[str]:
    if command[0] == "python":
        return [sys.executable, *command[1:]]
    return [sys.executable, "-m", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert process.poll() is None, server.log()
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"the server does not listen: {server.log()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """With its workers, which share its session."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
