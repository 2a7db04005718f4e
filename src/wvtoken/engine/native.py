"""The engine in C, on the CPU's own AES units. The only user of `ffi` and `lib`; `csrc/wvtoken.h` is the contract.

A batch is cut into chunks of items, so that what goes through C stays in the cache and one output buffer serves all.
Every call of C releases the GIL, and shares nothing with another.
"""

from __future__ import annotations

import os
from array import array
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from struct import Struct
from typing import Any, TypeVar

from ..errors import EngineUnavailable, KeyUnwrapError


def _why(error: ImportError) -> str:
    if not isinstance(error, ModuleNotFoundError):
        return f"the C extension does not load: {error}"
    missing = "the C extension" if error.name == f"{__package__}._native" else error.name
    return f"{missing} is not installed"


try:
    from ._native import ffi, lib
except ImportError as _error:
    raise EngineUnavailable(_why(_error)) from None

_LANES = {
    "x86-vaes512": lib.WVT_LANES_VAES512,
    "x86-vaes256": lib.WVT_LANES_VAES256,
    "x86-aesni": lib.WVT_LANES_AESNI,
    "armv8": lib.WVT_LANES_ARMV8,
}
"""Names of the lanes, the widest first."""

_CHUNK = 2048
_KEYS_CHUNK = 4096
"""Items that go through C at once, and keys, which are shorter."""
_WRAP_BYTES = 8
_KEY_BYTES: int = lib.WVT_KEY_BYTES
_HEADER_BYTES: int = lib.WVT_HEADER_BYTES
_HEADER_CHARS = 7  # of base64url, and two more bits
_TAG_BYTES: int = lib.WVT_TAG_BYTES
_NONCE_BYTES: int = lib.WVT_NONCE_BYTES
_TOKEN_OVERHEAD: int = lib.WVT_TOKEN_OVERHEAD
_OPENED_OVERHEAD: int = lib.WVT_OPENED_OVERHEAD
_FOREIGN: int = lib.WVT_FOREIGN

_Items = TypeVar("_Items", bytes, Sequence[bytes], Sequence[str])

_MARK_BYTES: int = lib.WVT_MARK_BYTES
_MARK = os.urandom(_MARK_BYTES)
"""Stands between keys that are joined for C. Random, so that no key has it but by a chance of 2 to the -64."""

_new_buffer = ffi.new_allocator(should_clear_after_alloc=False)


def lane_names() -> list[str]:
    """The lanes that this CPU can run, the widest first."""
    supported = lib.wvt_lanes_supported()
    return [name for name, lanes in _LANES.items() if supported & lanes]


class NativeEngine:
    """See `Engine`. `name` is one of the lanes; None takes the widest."""

    __slots__ = ("_lanes", "name")

    def __init__(self, name: str | None = None) -> None:
        names = lane_names()
        if not names:
            raise EngineUnavailable("the C extension knows no AES instructions of this CPU")
        if name is not None and name not in names:
            raise EngineUnavailable(f"no engine {name!r} here, only {', '.join([*names, 'openssl'])}")
        self.name: str = name or names[0]
        self._lanes = _LANES[self.name]

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> list[bytes] | None:
        wrapped: list[bytes] = []
        with _Output() as output:
            for kek, kek_bytes, key, key_bytes, count in _joined(keks, keys):
                out = output.of(count * (key_bytes + _WRAP_BYTES))
                kek_count = 1 if kek is keks else count
                if lib.wvt_wrap(self._lanes, _MARK, kek, kek_count, kek_bytes, key, key_bytes, count, out) < 0:
                    return None
                wrapped += _split(out, key_bytes + _WRAP_BYTES, count)
        return wrapped or None

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> list[bytes | KeyUnwrapError] | None:
        keys: list[bytes | KeyUnwrapError] = []
        with _Output() as output:
            for kek, kek_bytes, item, item_bytes, count in _joined(keks, wrapped):
                key_bytes = max(item_bytes - _WRAP_BYTES, 0)
                out, status = output.of(count * key_bytes), _bytes(count)
                kek_count = 1 if kek is keks else count
                refused = lib.wvt_unwrap(
                    self._lanes, _MARK, kek, kek_count, kek_bytes, item, key_bytes, count, out, status
                )
                if refused < 0:
                    return None
                chunk = _split(out, key_bytes, count)
                if refused:
                    keys += [KeyUnwrapError("ek") if state else key for state, key in zip(status, chunk, strict=True)]
                else:
                    keys += chunk
        return keys or None

    def seal(self, key: bytes, aad: bytes, nonces: bytes, messages: Sequence[bytes]) -> list[bytes]:
        _check_lengths(key, nonces, len(messages))
        sealed: list[bytes] = []
        with _Output() as output:
            for chunk, nonce in zip(_chunks(messages), _chunks(nonces, _NONCE_BYTES), strict=True):
                count, data, lengths = len(chunk), b"".join(chunk), _lengths(chunk)
                out = output.of(len(data) + count * _TAG_BYTES)
                _done(lib.wvt_seal(self._lanes, key, aad, len(aad), nonce, data, _u32(lengths), count, out))
                sealed += _split_each(out, lengths, lambda length: length + _TAG_BYTES)
        return sealed

    def open(self, key: bytes, aad: bytes, nonces: bytes, sealed: Sequence[bytes]) -> list[bytes | None]:
        _check_lengths(key, nonces, len(sealed))
        opened: list[bytes | None] = []
        with _Output() as output:
            for chunk, nonce in zip(_chunks(sealed), _chunks(nonces, _NONCE_BYTES), strict=True):
                count, data, lengths = len(chunk), b"".join(chunk), _lengths(chunk)
                out, status = output.of(len(data)), _bytes(count)
                refused = _done(
                    lib.wvt_open(self._lanes, key, aad, len(aad), nonce, data, _u32(lengths), count, out, status)
                )
                messages = _split_each(out, lengths, lambda length: max(length - _TAG_BYTES, 0))
                opened += _accepted(messages, status, refused)
        return opened

    def seal_tokens(
        self,
        key: bytes,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        _check_lengths(key, nonces, len(payloads), header)
        texts: list[str] = []
        before = prefix.encode("ascii")
        with _Output() as output:
            for chunk, nonce in zip(_chunks(payloads), _chunks(nonces, _NONCE_BYTES), strict=True):
                count, data, lengths = len(chunk), b"".join(chunk), _lengths(chunk)
                size = sum(_mapped(lengths, _text_line_bytes)) + count * len(before)
                out = output.of(size)
                _done(
                    lib.wvt_seal_tokens(
                        self._lanes,
                        before,
                        len(before),
                        key,
                        header,
                        audience,
                        len(audience),
                        nonce,
                        data,
                        _u32(lengths),
                        count,
                        out,
                    )
                )
                texts += str(ffi.buffer(out, size - 1), "ascii").split("\n")
        return texts

    def open_tokens(
        self, keys: Sequence[tuple[bytes, bytes]], audience: bytes, texts: Sequence[str]
    ) -> list[bytes | None]:
        opened: list[bytes | None] = []
        with _Output() as output:
            for chunk in _chunks(texts):
                opened += self._open_chunk(keys, audience, chunk, output)
        return opened

    def _open_chunk(
        self, keys: Sequence[tuple[bytes, bytes]], audience: bytes, texts: Sequence[str], output: _Output
    ) -> list[bytes | None]:
        """With the first key; then those texts that have the header of another with that one."""
        (header, key), *others = keys
        opened, foreign = self._open_with(key, header, audience, texts, output)
        if foreign and others:
            known = dict(others)
            for header, places in _by_header(texts, foreign).items():
                if header in known:
                    some = [texts[place] for place in places]
                    again, _ = self._open_with(known[header], header, audience, some, output)
                    for place, result in zip(places, again, strict=True):
                        opened[place] = result
        return opened

    def _open_with(
        self, key: bytes, header: bytes, audience: bytes, texts: Sequence[str], output: _Output
    ) -> tuple[list[bytes | None], list[int]]:
        """What one key opens, and the places of texts that have another header."""
        _check_lengths(key, b"", 0, header)
        count, data, lengths = len(texts), "".join(texts).encode("ascii"), _lengths(texts)
        out, status = output.of(len(data)), _bytes(count)
        refused = _done(
            lib.wvt_open_tokens(
                self._lanes, key, header, audience, len(audience), data, _u32(lengths), count, out, status
            )
        )
        foreign = [place for place, state in enumerate(status) if state == _FOREIGN] if refused else []
        return _accepted(_split_each(out, lengths, _opened_bytes), status, refused), foreign


class _Output:
    """A buffer that C writes to, one for all chunks of a call; wiped when the call is over, for it may hold keys."""

    __slots__ = ("_buffer", "_size")

    def __enter__(self) -> _Output:
        self._size = 0
        self._buffer: Any = ffi.NULL
        return self

    def __exit__(self, *exception: object) -> None:
        lib.wvt_wipe(self._buffer, self._size)

    def of(self, size: int) -> Any:
        """At least `size` bytes, of any content; never NULL, which C does not take."""
        size = max(size, 1)
        if size > self._size:
            lib.wvt_wipe(self._buffer, self._size)
            self._buffer, self._size = _new_buffer("uint8_t[]", size), size
        return self._buffer


def _check_lengths(key: bytes, nonces: bytes, count: int, header: bytes | None = None) -> None:
    """C cannot see how long these are."""
    if len(key) != _KEY_BYTES or len(nonces) != count * _NONCE_BYTES:
        raise ValueError("the key has 32 bytes, and each item a nonce of 12")
    if header is not None and len(header) != _HEADER_BYTES:
        raise ValueError("a header has 5 bytes")


def _by_header(texts: Sequence[str], places: Sequence[int]) -> dict[bytes, list[int]]:
    """Places of texts by the header that the text begins with."""
    by_chars: dict[str, list[int]] = {}
    for place in places:
        by_chars.setdefault(texts[place][:_HEADER_CHARS], []).append(place)
    by_header: dict[bytes, list[int]] = {}
    for chars, some in by_chars.items():
        by_header.setdefault(urlsafe_b64decode(f"{chars}A")[:_HEADER_BYTES], []).extend(some)
    return by_header


def _done(refused: Any) -> int:
    if refused < 0:
        raise ValueError("an item is longer than the engine takes")
    return int(refused)


def _chunks(items: _Items, stride: int = 1) -> Iterator[_Items]:
    step = _CHUNK * stride
    return (items[start : start + step] for start in range(0, len(items), step))


def _joined(keks: bytes | Sequence[bytes], items: Sequence[bytes]) -> Iterator[tuple[bytes, int, bytes, int, int]]:
    """For each chunk its KEKs and its items with the mark between them, each with the length of one; and how many.

    That they are of one length costs too much to ask each of them. C looks whether the mark is where it would then be.
    What cannot be joined has no such length, which is what -1 says here.
    """
    if not isinstance(keks, bytes) and len(keks) != len(items):
        return
    for start in range(0, len(items), _KEYS_CHUNK):
        chunk = _part(items, start)
        count = len(chunk)
        kek, kek_bytes = (keks, len(keks)) if isinstance(keks, bytes) else _join(_part(keks, start), count)
        yield kek, kek_bytes, *_join(chunk, count), count


def _part(items: Sequence[bytes], start: int) -> Sequence[bytes]:
    return items if len(items) <= _KEYS_CHUNK else items[start : start + _KEYS_CHUNK]


def _join(items: Sequence[bytes], count: int) -> tuple[bytes, int]:
    try:
        joined = _MARK.join(items)
    except (TypeError, BufferError):
        return b"", 0
    length, rest = divmod(len(joined) + _MARK_BYTES, count)
    return (b"", 0) if rest else (joined, length - _MARK_BYTES)


def _lengths(items: Sequence[bytes] | Sequence[str]) -> array[int]:
    return array("I", map(len, items))


def _u32(numbers: array[int]) -> Any:
    return ffi.from_buffer("uint32_t[]", numbers)


def _bytes(count: int) -> Any:
    return ffi.new("uint8_t[]", count)


def _text_line_bytes(payload_bytes: int) -> int:
    """base64url without padding is 4/3 as long, rounded up, and a line feed ends it."""
    return ((payload_bytes + _TOKEN_OVERHEAD) * 4 + 2) // 3 + 1


def _opened_bytes(text_bytes: int) -> int:
    return max(text_bytes * 3 // 4 - _OPENED_OVERHEAD, 0)


def _mapped(lengths: array[int], function: Callable[[int], int]) -> list[int]:
    """The function of each length, which mostly are all the same."""
    if _alike(lengths):
        return [function(lengths[0])] * len(lengths)
    return list(map(function, lengths))


def _alike(lengths: array[int]) -> bool:
    return lengths.tobytes() == lengths[:1].tobytes() * len(lengths)


def _split(out: Any, length: int, count: int) -> Sequence[bytes]:
    """What C has written, as items of one length."""
    return _splitter(length, count).unpack_from(ffi.buffer(out, length * count))


def _split_each(out: Any, lengths: array[int], written_bytes: Callable[[int], int]) -> Sequence[bytes]:
    """What C has written, as items of lengths that follow from those of the input."""
    if _alike(lengths):
        return _split(out, written_bytes(lengths[0]), len(lengths))
    ends = list(accumulate(map(written_bytes, lengths)))
    written = bytes(ffi.buffer(out, ends[-1]))
    return [written[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@lru_cache(maxsize=64)
def _splitter(length: int, count: int) -> Struct:
    return Struct(f"{length}s" * count)


def _accepted(items: Sequence[bytes], status: Any, refused: int) -> list[bytes | None]:
    if not refused:
        return list(items)
    return [None if state else item for state, item in zip(status, items, strict=True)]
