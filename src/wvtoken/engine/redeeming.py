"""The fast path in C from tokens to their contents. C accepts usual valid tokens. It hands back all others."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from .. import values
from ..contents import Contents
from ..errors import MALFORMED, NOT_GENUINE, UNKNOWN_KEY, Refusal
from . import KeyTable
from ._native import ffi, lib
from .buffers import ONE_TEXT_MAX, check, give_back, joined, new_buffer, take

_REFUSALS: dict[int, Refusal] = {
    lib.WVT_REFUSED: NOT_GENUINE,
    lib.WVT_MALFORMED: MALFORMED,
    lib.WVT_UNKNOWN_KEY: UNKNOWN_KEY,
}
_OPEN_SLACK: int = lib.WVT_OPEN_SLACK
_RECORD_BYTES: int = lib.WVT_RECORD_BYTES


class FastRedeemer:
    """Opens tokens for one redeemer."""

    __slots__ = ("_batches", "_kept", "_lanes", "_opening", "_single")

    def __init__(self, lanes: int, table: KeyTable, audience: bytes) -> None:
        self._lanes = lanes
        # C keeps pointers to these.
        self._kept = [ffi.from_buffer(item) for item in (table.headers, table.keys, audience)]
        self._opening = ffi.new("struct wvt_opening *", (*self._kept, len(table.by_header), len(audience)))
        self._single: list[_RedeemMemory] = []
        self._batches: list[_RedeemMemory] = []

    def open(self, text: bytes) -> Contents | None:
        """Open a token, or the token in a URL. Return None if C hands it back."""
        if len(text) > ONE_TEXT_MAX:
            return None
        try:
            memory = self._single.pop()
        except IndexError:
            memory = _RedeemMemory(1, ONE_TEXT_MAX)
        memory.one_text[1] = len(text)
        try:
            refused = lib.wvt_redeem(self._lanes, self._opening, text, memory.offsets, 1, memory.buffers)
            opened = None if refused else memory.contents()
        finally:
            lib.wvt_wipe(memory.records, _RECORD_BYTES)
        self._single.append(memory)
        return opened

    def open_many(self, texts: Sequence[str | bytes]) -> tuple[Contents, bytes]:
        """Open each token, or the token in each URL. Return the results, and the status of each text (0: opened)."""
        if not texts:
            return Contents(b"", b"", b"", b"", ()), b""
        data, offsets = joined(texts)
        count = len(texts)
        memory = take(self._batches, count, len(data)) or _RedeemMemory(count, len(data))
        try:
            check(lib.wvt_redeem(self._lanes, self._opening, data, offsets, count, memory.buffers))
            opened = memory.contents()
        finally:
            lib.wvt_wipe(memory.records, min(_RECORD_BYTES * count, memory.room))
        status = memory.status[:count]
        give_back(self._batches, memory)
        return opened, status

    def open_tokens(self, texts: Sequence[str]) -> list[bytes | Refusal]:
        """Return header || nonce || payload of each token, or why it does not open."""
        data, offsets = joined(texts)
        count, size = len(texts), len(data) * 3 // 4 + _OPEN_SLACK
        status, out = ffi.new("uint8_t[]", count), new_buffer("uint8_t[]", size)
        places = ffi.new("uint32_t[]", count + 1)
        try:
            check(lib.wvt_open_tokens(self._lanes, self._opening, data, offsets, count, out, places, status))
            opened = ffi.buffer(out, places[count])[:]
        finally:
            lib.wvt_wipe(out, size)
        return [
            _REFUSALS[state] if state else opened[start : end - values.TAG_BYTES]
            for state, (start, end) in zip(status, pairwise(places), strict=True)
        ]


class _RedeemMemory:
    """The memory of a call of wvt_redeem, for texts of `size` bytes in all."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self.room = size * 3 // 4 + _OPEN_SLACK
        self.records = new_buffer("uint8_t[]", self.room)
        self._ends = new_buffer("uint32_t[]", self.room // 4)
        streams = [self.records, *(new_buffer("uint8_t[]", self.room) for _ in range(3))]
        self._views = [ffi.buffer(stream) for stream in streams]
        self._contents = ffi.new("struct wvt_contents *", (*streams, self._ends))
        self.one_text = array("I", [0, 0])
        self.offsets = ffi.from_buffer("uint32_t[]", self.one_text)
        status = ffi.new("uint8_t[]", count)
        self.status = ffi.buffer(status)
        tokens, out = new_buffer("uint8_t[]", max(size, 1)), new_buffer("uint8_t[]", self.room)
        offsets, places = new_buffer("uint32_t[]", count + 1), new_buffer("uint32_t[]", count + 1)
        self.buffers = ffi.new("struct wvt_redeem_buffers *", (tokens, offsets, out, places, status, self._contents))
        self._kept = streams, tokens, out, offsets, places, status

    def wiped(self) -> Any:
        """Return a view of the memory that is wiped after each call, for tests."""
        return self._views[0]

    def contents(self) -> Contents:
        """Return the results of the last call. They refer to none of this memory."""
        found, (records, texts, types, payloads) = self._contents, self._views
        fixed, lines, count = records[: _RECORD_BYTES * found.count], texts[: found.texts_bytes], found.extensions
        if not count:
            return _contents((fixed, lines, b"", b"", ()))
        all_types, size = types[: values.EXTENSION_TYPE_BYTES * count], found.payloads_bytes
        ends = (size,) if count == 1 else ffi.unpack(self._ends, count)
        return _contents((fixed, lines, all_types, payloads[:size], ends))


_contents = partial(tuple.__new__, Contents)  # takes half the time of Contents(...)
