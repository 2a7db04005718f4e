"""The request grammar of the specification, transcribed as data, and hypothesis strategies made from it.

`ROWS` has a row per parameter, in the order of the table, with values that must be read (and the fields of the
`TokenSpec` they must be read as) and values that must be refused (and with which code). Nothing here asks the code
under test what is right. `requests()`, `queries()` and `specs()` make whole valid requests, for whoever needs some.
"""

from __future__ import annotations

import random
import re
from base64 import b64encode
from calendar import monthrange, timegm
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha1
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from wvtoken import ErrorFormat, Extension, HdcpOutputControl, SecurityLevel, TokenSpec

# A request as data.

Value = str | bytes
"""A decoded value; bytes where it is not UTF-8."""
Pair = tuple[Value, Value]
Changes = Mapping[str, tuple[Value, ...]]
"""The values that a request has of each of these parameters, instead of those it had; () is none."""
Fields = dict[str, Any]


class Valid(NamedTuple):
    """Something a request may say, and the fields that it must be read as."""

    changes: Changes
    fields: Fields


class Invalid(NamedTuple):
    """A fault, its code and the parameter that it is put down to."""

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
    "customer_authenticator": AUTHENTICATOR,
    "error_format": "html",
    "kid": bytes.fromhex(KID),
    "kid_name": None,
    "content_key": None,
    "kek": None,
    "ek": None,
    "content_id": None,
    "general_flags": 0,
    "security_level": 1,
    "hdcp_output_control": 0,
    "license_duration": None,
    "extensions": (),
    "expires_at": None,
    "expires_in": None,
    "cookie": None,
}
"""A request with what is required and nothing else, and every field of its spec but `unknown`."""

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
    "customer_authenticator": AUTHENTICATOR,
    "error_format": "html",
    "kid": bytes.fromhex("874cc4da3e96faf052d2a7f1d8dab7c2"),
    "kid_name": "CNN.2014.12.18",
    "content_key": None,
    "kek": bytes.fromhex(KEK),
    "ek": bytes.fromhex(EK),
    "content_id": "Tatort \u2013 \u00a7 218 & mehr",
    "general_flags": 0,
    "security_level": 5,
    "hdcp_output_control": 2,
    "license_duration": 86400,
    "extensions": (Extension(b"wudo", bytes(4)), Extension(b"abcd", bytes.fromhex("deadbeef"))),
    "expires_at": None,
    "expires_in": 60,
    "cookie": "session 1+1",
}
"""A request with everything that can stand together."""


def pairs(changes: Changes, base: Changes = MINIMAL) -> list[Pair]:
    """The pairs of the base with the changes made, in the order of the base; what is new comes last."""
    return [(name, value) for name, values in ({**base, **changes}).items() for value in values]


def escaped(request: Iterable[Pair]) -> str:
    """Pairs as form-urlencoded ASCII in which everything that can be escaped is."""
    return "&".join(f"{_escape(name)}={_escape(value)}" for name, value in request)


def unescaped(request: Iterable[Pair]) -> bytes:
    """Pairs as form-urlencoded bytes in which only what has to be escaped is: `%`, `&`, `+`, and `=` in a name."""
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
"""Unicode category Cc, all of it."""
HEX = "0123456789abcdefABCDEF"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
CLEAN = st.characters(exclude_categories=["Cc", "Cs"])
"""Characters that a contentId or a cookie may have."""
ANY = st.characters(codec="utf-8")
"""Characters that UTF-8 can say."""
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
    """What an RFC 3339 time means in UNIX seconds; None when it is none that a request may have."""
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
    """The fields that an expirationTime sets, or None when it is none."""
    relative = RELATIVE.fullmatch(text)
    if relative is not None:
        seconds = int(relative[1])
        return {"expires_in": seconds, "expires_at": None} if seconds <= 2592000 else None
    moment = unix_time(text)
    return None if moment is None else {"expires_at": moment, "expires_in": None}


# A row of the table.


@dataclass(frozen=True, repr=False)
class Row:
    """A row of the grammar.

    `missing` and `empty` are codes, None where a request may do without the parameter, or leave its value empty;
    `twice` and `not_utf8` are codes too. `valid` and `wrong` are examples of the columns "accepted" and "otherwise",
    `valids` and `wrongs` strategies for more of them. `alone` is what else a request must change for a value of this
    row to be looked at.
    """

    name: str
    valid: tuple[Valid, ...]
    wrong: tuple[Invalid, ...]
    missing: int | None
    empty: int | None
    twice: int | None
    not_utf8: int | None
    valids: st.SearchStrategy[Valid]
    wrongs: st.SearchStrategy[Invalid]
    alone: Changes = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    def invalid(self) -> Iterator[Invalid]:
        """Every invalid example of the row, of all its columns."""
        yield from self.wrong
        if self.missing is not None:
            yield Invalid({self.name: ()}, self.missing, self.name)
        if self.empty is not None:
            yield Invalid({**self.alone, self.name: ("",)}, self.empty, self.name)
        if self.not_utf8 is not None:
            for wrong in NOT_UTF8:
                yield Invalid({**self.alone, self.name: (wrong,)}, self.not_utf8, self.name)
        if self.twice is not None:
            values = [example.changes[self.name][0] for example in self.valid[:2]]
            for value in values:
                yield Invalid({**self.alone, self.name: (values[0], value)}, self.twice, self.name)
            yield Invalid({**self.alone, self.name: (values[0], b"\xff")}, self.twice, self.name)


def _row(
    name: str,
    reads: Mapping[str, Fields],
    otherwise: Mapping[str, int],
    *,
    missing: int | None = None,
    empty: int | None,
    twice: int,
    valids: st.SearchStrategy[tuple[str, Fields]],
    wrongs: st.SearchStrategy[tuple[str, int]],
    alone: Changes | None = None,
    alone_fields: Fields | None = None,
) -> Row:
    """A row for a parameter of one value: values to fields, and values to codes."""
    also = alone or {}
    also_fields = alone_fields or {}

    def valid(value: str, fields: Fields) -> Valid:
        return Valid({**also, name: (value,)}, {**also_fields, **fields})

    def invalid(value: str, code: int) -> Invalid:
        return Invalid({**also, name: (value,)}, code, name)

    return Row(
        name,
        tuple(valid(value, fields) for value, fields in reads.items()),
        tuple(invalid(value, code) for value, code in otherwise.items()),
        missing,
        empty,
        twice,
        twice,
        valids.map(lambda drawn: valid(*drawn)),
        wrongs.map(lambda drawn: invalid(*drawn)),
        also,
    )


# Strategies for values.


def _text(most: int, alphabet: Any = CLEAN) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=most)


def _all_but(
    text: st.SearchStrategy[str], right: Callable[[str], bool], code: int
) -> st.SearchStrategy[tuple[str, int]]:
    """Any text but the empty one and those that are right."""
    return text.filter(lambda value: bool(value) and not right(value)).map(lambda value: (value, code))


@st.composite
def hexes(draw: st.DrawFn, *lengths: int) -> str:
    """So many bytes in hexadecimal digits of either case."""
    length = 2 * draw(st.sampled_from(lengths))
    return draw(st.text(HEX, min_size=length, max_size=length))


def _is_hex(value: str, *lengths: int) -> bool:
    return len(value) in {2 * length for length in lengths} and set(value) <= set(HEX)


@st.composite
def _spoiled(draw: st.DrawFn, texts: st.SearchStrategy[str], characters: st.SearchStrategy[str]) -> str:
    """A text with a character of it put out, put in or put another for."""
    text = draw(texts)
    at = draw(st.integers(0, len(text)))
    character = draw(characters)
    return draw(
        st.sampled_from(
            [text[:at] + character + text[at:], text[:at] + character + text[at + 1 :], text[:at] + text[at + 1 :]]
        )
    )


@st.composite
def times(draw: st.DrawFn) -> str:
    """RFC 3339 times of every spelling that is accepted."""
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


relatives = st.builds(lambda sign, seconds: f"{sign}{seconds}", st.sampled_from("+ "), st.integers(1, 2592000))


def _expiration_fields(text: str) -> Fields:
    fields = expiration(text)
    assert fields is not None, text
    return fields


extensions = st.builds(
    Extension,
    st.text(NO_COMMA, min_size=4, max_size=4).map(str.encode),
    st.binary(min_size=1, max_size=40),
)


def payload_text(extension: Extension, rnd: random.Random) -> str:
    """An extension's payload in base64, some of its `+` turned into a space as an unescaped form would."""
    text = b64encode(extension.payload).decode()
    return "".join(" " if character == "+" and rnd.random() < 0.3 else character for character in text)


_randoms = st.randoms(use_true_random=False)
_not_base64 = st.one_of(
    st.text(BASE64, min_size=1, max_size=30).filter(lambda text: len(text) % 4 != 0),  # padding is required
    st.text(BASE64, min_size=1, max_size=20).map(lambda text: text + "="[: len(text) % 4 == 0]),
    st.text(BASE64 + "=\n-_.,", max_size=12).map(lambda text: text + "!"),
    st.sampled_from("BCDEFGHIJKLMNOP").map(lambda last: f"A{last}=="),  # stray bits
    st.sampled_from("BCD").map(lambda last: f"AA{last}="),
)


def _no_comma(text: str) -> bool:
    return "," not in text


_wrong_types = st.one_of(
    st.text(NO_COMMA, max_size=3),
    st.text(NO_COMMA, min_size=5, max_size=8),
    _spoiled(st.text(NO_COMMA, min_size=4, max_size=4), st.characters(codec="utf-8", min_codepoint=0x7F)).filter(
        lambda text: not text.isascii() or "\x7f" in text
    ),
    st.text(NO_COMMA, min_size=3, max_size=3).map(lambda text: text + "\n"),
)


def _long(type_: Value | None, payload: Value | None) -> Changes:
    return {
        "extensionType": () if type_ is None else (type_,),
        "extensionPayload": () if payload is None else (payload,),
    }


_NO_LONG: Changes = {"extensionType": (), "extensionPayload": ()}


# The values of single parameters, as the table has them.

_HEX32_SHORT_OR_LONG = (
    "0",
    30 * "0",
    31 * "0",
    33 * "0",
    34 * "0",
    64 * "0",
    "0x" + 32 * "0",
    32 * "0" + " ",
    32 * "0" + "\n",
)
_NOT_HEX32 = (
    31 * "0" + "g",
    "0x" + 30 * "0",
    31 * "0" + " ",
    " " + 31 * "0",
    (16 * "00 ")[:32],
    "-" + 31 * "0",
    31 * "0" + "\n",
    31 * "0" + "\u0660",
    32 * "\uff10",
    "{fd1a706a-c2b3-6002-888f-6d4a4143}"[:32],
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
    "\u00e9",
    "CNN\x7f",
    "\x00",
    "CNN\n",
    "\t",
    "\u00a0",
    "\U0001f3ac",
    64 * "\u00e9",
    63 * "a" + "\u00df",
)

_TEXTS = (
    "x",
    " ",
    "a b+c&d=e%41;f",
    "\u00e9t\u00e9",
    "e\u0301",
    "\U0001f3ac",
    "\u202ewhat a terminal writes backwards",
    "\ufeff",
    "\u00a0",
    "\u00ad",
    "\u2028",
    "\uffff",
    "\ufffd",
    "<script>",
)
_AUTHENTICATORS = (AUTHENTICATOR, "a", " ", 256 * "~", "".join(PRINTABLE), "+", "%41", "\\", "a,b")
_NOT_AUTHENTICATORS = (
    257 * "a",
    "\u00e9",
    "abc\x7f",
    "\x1fabc",
    "a\nb",
    "\t",
    "\x00",
    "\u00a0",
    "\uff11",
    256 * "a" + "\n",
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
    "",
    "w",
    "wud",
    "wudoo",
    "w\u00fcdo",
    "wud\x7f",
    "wud\n",
    "\x00\x00\x00\x00",
    "\uff57\uff55\uff44\uff4f",
    "\U0001f3ac",
)
_WRONG_PAYLOADS = (
    *("A", "AA", "AAA", "AA=", "A===", "=", "==", "===", "====", "AAAA=", "AAAA==", "AAAA====", "AA==AA==", "=AAA"),
    *("AB==", "AP==", "AAB=", "AAD=", "AA==\n", "\nAA==", "AA==\r\n", "AA\nAA", "A-_A", "A.AA", "AAA\u0410", "AAA\x00"),
    *(" AA==", "AA== ", "AA= =", "AA%3D%3D", "AA==!", "\uff21\uff21==", "AAAA,AAAA", ",AA==", "AA==,", ","),
)


def _short_wrongs() -> dict[str, int]:
    no_comma = dict.fromkeys(("wudo", "AAAAAA==", "wudo;AA==", "wudo\uff0cAA==", "wudo AA==", "wudo%2CAA=="), -7009)
    wrong_types = (*_WRONG_TYPES, "wu,o", "a,b,", ",,,,")  # a type ends at the first comma
    types = dict.fromkeys((f"{type_},{payload}" for type_ in wrong_types for payload in ("AA==", "", "!")), -2036)
    payloads = {f"wudo,{payload}": -2037 for payload in _WRONG_PAYLOADS}
    return no_comma | types | {"wudo,": -2035} | payloads | {f"wudo,{10924 * 'A'}": -7009}


def _long_wrongs() -> Iterator[Invalid]:
    type_, payload = "extensionType", "extensionPayload"
    yield Invalid(_long("wudo", None), -2035, type_)
    yield Invalid(_long(None, "AA=="), -2035, payload)
    yield Invalid(_long("", None), -2035, type_)
    yield Invalid(_long(None, ""), -2035, payload)
    yield Invalid({type_: ("wudo", "abcd"), payload: ("AA==",)}, -2035, type_)
    yield Invalid({type_: ("wudo",), payload: ("AA==", "AA==")}, -2035, payload)
    for wrong in (*_WRONG_TYPES, "wu,o", ",,,,", "wudo,AA=="):
        yield Invalid(_long(wrong, "AA=="), -2036, type_)
        yield Invalid(_long(wrong, ""), -2036, type_)
        yield Invalid({type_: ("abcd", wrong), payload: ("AA==", "AA==")}, -2036, type_)
    yield Invalid(_long("wudo", ""), -2035, payload)
    for wrong in _WRONG_PAYLOADS:
        yield Invalid(_long("wudo", wrong), -2037, payload)
    for not_utf8 in NOT_UTF8:
        yield Invalid(_long(not_utf8, "AA=="), -7009, type_)
        yield Invalid(_long("wudo", not_utf8), -7009, payload)


def _short_row() -> Row:
    def read(text: str, *items: Extension) -> Valid:
        return Valid({"wvExtension": tuple(text.split("|")), **_NO_LONG}, {"extensions": items})

    return Row(
        "wvExtension",
        (
            *(read(f"{type_},{payload}", item) for (type_, payload), item in _EXTENSIONS.items()),
            read("wudo,AA==|abcd,AQ==", Extension(b"wudo", b"\0"), Extension(b"abcd", b"\1")),
            read("wudo,AQ==|wudo,AA==|wudo,AQ==", *(Extension(b"wudo", bytes([byte])) for byte in (1, 0, 1))),
            read("|".join(500 * ["wudo,AA=="]), *(500 * [Extension(b"wudo", b"\0")])),
        ),
        (
            *(Invalid({"wvExtension": (value,)}, code, "wvExtension") for value, code in _short_wrongs().items()),
            *(
                Invalid({"wvExtension": ("wudo,AA==", value)}, code, "wvExtension")
                for value, code in (
                    ("wudo", -7009),
                    ("", -7009),
                    ("wud,AA==", -2036),
                    ("wudo,", -2035),
                    ("wudo,A", -2037),
                )
            ),
            Invalid({"wvExtension": (b"wudo,\xff",)}, -7009, "wvExtension"),
            Invalid({"wvExtension": ("wudo,AA==", b"\xff")}, -7009, "wvExtension"),
        ),
        missing=None,
        empty=-7009,
        twice=None,
        not_utf8=-7009,
        valids=st.builds(
            lambda items, rnd: Valid(
                {"wvExtension": tuple(f"{item.type.decode()},{payload_text(item, rnd)}" for item in items), **_NO_LONG},
                {"extensions": tuple(items)},
            ),
            st.lists(extensions, min_size=1, max_size=5),
            _randoms,
        ),
        wrongs=st.one_of(
            st.text(CLEAN).filter(_no_comma).map(lambda text: (text, -7009)),
            st.tuples(_wrong_types, st.text(BASE64 + "=", max_size=8)).map(lambda drawn: (",".join(drawn), -2036)),
            st.text(NO_COMMA, min_size=4, max_size=4).map(lambda type_: (f"{type_},", -2035)),
            _not_base64.map(lambda payload: (f"wudo,{payload}", -2037)),
        ).map(lambda drawn: Invalid({"wvExtension": (drawn[0],)}, drawn[1], "wvExtension")),
    )


def _long_row() -> Row:
    def read(items: Iterable[tuple[str, str, Extension]]) -> Valid:
        types, payloads, made = zip(*items, strict=True)
        return Valid({"wvExtension": (), "extensionType": types, "extensionPayload": payloads}, {"extensions": made})

    rows = [(type_, payload, item) for (type_, payload), item in _EXTENSIONS.items()]
    return Row(
        "extensionType",
        (*(read([row]) for row in rows), read(rows), read(rows[::-1]), read(rows[:1] * 3)),
        tuple(_long_wrongs()),
        missing=None,
        empty=None,
        twice=None,
        not_utf8=None,
        valids=st.builds(
            lambda items, rnd: read([(item.type.decode(), payload_text(item, rnd), item) for item in items]),
            st.lists(extensions, min_size=1, max_size=5),
            _randoms,
        ),
        wrongs=st.one_of(
            st.tuples(_wrong_types, st.text(BASE64 + "=", max_size=8)).map(
                lambda drawn: Invalid(_long(*drawn), -2036, "extensionType")
            ),
            _not_base64.map(lambda payload: Invalid(_long("wudo", payload), -2037, "extensionPayload")),
            st.text(CLEAN).map(lambda type_: Invalid(_long(type_, None), -2035, "extensionType")),
            st.text(CLEAN).map(lambda payload: Invalid(_long(None, payload), -2035, "extensionPayload")),
        ),
    )


def _together() -> Iterator[Invalid]:
    """A contentKey beside kek or ek; an ek without kek is the fault of ek, which stands before it."""
    yield Invalid({"contentKey": (CONTENT_KEY,), "kek": (KEK,), "ek": ()}, -6005, "contentKey")
    yield Invalid({"contentKey": (CONTENT_KEY,), "kek": (KEK,), "ek": (EK,)}, -6005, "contentKey")


def _device_row() -> Row:
    values = ("", "0", "urn:marlin:organization:1", 300 * "x", "\x00", *NOT_UTF8)
    twice = Invalid({"deviceId": ("1", "1")}, -7002, "deviceId")
    return Row(
        "deviceId",
        (),
        (*(Invalid({"deviceId": (value,)}, -7002, "deviceId") for value in values), twice),
        missing=None,
        empty=-7002,
        twice=None,
        not_utf8=-7002,
        valids=st.nothing(),
        wrongs=st.text().map(lambda value: Invalid({"deviceId": (value,)}, -7002, "deviceId")),
    )


def _with(row: Row, *more: Invalid) -> Row:
    return replace(row, wrong=(*row.wrong, *more))


# The table, in its order.

ROWS = (
    _row(
        "errorFormat",
        {"html": {"error_format": "html"}, "json": {"error_format": "json"}},
        dict.fromkeys(
            ("xml", "HTML", "Json", "html ", " json", "json\n", "text/html", "htmljson", "\u0125tml", "0"), -3004
        ),
        empty=-3004,
        twice=-3004,
        valids=st.sampled_from(["html", "json"]).map(lambda text: (text, {"error_format": text})),
        wrongs=_all_but(st.text(), lambda text: text in ("html", "json"), -3004),
    ),
    _row(
        "customerAuthenticator",
        {text: {"customer_authenticator": text} for text in _AUTHENTICATORS},
        dict.fromkeys(_NOT_AUTHENTICATORS, -2018),
        missing=-2017,
        empty=-2017,
        twice=-2018,
        valids=_text(256, PRINTABLE).map(lambda text: (text, {"customer_authenticator": text})),
        wrongs=st.one_of(
            st.text(PRINTABLE, min_size=257, max_size=300).map(lambda text: (text, -2018)),
            _all_but(st.text(), lambda text: set(text) <= set(PRINTABLE), -2018),
        ),
    ),
    _row(
        "generalFlags",
        {"0000": {"general_flags": 0}},
        dict.fromkeys(
            ("0", "000", "00000", "0001", "1000", "ffff", "00 00", "0x00", " 0000", "0000 ", "0000\n", 4 * "\uff10"),
            -5003,
        ),
        empty=-5003,
        twice=-5003,
        valids=st.just(("0000", {"general_flags": 0})),
        wrongs=_all_but(st.text() | st.text("01", max_size=6), "0000".__eq__, -5003),
    ),
    _row(
        "kid",
        _KIDS,
        dict.fromkeys((*_HEX32_SHORT_OR_LONG, *_NOT_HEX32, "kid1", " ^kid1", "\uff3ekid1", "\u00e9", "\x00"), -4020)
        | dict.fromkeys(("^" + 65 * "a", "^" + 65 * "\u00e9", "^" + 65 * "\n", "^" + 1000 * " "), -4021)
        | dict.fromkeys(("^", *("^" + name for name in _NAMES_OF_KIDS_NOT_ASCII)), -4022),
        missing=-4018,
        empty=-4018,
        twice=-4022,
        valids=st.one_of(
            hexes(16).map(lambda text: (text, {"kid": bytes.fromhex(text), "kid_name": None})),
            _text(64, PRINTABLE).map(lambda name: ("^" + name, {"kid": kid_of(name), "kid_name": name})),
        ),
        wrongs=st.one_of(
            _all_but(st.text() | _spoiled(hexes(16), ANY), lambda kid: kid[0] == "^" or _is_hex(kid, 16), -4020),
            st.text(min_size=65, max_size=100).map(lambda name: ("^" + name, -4021)),
            st.text(max_size=64)
            .filter(lambda name: not name or not set(name) <= set(PRINTABLE))
            .map(lambda name: ("^" + name, -4022)),
        ),
    ),
    _row(
        "kek",
        {text: {"kek": bytes.fromhex(text)} for text in (KEK, KEK.upper(), EK, EK.upper(), 2 * KEK, KEK + KEK.upper())},
        dict.fromkeys(
            (
                *(length * "0" for length in (1, 2, 30, 31, 33, 34, 46, 47, 49, 50, 62, 63, 65, 66, 128)),
                *_NOT_HEX32,
                *(text + 16 * "0" for text in _NOT_HEX32),
                *(text + 32 * "0" for text in _NOT_HEX32),
            ),
            -4024,
        ),
        empty=-4024,
        twice=-4024,
        valids=hexes(16, 24, 32).map(lambda text: (text, {"kek": bytes.fromhex(text)})),
        wrongs=_all_but(
            st.text() | st.text(HEX, max_size=70) | _spoiled(hexes(16, 24, 32), ANY),
            lambda text: _is_hex(text, 16, 24, 32),
            -4024,
        ),
    ),
    _with(
        _row(
            "ek",
            {text: {"ek": bytes.fromhex(text)} for text in (EK, EK.upper(), 48 * "0", 48 * "f")},
            dict.fromkeys(
                (
                    *(length * "0" for length in (1, 2, 32, 46, 47, 49, 50, 64, 96)),
                    *(text + 16 * "0" for text in _NOT_HEX32),
                ),
                -4024,
            ),
            empty=-4024,
            twice=-4024,
            valids=hexes(24).map(lambda text: (text, {"ek": bytes.fromhex(text)})),
            wrongs=_all_but(
                st.text() | st.text(HEX, max_size=70) | _spoiled(hexes(24), ANY),
                lambda text: _is_hex(text, 24),
                -4024,
            ),
            alone={"kek": (KEK,)},
            alone_fields={"kek": bytes.fromhex(KEK)},
        ),
        Invalid({"ek": (EK,), "kek": ()}, -4024, "ek"),
        Invalid({"ek": (EK,), "kek": (), "contentKey": (CONTENT_KEY,)}, -4024, "ek"),
    ),
    _with(
        _row(
            "contentKey",
            {text: {"content_key": bytes.fromhex(text)} for text in (CONTENT_KEY, CONTENT_KEY.upper(), 32 * "0")},
            dict.fromkeys(
                (*_HEX32_SHORT_OR_LONG, "g", 16 * "\u00e9", 31 * "g", 33 * "\u00e9", 31 * "0" + "\r\n"), -2027
            )
            | dict.fromkeys((*_NOT_HEX32, 32 * "\u00e9", 32 * "\x00", 32 * "\U0001f3ac"), -2005),
            empty=-2027,
            twice=-6005,
            valids=hexes(16).map(lambda text: (text, {"content_key": bytes.fromhex(text)})),
            wrongs=st.one_of(
                _all_but(st.text(max_size=70) | st.text(HEX, max_size=70), lambda text: len(text) == 32, -2027),
                _all_but(st.text(min_size=32, max_size=32), lambda text: _is_hex(text, 16), -2005),
            ),
            alone={"kek": (), "ek": ()},
            alone_fields={"kek": None, "ek": None},
        ),
        *_together(),
    ),
    _row(
        "contentId",
        {text: {"content_id": text or None} for text in (*_TEXTS, 1024 * "x", 1024 * "\U0001f3ac", "")},
        dict.fromkeys(
            (1025 * "x", 1025 * "\U0001f3ac", 1024 * "x" + "\n", *(f"a{control}b" for control in CONTROLS)), -1
        ),
        empty=None,
        twice=-1,
        valids=_text(40).map(lambda text: (text, {"content_id": text})),
        wrongs=_spoiled(_text(20), st.sampled_from(CONTROLS))
        .filter(lambda text: not set(text).isdisjoint(CONTROLS))
        .map(lambda text: (text, -1)),
    ),
    _row(
        "securityLevel",
        {str(level): {"security_level": level} for level in range(1, 6)},
        dict.fromkeys(
            (
                *(
                    "0",
                    "6",
                    "7",
                    "8",
                    "9",
                    "00",
                    "01",
                    "10",
                    "11",
                    "15",
                    " 1",
                    "1 ",
                    "1\n",
                    "+1",
                    "-1",
                    "1.0",
                    "1,2",
                    "0x1",
                ),
                *(
                    "\uff11",
                    "\u0661",
                    "\u00b2",
                    "\u2460",
                    "a",
                    "SW_SECURE_CRYPTO",
                    "\x00",
                    "1\x00",
                    "12345",
                    5000 * "1",
                ),
            ),
            -7004,
        ),
        missing=-7003,
        empty=-7003,
        twice=-7004,
        valids=st.integers(1, 5).map(lambda level: (str(level), {"security_level": level})),
        wrongs=_all_but(st.text() | st.integers().map(str), lambda text: text in list("12345"), -7004),
    ),
    _row(
        "hdcpOutputControl",
        {str(control): {"hdcp_output_control": control} for control in range(3)},
        dict.fromkeys(("3", "4", "5", "6", "7", "8", "9", "00", "01", "10", "012", "123456789", 5000 * "1"), -2034)
        | dict.fromkeys(
            (
                "a",
                "HDCP_NONE",
                "-1",
                "+1",
                " 1",
                "1 ",
                "1\n",
                "1.0",
                "0x1",
                "1,2",
                "\uff11",
                "\u0663",
                "\u00b2",
                "1\u0661",
                "\x00",
            ),
            -2008,
        ),
        missing=-7006,
        empty=-7006,
        twice=-2008,
        valids=st.integers(0, 2).map(lambda control: (str(control), {"hdcp_output_control": control})),
        wrongs=st.one_of(
            _all_but(st.text("0123456789"), lambda text: text in list("012"), -2034),
            _all_but(st.text(), lambda text: set(text) <= set("0123456789"), -2008),
            st.integers(max_value=-1).map(lambda number: (str(number), -2008)),
        ),
    ),
    _row(
        "licenseDuration",
        {str(seconds): {"license_duration": seconds} for seconds in (1, 9, 10, 86400, 4294967294, 4294967295)},
        dict.fromkeys(
            (
                *("0", "00", "01", "0086400", "4294967296", "9999999999", "42949672950", 400 * "9", 5000 * "9"),
                *(
                    "-1",
                    "+1",
                    " 1",
                    "1 ",
                    "1\n",
                    "1.5",
                    "1.0",
                    "1e3",
                    "1_000",
                    "0x10",
                    "\u0661",
                    "\uff11",
                    "\u00b2",
                    "unlimited",
                ),
            ),
            -7007,
        ),
        empty=-7007,
        twice=-7007,
        valids=st.integers(1, 2**32 - 1).map(lambda seconds: (str(seconds), {"license_duration": seconds})),
        wrongs=st.one_of(
            st.integers(min_value=2**32).map(lambda seconds: (str(seconds), -7007)),
            st.integers(max_value=0).map(lambda seconds: (str(seconds), -7007)),
            st.integers(0, 2**32).map(lambda seconds: (f"0{seconds}", -7007)),
            _all_but(st.text(), lambda text: set(text) <= set("0123456789"), -7007),
        ),
    ),
    _short_row(),
    _long_row(),
    _row(
        "expirationTime",
        _TIMES,
        dict.fromkeys(_NOT_TIMES, -2002),
        empty=-2002,
        twice=-2002,
        valids=(times() | relatives).map(lambda text: (text, _expiration_fields(text))),
        wrongs=_all_but(
            st.one_of(
                st.text(),
                st.builds("{}{}".format, st.sampled_from(["", "+", " ", "-"]), st.integers(0)),
                _spoiled(times(), ANY | st.sampled_from("0123456789TZ:-+. ")),
            ),
            lambda text: expiration(text) is not None,
            -2002,
        ),
    ),
    _row(
        "cookie",
        {text: {"cookie": text or None} for text in (*_TEXTS, 32 * "x", 32 * "\U0001f3ac", "") if len(text) <= 32},
        dict.fromkeys((33 * "x", 33 * "\U0001f3ac", 32 * "x" + "\n", *(f"a{control}b" for control in CONTROLS)), -2033),
        empty=None,
        twice=-2033,
        valids=_text(32).map(lambda text: (text, {"cookie": text})),
        wrongs=st.one_of(
            st.text(CLEAN, min_size=33, max_size=40).map(lambda text: (text, -2033)),
            _spoiled(_text(20), st.sampled_from(CONTROLS))
            .filter(lambda text: not set(text).isdisjoint(CONTROLS))
            .map(lambda text: (text, -2033)),
        ),
    ),
    _device_row(),
)
BY_NAME = {row.name: row for row in ROWS}


# Whole requests.


class Request(NamedTuple):
    """A valid request, and the fields of its spec."""

    pairs: tuple[tuple[str, str], ...]
    fields: Fields


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Valid requests, their parameters in any order."""
    fields = dict(MINIMAL_FIELDS)
    others: list[tuple[str, str]] = []
    keys = draw(st.sampled_from([(), ("kek",), ("ek",), ("contentKey",)]))
    optional = ("errorFormat", "generalFlags", "contentId", "licenseDuration", "expirationTime", "cookie")
    for name in (*MINIMAL, *keys, *draw(st.lists(st.sampled_from(optional), unique=True))):
        example = draw(BY_NAME[name].valids)
        fields |= example.fields
        others += [(name, str(value)) for name, values in example.changes.items() for value in values]
    rnd = draw(_randoms)
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
    """Lists shuffled into each other, each in its own order."""
    *lists, rnd = arguments
    turns = [index for index, items in enumerate(lists) for _ in items]
    rnd.shuffle(turns)
    sources = [iter(items) for items in lists]
    for turn in turns:
        yield next(sources[turn])


def spelled(request: Iterable[tuple[str, str]], rnd: random.Random) -> str:
    """Pairs as form-urlencoded text, each character spelled in one of the ways that mean it."""
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


def queries() -> st.SearchStrategy[str]:
    """Valid requests as query text, spelled in every way."""
    return st.builds(lambda request, rnd: spelled(request.pairs, rnd), requests(), _randoms)


@st.composite
def specs(draw: st.DrawFn) -> TokenSpec:
    """Every kind of TokenSpec, built by keyword."""
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
