"""AES Key Wrap (RFC 3394), one key and many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from . import values
from .engine import current
from .errors import KeyUnwrapError

_Result = TypeVar("_Result")

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
    for length in set(map(len, keys)):
        if length < _KEY_BYTES_MIN or length % _BLOCK:
            raise ValueError(f"a key to wrap has 16 bytes or more, in steps of 8; this one has {length}")
    return _by_shape(current().wrap, keks, keys)


def unwrap_keys(keks: bytes | Iterable[bytes], eks: Iterable[bytes]) -> list[bytes | KeyUnwrapError]:
    """Unwrap many keys, each as `unwrap_key` does; one that does not unwrap is a `KeyUnwrapError` in its place.

    Args:
        keks: one KEK for all, or one for each wrapped key.
        eks: wrapped keys; may differ in length.

    Raises:
        ValueError: a KEK's length is wrong, or there are not as many KEKs as wrapped keys. TypeError: not bytes.
    """
    eks = _all_bytes("eks", eks)
    return _by_shape(_unwrap_alike, _keks(keks, len(eks)), eks)


def _unwrap_alike(keks: bytes | Sequence[bytes], eks: Sequence[bytes]) -> list[bytes | KeyUnwrapError]:
    length = len(eks[0])
    if length < _KEY_BYTES_MIN + _BLOCK or length % _BLOCK:
        return [KeyUnwrapError("ek") for _ in eks]
    return current().unwrap(keks, eks)


def _by_shape(
    run: Callable[[bytes | Sequence[bytes], Sequence[bytes]], list[_Result]],
    keks: bytes | list[bytes],
    items: list[bytes],
) -> list[_Result]:
    """The results of `run` for items of any lengths: it gets those alike in the lengths of KEK and item at once."""
    if not items:
        return []
    if len(set(map(len, items))) == 1 and (isinstance(keks, bytes) or len(set(map(len, keks))) == 1):
        return run(keks, items)
    places: dict[tuple[int, int], list[int]] = {}
    for place, item in enumerate(items):
        kek = keks if isinstance(keks, bytes) else keks[place]
        places.setdefault((len(kek), len(item)), []).append(place)
    results: dict[int, _Result] = {}
    for alike in places.values():
        some_keks = keks if isinstance(keks, bytes) else [keks[place] for place in alike]
        results.update(zip(alike, run(some_keks, [items[place] for place in alike]), strict=True))
    return [results[place] for place in range(len(items))]


def _keks(keks: bytes | Iterable[bytes], count: int) -> bytes | list[bytes]:
    if not isinstance(keks, bytes):
        keks = _all_bytes("keks", keks)
        if len(keks) != count:
            raise ValueError(f"{len(keks)} KEKs for {count} keys")
    for length in {len(keks)} if isinstance(keks, bytes) else set(map(len, keks)):
        if length not in values.KEK_BYTES:
            raise ValueError(f"a KEK has 16, 24 or 32 bytes; this one has {length}")
    return keks


def _all_bytes(name: str, items: Iterable[bytes]) -> list[bytes]:
    items = list(items)
    for type_ in set(map(type, items)):
        if not issubclass(type_, bytes):
            raise TypeError(f"{name} must be bytes, not {type_.__name__}")
    return items
