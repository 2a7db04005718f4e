"""The fast path in C from requests to URLs. C accepts usual valid requests. It hands back all others."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from struct import Struct
from typing import Any

from .. import values
from ..contents import Contents
from . import KeyTable
from ._native import ffi, lib
from .buffers import ONE_TEXT_MAX, check, give_back, joined, joined_payloads, new_buffer, take

_VALUES = Struct("=" + "IIq" * lib.WVT_VALUES_MAX)
_URL_BYTES: int = lib.WVT_URL_BYTES
_RECORD_BYTES: int = lib.WVT_RECORD_BYTES

Parsed = tuple[int, tuple[int, ...], bytes]
"""A parsed request: the set of given parameters; place, length and number of each parameter's value; their bytes."""


class FastIssuer:
    """Issues requests, and seals tokens, with one key, audience and prefix."""

    __slots__ = ("_batches", "_issuer", "_kept", "_lanes", "_prefix_bytes", "_sealing", "_single")

    def __init__(
        self, lanes: int, table: KeyTable, header: bytes, audience: bytes, prefix: str, forbids_unknown: bool
    ) -> None:
        before = prefix.encode("ascii")
        # C keeps pointers to these.
        self._kept = [ffi.from_buffer(item) for item in (table.by_header[header], header, audience, before)]
        sealing = (*self._kept, len(audience), len(before))
        self._issuer = ffi.new("struct wvt_issuer *", (sealing, lanes, forbids_unknown))
        self._sealing = ffi.addressof(self._issuer, "sealing")
        self._lanes = lanes
        self._prefix_bytes = len(before)
        self._single: list[_IssueMemory] = []
        self._batches: list[_IssueMemory] = []

    def issue(self, text: bytes, now: int, customer: bytes) -> str | None:
        """Return the URL of a request. Return None if C hands it back, or if it needs a stored key."""
        if len(text) > ONE_TEXT_MAX:
            return None
        memory = self._take_single()
        memory.one_text[1] = len(text)
        nonce = os.urandom(values.NONCE_BYTES)
        written = lib.wvt_issue(
            self._issuer, memory.buffers, text, memory.offsets, 1, nonce, now, customer, len(customer)
        )
        url: str | None = memory.view[: written - 1].decode() if written > 0 else None
        self._single.append(memory)
        return url

    def parse(self, text: bytes) -> Parsed | None:
        """Parse one request. Return None if C hands it back. C hands back requests with unknown parameters."""
        memory = self._take_single()
        size, parsed = memory.size, None
        try:
            given = lib.wvt_parse(text, len(text), memory.workspace, memory.values, memory.out, memory.parsed_bytes)
            size = memory.parsed_bytes[0] if given else 0
            if given:
                parsed = given, _VALUES.unpack_from(memory.values_view), memory.view[:size]
        finally:
            lib.wvt_wipe(memory.out, size)
        self._single.append(memory)
        return parsed

    def seal(self, payload: bytes) -> str:
        """Return the URL with a payload."""
        memory = self._take_single()
        memory.one_text[1] = len(payload)
        nonce = os.urandom(values.NONCE_BYTES)
        written = check(lib.wvt_seal_tokens(self._lanes, self._sealing, nonce, payload, memory.offsets, 1, memory.out))
        url: str = memory.view[: written - 1].decode()
        self._single.append(memory)
        return url

    def seal_tokens(self, nonces: bytes, payloads: Sequence[bytes]) -> list[str]:
        """Return the URLs with these payloads."""
        if len(nonces) != len(payloads) * values.NONCE_BYTES:
            raise ValueError(f"{len(nonces)} bytes of nonces for {len(payloads)} payloads")
        if not payloads:
            return []
        data, offsets = joined_payloads(payloads)
        out = new_buffer("uint8_t[]", self._out_bytes(len(payloads), len(data)))
        written = check(lib.wvt_seal_tokens(self._lanes, self._sealing, nonces, data, offsets, len(payloads), out))
        return str(ffi.buffer(out, written - 1), "ascii").split("\n")

    def seal_many(self, contents: Contents) -> list[str]:
        """Return the URLs of new tokens with these contents. The ids in the contents are ignored."""
        columns, ends = contents[:4], array("I", contents.ends)
        count, column_bytes = len(contents.records) // _RECORD_BYTES, sum(map(len, columns)) + len(ends) * ends.itemsize
        sizes = count, len(ends), len(contents.texts), len(contents.payloads)
        kept = [*map(ffi.from_buffer, columns), ffi.from_buffer("uint32_t[]", ends)]
        given = ffi.new("struct wvt_contents *", (*kept, *sizes))
        size = self._out_bytes(count, column_bytes)
        memory = take(self._batches, count, size) or _IssueMemory(count, size)
        payloads, offsets = new_buffer("uint8_t[]", column_bytes), new_buffer("uint32_t[]", count + 1)
        nonces = os.urandom(values.NONCE_BYTES * count)
        written = check(lib.wvt_seal_contents(self._lanes, self._sealing, nonces, given, payloads, offsets, memory.out))
        urls = str(memory.view[: written - 1], "ascii").split("\n")
        give_back(self._batches, memory)
        return urls

    def issue_many(
        self, texts: Sequence[str | bytes], now: int, customer: bytes, stored_keys: Sequence[bytes] | None = None
    ) -> list[str | bytes | None]:
        """Return the URL of each request, the kid of a request that needs a stored key, or None if C hands it back.

        Args:
            stored_keys: the stored key (16 bytes, or 24 wrapped) of each request.
        """
        data, offsets = joined(texts)
        count = len(texts)
        size = self._out_bytes(count, len(data))
        memory = take(self._batches, count, size) or _IssueMemory(count, size)
        keys = memory.set_stored_keys(stored_keys)
        nonces = os.urandom(values.NONCE_BYTES * count)
        written = check(
            lib.wvt_issue(self._issuer, memory.buffers, data, offsets, count, nonces, now, customer, len(customer))
        )
        del keys
        results = memory.results(count, written)
        give_back(self._batches, memory)
        return results

    def _take_single(self) -> _IssueMemory:
        try:
            return self._single.pop()
        except IndexError:
            return _IssueMemory(1, self._out_bytes(1, max(ONE_TEXT_MAX, values.PAYLOAD_BYTES_MAX)))

    def _out_bytes(self, count: int, text_bytes: int) -> int:
        """Return an upper bound for the length of `count` URLs. Their requests have `text_bytes` bytes in all."""
        return count * (self._prefix_bytes + _URL_BYTES) + text_bytes * 4 // 3 + 4


class _IssueMemory:
    """The memory of a call of wvt_issue, for `size` bytes of URLs. C wipes the workspace; the rest is not secret."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self._workspace = new_buffer("uint64_t[]", lib.wvt_issue_workspace_bytes() // 8 + 1)
        self.out = new_buffer("uint8_t[]", size)
        self._status = ffi.new("uint8_t[]", count)
        self._kids = ffi.new("uint8_t[]", values.KID_BYTES * count)
        self.one_text = array("I", [0, 0])
        self.offsets = ffi.from_buffer("uint32_t[]", self.one_text)
        self.parsed_bytes = ffi.new("uint32_t *")
        self.view = ffi.buffer(self.out)
        self.workspace = ffi.cast("struct wvt_issue_workspace *", self._workspace)
        self.values = ffi.new("struct wvt_value[]", lib.WVT_VALUES_MAX)
        self.values_view = ffi.buffer(self.values)
        self.buffers = ffi.new(
            "struct wvt_issue_buffers *", (self.workspace, ffi.NULL, ffi.NULL, self.out, self._status, self._kids)
        )

    def wiped(self) -> Any:
        """Return a view of the memory that is wiped after each call, for tests."""
        return ffi.buffer(self._workspace)

    def set_stored_keys(self, stored_keys: Sequence[bytes] | None) -> tuple[Any, Any]:
        """Set the stored keys of the next call. Return their memory. The caller must keep it until the call returns."""
        keys: Any = ffi.NULL
        lengths: Any = ffi.NULL
        if stored_keys is not None:
            padded = [key.ljust(values.WRAPPED_KEY_BYTES, b"\0") for key in stored_keys]
            keys, lengths = ffi.from_buffer(b"".join(padded)), ffi.from_buffer(bytes(map(len, stored_keys)))
        self.buffers.stored_keys, self.buffers.stored_len = keys, lengths
        return keys, lengths

    def results(self, count: int, written: int) -> list[str | bytes | None]:
        urls = str(self.view[: written - 1], "ascii").split("\n") if written else []
        status = bytes(ffi.buffer(self._status, count))
        if not any(status):
            return list(urls)
        kids = bytes(ffi.buffer(self._kids, values.KID_BYTES * count))
        following = iter(urls)
        return [
            next(following)
            if state == lib.WVT_OK
            else kids[values.KID_BYTES * place :][: values.KID_BYTES]
            if state == lib.WVT_NEEDS_KEY
            else None
            for place, state in enumerate(status)
        ]
