"""Run programs so that none of them outlives its test, also if the test fails."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

import wvtoken

SECONDS = 60
"""How long a program may take to start, to answer or to stop."""


def require(*packages: str, programs: tuple[str, ...] = ()) -> None:
    """Skip the module if one of these is not installed; in CI, fail."""
    missing = [name for name in packages if find_spec(name) is None]
    missing += [name for name in programs if shutil.which(name) is None]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Return a small environment: this Python's programs first, and the package under test."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    library = str(Path(wvtoken.__file__).parents[1])
    return {"PATH": path, "HOME": str(home), "PYTHONPATH": library, "PYTHONWARNINGS": "", **changes}


@contextmanager
def started(
    command: list[str], folder: Path, output: Path, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in a session of its own. At the end, stop the program and kill what remains of its session."""
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(
    command: str, folder: Path, env: Mapping[str, str] | None = None, seconds: float = SECONDS, *, check: bool = True
) -> str:
    """Run lines in bash and return their output. With check, stop and fail at the first line that fails."""
    output = folder / f"output-{time.monotonic_ns()}"
    with started(["bash", "-ec" if check else "-c", command], folder, output, env or environment(folder)) as process:
        status = process.wait(seconds)
    text = output.read_text(encoding="utf-8", errors="replace")
    output.unlink()
    assert status == 0 or not check, f"{command}\nstatus {status}: {text[-5000:]}"
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server that listens on the loopback interface."""

    def __init__(self, port: int, output: Path) -> None:
        self.port = port
        self.output = output
        self.url = f"http://127.0.0.1:{port}/hms/wv/token"

    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serving(line: str, folder: Path, env: Mapping[str, str] | None = None, port: int | None = None) -> Iterator[Server]:
    """Start a server by its line in a page, on a free port in place of 8000, and wait until it listens."""
    server = Server(port or free_port(), folder / f"server-{time.monotonic_ns()}.log")
    # exec: the server itself is the process that is stopped. env: the line may begin with variables.
    command = f"exec env {line}".replace("8000", str(server.port))
    with started(["bash", "-c", command], folder, server.output, env or environment(folder)) as process:
        deadline = time.monotonic() + SECONDS
        while True:
            assert process.poll() is None, server.log()
            with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
                break
            assert time.monotonic() < deadline, f"the server does not listen: {server.log()}"
            time.sleep(0.02)
        yield server
