"""The request grammar, transcribed from the interface as data.

`TABLE` and `ROWS` contain the codes, and values that must be accepted or rejected. They do not come from the library.
`python -m tests.grammar` writes `vectors/requests.json`. `requests()` and `specs()` are hypothesis strategies.
"""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from calendar import monthrange, timegm
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from wvtoken import ErrorFormat, Extension, HdcpOutputControl, SecurityLevel, TokenSpec

# A request as data.

Value = str | bytes
"""A decoded value; bytes where it is not UTF-8."""
Pair = tuple[Value, Value]
Changes = Mapping[str, tuple[Value, ...]]
"""By parameter: the values that replace those of a request. () leaves the parameter out."""
Fields = dict[str, Any]


class Valid(NamedTuple):
    """Valid values, and the fields that they set."""

    changes: Changes
    fields: Fields


class Invalid(NamedTuple):
    """Invalid values, and the code and the parameter of the error."""

    changes: Changes
    code: int
    parameter: str


AUTHENTICATOR = "201722,1ad8eed133edf43cbcc185f0236828ae"
KID = "fd1a706ac2b36002888f6d4a414333c3"
KEK = "000102030405060708090a0b0c0d0e0f"
EK = "5dbd06c0056b42fe0b8cf406679620c31bd619732730433d"
CONTENT_KEY = "5438b719bf47a2f5678237477db2f9e6"

MINIMAL: dict[str, tuple[Value, ...]] = {
    "customerAuthenticator": (AUTHENTICATOR,),
    "kid": (KID,),
    "securityLevel": ("1",),
    "hdcpOutputControl": ("0",),
}
MINIMAL_FIELDS: Fields = {
    **{"customer_authenticator": AUTHENTICATOR, "error_format": "html", "kid": bytes.fromhex(KID), "kid_name": None},
    **{"content_key": None, "kek": None, "ek": None, "content_id": None, "general_flags": 0, "security_level": 1},
    **{"hdcp_output_control": 0, "license_duration": None, "extensions": (), "expires_at": None, "expires_in": None},
    **{"cookie": None},
}
"""A request with the required parameters only, and the fields of its spec except `unknown`."""

FULL: dict[str, tuple[Value, ...]] = {
    "errorFormat": ("html",),
    "customerAuthenticator": (AUTHENTICATOR,),
    "generalFlags": ("0000",),
    "kid": ("^CNN.2014.12.18",),
    "kek": (KEK,),
    "ek": (EK,),
    "contentId": ("Tatort \u2013 \u00a7 218 & mehr",),
    "securityLevel": ("5",),
    "hdcpOutputControl": ("2",),
    "licenseDuration": ("86400",),
    "wvExtension": ("wudo,AAAAAA==",),
    "extensionType": ("abcd",),
    "extensionPayload": ("3q2+7w==",),
    "expirationTime": ("+60",),
    "cookie": ("session 1+1",),
}
FULL_FIELDS: Fields = {
    **MINIMAL_FIELDS,
    **{"kid": bytes.fromhex("874cc4da3e96faf052d2a7f1d8dab7c2"), "kid_name": "CNN.2014.12.18"},
    **{"kek": bytes.fromhex(KEK), "ek": bytes.fromhex(EK), "content_id": "Tatort \u2013 \u00a7 218 & mehr"},
    **{"security_level": 5, "hdcp_output_control": 2, "license_duration": 86400, "expires_in": 60},
    **{"extensions": (Extension(b"wudo", bytes(4)), Extension(b"abcd", bytes.fromhex("deadbeef")))},
    **{"cookie": "session 1+1"},
}
"""A request with every parameter that can be combined."""


def pairs(changes: Changes, base: Changes = MINIMAL) -> list[Pair]:
    """Return the parameters of the base with the changes. New ones come last."""
    return [(name, value) for name, values in ({**base, **changes}).items() for value in values]


def escaped(request: Iterable[Pair]) -> str:
    """Return the pairs in form encoding, as ASCII with every possible escape."""
    return "&".join(f"{_escape(name)}={_escape(value)}" for name, value in request)


def unescaped(request: Iterable[Pair]) -> bytes:
    """Return the pairs in form encoding, as bytes with only the necessary escapes: `%`, `&`, `+`, and `=` in names."""
    return b"&".join(_minimal(name, b"%&+=") + b"=" + _minimal(value, b"%&+") for name, value in request)


def _escape(value: Value) -> str:
    return quote_from_bytes(value.encode() if isinstance(value, str) else value, safe="")


def _minimal(value: Value, reserved: bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return b"".join(b"%%%02x" % byte if byte in reserved else bytes([byte]) for byte in raw)


# Characters.

PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
NO_COMMA = [character for character in PRINTABLE if character != ","]
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
"""All of Unicode category Cc."""
HEX = "0123456789abcdefABCDEF"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
CLEAN = st.characters(exclude_categories=["Cc", "Cs"])
"""Characters of contentId and cookie."""
NOT_UTF8 = (
    b"\xff",
    b"abc\x80",
    b"\xc3",
    b"\xc3(",
    b"\xc0\xaf",  # overlong
    b"\xe2\x82",
    b"\xed\xa0\x80",  # a surrogate
    b"\xf4\x90\x80\x80",  # past U+10FFFF
)


def kid_of(name: str) -> bytes:
    return sha1(name.encode("ascii"), usedforsecurity=False).digest()[:16]


# Times.

TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?[Zz]")
RELATIVE = re.compile(r"[+ ]([1-9][0-9]{0,6})")
LAST_SECOND = 253402300799
"""9999-12-31T23:59:59Z."""


def unix_time(text: str) -> int | None:
    """Return the UNIX time of a valid RFC 3339 time, else None."""
    match = TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    if second == 60 and (day, hour, minute) != (monthrange(year, month)[1], 23, 59):
        return None
    seconds = timegm((year, month, day, hour, minute, second))
    return seconds if seconds <= LAST_SECOND else None


def expiration(text: str) -> Fields | None:
    """Return the fields of a valid expirationTime, else None."""
    relative = RELATIVE.fullmatch(text)
    if relative is not None:
        seconds = int(relative[1])
        return {"expires_in": seconds, "expires_at": None} if seconds <= 2592000 else None
    moment = unix_time(text)
    return None if moment is None else {"expires_at": moment, "expires_in": None}


# Strategies for values.


def _text(most: int, alphabet: Any = CLEAN) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=most)


def _hexes(*lengths: int) -> st.SearchStrategy[str]:
    """Return hexadecimal digits of so many bytes."""
    return st.sampled_from(lengths).flatmap(lambda length: st.text(HEX, min_size=2 * length, max_size=2 * length))


@st.composite
def times(draw: st.DrawFn) -> str:
    """Return RFC 3339 times in every accepted form."""
    year = draw(st.integers(1, 9999))
    month = draw(st.integers(1, 12))
    last = monthrange(year, month)[1]
    day = draw(st.integers(1, last) | st.just(last))
    hour, minute, second = draw(st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)))
    if day == last and (year, month) != (9999, 12) and draw(st.booleans()):
        hour, minute, second = 23, 59, 60
    fraction = draw(st.just("") | st.text("0123456789", min_size=1, max_size=40).map(lambda digits: "." + digits))
    t, z = draw(st.sampled_from(["T", "t"])), draw(st.sampled_from(["Z", "z"]))
    return f"{year:04}-{month:02}-{day:02}{t}{hour:02}:{minute:02}:{second:02}{fraction}{z}"


relatives = st.builds("{}{}".format, st.sampled_from("+ "), st.integers(1, 2592000))
extensions = st.builds(
    Extension,
    st.text(NO_COMMA, min_size=4, max_size=4).map(str.encode),
    st.binary(min_size=1, max_size=40),
)


def payload_text(extension: Extension, rnd: random.Random) -> str:
    """Return the payload in base64. Some `+` are spaces, as in a form without escapes."""
    text = b64encode(extension.payload).decode()
    return "".join(" " if character == "+" and rnd.random() < 0.3 else character for character in text)


def _by_name() -> dict[str, st.SearchStrategy[tuple[str, Fields]]]:
    """Return valid values and their fields for each parameter except extensions."""

    def of(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Fields]]:
        return values.map(lambda value: (str(value), {field: value}))

    def hexes(field: str, *lengths: int) -> st.SearchStrategy[tuple[str, Fields]]:
        return _hexes(*lengths).map(lambda text: (text, {field: bytes.fromhex(text)}))

    names = _text(64, PRINTABLE).map(lambda name: ("^" + name, {"kid": kid_of(name), "kid_name": name}))
    return {
        "errorFormat": of("error_format", st.sampled_from(["html", "json"])),
        "customerAuthenticator": of("customer_authenticator", _text(256, PRINTABLE)),
        "generalFlags": st.just(("0000", {"general_flags": 0})),
        "kid": hexes("kid", 16) | names,
        "kek": hexes("kek", 16, 24, 32),
        "ek": hexes("ek", 24),
        "contentKey": hexes("content_key", 16),
        "contentId": of("content_id", _text(40)),
        "securityLevel": of("security_level", st.integers(1, 5)),
        "hdcpOutputControl": of("hdcp_output_control", st.integers(0, 2)),
        "licenseDuration": of("license_duration", st.integers(1, 2**32 - 1)),
        "expirationTime": (times() | relatives).map(lambda text: (text, expiration(text) or {})),
        "cookie": of("cookie", _text(32)),
    }


VALUES = _by_name()
RANDOMS = st.randoms(use_true_random=False)


# Values of single parameters.

_HEX32_SHORT_OR_LONG = (
    *("0", 30 * "0", 31 * "0", 33 * "0", 34 * "0", 64 * "0", "0x" + 32 * "0", 32 * "0" + " ", 32 * "0" + "\n"),
)
_NOT_HEX32 = (
    *(31 * "0" + "g", "0x" + 30 * "0", 31 * "0" + " ", " " + 31 * "0", (16 * "00 ")[:32], "-" + 31 * "0"),
    *(31 * "0" + "\n", 31 * "0" + "\u0660", 32 * "\uff10", "{fd1a706a-c2b3-6002-888f-6d4a4143}"[:32]),
)
_KIDS: dict[str, Fields] = {
    text: {"kid": bytes.fromhex(text), "kid_name": None}
    for text in (KID, KID.upper(), "Fd1A706aC2b36002888F6d4A414333c3", 32 * "0", 32 * "f", 32 * "F")
}
_KIDS |= {
    f"^{name}": {"kid": bytes.fromhex(kid), "kid_name": name}
    for name, kid in {
        "kid1": "80ea8bc8a58f990ad1f76bc665b30bfa",
        "CNN.2014.12.18": "874cc4da3e96faf052d2a7f1d8dab7c2",
        " ": "b858cb282617fb0956d960215c8e84d1",
        "^": "5e6f80a34a9798cafc6a5db96cc57ba4",
        64 * "0": "0114498021cb8c4f1519f96bdf58dd80",
        "a+b %41&~": "21f487306a4d9e03da2771a8c028c9e0",
        KID: "dac1ce55055020f6771f4abe97a5f314",
    }.items()
}
_NAMES_OF_KIDS_NOT_ASCII = (
    *("\u00e9", "CNN\x7f", "\x00", "CNN\n", "\t", "\u00a0", "\U0001f3ac", 64 * "\u00e9", 63 * "a" + "\u00df"),
)

_TEXTS = (
    *("x", " ", "a b+c&d=e%41;f", "\u00e9t\u00e9", "e\u0301", "\U0001f3ac"),
    *("\u202ewhat a terminal writes backwards", "\ufeff", "\u00a0", "\u00ad", "\u2028", "\uffff", "\ufffd"),
    *("<script>",),
)
_AUTHENTICATORS = (AUTHENTICATOR, "a", " ", 256 * "~", "".join(PRINTABLE), "+", "%41", "\\", "a,b")
_NOT_AUTHENTICATORS = (
    *(257 * "a", "\u00e9", "abc\x7f", "\x1fabc", "a\nb", "\t", "\x00", "\u00a0", "\uff11", 256 * "a" + "\n"),
)

_TIMES: dict[str, Fields] = {
    text: {"expires_in": seconds, "expires_at": None}
    for text, seconds in (("+60", 60), (" 60", 60), ("+1", 1), (" 1", 1), ("+2592000", 2592000), ("+10", 10))
}
_TIMES |= {
    text: {"expires_at": seconds, "expires_in": None}
    for text, seconds in (
        ("2006-04-14T12:01:10Z", 1145016070),
        ("2006-04-14t12:01:10z", 1145016070),
        ("2006-04-14T12:01:10z", 1145016070),
        ("2006-04-14t12:01:10Z", 1145016070),
        ("2006-04-14T12:01:10.0Z", 1145016070),
        ("2006-04-14T12:01:10.999999999999999999Z", 1145016070),
        (f"2006-04-14T12:01:10.{300 * '9'}Z", 1145016070),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -1),
        ("0001-01-01T00:00:00Z", -62135596800),
        ("9999-12-31T23:59:59Z", LAST_SECOND),
        ("9999-12-31T23:59:59.999Z", LAST_SECOND),
        ("2000-02-29T00:00:00Z", 951782400),
        ("2016-12-31T23:59:60Z", 1483228800),
        ("2016-12-31t23:59:60.75z", 1483228800),
        ("2026-06-30T23:59:60Z", 1782864000),
        ("2024-02-29T23:59:60Z", 1709251200),
    )
}
_NOT_TIMES = (
    *("60", "+", " ", "+0", "+00", "+060", "+2592001", "+25920000", "+1e3", "+1.0", "+1_000", "++60", "+ 60", "  60"),
    *("-60", "+-60", "+60 ", "+60\n", "\u279560", "+\u0661", "+\uff16\uff10", "+" + 400 * "9", "+" + 5000 * "9", "now"),
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "+2006-04-14T12:01:10Z", "-0001-01-01T00:00:00Z"),
    *("2006-00-14T12:01:10Z", "2006-13-14T12:01:10Z", "2006-04-00T12:01:10Z", "2006-04-31T12:01:10Z"),
    *("2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2000-02-30T00:00:00Z"),
    *("2006-04-14T24:00:00Z", "2006-04-14T12:60:10Z", "2006-04-14T12:01:61Z", "2006-04-14T12:01:60Z"),
    *("2016-12-31T22:59:60Z", "2016-12-31T23:58:60Z", "2016-12-30T23:59:60Z", "2016-12-31T00:00:60Z"),
    *("2017-01-01T00:00:60Z", "2023-02-29T23:59:60Z", "2024-02-28T23:59:60Z", "2016-12-31T23:59:61Z"),
    *("9999-12-31T23:59:60Z", "0000-12-31T23:59:60Z", "0000-02-29T00:00:00Z", "2016-12-32T23:59:60Z"),
    *("2006-04-14T12:01:10", "2006-04-14T12:01:10+00:00", "2006-04-14T12:01:10-00:00", "2006-04-14T12:01:10+01:00"),
    *("2006-04-14T12:01:10Z+00:00", "2006-04-14T12:01:10ZZ", "2006-04-14T12:01:10.Z", "2006-04-14T12:01:10,5Z"),
    *("2006-04-14T12:01:10.5", "2006-04-14T12:01:10.5.5Z", "2006-04-14T12:01:10. 5Z", "2006-04-14T12:01:10.-5Z"),
    *("2006-04-14 12:01:10Z", "2006-04-14_12:01:10Z", "2006-04-14T12:01Z", "2006-04-14T12Z", "2006-04-14Z"),
    *("20060414T120110Z", "2006-W15-5T12:01:10Z", "2006-104T12:01:10Z", "06-04-14T12:01:10Z", "2006-4-14T12:01:10Z"),
    *("2006-04-14T12:01:1Z", "2006-04-14T1:01:10Z", " 2006-04-14T12:01:10Z", "2006-04-14T12:01:10Z ", "T", "Z"),
    *("2006-04-14T12:01:10Z\n", "2006-04-14T12:01:10\nZ", "\uff12006-04-14T12:01:10Z", "2006-04-14T12:01:1\u0660Z"),
    *("2006\u201304\u201314T12:01:10Z", "2006-04-14T12:01:10\u017d", "2006-04-14T12:01:10Z\x00", "0", "1145016070"),
    *("2006-04-14T-1:01:10Z", "2006-04-14T+1:01:10Z", "2006- 4-14T12:01:10Z", "200-04-14T12:01:10Z", "<b>", "\x1b[2J"),
    *("2006-04-14T12:01:10.\u0665Z", "2006-04-14T12:01:10.5 Z", "2006-04-14T12:01:10.0x5Z", "2006-04-14T12:01:10.5e1Z"),
)

_EXTENSIONS = {
    ("wudo", "AAAAAA=="): Extension(b"wudo", bytes(4)),
    ("wudo", "AA=="): Extension(b"wudo", b"\0"),
    ("wudo", "AAA="): Extension(b"wudo", b"\0\0"),
    ("wudo", "AAAA"): Extension(b"wudo", b"\0\0\0"),
    ("wudo", "+w=="): Extension(b"wudo", b"\xfb"),
    ("wudo", " w=="): Extension(b"wudo", b"\xfb"),
    ("wudo", "    "): Extension(b"wudo", b"\xfb\xef\xbe"),
    ("wudo", "+/ /"): Extension(b"wudo", b"\xfb\xff\xbf"),
    ("    ", "/w=="): Extension(b"    ", b"\xff"),
    ("a=&+", "/w=="): Extension(b"a=&+", b"\xff"),
    ("~!%4", "/w=="): Extension(b"~!%4", b"\xff"),
}
_WRONG_TYPES = (
    *("", "w", "wud", "wudoo", "w\u00fcdo", "wud\x7f", "wud\n", "\x00\x00\x00\x00", "\uff57\uff55\uff44\uff4f"),
    *("\U0001f3ac",),
)
_WRONG_PAYLOADS = (
    *("A", "AA", "AAA", "AA=", "A===", "=", "==", "===", "====", "AAAA=", "AAAA==", "AAAA====", "AA==AA==", "=AAA"),
    *("AB==", "AP==", "AAB=", "AAD=", "AA==\n", "\nAA==", "AA==\r\n", "AA\nAA", "A-_A", "A.AA", "AAA\u0410", "AAA\x00"),
    *(" AA==", "AA== ", "AA= =", "AA%3D%3D", "AA==!", "\uff21\uff21==", "AAAA,AAAA", ",AA==", "AA==,", ","),
)


_NO_LONG: Changes = {"extensionType": (), "extensionPayload": ()}


# The table: name, code if missing, code if repeated or not UTF-8, meaning of an empty value, whether it may repeat.

TABLE: tuple[tuple[str, int | None, int, str, bool], ...] = (
    ("errorFormat", None, -3004, "invalid", False),
    ("customerAuthenticator", -2017, -2018, "missing", False),
    ("generalFlags", None, -5003, "invalid", False),
    ("kid", -4018, -4022, "missing", False),
    ("kek", None, -4024, "invalid", False),
    ("ek", None, -4024, "invalid", False),
    ("contentKey", None, -6005, "invalid", False),
    ("contentId", None, -1, "absent", False),
    ("securityLevel", -7003, -7004, "missing", False),
    ("hdcpOutputControl", -7006, -2008, "missing", False),
    ("licenseDuration", None, -7007, "invalid", False),
    ("wvExtension", None, -7009, "invalid", True),
    ("extensionType", None, -7009, "invalid", True),
    ("extensionPayload", None, -7009, "invalid", True),
    ("expirationTime", None, -2002, "invalid", False),
    ("cookie", None, -2033, "absent", False),
    ("deviceId", None, -7002, "invalid", False),
)
NAMES = [name for name, *_ in TABLE]


class Row(NamedTuple):
    """Valid and invalid examples of a parameter. `alone` are changes without which its values are not reached."""

    name: str
    valid: tuple[Valid, ...]
    wrong: tuple[Invalid, ...]
    alone: Changes

    def __repr__(self) -> str:
        return self.name

    def invalid(self) -> Iterator[Invalid]:
        """Yield the invalid examples: wrong, missing, empty, not UTF-8 and repeated values."""
        _, missing, repeated, empty, many = next(columns for columns in TABLE if columns[0] == self.name)
        yield from self.wrong
        if missing is not None:
            yield Invalid({self.name: ()}, missing, self.name)
            yield Invalid({self.name: ("",)}, missing, self.name)
        if many:
            return
        yield from (Invalid({**self.alone, self.name: (value,)}, repeated, self.name) for value in NOT_UTF8)
        first, second, *_ = [example.changes[self.name][0] for example in self.valid] * 2 or ["1", "2"]
        for other in (first, second, b"\xff", ""):
            yield Invalid({**self.alone, self.name: (first, other)}, repeated, self.name)
        if empty == "absent":
            yield Invalid({self.name: ("", "")}, repeated, self.name)


_NOTHING: Mapping[str, Any] = {}


def _row(
    name: str,
    valid: Mapping[str, Fields],
    wrong: Mapping[int, Iterable[str]],
    alone: Changes = _NOTHING,
    fields: Mapping[str, Any] = _NOTHING,
) -> Row:
    """Return a row of single values: valid ones with their fields, and wrong ones by code."""
    return Row(
        name,
        tuple(Valid({**alone, name: (value,)}, {**fields, **own}) for value, own in valid.items()),
        tuple(Invalid({**alone, name: (value,)}, code, name) for code, values in wrong.items() for value in values),
        alone,
    )


def _short_row() -> Row:
    def valid(text: str, *items: Extension) -> Valid:
        return Valid({"wvExtension": tuple(text.split("|")), **_NO_LONG}, {"extensions": items})

    no_comma = ("", "wudo", "AAAAAA==", "wudo;AA==", "wudo\uff0cAA==", "wudo AA==", "wudo%2CAA==")
    types = (*_WRONG_TYPES, "wu,o", "a,b,", ",,,,")  # a type ends at the first comma
    wrong: dict[int, list[Value]] = {
        -7009: [*no_comma, f"wudo,{10924 * 'A'}", *NOT_UTF8, b"wudo,\xff", b"wud\xff,AA=="],
        -2036: [f"{type_},{payload}" for type_ in types for payload in ("AA==", "", "!")],
        -2035: ["wudo,"],
        -2037: [f"wudo,{payload}" for payload in _WRONG_PAYLOADS],
    }
    after = {"wudo": -7009, "": -7009, "wud,AA==": -2036, "wudo,": -2035, "wudo,A": -2037}
    return Row(
        "wvExtension",
        (
            *(valid(f"{type_},{payload}", item) for (type_, payload), item in _EXTENSIONS.items()),
            valid("wudo,AA==|abcd,AQ==", Extension(b"wudo", b"\0"), Extension(b"abcd", b"\1")),
            valid("wudo,AQ==|wudo,AA==|wudo,AQ==", *(Extension(b"wudo", bytes([byte])) for byte in (1, 0, 1))),
            valid("|".join(500 * ["wudo,AA=="]), *(500 * [Extension(b"wudo", b"\0")])),
        ),
        (
            *(Invalid({"wvExtension": (value,)}, code, "wvExtension") for code in wrong for value in wrong[code]),
            *(Invalid({"wvExtension": ("wudo,AA==", value)}, code, "wvExtension") for value, code in after.items()),
        ),
        {},
    )


def _long_row() -> Row:
    type_, payload = "extensionType", "extensionPayload"

    def valid(items: Iterable[tuple[str, str, Extension]]) -> Valid:
        types, payloads, made = zip(*items, strict=True)
        return Valid({"wvExtension": (), type_: types, payload: payloads}, {"extensions": made})

    def wrong(types: Iterable[Value], payloads: Iterable[Value], code: int, parameter: str) -> Invalid:
        return Invalid({type_: tuple(types), payload: tuple(payloads)}, code, parameter)

    rows = [(*texts, item) for texts, item in _EXTENSIONS.items()]
    wrong_types = (*_WRONG_TYPES, "wu,o", ",,,,", "wudo,AA==")
    return Row(
        type_,
        (*(valid([row]) for row in rows), valid(rows), valid(rows[::-1]), valid(rows[:1] * 3)),
        (
            *(wrong([text], [], -2035, type_) for text in ("wudo", "")),
            *(wrong([], [text], -2035, payload) for text in ("AA==", "")),
            wrong(["wudo", "abcd"], ["AA=="], -2035, type_),
            wrong(["wudo"], ["AA==", "AA=="], -2035, payload),
            *(wrong([text], [other], -2036, type_) for text in wrong_types for other in ("AA==", "")),
            *(wrong(["abcd", text], ["AA==", "AA=="], -2036, type_) for text in wrong_types),
            wrong(["wudo"], [""], -2035, payload),
            *(wrong(["wudo"], [text], -2037, payload) for text in _WRONG_PAYLOADS),
            *(wrong([text], ["AA=="], -7009, type_) for text in NOT_UTF8),
            *(wrong(["wudo"], [text], -7009, payload) for text in NOT_UTF8),
        ),
        {},
    )


def _of(field: str, texts: Iterable[str]) -> dict[str, Fields]:
    return {text: {field: text or None} for text in texts}


def _hex(field: str, *texts: str) -> dict[str, Fields]:
    return {text: {field: bytes.fromhex(text)} for text in texts}


def _with(row: Row, *more: Invalid) -> Row:
    return row._replace(wrong=(*row.wrong, *more))


_NUMBERS = (
    *("a", "-1", "+1", " 1", "1 ", "1\n", "1.0", "0x1", "1,2", "\uff11", "\u0661", "\u00b2", "\x00", "1\u0661"),
    *("1\x00",),
)
_CONTROLLED = [f"a{control}b" for control in CONTROLS]

ROWS = (
    _row(
        "errorFormat",
        _of("error_format", ("html", "json")),
        {-3004: ("", "xml", "HTML", "Json", "html ", " json", "json\n", "text/html", "htmljson", "\u0125tml", "0")},
    ),
    _row("customerAuthenticator", _of("customer_authenticator", _AUTHENTICATORS), {-2018: _NOT_AUTHENTICATORS}),
    _row(
        "generalFlags",
        {"0000": {"general_flags": 0}},
        {-5003: ("", "0", "000", "00000", "0001", "1000", "ffff", "00 00", "0x00", " 0000", "0000\n", 4 * "\uff10")},
    ),
    _row(
        "kid",
        _KIDS,
        {
            -4020: (*_HEX32_SHORT_OR_LONG, *_NOT_HEX32, "kid1", " ^kid1", "\uff3ekid1", "\u00e9", "\x00"),
            -4021: ("^" + 65 * "a", "^" + 65 * "\u00e9", "^" + 65 * "\n", "^" + 1000 * " "),
            -4022: ("^", *("^" + name for name in _NAMES_OF_KIDS_NOT_ASCII)),
        },
    ),
    _row(
        "kek",
        _hex("kek", KEK, KEK.upper(), EK, EK.upper(), 2 * KEK, KEK + KEK.upper()),
        {
            -4024: (
                *(length * "0" for length in (0, 1, 2, 30, 31, 33, 34, 46, 47, 49, 50, 62, 63, 65, 66, 128)),
                *(text + zeros * "0" for text in _NOT_HEX32 for zeros in (0, 16, 32)),
            )
        },
    ),
    _with(
        _row(
            "ek",
            _hex("ek", EK, EK.upper(), 48 * "0", 48 * "f"),
            {
                -4024: (
                    *(length * "0" for length in (0, 1, 2, 32, 46, 47, 49, 50, 64, 96)),
                    *(text + 16 * "0" for text in _NOT_HEX32),
                )
            },
            {"kek": (KEK,)},
            {"kek": bytes.fromhex(KEK)},
        ),
        Invalid({"ek": (EK,), "kek": ()}, -4024, "ek"),
        Invalid({"ek": (EK,), "kek": (), "contentKey": (CONTENT_KEY,)}, -4024, "ek"),
    ),
    _with(
        _row(
            "contentKey",
            _hex("content_key", CONTENT_KEY, CONTENT_KEY.upper(), 32 * "0"),
            {
                -2027: ("", *_HEX32_SHORT_OR_LONG, "g", 16 * "\u00e9", 31 * "g", 33 * "\u00e9", 31 * "0" + "\r\n"),
                -2005: (*_NOT_HEX32, 32 * "\u00e9", 32 * "\x00", 32 * "\U0001f3ac"),
            },
            {"kek": (), "ek": ()},
            {"kek": None, "ek": None},
        ),
        Invalid({"contentKey": (CONTENT_KEY,), "kek": (KEK,), "ek": ()}, -6005, "contentKey"),
        Invalid({"contentKey": (CONTENT_KEY,), "kek": (KEK,), "ek": (EK,)}, -6005, "contentKey"),
    ),
    _row(
        "contentId",
        _of("content_id", (*_TEXTS, 1024 * "x", 1024 * "\U0001f3ac", "")),
        {-1: (1025 * "x", 1025 * "\U0001f3ac", 1024 * "x" + "\n", *_CONTROLLED)},
    ),
    _row(
        "securityLevel",
        {str(level): {"security_level": level} for level in range(1, 6)},
        {-7004: ("0", *"6789", "00", "01", "10", "11", "15", "12345", 5000 * "1", "SW_SECURE_CRYPTO", *_NUMBERS)},
    ),
    _row(
        "hdcpOutputControl",
        {str(control): {"hdcp_output_control": control} for control in range(3)},
        {-2034: (*"3456789", "00", "01", "10", "012", "123456789", 5000 * "1"), -2008: ("HDCP_NONE", *_NUMBERS)},
    ),
    _row(
        "licenseDuration",
        {str(seconds): {"license_duration": seconds} for seconds in (1, 9, 10, 86400, 4294967294, 4294967295)},
        {
            -7007: (
                *("", "0", "00", "01", "0086400", "4294967296", "9999999999", "42949672950", 400 * "9", 5000 * "9"),
                *("1.5", "1e3", "1_000", "unlimited", *_NUMBERS),
            )
        },
    ),
    _short_row(),
    _long_row(),
    _row("expirationTime", _TIMES, {-2002: ("", *_NOT_TIMES)}),
    _row(
        "cookie",
        _of("cookie", (*(text for text in _TEXTS if len(text) <= 32), 32 * "x", 32 * "\U0001f3ac", "")),
        {-2033: (33 * "x", 33 * "\U0001f3ac", 32 * "x" + "\n", *_CONTROLLED)},
    ),
    _row("deviceId", {}, {-7002: ("", "0", "urn:marlin:organization:1", 300 * "x", "\x00")}),
)


# Whole requests.


class Request(NamedTuple):
    """A valid request and the fields of its spec."""

    pairs: tuple[tuple[str, str], ...]
    fields: Fields


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Return valid requests with their parameters in any order."""
    fields = dict(MINIMAL_FIELDS)
    others: list[tuple[str, str]] = []
    keys = draw(st.sampled_from([(), ("kek",), ("kek", "ek"), ("contentKey",)]))
    optional = ("errorFormat", "generalFlags", "contentId", "licenseDuration", "expirationTime", "cookie")
    for name in (*MINIMAL, *keys, *draw(st.lists(st.sampled_from(optional), unique=True))):
        text, own = draw(VALUES[name])
        fields |= own
        others.append((name, text))
    rnd = draw(RANDOMS)
    ordered: list[tuple[str, str]] = []
    payloads: list[tuple[str, str]] = []
    items = draw(st.lists(extensions, max_size=4))
    for item in items:
        type_, payload = item.type.decode(), payload_text(item, rnd)
        if rnd.random() < 0.5:
            ordered.append(("wvExtension", f"{type_},{payload}"))
        else:
            ordered.append(("extensionType", type_))
            payloads.append(("extensionPayload", payload))
    fields["extensions"] = tuple(items)
    return Request(tuple(_merged(draw(st.permutations(others)), ordered, payloads, rnd)), fields)


def _merged(*arguments: Any) -> Iterator[tuple[str, str]]:
    """Merge the lists at random. Each keeps its order."""
    *lists, rnd = arguments
    turns = [index for index, items in enumerate(lists) for _ in items]
    rnd.shuffle(turns)
    sources = [iter(items) for items in lists]
    for turn in turns:
        yield next(sources[turn])


def spelled(request: Iterable[tuple[str, str]], rnd: random.Random) -> str:
    """Return the pairs in form encoding. Each character is escaped or not, at random."""
    return "&".join(f"{_spell(name, '&+%=', rnd)}={_spell(value, '&+%', rnd)}" for name, value in request)


def _spell(text: str, reserved: str, rnd: random.Random) -> str:
    return "".join(_spell_character(character, reserved, rnd) for character in text)


def _spell_character(character: str, reserved: str, rnd: random.Random) -> str:
    if character == " " and rnd.random() < 0.5:
        return "+"
    if character not in reserved and rnd.random() < 0.7:
        return character
    hexadecimal = rnd.choice(["%{:02x}", "%{:02X}"])
    return "".join(hexadecimal.format(byte) for byte in character.encode())


@st.composite
def specs(draw: st.DrawFn) -> TokenSpec:
    """Return TokenSpecs built by keyword."""
    name = draw(st.none() | _text(64, PRINTABLE))
    keys = draw(st.sampled_from([(), ("kek",), ("kek", "ek"), ("content_key",)]))
    key: dict[str, st.SearchStrategy[Any]] = {
        "kek": st.sampled_from([16, 24, 32]).flatmap(_bytes),
        "ek": _bytes(24),
        "content_key": _bytes(16),
    }
    expiry: Fields = draw(
        st.one_of(
            st.just({}),
            st.integers(1, 2592000).map(lambda seconds: {"expires_in": seconds}),
            st.integers(-62135596800, LAST_SECOND).map(lambda seconds: {"expires_at": seconds}),
        )
    )
    return TokenSpec(
        customer_authenticator=draw(_text(256, PRINTABLE)),
        error_format=draw(st.sampled_from(ErrorFormat)),
        general_flags=0,
        kid=draw(_bytes(16)) if name is None else kid_of(name),
        kid_name=name,
        content_id=draw(st.none() | _text(1024)),
        security_level=draw(st.sampled_from(SecurityLevel)),
        hdcp_output_control=draw(st.sampled_from(HdcpOutputControl)),
        license_duration=draw(st.none() | st.integers(1, 2**32 - 1)),
        extensions=tuple(draw(st.lists(extensions, max_size=6))),
        cookie=draw(st.none() | _text(32)),
        unknown=tuple(draw(st.lists(st.text(), max_size=2))),
        **{field: draw(key[field]) for field in keys},
        **expiry,
    )


def _bytes(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


# Test vectors.

_FORM: dict[str, Fields] = {  # what is added to a minimal request, and the fields that it must set
    "extensionType=bbbb&wvExtension=aaaa,AA==&extensionPayload=AQ==&extensionType=cccc&extensionPayload=Ag==": {
        "extensions": (Extension(b"bbbb", b"\1"), Extension(b"aaaa", b"\0"), Extension(b"cccc", b"\2"))
    },
    "extensionPayload=AQ==&extensionPayload=Ag==&wvExtension=aaaa,AA==&extensionType=bbbb&extensionType=cccc": {
        "extensions": (Extension(b"aaaa", b"\0"), Extension(b"bbbb", b"\1"), Extension(b"cccc", b"\2"))
    },
    "wvExtension=wudo,+/+/&expirationTime=+60": {
        "extensions": (Extension(b"wudo", b"\xfb\xff\xbf"),),
        "expires_in": 60,
    },
    "cooki%65=x": {"cookie": "x"},
    "contentId&cookie&&&x&&y=&=&=z&": {"unknown": ("x", "y", "", "")},
    "Cookie=a&COOKIE=b&cookie+=c&a%3Db=1&?a=1&%zz": {"unknown": ("Cookie", "COOKIE", "cookie ", "a=b", "?a", "%zz")},
    "other=%FF": {"unknown": ("other",)},
    "&".join(1996 * ["x"]): {"unknown": 1996 * ("x",)},
    f"wvExtension=wudo,{b64encode(bytes(8064)).decode()}": {"extensions": (Extension(b"wudo", bytes(8064)),)},
}
DECODED = {
    **{
        "a+%2B+b": "a + b",
        "%c3%a9": "\u00e9",
        "\u00e9%C3%A9": "\u00e9\u00e9",
        "a=b==": "a=b==",
        "a;b": "a;b",
        "%2541": "%41",
    },
    **{
        "100%": "100%",
        "%4": "%4",
        "%zz": "%zz",
        "%%41": "%A",
        "%u0041": "%u0041",
        "%EF%BB%BFx": "\ufeffx",
        "%+41": "% 41",
    },
    **{
        "%%%41%": "%%A%",
        "%4+1": "%4 1",
        "%4%41": "%4A",
        "%\u0664\u0661": "%\u0664\u0661",
        "%4\u00e9": "%4\u00e9",
        "%26": "&",
    },
}
"""Raw values and what they decode to."""
_FAULTY: dict[str | bytes, tuple[int, str | None, str]] = {
    "%FF=1": (-1, None, "html"),
    b"\xff=1": (-1, None, "html"),
    "deviceId=1&errorFormat=xml&%C3": (-1, None, "html"),
    "errorFormat=json&%C3": (-1, None, "json"),
    "&".join(1997 * ["x"]): (-1, None, "html"),
    "errorFormat=json&" + "&".join(1996 * ["x"]): (-1, None, "json"),
    f"wvExtension=wudo,{b64encode(bytes(8065)).decode()}": (-7009, "wvExtension", "html"),
    "deviceId=1&cookie=%00&kek=0&generalFlags=1&errorFormat=json": (-5003, "generalFlags", "json"),
    "licenseDuration": (-7007, "licenseDuration", "html"),
    "deviceId": (-7002, "deviceId", "html"),
}
"""What is added to a minimal request, and the code, the parameter and the format of the error."""


def vectors() -> dict[str, list[dict[str, Any]]]:
    """Return the contents of `vectors/requests.json`."""
    required = unescaped(pairs({}))
    full = pairs({}, FULL)
    valid = [
        _valid("required only", required, {}),
        *(_valid("everything", text, FULL_FIELDS) for text in _spellings(full)),
    ]
    for row in ROWS:
        valid += [_valid(f"{row}: accepted", unescaped(pairs(item.changes)), item.fields) for item in row.valid]
    valid += [
        _valid("form decoding", required + f"&contentId={raw}".encode(), {"content_id": DECODED[raw]})
        for raw in DECODED
    ]
    valid += [_valid("form decoding", required + b"&contentId=\xc3%A9", {"content_id": "\u00e9"})]
    valid += [_valid("form decoding", required + b"&" + text.encode(), fields) for text, fields in _FORM.items()]
    invalid = [_invalid("nothing at all", b"", -2017, "customerAuthenticator")]
    for row in ROWS:
        for item in _spread(row.invalid(), 35):
            fault = item.code, item.parameter
            invalid.append(_invalid(f"{row}: rejected", unescaped(pairs(item.changes)), *fault))
        if row.name != "errorFormat":
            in_json = unescaped([*pairs(item.changes), ("errorFormat", "json")])
            invalid.append(_invalid(f"{row}: rejected, in JSON", in_json, *fault, "json"))
    for text, expected in _FAULTY.items():
        raw = text if isinstance(text, bytes) else text.encode()
        invalid.append(_invalid("rejected", required + b"&" + raw, *expected))
    return {"valid": valid, "invalid": invalid}


def _spread(items: Iterable[Any], most: int) -> list[Any]:
    """Return at most `most` items, evenly spread. test_parameters.py uses all of them."""
    everything = list(items)
    return everything[:: -(-len(everything) // most)]


def _spellings(request: list[Pair]) -> Iterator[bytes]:
    yield from (escaped(request).encode(), unescaped(request), unescaped(request[5:] + request[:5]))


def _valid(comment: str, query: bytes, fields: Fields) -> dict[str, Any]:
    spec = {**MINIMAL_FIELDS, "unknown": (), **fields}
    spec["extensions"] = [{"type": type_.decode(), "payload": data.hex()} for type_, data in spec["extensions"]]
    texts = {name: value.hex() if isinstance(value, bytes) else value for name, value in spec.items()}
    return {"comment": comment, **_source(query), "spec": texts}


def _invalid(comment: str, query: bytes, code: int, parameter: str | None, format_: str = "html") -> dict[str, Any]:
    return {"comment": comment, **_source(query), "code": code, "parameter": parameter, "errorFormat": format_}


def _source(query: bytes) -> dict[str, str]:
    try:
        return {"query": query.decode()}
    except UnicodeDecodeError:
        return {"queryHex": query.hex()}


def vectors_text() -> str:
    """Return the text of `vectors/requests.json`, with one vector per line and no request twice."""
    lists = []
    for name, items in vectors().items():
        lines = {json.dumps(_source_of(item)): json.dumps(item) for item in reversed(items)}
        lists.append(f'"{name}": [\n' + ",\n".join(reversed(lines.values())) + "\n]")
    return "{\n" + ",\n".join(lists) + "\n}\n"


def _source_of(vector: dict[str, Any]) -> str:
    return str(vector.get("query") or vector.get("queryHex"))


if __name__ == "__main__":
    path = Path(__file__).parent / "vectors" / "requests.json"
    path.write_text(vectors_text(), encoding="ascii", newline="\n")
