"""What the suites work on: the same bytes in every run, from a seed."""

from __future__ import annotations

import os
import random
from functools import cache

import wvtoken

NOW = 1_800_000_000
AUDIENCE = "production"
RIGHTS_URL = "https://wv.example.com/hms/wv/rights/"
KEYRING = wvtoken.KeyRing({1: bytes(range(32))}, 1)
SEALING_KEY = bytes(range(32))
ISSUER = wvtoken.Issuer(KEYRING, RIGHTS_URL, audience=AUDIENCE)
REDEEMER = wvtoken.Redeemer(KEYRING, audience=AUDIENCE)
HEADER = b"\x01" + (1).to_bytes(4, "big")
"""Before the nonce of a token: its version and the number of its key."""

PAYLOAD_BYTES = 54
"""A payload without cookie, extension, content id and customer."""
PAYLOAD_BYTES_MAX = 200
"""Of the payloads of mixed lengths."""

SIZES = tuple(
    int(size) for size in os.environ.get("WVTOKEN_BENCH_SIZES", "1,4,16,64,256,1024,4096,16384,65536").split(",")
)
"""Items of a batch."""


def compared_size(sizes: tuple[int, ...]) -> int:
    """The size of batch that the table is about: the largest up to 4096."""
    return max((size for size in sizes if size <= 4096), default=min(sizes))


@cache
def keks(count: int) -> list[bytes]:
    return _items("kek", count, 16)


@cache
def keys(count: int) -> list[bytes]:
    return _items("key", count, 16)


@cache
def nonces(count: int) -> list[bytes]:
    return _items("nonce", count, 12)


@cache
def payloads(count: int, *, mixed: bool = False) -> list[bytes]:
    """Random payloads: of one length, or of any up to PAYLOAD_BYTES_MAX."""
    if not mixed:
        return _items("payload", count, PAYLOAD_BYTES)
    source = random.Random("mixed payload")
    return [source.randbytes(source.randint(PAYLOAD_BYTES, PAYLOAD_BYTES_MAX)) for _ in range(count)]


@cache
def tokens(count: int) -> list[bytes]:
    """As long as a token is before base64url."""
    return _items("token", count, PAYLOAD_BYTES + 33)


@cache
def queries(count: int) -> list[str]:
    """Requests with the usual parameters, each for a key of its own."""
    return [
        "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae"
        f"&kid={kid.hex()}&contentKey={key.hex()}&securityLevel=1&hdcpOutputControl=0&expirationTime=%2B3600"
        for kid, key in zip(_items("kid", count, 16), keys(count), strict=True)
    ]


@cache
def specs(count: int) -> list[wvtoken.TokenSpec]:
    return [wvtoken.parse(query) for query in queries(count)]


def _items(name: str, count: int, length: int) -> list[bytes]:
    source = random.Random(name)
    return [source.randbytes(length) for _ in range(count)]
