"""Send requests to a server, byte by byte as given or through an HTTP library."""

from __future__ import annotations

import socket
from typing import NamedTuple
from urllib.parse import urlencode

from .processes import SECONDS, Server

AUTHENTICATOR = "201722,1ad8eed133edf43cbcc185f0236828ae"
KEK = "000102030405060708090a0b0c0d0e0f"
CONTENT_KEY = bytes.fromhex("a9b9033df0b9ca5447839e3d074817a0")
FORM = "application/x-www-form-urlencoded"
REQUEST = {
    "customerAuthenticator": AUTHENTICATOR,
    "kid": "^CNN.2014.12.18",
    "kek": KEK,
    "securityLevel": "3",
    "hdcpOutputControl": "1",
    "expirationTime": "+60",
}
"""A request whose content key is in the database that provision.py creates."""


def form(**changes: str | None) -> str:
    """Return the request with some parameters changed. None removes a parameter."""
    return urlencode({name: value for name, value in (REQUEST | changes).items() if value is not None})


class Answer(NamedTuple):
    """A response. The status is 0 if the server closed the connection without a response."""

    status: int
    headers: dict[str, str]
    text: str


def send_bytes(server: Server, data: bytes, *, half_close: bool = False) -> Answer:
    """Send these bytes and read until the server closes. With half_close, close the sending side first."""
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := _receive(connection):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]) if first else 0, headers, body.decode())


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def request_bytes(
    method: str = "POST",
    target: str = "/hms/wv/token",
    body: str | bytes = b"",
    *,
    length: str | None = None,
    content_type: str | None = FORM,
    headers: tuple[str, ...] = (),
) -> bytes:
    """Return an HTTP/1.1 request. The default Content-Length is that of the body; "" leaves the header out."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    if length is None and body:
        length = str(len(body))
    if length:
        lines.append(f"Content-Length: {length}")
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(server: Server, method: str = "POST", target: str = "/hms/wv/token", body: str | bytes = b"") -> Answer:
    """Send one request and return the response."""
    return send_bytes(server, request_bytes(method, target, body))
