"""Payloads to token texts and back.

Tokens are sealed in batches under random nonces, so the cipher is AES-GCM-SIV (RFC 8452): if a nonce repeats, an
observer only learns whether the payloads are equal. The AAD is the token's header followed by the audience.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import values
from .engine import current
from .errors import InvalidToken
from .keyring import KeyRing
from .token_text import HEADER, NONCE_BYTES, VERSION, read_header


def audience_bytes(audience: str) -> bytes:
    """Return the audience as the AAD contains it. ValueError unless it is 0 to 64 printable ASCII characters."""
    if not isinstance(audience, str):
        raise TypeError(f"audience must be str, not {type(audience).__name__}")
    audience = values.exact(audience)
    if audience and not values.is_printable(audience, values.AUDIENCE_MAX):
        raise ValueError(f"audience must be at most {values.AUDIENCE_MAX} printable ASCII characters")
    return audience.encode("ascii")


def seal(keyring: KeyRing, audience: bytes, payloads: Sequence[bytes], prefix: str = "") -> list[str]:
    """Seal each payload with the active key and a random nonce. Return each token's text after `prefix`."""
    header, key = _header(keyring.active), keyring._keys[keyring.active]
    nonces = os.urandom(NONCE_BYTES * len(payloads))
    return current().seal_tokens(key, header, audience, nonces, payloads, prefix)


def open_tokens(keyring: KeyRing, audience: bytes, texts: Sequence[str]) -> list[bytes | None]:
    """Open each token. Return its id followed by its payload, or None."""
    keys = [(_header(key_id), keyring._keys[key_id]) for key_id in keyring.key_ids]
    return current().open_tokens(keys, audience, texts)


def invalid_token(keyring: KeyRing, text: str, opened: bytes | None) -> InvalidToken:
    """Return the error for a token that did not open, or that opened to an invalid payload."""
    header = read_header(text)
    if header is None or opened is not None:
        return InvalidToken("malformed")
    return InvalidToken("not genuine" if header.key_id in keyring._keys else "unknown key")


def _header(key_id: int) -> bytes:
    return HEADER.pack(VERSION, key_id)
