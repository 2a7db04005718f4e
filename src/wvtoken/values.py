"""The values that requests and tokens share, and the bounds that hold in both.

This module imports nothing of the package, so that a build script can load it alone.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, NamedTuple

REQUEST_BYTES_MAX = 64 * 1024
"""Of query and body together, in UTF-8."""
PARAMETERS_MAX = 2000

KID_BYTES = 16
CONTENT_KEY_BYTES = 16
WRAPPED_KEY_BYTES = CONTENT_KEY_BYTES + 8
KEK_BYTES = (16, 24, 32)
KEK_BYTES_MAX = max(KEK_BYTES)

AUTHENTICATOR_MAX = 256
KID_NAME_MAX = 64
CONTENT_ID_MAX = 1024
COOKIE_MAX = 32
CUSTOMER_MAX = 64
EXTENSION_TYPE_BYTES = 4
AUDIENCE_MAX = 64

LICENSE_DURATION_MAX = 2**32 - 1
LIFETIME_MAX = 30 * 24 * 60 * 60
"""Seconds from issuance: the maximum and the default lifetime of a token."""
TIME_MIN = -62135596800
TIME_MAX = 253402300799
"""UNIX seconds: the years 1 to 9999, the range of RFC 3339 and of Python's calendar."""

PAYLOAD_BYTES_MAX = 8192
PAYLOAD_FIXED_BYTES = 54
PAYLOAD_FIELD_BYTES = 3
"""Of a token's payload: its maximum, its fixed part, and the tag and length before each other value."""
FIELD_COOKIE, FIELD_CONTENT_ID, FIELD_EXTENSION, FIELD_CUSTOMER = 1, 2, 3, 4
"""The tags of a payload's fields."""


SEALING_KEY_BYTES = 32
HEADER_BYTES = 5
NONCE_BYTES = 12
TAG_BYTES = 16
TOKEN_OVERHEAD = HEADER_BYTES + NONCE_BYTES + TAG_BYTES
TOKEN_TEXT_MAX = (4 * (PAYLOAD_BYTES_MAX + TOKEN_OVERHEAD) + 2) // 3
"""A token is a header (version, key id), a nonce, a payload and a tag; its text is base64url without padding."""

WRAP_BYTES_MIN = 16
WRAP_BYTES_MAX = 2**24
"""The length of a key that AES Key Wrap wraps."""

PREFIX_MAX = 2**24
"""Bytes before the token in a URL."""


class SecurityLevel(IntEnum):
    """The required robustness of the player's Widevine module: `securityLevel`."""

    SW_SECURE_CRYPTO = 1
    SW_SECURE_DECODE = 2
    HW_SECURE_CRYPTO = 3
    HW_SECURE_DECODE = 4
    HW_SECURE_ALL = 5


class HdcpOutputControl(IntEnum):
    """The required HDCP version of the player's output: `hdcpOutputControl`."""

    HDCP_NONE = 0
    HDCP_V1 = 1
    HDCP_V2 = 2


SECURITY_LEVEL_MIN, SECURITY_LEVEL_MAX = int(min(SecurityLevel)), int(max(SecurityLevel))
HDCP_OUTPUT_CONTROL_MAX = int(max(HdcpOutputControl))


class Extension(NamedTuple):
    """A Widevine extension: `wvExtension`, or `extensionType` with `extensionPayload`.

    `type` is 4 bytes of printable ASCII without a comma, `payload` at least one byte.
    """

    type: bytes
    payload: bytes

    def __repr__(self) -> str:
        return f"Extension(type={self.type!r}, payload=<{len(self.payload)} bytes>)"


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def kid_of_name(name: str) -> bytes:
    """Return the KID of `^name`: the first 16 bytes of the SHA-1 of its ASCII characters."""
    from hashlib import sha1  # noqa: PLC0415  # loads OpenSSL

    return sha1(name.encode("ascii"), usedforsecurity=False).digest()[:KID_BYTES]


def exact(value: str | bytes | int) -> Any:
    """Return a str, bytes or int as its base type. A subclass's own methods are not called."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    return int.__int__(value)


def is_text(value: str, most: int) -> bool:
    """Return whether value is 1 to `most` characters, none of them a control character (Cc) or a lone surrogate."""
    return 0 < len(value) <= most and ((value.isascii() and value.isprintable()) or _CONTROL.search(value) is None)


def is_printable(value: str, most: int) -> bool:
    """Return whether value is 1 to `most` printable ASCII characters (0x20 to 0x7E)."""
    return 0 < len(value) <= most and value.isascii() and value.isprintable()


def is_extension_type(value: str) -> bool:
    """Return whether value is 4 printable ASCII characters without a comma."""
    return len(value) == EXTENSION_TYPE_BYTES and value.isascii() and value.isprintable() and "," not in value
