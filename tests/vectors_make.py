"""Write `keywrap.json`, `payloads.json` and `tokens.json` of tests/vectors.

The generator follows token-format.md and RFC 3394. It uses `struct` and the package `cryptography`, and imports nothing
from wvtoken, so the files do not depend on the library. `frozen-v1.json` is never written again.

    python -m tests.vectors_make
"""

from __future__ import annotations

import json
import struct
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding

FOLDER = Path(__file__).parent / "vectors"
Vector = dict[str, Any]
File = dict[str, list[Vector]]

ICV = bytes.fromhex("a6a6a6a6a6a6a6a6")
"""RFC 3394, section 2.2.3.1."""


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {
        "keywrap.json": _text({"valid": list(_good_wraps()), "invalid": list(_bad_wraps())}),
        "payloads.json": _text({"valid": list(_good_payloads()), "invalid": list(_bad_payloads())}),
        "tokens.json": _text({"valid": list(_good_tokens()), "invalid": list(_bad_tokens())}),
    }


def _text(file: File) -> str:
    """Write one vector per line."""
    lists = (f'"{name}": [\n' + ",\n".join(map(json.dumps, vectors)) + "\n]" for name, vectors in file.items())
    return "{\n" + ",\n".join(lists) + "\n}\n"


def _some(label: str, length: int) -> bytes:
    """Return bytes that look random but depend only on the label."""
    blocks = (sha256(f"{label} {number}".encode()).digest() for number in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def _flipped(data: bytes, at: int, mask: int = 1) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


# Key wraps.


def wrap(kek: bytes, key: bytes, initial: bytes = ICV) -> bytes:
    """Wrap `key` as in RFC 3394, section 2.2.1, with any initial value."""
    aes = Cipher(algorithms.AES(kek), modes.ECB()).encryptor()
    blocks = [key[at : at + 8] for at in range(0, len(key), 8)]
    register = initial
    for step in range(6 * len(blocks)):
        at = step % len(blocks)
        out = aes.update(register + blocks[at])
        register = (int.from_bytes(out[:8], "big") ^ step + 1).to_bytes(8, "big")
        blocks[at] = out[8:]
    return b"".join([register, *blocks])


def _good_wraps() -> Iterator[Vector]:
    for kek_bytes in (16, 24, 32):
        for key_bytes in (16, 24, 32, 40, 48, 64, 72, 128, 256, 520):
            comment = f"a KEK of {kek_bytes} bytes, a key of {key_bytes}"
            kek, key = _some(f"kek {comment}", kek_bytes), _some(f"key {comment}", key_bytes)
            yield {"comment": comment, "class": "valid", **_hexes(kek=kek, key=key, ek=aes_key_wrap(kek, key))}
    for comment, kek, key in (
        ("zeros", bytes(16), bytes(16)),
        ("ones", b"\xff" * 32, b"\xff" * 16),
        ("a key that is its own KEK", _some("kek", 16), _some("kek", 16)),
        ("a key that looks like the initial value", _some("kek", 16), ICV * 2),
        ("a wrapped key wrapped again", _some("kek", 16), aes_key_wrap(_some("kek", 16), _some("key", 16))),
    ):
        yield {"comment": comment, "class": "valid", **_hexes(kek=kek, key=key, ek=aes_key_wrap(kek, key))}


def _bad_wraps() -> Iterator[Vector]:
    def unwrap(class_: str, comment: str, kek: bytes, ek: bytes) -> Vector:
        return {"comment": comment, "class": class_, **_hexes(kek=kek, ek=ek)}

    for kek_bytes in (16, 24, 32):
        kek, key = _some(f"kek {kek_bytes}", kek_bytes), _some(f"key {kek_bytes}", 16)
        ek, what = aes_key_wrap(kek, key), f"KEK of {kek_bytes} bytes"
        for at in (0, 7, 8, 15, 16, 23):
            yield unwrap("forged", f"{what}: a bit of byte {at} flipped", kek, _flipped(ek, at, 1 << at % 8))
        for at in (0, kek_bytes - 1):
            yield unwrap("forged", f"{what}: a bit of the KEK's byte {at} flipped", _flipped(kek, at, 128), ek)
        yield unwrap("forged", f"{what}: semiblocks swapped", kek, ek[:8] + ek[16:] + ek[8:16])
        yield unwrap("forged", f"{what}: the first semiblock last", kek, ek[8:] + ek[:8])
        yield unwrap("forged", f"{what}: the key in the clear", kek, ICV + key)
        yield unwrap("forged", f"{what}: zeros", kek, bytes(24))
        for initial in (bytes(8), _flipped(ICV, 0), _flipped(ICV, 3), _flipped(ICV, 7, 128), ICV[:4] + bytes(4)):
            yield unwrap("forged", f"{what}: initial value {initial.hex()}", kek, wrap(kek, key, initial))
        padded = aes_key_wrap_with_padding(kek, key)
        yield unwrap("forged", f"{what}: wrapped with padding (RFC 5649)", kek, padded)
        yield unwrap("forged", f"{what}: the last semiblock missing", kek, aes_key_wrap(kek, key * 2)[:-8])
        yield unwrap("forged", f"{what}: a semiblock too many", kek, ek + bytes(8))
        longer = aes_key_wrap(kek, key * 4)
        yield unwrap("forged", f"{what}: a key of 64 bytes, a bit of its last byte flipped", kek, _flipped(longer, -1))
        one_block = aes_key_wrap_with_padding(kek, key[:8])
        yield unwrap("length", f"{what}: 8 bytes wrapped with padding (RFC 5649)", kek, one_block)
    kek, key = _some("kek 16", 16), _some("key 16", 16)
    ek = aes_key_wrap(kek, key)
    for length in (0, 1, 7, 8, 15, 16, 17, 23, 25, 31, 33, 39, 41):
        yield unwrap("length", f"{length} bytes are no wrapped key", kek, _some("ek", length))
    for length in (0, 1, 8, 15, 17, 23, 25):
        vector = {"comment": f"{length} bytes cannot be wrapped", "class": "key"}
        yield vector | _hexes(kek=kek, key=_some("key", length))
    for length in (0, 8, 15, 17, 23, 25, 31, 33, 48, 64):
        vector = {"comment": f"no KEK has {length} bytes", "class": "kek"}
        yield vector | _hexes(kek=_some("kek", length), key=key, ek=ek)


def _hexes(**values: bytes) -> Vector:
    return {name: value.hex() for name, value in values.items()}


# Payloads.

NOW = 1_800_000_000
DAYS_30 = 30 * 24 * 60 * 60
LAST_SECOND = 253402300799
COOKIE, CONTENT_ID, EXTENSION, CUSTOMER = 1, 2, 3, 4

NOTHING: Vector = {
    "issued_at": NOW - 60,
    "expires_at": NOW + 3540,
    "kid": "80ea8bc8a58f990ad1f76bc665b30bfa",
    "content_key": "a9b9033df0b9ca5447839e3d074817a0",
    "security_level": 3,
    "hdcp_output_control": 1,
    "license_duration": 86400,
    "extensions": [],
    "content_id": None,
    "cookie": None,
    "customer": None,
}


def _fixed(**changes: Any) -> bytes:
    grant = NOTHING | changes
    return struct.pack(
        ">QQ16s16sBBI",
        grant["issued_at"],
        grant["expires_at"],
        bytes.fromhex(grant["kid"]),
        bytes.fromhex(grant["content_key"]),
        grant["security_level"],
        grant["hdcp_output_control"],
        grant["license_duration"] or 0,
    )


def _field(tag: int, value: bytes, more: int = 0) -> bytes:
    """Encode a field; its length is `more` bytes too large."""
    return struct.pack(">BH", tag, len(value) + more) + value


def _payload(grant: Vector) -> bytes:
    parts = [_fixed(**grant)]
    for tag, name in ((COOKIE, "cookie"), (CONTENT_ID, "content_id")):
        if grant[name] is not None:
            parts.append(_field(tag, grant[name].encode()))
    for extension in grant["extensions"]:
        parts.append(_field(EXTENSION, extension["type"].encode() + bytes.fromhex(extension["payload"])))
    if grant["customer"] is not None:
        parts.append(_field(CUSTOMER, grant["customer"].encode()))
    return b"".join(parts)


def _extension(type_: str, payload: bytes) -> Vector:
    return {"type": type_, "payload": payload.hex()}


EVERYTHING: Vector = {
    "cookie": "c-42",
    "content_id": "Café",
    "extensions": [_extension("wudo", bytes(4)), _extension("abcd", bytes.fromhex("deadbeef"))],
    "customer": "cnn",
}

TEXTS = {
    "of one character": "x",
    "that is a space": " ",
    "in the widest characters": "\U0010ffff",
    "with characters that are not printable, but no control characters": "\xa0\xad\u200e\u2028\ufeff\ufffe",
    "with a quotation mark, a backslash and markup": "\"'\\<&>",
    "of every length of UTF-8": "aé€\U0001f600",
    "in two spellings of one letter": "é\u0065\u0301",
}


def _grants() -> Iterator[tuple[str, Vector]]:
    yield "nothing but what is always there", {}
    yield "everything", EVERYTHING
    for level in (1, 2, 4, 5):  # and 3 above
        yield f"security_level {level}", {"security_level": level}
    for control in (0, 2):  # and 1 above
        yield f"hdcp_output_control {control}", {"hdcp_output_control": control}
    for duration in (None, 1, 2**32 - 1):
        yield f"license_duration {'unlimited' if duration is None else duration}", {"license_duration": duration}
    yield "kid and content_key of zeros", {"kid": "00" * 16, "content_key": "00" * 16}
    yield "kid and content_key of ones", {"kid": "ff" * 16, "content_key": "ff" * 16}
    yield "a life of one second", {"issued_at": NOW, "expires_at": NOW + 1}
    yield "a life of 30 days", {"issued_at": NOW, "expires_at": NOW + DAYS_30}
    yield "the first second of all", {"issued_at": 0, "expires_at": 1}
    yield "the last second of all", {"issued_at": LAST_SECOND - 1, "expires_at": LAST_SECOND}
    yield "times of more than 32 bits", {"issued_at": 2**32, "expires_at": 2**32 + 60}
    for name, most in (("cookie", 32), ("content_id", 1024)):
        for what, text in TEXTS.items():
            yield f"a {name} {what}", {name: text}
        yield f"a {name} of {most} characters", {name: "x" * most}
        yield f"a {name} of {most} characters of four bytes", {name: "\U0001f600" * most}
    for type_ in ("wudo", "    ", "~~~~", "a+/=", "\"<'>"):
        yield f"extension type {type_}", {"extensions": [_extension(type_, b"\0")]}
    yield (
        "extensions in the order of the request",
        {"extensions": [_extension(type_, b"1") for type_ in ("zzzz", "aaaa")]},
    )
    yield "one extension twice", {"extensions": [_extension("wudo", b"1")] * 2}
    yield "a hundred extensions", {"extensions": [_extension("wudo", bytes([number])) for number in range(100)]}
    yield "an extension payload that looks like a field", {"extensions": [_extension("wudo", _field(CUSTOMER, b"cnn"))]}
    for customer in ("c", " ", "~" * 64, "a,b=c&d"):
        yield f"customer {customer}", {"customer": customer}
    yield "cookie and customer alone", {"cookie": "c", "customer": "c"}
    yield "content_id and an extension alone", {"content_id": "c", "extensions": [_extension("wudo", b"c")]}
    yield "8191 bytes", {"extensions": [_extension("wudo", _some("8191", 8191 - 54 - 7))]}
    yield "8192 bytes, of one extension", {"extensions": [_extension("wudo", _some("8192", 8192 - 54 - 7))]}
    room = 8192 - len(_payload(NOTHING | EVERYTHING)) - 7
    extensions = [*EVERYTHING["extensions"], _extension("last", _some("8192", room))]
    yield "8192 bytes, of everything", EVERYTHING | {"extensions": extensions}


def _good_payloads() -> Iterator[Vector]:
    for comment, changes in _grants():
        grant = NOTHING | changes
        yield {"comment": comment, "class": "valid", "payload": _payload(grant).hex(), "grant": grant}


NOT_TEXT = {
    "empty": b"",
    "with U+0000": b"a\x00b",
    "with a line feed": b"ab\n",
    "with U+001F": b"\x1fa",
    "with U+007F": b"a\x7f",
    "with U+0080": b"a\xc2\x80",
    "with U+0085": b"a\xc2\x85",
    "with U+009F": b"\xc2\x9f",
    "that is not UTF-8: a byte that never occurs": b"a\xff",
    "that is not UTF-8: Latin-1": b"Caf\xe9",
    "that is not UTF-8: cut off": b"Caf\xc3",
    "that is not UTF-8: a byte that goes on from nothing": b"\x80a",
    "that is not UTF-8: longer than need be": b"\xc0\xaf",
    "that is not UTF-8: longer than need be, three bytes": b"\xe0\x80\xaf",
    "that is not UTF-8: a surrogate": b"\xed\xa0\x80",
    "that is not UTF-8: two surrogates for one character": b"\xed\xa0\xbd\xed\xb8\x80",
    "that is not UTF-8: beyond U+10FFFF": b"\xf4\x90\x80\x80",
}


def _bad_payloads() -> Iterator[Vector]:
    for class_, name, comment, payload in _faults():
        field = {} if name is None else {"field": name}
        yield {"comment": comment, "class": class_, **field, "payload": payload.hex()}


def _faults() -> Iterator[tuple[str, str | None, str, bytes]]:
    """Yield class, field, comment and payload. Each payload breaks one rule."""
    fixed, everything = _fixed(), _payload(NOTHING | EVERYTHING)
    for length in (0, 1, 16, 53):
        yield "short", None, f"{length} bytes", fixed[:length]

    for more in (b"\0", b"\x04", b"\x04\x00"):
        yield "trailing", None, f"{more.hex()} after what is always there", fixed + more
        yield "trailing", None, f"{more.hex()} after everything", everything + more
    yield "trailing", None, "everything, and the last field's head without its last byte", everything[:-4]
    for tag, name, value in (
        (COOKIE, "cookie", b"c-42"),
        (CONTENT_ID, "content_id", "Café".encode()),
        (EXTENSION, "extension", b"wudo\0"),
        (CUSTOMER, "customer", b"cnn"),
    ):
        for over in (1, 256, 65535 - len(value)):
            yield "overrun", None, f"{name}: {over} bytes longer than what is left", fixed + _field(tag, value, over)
        yield "overrun", None, f"{name}: a head and nothing more", fixed + _field(tag, b"", len(value))
    yield "overrun", None, "everything, without its last byte", everything[:-1]
    for tag in (0, 5, 6, 127, 128, 255):
        yield "unknown-tag", None, f"tag {tag} alone", fixed + _field(tag, b"c")
    yield "unknown-tag", None, "tag 5 after everything", everything + _field(5, b"c")
    yield "unknown-tag", None, "tag 5, empty", fixed + _field(5, b"")
    yield "unknown-tag", None, "tag 0 after everything, empty", everything + _field(0, b"")

    some = {
        COOKIE: _field(COOKIE, b"c"),
        CONTENT_ID: _field(CONTENT_ID, b"c"),
        EXTENSION: _field(EXTENSION, b"wudoc"),
        CUSTOMER: _field(CUSTOMER, b"c"),
    }
    for later, late in some.items():
        for earlier, early in some.items():
            if later > earlier:
                yield "order", None, f"tag {later} before tag {earlier}", fixed + late + early
    yield "order", None, "extensions with a customer between them", fixed + some[3] + some[4] + some[3]
    for tag in (COOKIE, CONTENT_ID, CUSTOMER):
        yield "repeated", None, f"tag {tag} twice", fixed + some[tag] * 2
        yield "repeated", None, f"tag {tag} twice, with two values", fixed + some[tag] + _field(tag, b"d")

    for level in (0, 6, 255):
        yield "value", "security_level", f"security_level {level}", _fixed(security_level=level)
    for control in (3, 255):
        yield "value", "hdcp_output_control", f"hdcp_output_control {control}", _fixed(hdcp_output_control=control)
    for tag, name, most in ((COOKIE, "cookie", 32), (CONTENT_ID, "content_id", 1024)):
        for what, value in NOT_TEXT.items():
            yield "value", name, f"a {name} {what}", fixed + _field(tag, value)
        for what, character in (("", b"x"), (" of four bytes", "\U0001f600".encode())):
            value = character * (most + 1)
            yield "value", name, f"a {name} of {most + 1} characters{what}", fixed + _field(tag, value)
    for what, value in (
        ("that is empty", b""),
        ("of three bytes", b"wud"),
        ("without a payload", b"wudo"),
        ("of a type that begins with a comma", b",udo\0"),
        ("of a type that ends with a comma", b"wud,\0"),
        ("of a type with U+001F", b"wu\x1fo\0"),
        ("of a type with U+007F", b"wud\x7f\0"),
        ("of a type with U+0000", b"\0udo\0"),
        ("of a type that is not ASCII", "wué".encode() + b"\0"),
        ("of a type that is not UTF-8", b"wud\xff\0"),
    ):
        yield "value", "extensions", f"an extension {what}", fixed + _field(EXTENSION, value)
    good = _field(EXTENSION, b"wudo\0")
    yield "value", "extensions", "a second extension without a payload", fixed + good + _field(EXTENSION, b"wudo")
    for what, value in (
        ("that is empty", b""),
        ("of 65 characters", b"x" * 65),
        ("with a tab", b"a\tb"),
        ("with U+007F", b"a\x7f"),
        ("that is not ASCII", "Café".encode()),
        ("that is not UTF-8", b"Caf\xe9"),
    ):
        yield "value", "customer", f"a customer {what}", fixed + _field(CUSTOMER, value)
    for issued_at, what in ((LAST_SECOND, "a second"), (2**63 - 2, "centuries"), (2**64 - 2, "as long as can be")):
        late = _fixed(issued_at=issued_at, expires_at=issued_at + 1)
        yield "value", "expires_at", f"expires after the year 9999, by {what}", late

    for issued_at, expires_at, what in (
        (NOW + 60, NOW + 60, "expires when it is issued"),
        (NOW + 60, NOW + 59, "expires a second before it is issued"),
        (NOW + 2**40, NOW + 60, "expires long before it is issued"),
        (2**64 - 1, NOW + 60, "issued as late as can be"),
        (0, 0, "no times at all"),
        (NOW, NOW + DAYS_30 + 1, "a life of 30 days and a second"),
        (0, NOW + 60, "issued in 1970"),
        (0, LAST_SECOND, "a life of all time"),
    ):
        yield "lifetime", None, what, _fixed(issued_at=issued_at, expires_at=expires_at)

    yield (
        "long",
        None,
        "8193 bytes, of one extension",
        fixed + _field(EXTENSION, b"wudo" + _some("8193", 8193 - 54 - 7)),
    )
    head = fixed + _field(EXTENSION, b"wudo" + _some("8193", 8000))
    yield "long", None, "8193 bytes, of two fields", head + _field(EXTENSION, b"wudo" + bytes(8193 - len(head) - 7))


# Tokens.

KEYS = {7: bytes(range(32)), 2**32 - 1: bytes(range(32, 64))}
AUDIENCE = "production"
URL = "https://wv.example.com/hms/wv/rights/?ExpressPlayToken="


def _header(key_id: int, version: int = 1) -> bytes:
    return struct.pack(">BI", version, key_id)


def seal(payload: bytes, nonce: bytes, key_id: int = 7, **changes: Any) -> bytes:
    """Return the bytes of a token. `changes` replaces version, audience, AAD, cipher or key."""
    header = _header(key_id, changes.get("version", 1))
    aad: bytes = changes.get("aad", header + changes.get("audience", AUDIENCE).encode())
    cipher: type[AESGCM | AESGCMSIV] = changes.get("cipher", AESGCMSIV)
    return header + nonce + cipher(changes.get("key") or KEYS[key_id]).encrypt(nonce, payload, aad)


def text(token: bytes) -> str:
    return urlsafe_b64encode(token).decode().rstrip("=")


def _vector(comment: str, class_: str, token: str | bytes, nonce: bytes | None, **more: Any) -> Vector:
    """Return a vector of a token or of other input. `nonce` is the id that `token_id` returns, or None."""
    sent = {"token": token} if isinstance(token, str) else {"tokenHex": token.hex()}
    keys = more.pop("keys", KEYS)
    return {
        "comment": comment,
        "class": class_,
        "keys": {str(key_id): key.hex() for key_id, key in keys.items()},
        "audience": more.pop("audience", AUDIENCE),
        "now": more.pop("now", NOW),
        **sent,
        "tokenId": None if nonce is None else nonce.hex(),
        **more,
    }


def _opens(comment: str, class_: str = "valid", form: Callable[[str], str] = str, **more: Any) -> Vector:
    """Return a vector of a token that opens. `form` turns the token into a URL."""
    grant = NOTHING | more.pop("grant", {})
    nonce = more.pop("nonce", None) or _some(f"nonce {class_} {comment}", 12)
    sealing: Vector = {name: more.pop(name) for name in ("key_id", "key") if name in more}
    if "audience" in more:
        sealing["audience"] = more["audience"]
    payload = _payload(grant)
    sealed = text(seal(payload, nonce, **sealing))
    return _vector(comment, class_, form(sealed), nonce, **more, payload=payload.hex(), grant=grant)


def _good_tokens() -> Iterator[Vector]:
    for comment, changes in list(_grants())[::3]:  # payloads.json has all of them
        issued_at = (NOTHING | changes)["issued_at"]
        yield _opens(f"payload: {comment}", grant=changes, now=NOW if abs(issued_at - NOW) <= 60 else issued_at)

    yield _opens("under the other key", key_id=2**32 - 1)
    for key_id in (0, 1, 256, 2**31):
        keys = {key_id: _some(f"key {key_id}", 32)}
        yield _opens(f"key_id {key_id}, the only key", key_id=key_id, key=keys[key_id], keys=keys)
    many = {key_id: _some(f"key {key_id}", 32) for key_id in range(20)}
    for key_id in (0, 10, 19):
        yield _opens(f"key_id {key_id} of twenty", key_id=key_id, key=many[key_id], keys=many)
    zeros = {7: bytes(32)}
    yield _opens("a key of zeros", key=bytes(32), keys=zeros)
    for audience in ("", "p", "test, not production", "~" * 64):
        yield _opens(f"audience: {audience or 'none'}", audience=audience)
    for what, nonce in (("zeros", bytes(12)), ("ones", b"\xff" * 12)):
        yield _opens(f"a nonce of {what}", nonce=nonce)
    for rest in range(16):
        # All lengths of the last AES block and of the last base64 group.
        yield _opens(f"a payload of {64 + rest} bytes", grant={"customer": "x" * (7 + rest)})

    yield _opens("in its last second", grant={"issued_at": NOW - 60, "expires_at": NOW + 1})
    yield _opens("in its last second, of 30 days", grant={"issued_at": NOW + 1 - DAYS_30, "expires_at": NOW + 1})
    yield _opens("issued this second", grant={"issued_at": NOW, "expires_at": NOW + 60})
    for ahead in (1, 3600, DAYS_30, 10**9):
        times = {"issued_at": NOW + ahead, "expires_at": NOW + ahead + 60}
        yield _opens(f"issued {ahead} seconds from now", "future", grant=times)

    for comment, form in URLS.items():
        yield _opens(comment, "url", form)


def _after(query: str) -> Callable[[str], str]:
    """Return a function that puts the token into this query."""
    return lambda token: f"https://wv.example.com/rights?{query.format(token)}"


def _escaped(token: str) -> str:
    return "".join(f"%{ord(character):02x}" for character in token)


URLS: dict[str, Callable[[str], str]] = {
    "a whole URL": lambda token: URL + token,
    "http, a port and a user": lambda token: f"http://user@wv.example.com:8080/?ExpressPlayToken={token}",
    "no scheme and no host": lambda token: f"rights/?ExpressPlayToken={token}",
    "a query alone, with its question mark": lambda token: f"?ExpressPlayToken={token}",
    "a path that is not ASCII": lambda token: f"https://wv.example.com/r\u00e9cup\u00e9rer/?ExpressPlayToken={token}",
    "another parameter before it": _after("session=1&ExpressPlayToken={}"),
    "another parameter after it": _after("ExpressPlayToken={}&session=1"),
    "other parameters around it, one of them twice": _after("a=1&ExpressPlayToken={}&a=2&b"),
    "a parameter of the name in small letters": _after("expressplaytoken=AQAA&ExpressPlayToken={}"),
    "a parameter whose name begins with the name": _after("ExpressPlayToken2=AQAA&ExpressPlayToken={}"),
    "a parameter whose value is not UTF-8": _after("a=%ff&ExpressPlayToken={}"),
    "a parameter whose name is not UTF-8": _after("%ff=1&ExpressPlayToken={}"),
    "a parameter that holds a question mark": _after("a=?ExpressPlayToken&ExpressPlayToken={}"),
    "empty pieces": _after("&&ExpressPlayToken={}&&"),
    "a fragment": _after("ExpressPlayToken={}#top"),
    "a fragment that holds another": _after("ExpressPlayToken={}#&ExpressPlayToken=AQAA"),
    "every character escaped": lambda token: URL + _escaped(token),
    "the first character escaped": lambda token: URL + _escaped(token[0]) + token[1:],
    "the name escaped": _after("%45xpressPlay%54oken={}"),
}


def _bad_tokens() -> Iterator[Vector]:
    payload = _payload(NOTHING | EVERYTHING)
    shortest = _fixed()
    nonce = _some("nonce", 12)
    token = seal(payload, nonce)
    sealed = text(token)
    sealed_nonces: list[bytes] = []

    def fresh() -> bytes:
        sealed_nonces.append(_some(f"nonce {len(sealed_nonces)}", 12))
        return sealed_nonces[-1]

    for part, start, end in (("key_id", 1, 5), ("nonce", 5, 17), ("ciphertext", 17, -16), ("tag", -16, 0)):
        last = (end or len(token)) - 1
        for what, at, mask in (("first", start, 128), ("last", last, 1)):
            flipped = _flipped(token, at, mask)
            class_ = "unknown-key" if part == "key_id" else "forged"
            yield _vector(f"the {what} bit of the {part} flipped", class_, text(flipped), flipped[5:17])
    for at in (0, 15):
        flipped = _flipped(token, 17 + at, 16)
        yield _vector(f"a bit of byte {at} of the ciphertext flipped", "forged", text(flipped), nonce)
    other = _header(2**32 - 1) + token[5:]
    yield _vector("moved to another key_id that is known", "forged", text(other), nonce)
    mixed = token[:17] + seal(payload, fresh())[17:]
    yield _vector("the nonce of another token", "forged", text(mixed), nonce)
    yield _vector("the tag of another token", "forged", text(token[:-16] + seal(payload, fresh())[-16:]), nonce)
    yield _vector("the tag before the ciphertext", "forged", text(token[:17] + token[-16:] + token[17:-16]), nonce)
    yield _vector("a tag of zeros", "forged", text(token[:-16] + bytes(16)), nonce)
    yield _vector("all of it zeros, but the header and the nonce", "forged", text(token[:17] + bytes(70)), nonce)
    yield _vector("not encrypted", "forged", text(token[:17] + payload + token[-16:]), nonce)
    for what, aad in (
        ("nothing as additional data", b""),
        ("the header alone as additional data", token[:5]),
        ("the audience alone as additional data", AUDIENCE.encode()),
        ("the nonce among the additional data", token[:17] + AUDIENCE.encode()),
        ("the audience before the header", AUDIENCE.encode() + token[:5]),
    ):
        bad = fresh()
        yield _vector(what, "forged", text(seal(payload, bad, aad=aad)), bad)
    bad = fresh()
    yield _vector("sealed by AES-256-GCM", "forged", text(seal(payload, bad, cipher=AESGCM)), bad)
    bad = fresh()
    short_key = KEYS[7][:16]
    yield _vector("sealed by AES-128-GCM-SIV", "forged", text(seal(payload, bad, key=short_key)), bad)
    bad = fresh()
    expired = _fixed(issued_at=NOW - 3600, expires_at=NOW - 60)
    yield _vector("expired and forged", "forged", text(_flipped(seal(expired, bad), -1)), bad)
    yield _vector("forged, in a URL", "forged", URL + text(_flipped(token, -1)), nonce)

    for comment, key_id, key in (
        ("another key under the same key_id", 7, _some("another key", 32)),
        ("the other key of the ring under this key_id", 7, KEYS[2**32 - 1]),
        ("a key that differs in its last bit", 7, _flipped(KEYS[7], -1)),
    ):
        bad = fresh()
        yield _vector(comment, "wrong-key", text(seal(payload, bad, key_id, key=key)), bad)
    for key_id in (0, 6, 8, 7 << 24, 2**32 - 2):
        bad = fresh()
        sealed_by_7 = seal(payload, bad, key_id, key=KEYS[7])
        yield _vector(f"key_id {key_id}, which is not known", "unknown-key", text(sealed_by_7), bad)
    for audience in ("", "test", "Production", "production ", "productio", "productions", "\0production"):
        bad = fresh()
        foreign = text(seal(payload, bad, audience=audience))
        yield _vector(f"sealed for the audience {audience!a}", "wrong-audience", foreign, bad)
    bad = fresh()
    foreign = text(seal(payload, bad))
    yield _vector("sealed for an audience, opened without", "wrong-audience", foreign, bad, audience="")
    for version in (0, 2, 255):
        of_version = text(seal(payload, fresh(), version=version))
        yield _vector(f"version {version}", "version", of_version, None)
        yield _vector(f"changed to version {version}", "version", text(bytes([version]) + token[1:]), None)

    for cut in (1, 2, 3, 15, 16, 17):
        yield _vector(f"its last {cut} bytes missing", "truncated", text(token[:-cut]), nonce)
    for cut in (1, 4, 12, 16):
        yield _vector(
            f"the first {cut} bytes of the ciphertext missing", "truncated", text(token[:17] + token[17 + cut :]), nonce
        )
    for length in (87, 86, 85, 33, 32, 17, 16, 5, 4, 1):
        cut_off = text(token[:length])
        yield _vector(f"its first {length} bytes alone", "truncated", cut_off, nonce if length >= 87 else None)
    bad = fresh()
    yield _vector("the shortest token without its last byte", "truncated", text(seal(shortest, bad)[:-1]), None)
    yield _vector("a token of no payload", "truncated", text(seal(b"", fresh())), None)
    yield _vector("without its first byte", "version", text(token[1:]), None)
    for more in (b"\0", b"\xff", b"\0" * 3, bytes(16), token):
        yield _vector(f"{len(more)} bytes more, the first {more[0]}", "extended", text(token + more), nonce)
    yield _vector("extended to 8225 bytes", "extended", text(token.ljust(8225, b"\0")), nonce)
    yield _vector("extended to 8226 bytes", "extended", text(token.ljust(8226, b"\0")), None)
    yield _vector("extended to 20000 bytes", "extended", text(token.ljust(20000, b"\0")), None)

    yield from _bad_texts()
    yield from _bad_urls(sealed)

    # One payload of each class and field; payloads.json has all of them.
    for class_, name, comment, faulty in {fault[:2]: fault for fault in _faults()}.values():
        bad = fresh()
        field = {} if name is None else {"field": name}
        read = bad if 54 <= len(faulty) <= 8192 else None
        yield _vector(f"payload: {comment}", class_, text(seal(faulty, bad)), read, **field, payload=faulty.hex())
    bad, faulty = fresh(), _fixed(issued_at=NOW - 3600, expires_at=NOW - 60, security_level=6)
    late = text(seal(faulty, bad))
    yield _vector("expired, with a bad value", "value", late, bad, field="security_level", payload=faulty.hex())

    for comment, issued_at, expires_at in (
        ("expires now", NOW - 60, NOW),
        ("expired a second ago", NOW - 60, NOW - 1),
        ("expires now, after 30 days", NOW - DAYS_30, NOW),
        ("expired long ago", 0, 1),
    ):
        yield _expired(comment, issued_at, expires_at)
    yield _expired("expired, in a URL", NOW - 60, NOW - 1, URL)
    yield _expired("expired, under the other key", NOW - 60, NOW - 1, key_id=2**32 - 1)


def _expired(comment: str, issued_at: int, expires_at: int, before: str = "", key_id: int = 7) -> Vector:
    nonce = _some(f"nonce {comment}", 12)
    payload = _payload(NOTHING | EVERYTHING | {"issued_at": issued_at, "expires_at": expires_at})
    sealed = before + text(seal(payload, nonce, key_id))
    return _vector(comment, "expired", sealed, nonce, payload=payload.hex(), expiresAt=expires_at)


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _bad_texts() -> Iterator[Vector]:
    def bad(comment: str, sent: str | bytes) -> Vector:
        return _vector(comment, "text", sent, None)

    # The last base64 group of these tokens has 4, 2 and 3 characters. Each token contains - and _.
    tokens = [_with_both_signs(grant) for grant in ({"customer": "xxx"}, {"customer": "xxxx"}, {"customer": "xxxxx"})]
    assert [len(token) % 4 for token in tokens] == [0, 2, 3]
    whole, two, three = tokens
    yield bad("nothing", "")
    for token, padding, bits in ((two, "==", 4), (three, "=", 2)):
        characters = f"{len(token) % 4} characters in the last group"
        yield bad(f"{characters}, with padding", token + padding)
        yield bad(f"{characters}, with too much padding", token + padding + "=")
        last = ALPHABET.index(token[-1])
        for stray in range(1, 1 << bits):
            yield bad(f"{characters}, with stray bits {stray:0{bits}b}", token[:-1] + ALPHABET[last | stray])
        yield bad(f"{characters}, with padding and stray bits", token[:-1] + ALPHABET[last | 1] + padding)
    yield bad("two characters in the last group, with half of the padding", two + "=")
    yield bad("nothing to pad, with padding", whole + "=")
    yield bad("nothing to pad, with padding for a whole group", whole + "====")
    yield bad("padding before it", "=" + whole)
    yield bad("padding within it", whole[:100] + "=" + whole[100:])
    for token in tokens:
        rest = f"{len(token) % 4} characters in the last group"
        yield bad(f"{rest}: the alphabet with + and /", token.replace("-", "+").replace("_", "/"))
        yield bad(f"{rest}: a + for each -", token.replace("-", "+"))
        yield bad(f"{rest}: a / for each _", token.replace("_", "/"))
    yield bad("base64 with + and / and padding", b64encode(_bytes_of(two)).decode())
    yield bad("one character left over", whole + "A")
    yield bad("one character missing", whole[:-3])
    for name, space in (
        *(("a space", " "), ("a line feed", "\n"), ("a carriage return and a line feed", "\r\n"), ("a tab", "\t")),
        *(("a vertical tab", "\v"), ("U+0000", "\0"), ("a no-break space", "\xa0"), ("a byte order mark", "\ufeff")),
    ):
        yield bad(f"{name} before it", space + whole)
        yield bad(f"{name} after it", whole + space)
        yield bad(f"{name} within it", whole[:100] + space + whole[100:])
        yield bad(f"{name} in the place of a character", whole[:100] + space + whole[101:])
    yield bad("lines of 76 characters", "\n".join(whole[at : at + 76] for at in range(0, len(whole), 76)))
    for character in ".,:;!\"'#$%&()*@[\\]^`{|}~<>\x7f\x01":
        yield bad(f"U+{ord(character):04X} in the place of a character", whole[:50] + character + whole[51:])
    yield bad("a letter of full width", "\uff21" + whole[1:])
    yield bad("a letter that only looks like A", "\u0410" + whole[1:])
    yield bad("a character beyond the first plane", whole[:-1] + "\U0001f600")
    yield bad("U+0141, whose low byte is an A", "\u0141" + whole[1:])
    yield bad("bytes that are not UTF-8 after it", whole.encode() + b"\xff")
    yield bad("a byte that is A with its highest bit set", b"\xc1" + whole.encode()[1:])
    yield bad("UTF-16", whole.encode("utf-16-le"))
    yield bad("the text twice", whole + whole + "=")
    yield bad("the token in hexadecimal, between quotation marks", f'"{_bytes_of(whole).hex()}"')
    yield bad("between quotation marks", f'"{whole}"')
    yield bad("all of it escaped, but in no URL", _escaped(whole))
    yield bad("a query without its question mark", f"ExpressPlayToken={whole}")
    yield bad("a URL of which the value has padding", f"{URL}{two}==")
    yield bad("a URL of which the value has escaped padding", f"{URL}{three}%3D")
    yield bad("a URL of which the value has +, which are spaces", URL + two.replace("-", "+"))
    yield bad("a URL of which the value has escaped + and /", URL + two.replace("-", "%2B").replace("_", "%2F"))
    yield bad("a URL with a line feed after it", f"{URL}{whole}\n")
    yield bad("a URL with an escaped line feed after it", f"{URL}{whole}%0A")
    yield bad("a URL with an escaped U+0000 after it", f"{URL}{whole}%00")
    yield bad("a URL of which the value is not UTF-8", f"{URL}{whole}%FF")
    yield bad("a URL of which the value is not UTF-8, not escaped", f"{URL}{whole}".encode() + b"\xff")
    yield bad("a URL of which the value is escaped twice", URL + _escaped(_escaped(whole[0])) + whole[1:])
    yield bad("a URL of which an escape lacks a digit", f"{URL}{whole}%4")


def _bytes_of(token: str) -> bytes:
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def _with_both_signs(grant: Vector) -> str:
    payload = _payload(NOTHING | grant)
    tokens = (text(seal(payload, _some(f"nonce {number}", 12))) for number in range(1000))
    return next(token for token in tokens if "-" in token[:-1] and "_" in token[:-1])


def _bad_urls(token: str) -> Iterator[Vector]:
    for comment, url in (
        ("the token twice", _after("ExpressPlayToken={0}&ExpressPlayToken={0}")(token)),
        ("two tokens, the second empty", _after("ExpressPlayToken={}&ExpressPlayToken=")(token)),
        ("two tokens, the first without a value", _after("ExpressPlayToken&ExpressPlayToken={}")(token)),
        ("two tokens, the second no token", _after("ExpressPlayToken={}&a=1&ExpressPlayToken=AQAA")(token)),
        ("two tokens, the name of one escaped", _after("ExpressPlayToken={0}&%45xpressPlayToken={0}")(token)),
        ("no token", "https://wv.example.com/rights?session=1"),
        ("no query", "https://wv.example.com/rights?"),
        ("an empty token", URL),
        ("a token without a value", URL[:-1]),
        ("a token without a name", _after("={}")(token)),
        ("a token as a name", _after("{}")(token)),
        ("a token under the name in small letters", _after("expressplaytoken={}")(token)),
        ("a token under a name with a space", _after("+ExpressPlayToken={}")(token)),
        ("a token under another name", _after("Token={}")(token)),
        ("a token in the fragment", f"https://wv.example.com/rights?a=1#ExpressPlayToken={token}"),
        ("a token in a query within the fragment", f"https://wv.example.com/rights#?ExpressPlayToken={token}"),
        ("a token in the path", f"https://wv.example.com/{token}?a=1"),
        ("a token after a semicolon", _after("a=1;ExpressPlayToken={}")(token)),
        ("a token after an escaped ampersand", _after("a=1%26ExpressPlayToken={}")(token)),
        ("a question mark after the token", f"{token}?"),
        ("a question mark before the token", f"?{token}"),
    ):
        yield _vector(comment, "url", url, None)


def main() -> None:
    for name, content in files().items():
        (FOLDER / name).write_text(content, encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
