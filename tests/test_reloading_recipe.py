"""Run the recipe of serving.md that reloads the key ring, under load."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import wvtoken
from wvtoken import KeyRing

from .http_client import Answer, ask, form
from .pages import DOCS, save_files, shell_lines
from .processes import SECONDS, Server, require, run, serving

pytestmark = [pytest.mark.slow, pytest.mark.servers]
require("gunicorn", programs=("bash", "pkill"))

PAGE = DOCS / "serving.md"
LINE = shell_lines(PAGE, "Reload the key ring")[-1]
OLD = KeyRing.generate(1)
NEW = OLD.adding(2, os.urandom(32)).activating(2)


def replace_file(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)


def key_id(url: str) -> int:
    return wvtoken.token_header(url).key_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_files(PAGE, tmp_path)
    run("python provision.py", tmp_path)
    replace_file(tmp_path / "keyring.json", OLD.to_jwks())
    return tmp_path


@contextmanager
def load(server: Server) -> Iterator[list[Answer]]:
    """Send requests from four threads. Yield the list of their answers, which grows."""
    answers: list[Answer] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            answers.append(ask(server, body=form()))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(SECONDS)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10 * SECONDS  # only for a server that hangs: a busy machine may need minutes
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ring_is_reloaded_under_load_and_a_damaged_file_is_not(folder: Path) -> None:
    file = folder / "keyring.json"
    with serving(LINE, folder) as server, load(server) as answers:
        # A worker that starts with a damaged file ends the server, so wait for both.
        wait_until(lambda: server.log().count("loaded keyring.json") == 2)
        replace_file(file, NEW.to_jwks())
        # Both workers have the new ring when 20 tokens in a row are sealed with it.
        wait_until(lambda: len(answers) > 20 and {key_id(answer.text) for answer in answers[-20:]} == {2})
        replace_file(file, NEW.to_jwks()[:-20])
        wait_until(lambda: server.log().count("kept the old key ring") >= 2)
        count = len(answers)
        wait_until(lambda: len(answers) > count + 20)
        file.unlink()
        count = len(answers)
        wait_until(lambda: len(answers) > count + 20)
        replace_file(file, OLD.to_jwks())
        wait_until(lambda: {key_id(answer.text) for answer in answers[-20:]} == {1})
    assert {answer.status for answer in answers} == {200}
    redeemer = wvtoken.Redeemer(NEW, audience="production")
    assert all(isinstance(result, wvtoken.Grant) for result in redeemer.redeem_many(a.text for a in answers))
    assert "Traceback" not in server.log()


def test_sighup_reloads_the_ring(folder: Path) -> None:
    """The file has the old size and time, so only the signal can cause the reload. One worker gets all requests."""
    file = folder / "keyring.json"
    status = file.stat()
    other = KeyRing({3: os.urandom(32)}, 3)
    assert len(other.to_jwks()) == status.st_size
    with serving(LINE.replace("--workers 2", "--workers 1"), folder) as server:
        assert key_id(ask(server, body=form()).text) == 1
        file.write_text(other.to_jwks())
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        time.sleep(1.5)  # the file is checked every second
        assert key_id(ask(server, body=form()).text) == 1
        run("pkill -HUP -P $(cat gunicorn.pid)", folder)
        wait_until(lambda: key_id(ask(server, body=form()).text) == 3)
