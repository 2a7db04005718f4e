"""The same request through different clients, spelled as the test says, wherever the client lets it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import NamedTuple

import httpx
import requests

from . import tools

SECONDS = 60
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    """What a client got: status, Content-Type, body."""

    status: int
    content_type: str
    text: str


def curl(method: str, url: str, query: str, body: str) -> Answer:
    command = [tools.program("curl"), "-sS", "--max-time", str(SECONDS), "-X", method, "--globoff"]
    command += ["-d", body] if body else []
    done = subprocess.run(
        [*command, "-w", "\n%{http_code} %{content_type}", f"{url}?{query}" if query else url],
        capture_output=True,
        check=True,
        text=True,
        timeout=SECONDS + 5,
    )
    text, _, last = done.stdout.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return Answer(int(status), content_type, text)


def with_httpx(method: str, url: str, query: str, body: str) -> Answer:
    with httpx.Client(timeout=SECONDS, trust_env=False) as client:
        answer = client.request(
            method, f"{url}?{query}" if query else url, content=body.encode(), headers=FORM if body else {}
        )
    return Answer(answer.status_code, answer.headers["Content-Type"], answer.text)


def with_requests(method: str, url: str, query: str, body: str) -> Answer:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method,
            f"{url}?{query}" if query else url,
            data=body.encode() or None,
            headers=FORM if body else {},
            timeout=SECONDS,
        )
    return Answer(answer.status_code, answer.headers["Content-Type"], answer.text)


Client = Callable[[str, str, str, str], Answer]
CLIENTS: dict[str, Client] = {"curl": curl, "httpx": with_httpx, "requests": with_requests}
