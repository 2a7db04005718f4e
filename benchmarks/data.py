"""Input of the benchmarks. The same seed gives the same bytes in every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

import wvtoken

NOW = 1_800_000_000
AUDIENCE = "production"
RIGHTS_URL = "https://wv.example.com/hms/wv/rights/"
PREFIX = f"{RIGHTS_URL}?ExpressPlayToken="
SEALING_KEY = bytes(range(32))
KEYRING = wvtoken.KeyRing({1: SEALING_KEY}, 1)
HEADER = b"\x01" + (1).to_bytes(4, "big")  # version and key id
AAD = HEADER + AUDIENCE.encode()
KEK = bytes(range(16))
AUTHENTICATOR = "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae"
LEVELS = "&securityLevel=1&hdcpOutputControl=0"


def issuer() -> wvtoken.Issuer:
    return wvtoken.Issuer(KEYRING, RIGHTS_URL, audience=AUDIENCE)


def redeemer() -> wvtoken.Redeemer:
    return wvtoken.Redeemer(KEYRING, audience=AUDIENCE)


@cache
def random_bytes(name: str, count: int, length: int) -> list[bytes]:
    source = random.Random(name)
    return [source.randbytes(length) for _ in range(count)]


def five(kid: bytes, key: bytes) -> str:
    return f"{AUTHENTICATOR}&kid={kid.hex()}&contentKey={key.hex()}{LEVELS}"


def nine(kid: bytes, key: bytes) -> str:
    return f"{five(kid, key)}&licenseDuration=3600&expirationTime=+3600&wvExtension=wudo,AAAAAA==&cookie=abc123"


def escaped(kid: bytes, key: bytes) -> str:
    return nine(kid, key).replace(",", "%2C").replace("+", "%2B").replace("==", "%3D%3D")


def wrapped(kid: bytes, key: bytes) -> str:
    ek = aes_key_wrap(KEK, key).hex()
    return f"{AUTHENTICATOR}&kid=^CNN.{kid[:4].hex()}&kek={KEK.hex()}&ek={ek}{LEVELS}&wvExtension=wudo,AAAAAA=="


def stored(kid: bytes, key: bytes) -> str:
    """Nine parameters without a key: `stored_keys` has it."""
    return nine(kid, key).replace(f"&contentKey={key.hex()}", "") + "&contentId=Tatort"


SHAPES: dict[str, Callable[[bytes, bytes], str]] = {
    "five parameters": five,
    "nine parameters": nine,
    "`^name`, `kek`, `ek`, extension": wrapped,
    "nine, percent-escaped": escaped,
}


@cache
def queries(shape: str, count: int) -> list[str]:
    """One request for each key."""
    make = stored if shape == "stored" else SHAPES[shape]
    pairs = zip(random_bytes("kid", count, 16), random_bytes("key", count, 16), strict=True)
    return [make(kid, key) for kid, key in pairs]


@cache
def specs(shape: str, count: int) -> list[wvtoken.TokenSpec]:
    return [wvtoken.parse(query) for query in queries(shape, count)]


def invalid(query: str) -> str:
    return query.replace("securityLevel=1", "securityLevel=9")


@cache
def tenth_invalid(count: int) -> list[str]:
    """Nine parameters; every tenth request is invalid."""
    good = queries("nine parameters", count)
    return [query if place % 10 else invalid(query) for place, query in enumerate(good, 1)]


@cache
def urls(shape: str, count: int) -> list[str]:
    """Tokens of one shape, or tokens with and without each optional field if the shape is "mixed"."""
    if shape != "mixed":
        return [str(url) for url in issuer().issue_many(specs(shape, count), now=NOW)]
    optional = ("", "&cookie=abc123", "&contentId=Tatort", "&wvExtension=wudo,AAAAAA==", "&wvExtension=abcd,3q2+7w==")
    mixed = [
        five_query + optional[place % 5] + (optional[3] if place % 3 else "")
        for place, five_query in enumerate(queries("five parameters", count))
    ]
    return [str(url) for url in issuer().issue_many(mixed, now=NOW)]
