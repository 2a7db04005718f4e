"""The engine that uses the package `cryptography`: one call per item. Only this module imports that package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

from .. import base64url, values
from ..errors import MALFORMED, NOT_GENUINE, UNKNOWN_KEY, EngineUnavailable, Refusal
from . import KeyTable, why_not

try:
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
except ImportError as _error:
    _reason = why_not("the package cryptography", _error)
    raise EngineUnavailable(f"{_reason}; needed is cryptography 44 or newer") from None

_PAYLOAD_START = values.HEADER_BYTES + values.NONCE_BYTES


class OpenSSLEngine:
    """An `Engine` that uses OpenSSL."""

    name = "openssl"

    def __init__(self) -> None:
        try:
            AESGCMSIV(bytes(values.SEALING_KEY_BYTES))
        except UnsupportedAlgorithm:
            raise EngineUnavailable("the OpenSSL of the package cryptography has no AES-GCM-SIV") from None

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> Sequence[bytes]:
        return [aes_key_wrap(kek, key) for kek, key in zip(_each(keks), _each(keys), strict=False)]

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> Sequence[bytes | None]:
        return [_unwrap(kek, item) for kek, item in zip(_each(keks), _each(wrapped), strict=False)]

    def seal_tokens(
        self,
        table: KeyTable,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        aead, aad, texts = _aead(table, header), header + audience, []
        for place, payload in enumerate(payloads):
            nonce = nonces[place * values.NONCE_BYTES :][: values.NONCE_BYTES]
            texts.append(prefix + base64url.encode(header + nonce + aead.encrypt(nonce, payload, aad)))
        return texts

    def fast_issuer(self, *_: object) -> None:
        return None

    def fast_redeemer(self, *_: object) -> None:
        return None

    def open_tokens(self, table: KeyTable, audience: bytes, texts: Sequence[str]) -> list[bytes | Refusal]:
        return [_open(table, audience, text) for text in texts]


def _each(items: bytes | Sequence[bytes]) -> Iterable[bytes]:
    """Return the items as plain bytes. Repeat a single item."""
    return repeat(items) if isinstance(items, bytes) else (memoryview(item).tobytes() for item in items)


def _unwrap(kek: bytes, wrapped: bytes) -> bytes | None:
    try:
        return aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap:
        return None


def _aead(table: KeyTable, header: bytes) -> AESGCMSIV:
    """Return the cipher of a key. It is made when the key is first used."""
    aead: AESGCMSIV | None = table.prepared.get(header)
    if aead is None:
        aead = table.prepared[header] = AESGCMSIV(table.by_header[header])
    return aead


def _open(table: KeyTable, audience: bytes, text: str) -> bytes | Refusal:
    token = base64url.decode(text) if len(text) <= values.TOKEN_TEXT_MAX else None
    if token is None or len(token) < values.TOKEN_OVERHEAD:
        return MALFORMED
    header = token[: values.HEADER_BYTES]
    if header not in table.by_header:
        return UNKNOWN_KEY
    nonce, sealed = token[values.HEADER_BYTES : _PAYLOAD_START], token[_PAYLOAD_START:]
    try:
        return token[:_PAYLOAD_START] + _aead(table, header).decrypt(nonce, sealed, header + audience)
    except InvalidTag:
        return NOT_GENUINE
