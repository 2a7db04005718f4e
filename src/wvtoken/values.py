"""The values that a request and a token share, and the bounds that hold for them in both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

KID_BYTES = 16
CONTENT_KEY_BYTES = 16
WRAPPED_KEY_BYTES = CONTENT_KEY_BYTES + 8
KEK_BYTES = (16, 24, 32)

AUTHENTICATOR_MAX = 256
KID_NAME_MAX = 64
CONTENT_ID_MAX = 1024
COOKIE_MAX = 32
CUSTOMER_MAX = 64
EXTENSION_TYPE_BYTES = 4
AUDIENCE_MAX = 64

LICENSE_DURATION_MAX = 2**32 - 1
LIFETIME_MAX = 30 * 24 * 60 * 60
"""Seconds from issuance: the longest life of a token, and the life of one whose request does not say."""
TIME_MIN = -62135596800
TIME_MAX = 253402300799
"""UNIX seconds: the years 1 to 9999, those that RFC 3339 and Python's calendar can both write."""


PAYLOAD_BYTES_MAX = 8192
PAYLOAD_FIXED_BYTES = 54
PAYLOAD_FIELD_BYTES = 3
"""Of a token's payload: the most it may have, its fixed part, and the tag and length before each of its other
values."""


class SecurityLevel(IntEnum):
    """The robustness that the player's Widevine module must have: `securityLevel`."""

    SW_SECURE_CRYPTO = 1
    SW_SECURE_DECODE = 2
    HW_SECURE_CRYPTO = 3
    HW_SECURE_DECODE = 4
    HW_SECURE_ALL = 5


class HdcpOutputControl(IntEnum):
    """The HDCP that the player's output must have: `hdcpOutputControl`."""

    HDCP_NONE = 0
    HDCP_V1 = 1
    HDCP_V2 = 2


class Extension(NamedTuple):
    """A Widevine extension: `wvExtension`, or `extensionType` with `extensionPayload`.

    `type` is 4 bytes of printable ASCII without a comma, `payload` at least one byte.
    """

    type: bytes
    payload: bytes

    def __repr__(self) -> str:
        return f"Extension(type={self.type!r}, payload=<{len(self.payload)} bytes>)"


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_text(value: str, most: int) -> bool:
    """Whether value is 1 to `most` characters with no control character (Unicode Cc) and nothing UTF-8 cannot say."""
    return 0 < len(value) <= most and ((value.isascii() and value.isprintable()) or _CONTROL.search(value) is None)


def is_printable(value: str, most: int) -> bool:
    """Whether value is 1 to `most` printable ASCII characters (0x20 to 0x7E)."""
    return 0 < len(value) <= most and value.isascii() and value.isprintable()


def is_extension_type(value: str) -> bool:
    """Whether value is 4 printable ASCII characters with no comma."""
    return len(value) == EXTENSION_TYPE_BYTES and value.isascii() and value.isprintable() and "," not in value


def payload_bytes(
    content_id: str | None, cookie: str | None, extensions: Iterable[Extension], customer_bytes: int
) -> int:
    """The length of the payload that carries these, with as many bytes kept for the customer."""
    texts = [text for text in (content_id, cookie) if text is not None]
    parts = [text.encode() for text in texts] + [extension.payload for extension in extensions]
    heads = PAYLOAD_FIELD_BYTES * len(parts) + EXTENSION_TYPE_BYTES * (len(parts) - len(texts))
    return PAYLOAD_FIXED_BYTES + heads + sum(map(len, parts)) + PAYLOAD_FIELD_BYTES + customer_bytes
