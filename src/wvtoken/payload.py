"""`Grant`, the content of a token, and its only encoding.

Payload, version 1. Numbers are big-endian.

| bytes | value                                                                              |
| ----- | ---------------------------------------------------------------------------------- |
| 8     | issued_at, UNIX seconds, 0 to 253402300798                                         |
| 8     | expires_at, UNIX seconds, after issued_at and at most 2592000 (30 days) later       |
| 16    | kid                                                                                |
| 16    | content_key                                                                        |
| 1     | security_level, 1 to 5                                                             |
| 1     | hdcp_output_control, 0 to 2                                                        |
| 4     | license_duration in seconds from the start of playback, 0 for unlimited            |
| ...   | fields: a tag (1 byte), the value's length (2 bytes), the value; tags ascending    |

| tag | value                                                                                          |
| --- | ---------------------------------------------------------------------------------------------- |
| 1   | cookie: 1 to 32 characters in UTF-8, no control character (Unicode Cc)                         |
| 2   | content_id: 1 to 1024 characters in UTF-8, no control character                                |
| 3   | an extension: its type, 4 printable ASCII bytes but no comma, and 1 or more bytes of payload;  |
|     | repeated, in the order of the request                                                          |
| 4   | customer: 1 to 64 printable ASCII bytes                                                        |

Everything else is refused: an unknown tag, another order, a repeated tag 1, 2 or 4, a value out of its bounds, a byte
after the last field, more than 8192 bytes. So each grant has exactly one encoding. New fields need a new token version.
"""

from __future__ import annotations

import struct
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any, NamedTuple, Protocol

from . import values
from .errors import MALFORMED, Refusal
from .values import Extension, HdcpOutputControl, SecurityLevel

_FIXED = Struct(">QQ16s16sBBI")
OPENED = Struct(f">{values.NONCE_BYTES}s{_FIXED.format[1:]}")
"""A token id, and the fixed part of a payload."""
_FIELD = Struct(">BH")
_COOKIE, _CONTENT_ID = values.FIELD_COOKIE, values.FIELD_CONTENT_ID
_EXTENSION, _CUSTOMER = values.FIELD_EXTENSION, values.FIELD_CUSTOMER


class Terms(Protocol):
    """The fields that `TokenSpec` and `Grant` share: a payload without its key, its times and the customer."""

    @property
    def kid(self) -> bytes: ...
    @property
    def security_level(self) -> SecurityLevel: ...
    @property
    def hdcp_output_control(self) -> HdcpOutputControl: ...
    @property
    def license_duration(self) -> int | None: ...
    @property
    def extensions(self) -> tuple[Extension, ...]: ...
    @property
    def content_id(self) -> str | None: ...
    @property
    def cookie(self) -> str | None: ...


class Grant(NamedTuple):
    """The content of a token: the instructions to the license server. The repr does not show the content key.

    Attributes:
        token_id: the token's id (12 bytes), its nonce. Use it in logs, and store it to enforce one-time use.
        issued_at: UNIX seconds.
        expires_at: UNIX seconds. The token has expired when now ≥ expires_at.
        kid: the id of the content key, 16 bytes.
        content_key: the content key, 16 bytes.
        security_level: the minimum robustness of the player's Widevine module.
        hdcp_output_control: the minimum HDCP version of the player's output.
        license_duration: seconds from the start of playback. None is unlimited.
        extensions: Widevine extensions, in the order of the request.
        content_id: the request's contentId, or None.
        cookie: the request's cookie, or None.
        customer: the issuing server's name for the customer, or None.
    """

    token_id: bytes
    issued_at: int
    expires_at: int
    kid: bytes
    content_key: bytes
    security_level: SecurityLevel
    hdcp_output_control: HdcpOutputControl
    license_duration: int | None = None
    extensions: tuple[Extension, ...] = ()
    content_id: str | None = None
    cookie: str | None = None
    customer: str | None = None

    def as_dict(self, *, content_key: bool = False) -> dict[str, Any]:
        """Return the fields as a dict for `json.dumps`. Bytes are hexadecimal, but an extension's payload is base64.

        Args:
            content_key: include the content key.
        """
        fields = {name: _json_value(value) for name, value in self._asdict().items()}
        if not content_key:
            del fields["content_key"]
        return fields

    def __repr__(self) -> str:
        shown = (
            f"{name}={value.hex() if isinstance(value, bytes) else repr(value)}"
            for name, value in zip(self._fields, self, strict=True)
            if name != "content_key" and value not in (None, ())
        )
        return f"Grant({', '.join(shown)}, content_key=<secret>)"


def _json_value(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [{"type": type_.decode(), "payload": b2a_base64(data, newline=False).decode()} for type_, data in value]
    return int(value) if isinstance(value, int) else value


def encode(terms: Terms, content_key: bytes, issued_at: int, expires_at: int, customer: str | None) -> bytes:
    """Return the payload of a token. The values are already validated."""
    level, control, duration = terms.security_level, terms.hdcp_output_control, terms.license_duration or 0
    payload = _FIXED.pack(issued_at, expires_at, terms.kid, content_key, level, control, duration)
    cookie, content_id, field = terms.cookie, terms.content_id, _FIELD.pack
    if cookie is not None:
        value = cookie.encode()
        payload += field(_COOKIE, len(value)) + value
    if content_id is not None:
        value = content_id.encode()
        payload += field(_CONTENT_ID, len(value)) + value
    for type_, data in terms.extensions:
        payload += field(_EXTENSION, len(type_) + len(data)) + type_ + data
    if customer is not None:
        payload += field(_CUSTOMER, len(customer)) + customer.encode()
    return payload


def payload_bytes(cookie: str | None, content_id: str | None, extensions: Iterable[Extension]) -> int:
    """Return the length of a payload with these fields and the longest name of a customer."""
    lengths = [len(text.encode()) for text in (cookie, content_id) if text is not None]
    lengths += [values.EXTENSION_TYPE_BYTES + len(data) for _, data in extensions]
    lengths.append(values.CUSTOMER_MAX)
    return _FIXED.size + len(lengths) * _FIELD.size + sum(lengths)


def decode(opened: bytes) -> Grant | None:
    """Return the grant of an opened token (its id, then its payload), or None unless `encode` wrote the payload."""
    try:
        return _decode(opened)
    except (ValueError, KeyError, struct.error):
        return None


def _decode(opened: bytes) -> Grant:
    token_id, issued_at, expires_at, kid, content_key, level, control, duration = OPENED.unpack_from(opened)
    _check(issued_at < expires_at <= min(issued_at + values.LIFETIME_MAX, values.TIME_MAX))
    _check(len(opened) <= values.NONCE_BYTES + values.PAYLOAD_BYTES_MAX)
    found: dict[int, Any] = {}
    extensions: list[Extension] = []
    at, last = OPENED.size, 0
    while at < len(opened):
        tag, length = _FIELD.unpack_from(opened, at)
        value = opened[at + _FIELD.size :][:length]
        _check(len(value) == length and (tag > last or tag == last == _EXTENSION))
        if tag == _EXTENSION:
            extensions.append(_read_extension(value))
        else:
            found[tag] = _READ[tag](value)
        at, last = at + _FIELD.size + length, tag
    return Grant(
        token_id,
        issued_at,
        expires_at,
        kid,
        content_key,
        SecurityLevel(level),
        HdcpOutputControl(control),
        duration or None,
        tuple(extensions),
        found.get(_CONTENT_ID),
        found.get(_COOKIE),
        found.get(_CUSTOMER),
    )


def _read_extension(value: bytes) -> Extension:
    type_, data = value[: values.EXTENSION_TYPE_BYTES], value[values.EXTENSION_TYPE_BYTES :]
    _check(values.is_extension_type(type_.decode("ascii")) and len(data) > 0)
    return Extension(type_, data)


def _read_text(value: bytes, most: int) -> str:
    text = value.decode()
    _check(values.is_text(text, most))
    return text


def _read_customer(value: bytes) -> str:
    text = value.decode("ascii")
    _check(values.is_printable(text, values.CUSTOMER_MAX))
    return text


_READ: dict[int, Callable[[bytes], str]] = {
    _COOKIE: lambda value: _read_text(value, values.COOKIE_MAX),
    _CONTENT_ID: lambda value: _read_text(value, values.CONTENT_ID_MAX),
    _CUSTOMER: _read_customer,
}


def _check(valid: bool) -> None:
    if not valid:
        raise ValueError


DECODERS: dict[int, Callable[[bytes], Grant | None]] = {1: decode}
"""The decoder of each token version. A redeemer opens tokens of all these versions."""


def decode_many(opened: Sequence[bytes | Refusal]) -> list[Grant | Refusal]:
    """Return the grant of each opened token (header, id, payload). For a refused token, return the reason."""
    return [
        item if isinstance(item, str) else DECODERS[item[0]](item[values.HEADER_BYTES :]) or MALFORMED
        for item in opened
    ]
