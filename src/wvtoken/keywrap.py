"""AES Key Wrap (RFC 3394), single keys and batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from struct import Struct, error
from typing import TypeVar, cast

from . import values
from .batch import CHUNK
from .engine import current
from .errors import KeyUnwrapError

_Result = TypeVar("_Result")
_Run = Callable[[bytes | Sequence[bytes], Sequence[bytes]], Sequence[_Result]]
"""Wraps or unwraps items of one length, under KEKs of one length."""

_BLOCK = 8
_PASCAL_MAX = 253
_KEYS = 8 * CHUNK
"""Keys that go through the engine together. They are shorter than tokens."""


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """Wrap a key. The result is 8 bytes longer than the key.

    Args:
        kek: key encryption key, 16, 24 or 32 bytes.
        key: 16 bytes to 16 MiB, a multiple of 8 bytes.

    Raises:
        ValueError: a wrong length.
        TypeError: not bytes.
    """
    return wrap_keys(_as_bytes("kek", kek), [key])[0]


def unwrap_key(kek: bytes, ek: bytes) -> bytes:
    """Unwrap a key that was wrapped with `kek` (16, 24 or 32 bytes). The result is 8 bytes shorter than `ek`.

    Raises:
        KeyUnwrapError: `ek` is not a key that was wrapped with this KEK.
        ValueError: `kek` has a wrong length.
        TypeError: not bytes.
    """
    result = unwrap_keys(_as_bytes("kek", kek), [ek])[0]
    if isinstance(result, KeyUnwrapError):
        raise result
    return result


def wrap_keys(keks: bytes | Iterable[bytes], keys: Iterable[bytes]) -> list[bytes]:
    """Wrap many keys, each as `wrap_key` does.

    Args:
        keks: one KEK for all keys, or one for each.
        keys: may differ in length.

    Raises:
        ValueError: a wrong length, or the number of KEKs is not the number of keys.
        TypeError: not bytes.
    """
    return _run(_wrap, keks, "keys", keys)


def unwrap_keys(keks: bytes | Iterable[bytes], eks: Iterable[bytes]) -> list[bytes | KeyUnwrapError]:
    """Unwrap many keys, each as `unwrap_key` does. An item that does not unwrap is a `KeyUnwrapError` in its place.

    Args:
        keks: one KEK for all keys, or one for each.
        eks: wrapped keys; may differ in length.

    Raises:
        ValueError: a KEK has a wrong length, or the number of KEKs is not the number of wrapped keys.
        TypeError: not bytes.
    """
    keys = _run(_unwrap, keks, "eks", eks)
    if all(keys):
        return cast(list[bytes | KeyUnwrapError], keys)
    return [KeyUnwrapError("ek") if key is None else key for key in keys]


def _wrap(keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> Sequence[bytes]:
    if not _can_be_key(len(keys[0])):
        raise ValueError(f"a key to wrap must have 16 bytes to 16 MiB, a multiple of 8, not {len(keys[0])} bytes")
    return current().wrap(keks, keys)


def _unwrap(keks: bytes | Sequence[bytes], eks: Sequence[bytes]) -> Sequence[bytes | None]:
    unwrap = current().unwrap
    return unwrap(keks, eks) if _can_be_key(len(eks[0]) - _BLOCK) else [None] * len(eks)


def _can_be_key(length: int) -> bool:
    return values.WRAP_BYTES_MIN <= length <= values.WRAP_BYTES_MAX and length % _BLOCK == 0


def _run(run: _Run[_Result], keks: bytes | Iterable[bytes], name: str, items: Iterable[bytes]) -> list[_Result]:
    """Call `run` for one chunk of the items at a time. Return all results."""
    one, items = _buffer(keks), list(items)
    each: list[bytes] = [] if one is not None else list(cast(Iterable[bytes], keks))
    if one is not None:
        _check_kek(one)
    elif len(each) != len(items):
        raise ValueError(f"{len(each)} KEKs for {len(items)} keys")
    results: list[_Result] = []
    for start in range(0, len(items), _KEYS):
        chunk, some = items, each
        if len(items) > _KEYS:
            chunk, some = items[start : start + _KEYS], each[start : start + _KEYS]
        if _alike(chunk) and (one is not None or _alike(some)):
            _check_kek(one or some[0])
            results += run(one or some, chunk)
        else:
            results += _by_shape(run, one or some, name, chunk)
    return results


def _by_shape(run: _Run[_Result], keks: bytes | list[bytes], name: str, items: list[bytes]) -> list[_Result]:
    """Do the same for items of any lengths. One call of `run` gets all items with the same lengths of KEK and item."""
    places: dict[tuple[int, int], list[int]] = {}
    items = [_as_bytes(name, item) for item in items]
    keks = keks if isinstance(keks, bytes) else [_as_bytes("keks", kek) for kek in keks]
    for place, item in enumerate(items):
        kek = keks if isinstance(keks, bytes) else keks[place]
        _check_kek(kek)
        places.setdefault((len(kek), len(item)), []).append(place)
    results: dict[int, _Result] = {}
    for alike in places.values():
        some = keks if isinstance(keks, bytes) else [keks[place] for place in alike]
        results.update(zip(alike, run(some, [items[place] for place in alike]), strict=True))
    return [results[place] for place in range(len(items))]


def _alike(items: Sequence[bytes]) -> bool:
    """Return whether all items are bytes of one short length. If not, they need slower functions.

    A Pascal string begins with its length. So struct finds the types and lengths of all items in one call, four times
    faster than `set(map(type, items))` and `set(map(len, items))`.
    """
    length = len(items[0]) if type(items[0]) is bytes else _PASCAL_MAX + 1
    if length > _PASCAL_MAX:
        return False
    try:
        packed = _pascal(length + 2, len(items)).pack(*items)
    except error:
        return False
    return packed[:: length + 2] == bytes([length]) * len(items)


@lru_cache(maxsize=64)
def _pascal(size: int, count: int) -> Struct:
    return Struct(f"{size}p" * count)


def _check_kek(kek: bytes) -> None:
    if len(kek) not in values.KEK_BYTES:
        raise ValueError(f"a KEK must have 16, 24 or 32 bytes, not {len(kek)}")


def _as_bytes(name: str, value: object) -> bytes:
    data = _buffer(value)
    if data is None:
        raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
    return data


def _buffer(value: object) -> bytes | None:
    """Return the bytes of a bytes-like object. Methods of a subclass of bytes are not called."""
    if type(value) is bytes:
        return value
    try:
        return memoryview(value).tobytes()  # type: ignore[arg-type]
    except TypeError:
        return None
