"""The engine in C, on the CPU's own AES units. The only user of `ffi` and `lib`; `csrc/wvtoken.h` is the contract.

A batch is cut into chunks of items, so that what goes through C stays in the cache and one output buffer serves all.
Every call of C releases the GIL, and shares nothing with another.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from struct import Struct
from typing import Any, TypeVar

from ..errors import EngineUnavailable

try:
    from ._native import ffi, lib
except ImportError:
    raise EngineUnavailable("the C extension is not installed") from None

_LANES = {
    "x86-vaes512": lib.WVT_LANES_VAES512,
    "x86-vaes256": lib.WVT_LANES_VAES256,
    "x86-aesni": lib.WVT_LANES_AESNI,
    "armv8": lib.WVT_LANES_ARMV8,
}
"""Names of the lanes, the widest first."""

_CHUNK = 1024
_WRAP_BYTES = 8
_KEY_TO_WRAP_MIN = 16
_TAG_BYTES = lib.WVT_TAG_BYTES
_NONCE_BYTES = lib.WVT_NONCE_BYTES
_TOKEN_OVERHEAD = lib.WVT_TOKEN_OVERHEAD
_OPENED_OVERHEAD = _TOKEN_OVERHEAD - _NONCE_BYTES
_FOREIGN = lib.WVT_FOREIGN

_Items = TypeVar("_Items", bytes, Sequence[bytes])
_Result = TypeVar("_Result")

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
            raise EngineUnavailable(
                "this CPU has no AES and carry-less multiply instructions that the C extension knows"
            )
        if name is not None and name not in names:
            raise EngineUnavailable(f"no engine {name!r} here, only {', '.join([*names, 'openssl'])}")
        self.name = name or names[0]
        self._lanes = _LANES[self.name]

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> list[bytes]:
        return _by_shape(keks, keys, self._wrap_alike)

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> list[bytes | None]:
        return _by_shape(keks, wrapped, self._unwrap_alike)

    def seal(self, key: bytes, aad: bytes, nonces: bytes, messages: Sequence[bytes]) -> list[bytes]:
        sealed: list[bytes] = []
        with _Output() as output:
            for chunk, chunk_nonces in zip(_chunks(messages), _chunks(nonces, _NONCE_BYTES), strict=True):
                lengths = _lengths(chunk)
                sealed_lengths = [length + _TAG_BYTES for length in lengths]
                out = output.of(sum(sealed_lengths))
                _done(
                    lib.wvt_seal(
                        self._lanes, key, aad, len(aad), chunk_nonces, b"".join(chunk), _u32(lengths), len(chunk), out
                    )
                )
                sealed += output.split(sealed_lengths)
        return sealed

    def open(self, key: bytes, aad: bytes, nonces: bytes, sealed: Sequence[bytes]) -> list[bytes | None]:
        opened: list[bytes | None] = []
        with _Output() as output:
            for chunk, chunk_nonces in zip(_chunks(sealed), _chunks(nonces, _NONCE_BYTES), strict=True):
                lengths = _lengths(chunk)
                message_lengths = [max(length - _TAG_BYTES, 0) for length in lengths]
                out, status = output.of(sum(message_lengths)), bytearray(len(chunk))
                refused = _done(
                    lib.wvt_open(
                        self._lanes,
                        key,
                        aad,
                        len(aad),
                        chunk_nonces,
                        b"".join(chunk),
                        _u32(lengths),
                        len(chunk),
                        out,
                        ffi.from_buffer("uint8_t[]", status),
                    )
                )
                opened += _accepted(output.split(message_lengths), status, refused)
        return opened

    def seal_tokens(
        self, key: bytes, header: bytes, audience: bytes, nonces: bytes, payloads: Sequence[bytes]
    ) -> list[str]:
        texts: list[str] = []
        with _Output() as output:
            for chunk, chunk_nonces in zip(_chunks(payloads), _chunks(nonces, _NONCE_BYTES), strict=True):
                lengths = _lengths(chunk)
                # base64url without padding is ceil(4/3) as long, and a line feed ends each text.
                size = sum([((length + _TOKEN_OVERHEAD) * 4 + 2) // 3 + 1 for length in lengths])
                out = output.of(size)
                _done(
                    lib.wvt_seal_tokens(
                        self._lanes,
                        key,
                        header,
                        audience,
                        len(audience),
                        chunk_nonces,
                        b"".join(chunk),
                        _u32(lengths),
                        len(chunk),
                        out,
                    )
                )
                texts += str(ffi.buffer(out, size - 1), "ascii").split("\n")
        return texts

    def open_tokens(
        self, keys: Sequence[tuple[bytes, bytes]], audience: bytes, texts: Sequence[bytes]
    ) -> list[bytes | None]:
        opened: list[bytes | None] = []
        for chunk in _chunks(texts):
            opened += self._open_chunk(keys, audience, chunk)
        return opened

    def _open_chunk(
        self, keys: Sequence[tuple[bytes, bytes]], audience: bytes, texts: Sequence[bytes]
    ) -> list[bytes | None]:
        """With the first key; then those texts that have another header with the next, and so on."""
        (header, key), *others = keys
        lengths = _lengths(texts)
        opened_lengths = [max(length * 3 // 4 - _OPENED_OVERHEAD, 0) for length in lengths]
        status = bytearray(len(texts))
        with _Output() as output:
            out = output.of(sum(opened_lengths))
            refused = _done(
                lib.wvt_open_tokens(
                    self._lanes,
                    key,
                    header,
                    audience,
                    len(audience),
                    b"".join(texts),
                    _u32(lengths),
                    len(texts),
                    out,
                    ffi.from_buffer("uint8_t[]", status),
                )
            )
            opened = _accepted(output.split(opened_lengths), status, refused)
        foreign = [place for place, state in enumerate(status) if state == _FOREIGN] if refused and others else []
        if foreign:
            _put(opened, foreign, self._open_chunk(others, audience, [texts[place] for place in foreign]))
        return opened

    def _wrap_alike(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> list[bytes]:
        length = len(keys[0])
        wrapped: list[bytes] = []
        with _Output() as output:
            for chunk, (kek, count, kek_bytes) in zip(_chunks(keys), _kek_chunks(keks), strict=False):
                out = output.of(len(chunk) * (length + _WRAP_BYTES))
                _done(lib.wvt_wrap(self._lanes, kek, count, kek_bytes, b"".join(chunk), length, len(chunk), out))
                wrapped += output.split([length + _WRAP_BYTES] * len(chunk))
        return wrapped

    def _unwrap_alike(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> list[bytes | None]:
        length = len(wrapped[0]) - _WRAP_BYTES
        if length < _KEY_TO_WRAP_MIN or length % 8:
            return [None] * len(wrapped)
        keys: list[bytes | None] = []
        with _Output() as output:
            for chunk, (kek, count, kek_bytes) in zip(_chunks(wrapped), _kek_chunks(keks), strict=False):
                out, status = output.of(len(chunk) * length), bytearray(len(chunk))
                refused = _done(
                    lib.wvt_unwrap(
                        self._lanes,
                        kek,
                        count,
                        kek_bytes,
                        b"".join(chunk),
                        length,
                        len(chunk),
                        out,
                        ffi.from_buffer("uint8_t[]", status),
                    )
                )
                keys += _accepted(output.split([length] * len(chunk)), status, refused)
        return keys


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
        """At least `size` bytes, of any content."""
        if size > self._size:
            lib.wvt_wipe(self._buffer, self._size)
            self._buffer, self._size = _new_buffer("uint8_t[]", size), size
        return self._buffer

    def split(self, lengths: list[int]) -> list[bytes]:
        """What C has written, as items of these lengths."""
        if lengths.count(lengths[0]) == len(lengths):
            split = _splitter(lengths[0], len(lengths))
            return list(split.unpack_from(ffi.buffer(self._buffer, split.size)))
        ends = list(accumulate(lengths))
        written = bytes(ffi.buffer(self._buffer, ends[-1]))
        return [written[end - length : end] for end, length in zip(ends, lengths, strict=True)]


@lru_cache(maxsize=64)
def _splitter(length: int, count: int) -> Struct:
    return Struct(f"{length}s" * count)


def _done(refused: int) -> int:
    if refused < 0:
        raise ValueError("an item is longer than the engine takes")
    return refused


def _chunks(items: _Items, stride: int = 1) -> Iterator[_Items]:
    step = _CHUNK * stride
    return (items[start : start + step] for start in range(0, len(items), step))


def _kek_chunks(keks: bytes | Sequence[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """For each chunk its KEKs in a row, how many, and the length of each."""
    if isinstance(keks, bytes):
        return repeat((keks, 1, len(keks)))
    return ((b"".join(chunk), len(chunk), len(chunk[0])) for chunk in _chunks(keks))


def _lengths(items: Iterable[bytes]) -> list[int]:
    return list(map(len, items))


def _u32(numbers: list[int]) -> Any:
    return ffi.from_buffer("uint32_t[]", array("I", numbers))


def _accepted(items: list[bytes], status: bytearray, refused: int) -> list[bytes | None]:
    if not refused:
        return list(items)
    return [None if state else item for state, item in zip(status, items, strict=True)]


def _put(results: list[_Result], places: Iterable[int], some: Iterable[_Result]) -> None:
    for place, result in zip(places, some, strict=False):
        results[place] = result


def _by_shape(
    keks: bytes | Sequence[bytes],
    items: Sequence[bytes],
    run: Callable[[bytes | Sequence[bytes], Sequence[bytes]], list[_Result]],
) -> list[_Result]:
    """The results of `run` for items of any lengths: it is called for those alike in the lengths of KEK and item."""
    kek_lengths = repeat(len(keks)) if isinstance(keks, bytes) else map(len, keks)
    shapes = list(zip(kek_lengths, map(len, items), strict=False))
    if len(set(shapes)) == 1:
        return run(keks, items)
    places: dict[tuple[int, int], list[int]] = {}
    for place, shape in enumerate(shapes):
        places.setdefault(shape, []).append(place)
    results: list[Any] = [None] * len(items)
    for alike in places.values():
        some_keks = keks if isinstance(keks, bytes) else [keks[place] for place in alike]
        _put(results, alike, run(some_keks, [items[place] for place in alike]))
    return results
