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
_KEY_BYTES_MAX = 2**24


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """Wrap a key: 8 bytes longer.

    Args:
        kek: key encryption key, 16, 24 or 32 bytes.
        key: 16 bytes to 16 MiB, in steps of 8.

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
    keys, keks = list(keys), keks if isinstance(keks, bytes) else list(keks)
    return current().wrap(keks, keys) or _wrap_each(keks, keys)


def unwrap_keys(keks: bytes | Iterable[bytes], eks: Iterable[bytes]) -> list[bytes | KeyUnwrapError]:
    """Unwrap many keys, each as `unwrap_key` does; one that does not unwrap is a `KeyUnwrapError` in its place.

    Args:
        keks: one KEK for all, or one for each wrapped key.
        eks: wrapped keys; may differ in length.

    Raises:
        ValueError: a KEK's length is wrong, or there are not as many KEKs as wrapped keys. TypeError: not bytes.
    """
    eks, keks = list(eks), keks if isinstance(keks, bytes) else list(keks)
    return current().unwrap(keks, eks) or _unwrap_each(keks, eks)


# An engine takes at once what is all alike. The rest is looked at here: refused, or sorted into batches that are.


def _wrap_each(keks: bytes | list[bytes], keys: list[bytes]) -> list[bytes]:
    keks, keys = _checked(keks, "keys", keys)
    for key in keys:
        if not _can_be_key(len(key)):
            raise ValueError(f"a key to wrap has 16 bytes to 16 MiB, in steps of 8; this one has {len(key)}")
    return _by_shape(current().wrap, keks, keys)


def _unwrap_each(keks: bytes | list[bytes], eks: list[bytes]) -> list[bytes | KeyUnwrapError]:
    return _by_shape(_unwrap_alike, *_checked(keks, "eks", eks))


def _unwrap_alike(keks: bytes | Sequence[bytes], eks: Sequence[bytes]) -> list[bytes | KeyUnwrapError] | None:
    if not _can_be_key(len(eks[0]) - _BLOCK):
        return [KeyUnwrapError("ek") for _ in eks]
    return current().unwrap(keks, eks)


def _can_be_key(length: int) -> bool:
    return _KEY_BYTES_MIN <= length <= _KEY_BYTES_MAX and length % _BLOCK == 0


def _by_shape(
    run: Callable[[bytes | Sequence[bytes], Sequence[bytes]], list[_Result] | None],
    keks: bytes | list[bytes],
    items: list[bytes],
) -> list[_Result]:
    """The results of `run` for items of any lengths: it gets those alike in the lengths of KEK and item at once."""
    places: dict[tuple[int, int], list[int]] = {}
    for place, item in enumerate(items):
        kek = keks if isinstance(keks, bytes) else keks[place]
        places.setdefault((len(kek), len(item)), []).append(place)
    results: dict[int, _Result] = {}
    for alike in places.values():
        some_keks = keks if isinstance(keks, bytes) else [keks[place] for place in alike]
        results.update(zip(alike, run(some_keks, [items[place] for place in alike]) or [], strict=True))
    return [results[place] for place in range(len(items))]


def _checked(keks: bytes | list[bytes], name: str, items: list[bytes]) -> tuple[bytes | list[bytes], list[bytes]]:
    """The arguments as bytes, or what is wrong with the call."""
    items = [_as_bytes(name, item) for item in items]
    if isinstance(keks, bytes):
        keks = bytes(keks)
    else:
        keks = [_as_bytes("keks", kek) for kek in keks]
        if len(keks) != len(items):
            raise ValueError(f"{len(keks)} KEKs for {len(items)} keys")
    for kek in [keks] if isinstance(keks, bytes) else keks:
        if len(kek) not in values.KEK_BYTES:
            raise ValueError(f"a KEK has 16, 24 or 32 bytes; this one has {len(kek)}")
    return keks, items


def _as_bytes(name: str, value: object) -> bytes:
    """What is bytes, or lends its own."""
    try:
        return memoryview(value).tobytes()  # type: ignore[arg-type]
    except TypeError:
        pass
    raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
