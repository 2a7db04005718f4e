"""Many requests from several threads at once, each of which can tell its own answer from every other's."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import NamedTuple

from wvtoken import ErrorCode as E

from . import asking
from .clients import FORM, SECONDS, Answer


class Case(NamedTuple):
    """A request, and what its answer has to be."""

    marker: str  # nobody else's
    form: str
    error_format: str
    code: E | None  # None for a token
    content_key: bytes = asking.CONTENT_KEY
    customer: str = asking.CUSTOMER


def cases(client: int, count: int) -> Iterator[Case]:
    """What one client sends: of ten requests five with a key of their own, two with a stored key, a bad one, and two
    whose callback fails. Every other asks for JSON.
    """
    for number in range(count):
        marker = f"c{client:02}n{number:05}"
        error_format = "html" if number // 10 % 2 else "json"
        fields, case = _case(number % 10, marker, f"customer-{client}", error_format)
        yield case._replace(form=asking.form(errorFormat=error_format, **fields))


def _case(kind: int, marker: str, customer: str, error_format: str) -> tuple[dict[str, str | None], Case]:
    case = Case(marker, "", error_format, None)
    if kind < 5:
        key = sha256(marker.encode()).digest()[:16]
        fields = {"customerAuthenticator": f"name:{customer}", "contentKey": key.hex(), "kek": None, "cookie": marker}
        return fields, case._replace(content_key=key, customer=customer)
    if kind < 7:
        return {"cookie": marker}, case
    if kind == 7:
        return {"expirationTime": marker}, case._replace(code=E.INVALID_EXPIRATION_TIME)
    if kind == 8:
        failing = {"customerAuthenticator": f"fail {marker}"}
        return dict(failing), case._replace(code=E.LICENSE_GENERATION_FAILED)
    return {"kid": f"^fail {marker}"}, case._replace(code=E.KEY_STORAGE_FAILED)


def send_all(port: int, clients: int, each: int) -> list[tuple[Case, Answer]]:
    """Every case with its answer, the clients at once, each on a connection of its own that it keeps."""
    with ThreadPoolExecutor(clients) as pool:
        batches = pool.map(lambda client: _send(port, list(cases(client, each))), range(clients))
        return [pair for batch in batches for pair in batch]


def _send(port: int, own: list[Case]) -> list[tuple[Case, Answer]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        return [(case, _exchange(connection, case, at)) for at, case in enumerate(own)]
    finally:
        connection.close()


def _exchange(connection: http.client.HTTPConnection, case: Case, at: int) -> Answer:
    if at % 3:
        connection.request("POST", "/hms/wv/token", case.form, FORM)
    else:
        connection.request("GET", f"/hms/wv/token?{case.form}")
    response = connection.getresponse()
    return Answer(response.status, response.headers["Content-Type"], response.read().decode())
