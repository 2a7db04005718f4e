"""The text of a token: its layout, its header, and its place in a URL.

Token, version 1, as text:

    base64url_nopad(0x01 || key_id (4 bytes, big-endian) || nonce (12, random) || AES-256-GCM-SIV(key, nonce, AAD,
    payload))

The nonce is the token's id.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from . import base64url, values
from .errors import InvalidToken
from .values import exact

PARAMETER = "ExpressPlayToken"
"""The URL parameter that carries the token."""

VERSION = 1
HEADER = Struct(">BI")
"""Version and key id."""

_TOKEN_BYTES_MIN = values.PAYLOAD_FIXED_BYTES + values.TOKEN_OVERHEAD
_TOKEN_BYTES_MAX = values.PAYLOAD_BYTES_MAX + values.TOKEN_OVERHEAD


class TokenHeader(NamedTuple):
    """The part of a token that can be read without a key. It is not authenticated: anyone can write it.

    Attributes:
        version: the version of the token format: 1.
        key_id: the id of the sealing key.
        token_id: the token's id (12 bytes), its nonce.
    """

    version: int
    key_id: int
    token_id: bytes


def token_header(token_or_url: str | bytes) -> TokenHeader:
    """Return the unverified header of a token, for logs and to diagnose key rotation.

    Raises:
        InvalidToken: neither a token of a known version nor a URL with one.
        TypeError: neither str nor bytes.
    """
    if not isinstance(token_or_url, (str, bytes)):
        raise TypeError(f"a token must be str or bytes, not {type(token_or_url).__name__}")
    header = read_header(token_text(token_or_url))
    if header is None:
        raise InvalidToken("malformed")
    return header


def token_id(token_or_url: str | bytes) -> bytes:
    """Return the unverified id (12 bytes) of a token, for logs.

    Raises:
        InvalidToken: neither a token of a known version nor a URL with one.
        TypeError: neither str nor bytes.
    """
    return token_header(token_or_url).token_id


def read_header(text: str) -> TokenHeader | None:
    """Return the header of a token's text, or None for text that is not a token of this version."""
    raw = base64url.decode(text)
    if raw is None or not _TOKEN_BYTES_MIN <= len(raw) <= _TOKEN_BYTES_MAX or raw[0] != VERSION:
        return None
    version, key_id = HEADER.unpack_from(raw)
    return TokenHeader(version, key_id, raw[HEADER.size :][: values.NONCE_BYTES])


def token_text(token_or_url: str | bytes) -> str:
    """Return the text of a token or of the token in a URL: ASCII and at most as long as a token can be.

    Return "" for anything that cannot be a token.
    """
    text = exact(token_or_url) if isinstance(token_or_url, str) else exact(token_or_url).decode("latin-1")
    if "?" in text:
        text = _token_of_url(text)
    return text if text.isascii() and len(text) <= values.TOKEN_TEXT_MAX else ""


def _token_of_url(url: str) -> str:
    """Return the value of the only parameter ExpressPlayToken. Other parameters may have any name and value."""
    pieces = url.partition("#")[0].partition("?")[2].split("&")
    tokens = [value for name, _, value in (piece.partition("=") for piece in pieces) if _is_parameter(name)]
    return _unquoted(tokens[0]) if len(tokens) == 1 else ""


def _is_parameter(name: str) -> bool:
    # The comparison of lengths bounds the work for long names.
    return name == PARAMETER or ("%" in name and len(name) <= 3 * len(PARAMETER) and _unquoted(name) == PARAMETER)


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text.replace("+", " ")
    from urllib.parse import unquote  # noqa: PLC0415  # needed only for escapes

    return unquote(text.replace("+", " "), "latin-1")
