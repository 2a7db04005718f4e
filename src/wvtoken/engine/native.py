"""The engine in C. csrc/wvtoken.h is the contract.

Every call of C releases the GIL and shares no memory with another call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from ..errors import EngineUnavailable, Refusal
from . import NATIVE_NAMES, KeyTable, why_not

try:
    from ._native import ffi, lib
except ImportError as _error:
    _reason = why_not("the C extension", _error).replace(f"{__package__}._native", "the C extension")
    raise EngineUnavailable(_reason) from None

from .buffers import check, new_buffer
from .issuing import FastIssuer
from .redeeming import FastRedeemer

_CONSTANTS = (lib.WVT_LANES_VAES512, lib.WVT_LANES_VAES256, lib.WVT_LANES_AESNI, lib.WVT_LANES_ARMV8)
_LANES = dict(zip(NATIVE_NAMES, _CONSTANTS, strict=True))
_WRAP_BYTES = 8


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
        out = new_buffer("uint8_t[]", count * (key_bytes + _WRAP_BYTES))
        check(lib.wvt_wrap(self._lanes, keys_of_kek, kek_count, kek_bytes, joined, key_bytes, count, out))
        return _split(out, key_bytes + _WRAP_BYTES, count)

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> Sequence[bytes | None]:
        if not wrapped:
            return []
        keys_of_kek, kek_count, kek_bytes = _one_or_each(keks)
        joined, count, wrapped_bytes = _joined(wrapped)
        key_bytes = max(wrapped_bytes - _WRAP_BYTES, 0)
        out, status = new_buffer("uint8_t[]", count * key_bytes), ffi.new("uint8_t[]", count)
        arguments = keys_of_kek, kek_count, kek_bytes, joined, key_bytes, count, out, status
        try:
            refused = check(lib.wvt_unwrap(self._lanes, *arguments))
            keys = _split(out, key_bytes, count)
        finally:
            lib.wvt_wipe(out, count * key_bytes)
        return [None if state else key for state, key in zip(status, keys, strict=True)] if refused else keys

    def seal_tokens(
        self,
        table: KeyTable,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        return self.fast_issuer(table, header, audience, prefix, False).seal_tokens(nonces, payloads)

    def open_tokens(self, table: KeyTable, audience: bytes, texts: Sequence[str]) -> list[bytes | Refusal]:
        return self.fast_redeemer(table, audience).open_tokens(texts)

    def fast_issuer(
        self, table: KeyTable, header: bytes, audience: bytes, prefix: str, forbids_unknown: bool
    ) -> FastIssuer:
        return FastIssuer(self._lanes, table, header, audience, prefix, forbids_unknown)

    def fast_redeemer(self, table: KeyTable, audience: bytes) -> FastRedeemer:
        return FastRedeemer(self._lanes, table, audience)


def _one_or_each(keks: bytes | Sequence[bytes]) -> tuple[bytes, int, int]:
    return (keks, 1, len(keks)) if isinstance(keks, bytes) else _joined(keks)


def _joined(items: Sequence[bytes]) -> tuple[bytes, int, int]:
    """Return items of one length joined, their number and the length. C cannot check the lengths."""
    joined, count, length = b"".join(items), len(items), len(items[0])
    if len(joined) != count * length:
        raise ValueError("items of different lengths")
    return joined, count, length


def _split(out: Any, length: int, count: int) -> Sequence[bytes]:
    """Split the output of C into items of one length."""
    return _splitter(length, count).unpack_from(ffi.buffer(out, length * count))


@lru_cache(maxsize=64)
def _splitter(length: int, count: int) -> Struct:
    return Struct(f"{length}s" * count)
