"""AES Key Wrap (RFC 3394), one key and many."""

from __future__ import annotations

from collections.abc import Iterable

from . import values
from .engine import current
from .errors import KeyUnwrapError

_BLOCK = 8
_KEY_BYTES_MIN = 16


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """Wrap a key: 8 bytes longer.

    Args:
        kek: key encryption key, 16, 24 or 32 bytes.
        key: 16 bytes and more, in steps of 8.

    Raises:
        ValueError: a length is another one. TypeError: not bytes.
    """
    return wrap_keys(kek, [key])[0]


def unwrap_key(kek: bytes, ek: bytes) -> bytes:
    """Unwrap a key that was wrapped with `kek` (16, 24 or 32 bytes): 8 bytes shorter.

    Raises:
        KeyUnwrapError: it was not wrapped with this KEK, or is not a wrapped key at all.
        ValueError: `kek` has another length. TypeError: not bytes.
    """
    result = unwrap_keys(kek, [ek])[0]
    if isinstance(result, KeyUnwrapError):
        raise result
    return result


def wrap_keys(keks: bytes | Iterable[bytes], keys: Iterable[bytes]) -> list[bytes]:
    """Wrap many keys, each as `wrap_key` does.

    Args:
        keks: one KEK for all, or one for each key.
        keys: may differ in length.

    Raises:
        ValueError: a length is wrong, or there are not as many KEKs as keys. TypeError: not bytes.
    """
    keys = _all_bytes("keys", keys)
    keks = _keks(keks, len(keys))
    for key in keys:
        if len(key) < _KEY_BYTES_MIN or len(key) % _BLOCK:
            raise ValueError(f"a key to wrap has 16 bytes or more, in steps of 8; this one has {len(key)}")
    return current().wrap(keks, keys)


def unwrap_keys(keks: bytes | Iterable[bytes], eks: Iterable[bytes]) -> list[bytes | KeyUnwrapError]:
    """Unwrap many keys, each as `unwrap_key` does; one that does not unwrap is a `KeyUnwrapError` in its place.

    Args:
        keks: one KEK for all, or one for each wrapped key.
        eks: wrapped keys; may differ in length.

    Raises:
        ValueError: a KEK's length is wrong, or there are not as many KEKs as wrapped keys. TypeError: not bytes.
    """
    eks = _all_bytes("eks", eks)
    keys = current().unwrap(_keks(keks, len(eks)), eks)
    return [KeyUnwrapError("ek") if key is None else key for key in keys]


def _keks(keks: bytes | Iterable[bytes], count: int) -> bytes | list[bytes]:
    if not isinstance(keks, bytes):
        keks = _all_bytes("keks", keks)
        if len(keks) != count:
            raise ValueError(f"{len(keks)} KEKs for {count} keys")
    for kek in [keks] if isinstance(keks, bytes) else keks:
        if len(kek) not in values.KEK_BYTES:
            raise ValueError(f"a KEK has 16, 24 or 32 bytes; this one has {len(kek)}")
    return keks


def _all_bytes(name: str, items: Iterable[bytes]) -> list[bytes]:
    items = list(items)
    for item in items:
        if not isinstance(item, bytes):
            raise TypeError(f"{name} must be bytes, not {type(item).__name__}")
    return items
