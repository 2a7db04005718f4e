"""The engine in C. Only this module uses `ffi` and `lib`; csrc/wvtoken.h is the contract.

Every call of C releases the GIL and shares no memory with another call.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from struct import Struct
from typing import Any

from .. import values
from ..errors import MALFORMED, NOT_GENUINE, UNKNOWN_KEY, EngineUnavailable, Refusal
from . import NATIVE_NAMES, KeyTable, why_not

try:
    from ._native import ffi, lib
except ImportError as _error:
    _reason = why_not("the C extension", _error).replace(f"{__package__}._native", "the C extension")
    raise EngineUnavailable(_reason) from None

from .requests import IssuePath, RedeemPath

_LANES = dict(
    zip(
        NATIVE_NAMES,
        (lib.WVT_LANES_VAES512, lib.WVT_LANES_VAES256, lib.WVT_LANES_AESNI, lib.WVT_LANES_ARMV8),
        strict=True,
    )
)
_REFUSALS: dict[int, Refusal] = {
    lib.WVT_REFUSED: NOT_GENUINE,
    lib.WVT_MALFORMED: MALFORMED,
    lib.WVT_UNKNOWN_KEY: UNKNOWN_KEY,
}
_WRAP_BYTES = 8
_OPEN_SLACK: int = lib.WVT_OPEN_SLACK

_new_buffer = ffi.new_allocator(should_clear_after_alloc=False)


def lane_names() -> list[str]:
    """Return the SIMD variants that this CPU can run, the fastest first."""
    supported = lib.wvt_lanes_supported()
    return [name for name, lanes in _LANES.items() if supported & lanes]


class NativeEngine:
    """An `Engine` in C. `name` is a SIMD variant; None selects the fastest."""

    __slots__ = ("_lanes", "name")

    def __init__(self, name: str | None = None) -> None:
        names = lane_names()
        if not names:
            raise EngineUnavailable("the C extension has no code for this CPU")
        if name is not None and name not in names:
            raise EngineUnavailable(f"this CPU cannot run {name}; it can run {', '.join(names)}")
        self.name: str = name or names[0]
        self._lanes = _LANES[self.name]

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> Sequence[bytes]:
        if not keys:
            return []
        keys_of_kek, kek_count, kek_bytes = _one_or_each(keks)
        joined, count, key_bytes = _joined(keys)
        size = count * (key_bytes + _WRAP_BYTES)
        with _Output(size) as out:
            _check(lib.wvt_wrap(self._lanes, keys_of_kek, kek_count, kek_bytes, joined, key_bytes, count, out))
            return _split(out, key_bytes + _WRAP_BYTES, 0, count)

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> Sequence[bytes | None]:
        if not wrapped:
            return []
        keys_of_kek, kek_count, kek_bytes = _one_or_each(keks)
        joined, count, wrapped_bytes = _joined(wrapped)
        key_bytes = max(wrapped_bytes - _WRAP_BYTES, 0)
        status = ffi.new("uint8_t[]", count)
        with _Output(count * key_bytes) as out:
            refused = _check(
                lib.wvt_unwrap(self._lanes, keys_of_kek, kek_count, kek_bytes, joined, key_bytes, count, out, status)
            )
            keys = _split(out, key_bytes, 0, count)
            if not refused:
                return keys
            return [None if state else key for state, key in zip(status, keys, strict=True)]

    def seal_tokens(
        self,
        table: KeyTable,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        count = len(payloads)
        if not count:
            return []
        if len(nonces) != count * values.NONCE_BYTES:
            raise ValueError(f"{len(nonces)} bytes of nonces for {count} payloads")
        before, data = prefix.encode("ascii"), b"".join(payloads)
        offsets, _ = _offsets(payloads, len(data))
        arguments = {
            "key": ffi.from_buffer(table.by_header[header]),
            "header": ffi.from_buffer(header),
            "audience": ffi.from_buffer(audience),
            "prefix": ffi.from_buffer(before),
            "audience_len": len(audience),
            "prefix_len": len(before),
        }
        size = (len(data) + count * values.TOKEN_OVERHEAD) * 4 // 3 + count * (len(before) + 2)
        with _Output(size) as out:
            sealing = ffi.new("struct wvt_sealing *", arguments)
            written = _check(lib.wvt_seal_tokens(self._lanes, sealing, nonces, data, _u32(offsets), count, out))
            return str(ffi.buffer(out, written - 1), "ascii").split("\n")

    def issue_path(
        self, table: KeyTable, header: bytes, audience: bytes, prefix: str, forbids_unknown: bool
    ) -> IssuePath:
        return IssuePath(self._lanes, table, header, audience, prefix, forbids_unknown)

    def redeem_path(self, table: KeyTable, audience: bytes) -> RedeemPath:
        return RedeemPath(self._lanes, table, audience)

    def open_tokens(self, table: KeyTable, audience: bytes, texts: Sequence[str]) -> list[bytes | Refusal]:
        count = len(texts)
        if not count:
            return []
        data = "".join(texts).encode("ascii")
        offsets, alike = _offsets(texts, len(data))
        arguments = {
            "headers": ffi.from_buffer(table.headers),
            "keys": ffi.from_buffer(table.keys),
            "audience": ffi.from_buffer(audience),
            "key_count": len(table.by_header),
            "audience_len": len(audience),
        }
        status, places = ffi.new("uint8_t[]", count), array("I", bytes(4 * (count + 1)))
        with _Output(len(data) * 3 // 4 + _OPEN_SLACK) as out:
            opening = ffi.new("struct wvt_opening *", arguments)
            refused = _check(
                lib.wvt_open_tokens(
                    self._lanes, opening, data, _u32(offsets), count, out, ffi.from_buffer("uint32_t[]", places), status
                )
            )
            if alike and places[1]:
                opened = _split(out, places[1] - values.TAG_BYTES, values.TAG_BYTES, count)
            else:
                tokens = bytes(ffi.buffer(out, places[-1]))
                opened = [tokens[start : max(start, end - values.TAG_BYTES)] for start, end in pairwise(places)]
            if not refused:
                return list(opened)
            return [_REFUSALS[state] if state else item for state, item in zip(status, opened, strict=True)]


class _Output:
    """A buffer for the output of C. It may hold keys, so it is wiped at the end of the call."""

    __slots__ = ("_buffer", "_size")

    def __init__(self, size: int) -> None:
        self._size = max(size, 1)

    def __enter__(self) -> Any:
        self._buffer = _new_buffer("uint8_t[]", self._size)
        return self._buffer

    def __exit__(self, *exception: object) -> None:
        lib.wvt_wipe(self._buffer, self._size)


def _check(returned: int) -> int:
    """Return the result of a C function. Raise ValueError for -1: a length is out of bounds."""
    if returned < 0:
        raise ValueError("a length is outside the limits of the engine")
    return returned


def _one_or_each(keks: bytes | Sequence[bytes]) -> tuple[bytes, int, int]:
    return (keks, 1, len(keks)) if isinstance(keks, bytes) else _joined(keks)


def _joined(items: Sequence[bytes]) -> tuple[bytes, int, int]:
    """Return items of one length joined, their number and the length. C cannot check the lengths."""
    joined, count, length = b"".join(items), len(items), len(items[0])
    if len(joined) != count * length:
        raise ValueError("items of different lengths")
    return joined, count, length


def _offsets(items: Sequence[bytes] | Sequence[str], size: int) -> tuple[array[int], bool]:
    """Return the offset of each joined item and of their end, and whether all items have the same length."""
    lengths = list(map(len, items))
    alike = lengths.count(lengths[0]) == len(lengths)
    offsets = _even(lengths[0], len(lengths)) if alike else array("I", accumulate(lengths, initial=0))
    if offsets[-1] != size:
        raise ValueError("the lengths of the items are not those of their contents")
    return offsets, alike


@lru_cache(maxsize=64)
def _even(length: int, count: int) -> array[int]:
    """Return the offsets of items of one length. The caller must not change them."""
    return array("I", [length * place for place in range(count + 1)])


def _u32(numbers: array[int]) -> Any:
    return ffi.from_buffer("uint32_t[]", numbers)


def _split(out: Any, length: int, gap: int, count: int) -> Sequence[bytes]:
    """Split the output of C into items of one length. A gap follows each item."""
    return _splitter(length, gap, count).unpack_from(ffi.buffer(out, (length + gap) * count))


@lru_cache(maxsize=64)
def _splitter(length: int, gap: int, count: int) -> Struct:
    return Struct(f"{length}s{gap}x" * count)
