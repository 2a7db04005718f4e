"""The C functions on packed buffers, without the engine's Python around them. Needs the C extension."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from wvtoken.engine._native import ffi, lib

from . import data

LANES = {
    "x86-vaes512": lib.WVT_LANES_VAES512,
    "x86-vaes256": lib.WVT_LANES_VAES256,
    "x86-aesni": lib.WVT_LANES_AESNI,
    "armv8": lib.WVT_LANES_ARMV8,
}

CHUNK = 1024
"""Items that go to C at once when lists are packed and unpacked."""


def base64url_encode(engine: str, items: list[bytes]) -> list[str]:
    """The text of each item. All have one length."""
    lengths = ffi.new("uint32_t[]", [len(items[0])] * min(CHUNK, len(items)))
    line = (len(items[0]) * 4 + 2) // 3 + 1
    out = ffi.new("uint8_t[]", line * len(lengths))
    texts: list[str] = []
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        lib.wvt_base64url_encode(LANES[engine], b"".join(chunk), lengths, len(chunk), out)
        texts += str(ffi.buffer(out, line * len(chunk) - 1), "ascii").split("\n")
    return texts


def base64url_decode(engine: str, texts: list[str]) -> list[bytes]:
    """The bytes of each text. All have one length, and are what they should be."""
    lengths = ffi.new("uint32_t[]", [len(texts[0])] * min(CHUNK, len(texts)))
    length = len(texts[0]) * 3 // 4
    out, status = ffi.new("uint8_t[]", length * len(lengths)), ffi.new("uint8_t[]", len(lengths))
    items: list[bytes] = []
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        text = "".join(chunk).encode("ascii")
        if lib.wvt_base64url_decode(LANES[engine], text, lengths, len(chunk), out, status):
            raise ValueError
        items += Struct(f"{length}s" * len(chunk)).unpack_from(ffi.buffer(out, length * len(chunk)))
    return items


def wrap_batch(engine: str, count: int) -> Callable[[], None]:
    """A call of C that wraps as many keys, under a KEK each."""
    keks, keys = b"".join(data.keks(count)), b"".join(data.keys(count))
    out = ffi.new("uint8_t[]", 24 * count)
    return lambda: lib.wvt_wrap(LANES[engine], ffi.NULL, keks, count, 16, keys, 16, count, out)


def seal_tokens_batch(engine: str, count: int) -> Callable[[], None]:
    """A call of C that makes the texts of as many tokens."""
    nonces, payloads = b"".join(data.nonces(count)), b"".join(data.payloads(count))
    lengths = ffi.new("uint32_t[]", [data.PAYLOAD_BYTES] * count)
    out = ffi.new("uint8_t[]", ((data.PAYLOAD_BYTES + 33) * 4 // 3 + 2) * count)
    return lambda: lib.wvt_seal_tokens(
        LANES[engine], b"", 0, data.SEALING_KEY, data.HEADER, b"", 0, nonces, payloads, lengths, count, out
    )
