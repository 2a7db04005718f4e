"""The engine over the `cryptography` package: one call an item. The only user of that package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

from .. import base64url
from ..errors import EngineUnavailable, KeyUnwrapError

try:
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
except ImportError:
    raise EngineUnavailable("the package cryptography is not installed, or older than 42") from None

_KEK_BYTES = (16, 24, 32)
_KEY_BYTES_MIN, _KEY_BYTES_MAX = 16, 2**24
_WRAP_BYTES = 8
_HEADER_BYTES = 5
_NONCE_BYTES = 12


class OpenSSLEngine:
    """See `Engine`."""

    name = "openssl"

    def __init__(self) -> None:
        try:
            AESGCMSIV(bytes(32))
        except UnsupportedAlgorithm:
            raise EngineUnavailable("the OpenSSL under the package cryptography has no AES-GCM-SIV") from None

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> list[bytes] | None:
        if not _alike(keks, keys, 0):
            return None
        return [aes_key_wrap(kek, key) for kek, key in zip(_each(keks), keys, strict=False)]

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> list[bytes | KeyUnwrapError] | None:
        if not _alike(keks, wrapped, _WRAP_BYTES):
            return None
        return [_unwrap(kek, item) for kek, item in zip(_each(keks), wrapped, strict=False)]

    def seal(self, key: bytes, aad: bytes, nonces: bytes, messages: Sequence[bytes]) -> list[bytes]:
        aead = AESGCMSIV(key)
        return [aead.encrypt(nonce, message, aad) for nonce, message in zip(_split(nonces), messages, strict=True)]

    def open(self, key: bytes, aad: bytes, nonces: bytes, sealed: Sequence[bytes]) -> list[bytes | None]:
        aead = AESGCMSIV(key)
        return [_open(aead, nonce, item, aad) for nonce, item in zip(_split(nonces), sealed, strict=True)]

    def seal_tokens(
        self,
        key: bytes,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        sealed = self.seal(key, header + audience, nonces, payloads)
        return [
            prefix + base64url.encode(header + nonce + item) for nonce, item in zip(_split(nonces), sealed, strict=True)
        ]

    def open_tokens(
        self, keys: Sequence[tuple[bytes, bytes]], audience: bytes, texts: Sequence[str]
    ) -> list[bytes | None]:
        aeads = {header: AESGCMSIV(key) for header, key in keys}
        return [_open_token(aeads, audience, text) for text in texts]


def _alike(keks: bytes | Sequence[bytes], items: Sequence[bytes], more: int) -> bool:
    """Whether these are all bytes, KEKs of one length and as many as there are items, items of one length, which is
    that of a key and `more`.
    """
    each = [keks] if isinstance(keks, bytes) else keks
    if set(map(type, [*each, *items])) != {bytes} or not items or (each is keks and len(keks) != len(items)):
        return False
    lengths, kek_lengths = set(map(len, items)), set(map(len, each))
    return (
        len(lengths) == len(kek_lengths) == 1
        and min(kek_lengths) in _KEK_BYTES
        and _KEY_BYTES_MIN <= min(lengths) - more <= _KEY_BYTES_MAX
        and min(lengths) % _WRAP_BYTES == 0
    )


def _each(keks: bytes | Sequence[bytes]) -> Iterable[bytes]:
    return repeat(keks) if isinstance(keks, bytes) else keks


def _split(nonces: bytes) -> Iterable[bytes]:
    return (nonces[at : at + _NONCE_BYTES] for at in range(0, len(nonces), _NONCE_BYTES))


def _unwrap(kek: bytes, wrapped: bytes) -> bytes | KeyUnwrapError:
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        return KeyUnwrapError("ek")


def _open(aead: AESGCMSIV, nonce: bytes, sealed: bytes, aad: bytes) -> bytes | None:
    try:
        return aead.decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        return None


def _open_token(aeads: dict[bytes, AESGCMSIV], audience: bytes, text: str) -> bytes | None:
    raw = base64url.decode(text)
    if raw is None or raw[:_HEADER_BYTES] not in aeads:
        return None
    header, nonce, sealed = raw[:_HEADER_BYTES], raw[_HEADER_BYTES:][:_NONCE_BYTES], raw[_HEADER_BYTES + _NONCE_BYTES :]
    payload = _open(aeads[header], nonce, sealed, header + audience)
    return None if payload is None else nonce + payload
