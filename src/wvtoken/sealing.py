"""Payloads to token texts and back.

Tokens are sealed in batches under random nonces, so the cipher is AES-GCM-SIV (RFC 8452): if a nonce repeats, an
observer only learns whether the payloads are equal. The AAD is the token's header followed by the audience.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from . import payload, values
from .engine import KeyTable, current
from .errors import MALFORMED, InvalidToken, Refusal
from .keyring import KeyRing
from .token_text import HEADER, VERSION, read_header

if TYPE_CHECKING:
    from .engine.issuing import FastIssuer
    from .engine.redeeming import FastRedeemer


def audience_bytes(audience: str) -> bytes:
    """Return the audience as the AAD contains it. ValueError unless it is 0 to 64 printable ASCII characters."""
    if not isinstance(audience, str):
        raise TypeError(f"audience must be str, not {type(audience).__name__}")
    audience = values.exact(audience)
    if audience and not values.is_printable(audience, values.AUDIENCE_MAX):
        raise ValueError(f"audience must be at most {values.AUDIENCE_MAX} printable ASCII characters")
    return audience.encode("ascii")


def seal(keyring: KeyRing, audience: bytes, payloads: Sequence[bytes], prefix: str = "") -> list[str]:
    """Seal each payload with the active key and a random nonce. Return prefix + text of each token."""
    nonces = os.urandom(values.NONCE_BYTES * len(payloads))
    header = HEADER.pack(VERSION, keyring.active)
    return current().seal_tokens(_table(keyring), header, audience, nonces, payloads, prefix)


def open_tokens(keyring: KeyRing, audience: bytes, texts: Sequence[str]) -> list[bytes | Refusal]:
    """Open each token. Return its header, its id and its payload in one, or why it does not open."""
    return current().open_tokens(_table(keyring), audience, texts)


def invalid_token(text: str, reason: Refusal) -> InvalidToken:
    """Return the error for a token that did not open. A token of an unknown version is malformed."""
    return InvalidToken(MALFORMED if read_header(text) is None else reason)


def fast_issuer(keyring: KeyRing, audience: bytes, prefix: str, forbids_unknown: bool) -> FastIssuer | None:
    """Return the fast path from requests to URLs, or None if the engine has none."""
    header = HEADER.pack(VERSION, keyring.active)
    return current().fast_issuer(_table(keyring), header, audience, prefix, forbids_unknown)


def fast_redeemer(keyring: KeyRing, audience: bytes) -> FastRedeemer | None:
    """Return the fast path from tokens to grants, or None if the engine has none."""
    return current().fast_redeemer(_table(keyring), audience)


def _table(keyring: KeyRing) -> KeyTable:
    """Return the keys of a ring by header, for every version of the token. Made once per ring."""
    if keyring._table is None:
        keys = {
            HEADER.pack(version, key_id): key for version in payload.DECODERS for key_id, key in keyring._keys.items()
        }
        object.__setattr__(keyring, "_table", KeyTable(keys))
    return cast(KeyTable, keyring._table)
