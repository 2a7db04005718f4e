"""The page about the token format is enough: a parser made from nothing but its tables opens what the library seals,
and refuses what the library refuses.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import Grant, Issuer, KeyRing, Redeemer, TokenRequestError, TokenSpec

from .grammar import specs

PAGE = (files("wvtoken") / "token-format.md").read_text(encoding="utf-8")

Row = Mapping[str, str]


def table(section: str, *columns: str) -> Sequence[Row]:
    """The one table of a section that has these columns."""
    text = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (body,) = [part for part in text if part.startswith(f"{section}\n")]
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", body, flags=re.MULTILINE):
        head, _, *rows = [
            [cell.strip().strip("`") for cell in line[1:-2].split("|")] for line in block.splitlines(True)
        ]
        if tuple(head) == columns:
            found.append([dict(zip(head, row, strict=True)) for row in rows])
    assert len(found) == 1, (section, columns)
    assert found[0]
    return found[0]


class Refused(Exception):
    pass


class Kind(NamedTuple):
    """How a value of one of the page's types is read, and what of it the bounds count."""

    read: Callable[[bytes], Any]
    count: Callable[[Any], int]


def read_text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused from None
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise Refused
    return text


def read_printable(value: bytes) -> str:
    if any(not 0x20 <= byte <= 0x7E for byte in value):
        raise Refused
    return value.decode("ascii")


def read_extension(value: bytes) -> tuple[bytes, bytes]:
    if b"," in value[:4]:
        raise Refused
    read_printable(value[:4])
    return value[:4], value[4:]


TYPES = {
    "number": Kind(lambda value: int.from_bytes(value, "big"), lambda number: number),
    "bytes": Kind(lambda value: value, len),
    "text": Kind(read_text, len),
    "printable": Kind(read_printable, len),
    "extension": Kind(read_extension, lambda extension: sum(map(len, extension))),
}


class Page:
    """A parser, by the page's tables."""

    def __init__(self) -> None:
        parts = table("Text", "part", "bytes", "value")
        *self.parts, self.ciphertext, self.tag = [(row["part"], row["bytes"]) for row in parts]
        self.version = int(parts[0]["value"])
        inputs = {row["input"]: row["value"] for row in table("Sealing", "input", "value")}
        self.additional = inputs["additional data"].split(" ‖ ")
        self.fixed = table("Payload", "field", "bytes", "type", "least", "most", "meaning")
        fields = table("Payload", "tag", "field", "type", "least", "most", "how often")
        self.fields = {int(row["tag"]): row for row in fields}
        self.limits = {row["limit"]: int(row["value"]) for row in table("Payload", "limit", "value")}
        assert {row["type"] for row in (*self.fixed, *fields)} <= TYPES.keys()
        assert {
            row["type"] for row in table("Payload", "type", "its value", "counted in least and most")
        } == TYPES.keys()

    def open(self, text: str, key_id: int, key: bytes, audience: bytes) -> dict[str, Any]:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
            raise Refused
        token: dict[str, bytes] = {"audience": audience}
        at = 0
        for part, length in self.parts:
            token[part] = raw[at : at + int(length)]
            at += int(length)
        least, _, most = self.ciphertext[1].partition(" to ")
        if not int(least) <= len(raw) - at - int(self.tag[1]) <= int(most):
            raise Refused
        if token["version"][0] != self.version or int.from_bytes(token["key_id"], "big") != key_id:
            raise Refused
        additional = b"".join(token[name] for name in self.additional)
        try:
            payload = AESGCMSIV(key).decrypt(token["nonce"], raw[at:], additional)
        except InvalidTag:
            raise Refused from None
        return {"token_id": token["nonce"], **self.payload(payload)}

    def payload(self, payload: bytes) -> dict[str, Any]:
        if len(payload) > self.limits["bytes of a payload, at most"]:
            raise Refused
        grant: dict[str, Any] = {"extensions": ()}
        at = 0
        for part in self.fixed:
            grant[part["field"]] = self.value(part, payload[at : at + int(part["bytes"])])
            at += int(part["bytes"])
        lifetime = grant["expires_at"] - grant["issued_at"]
        bound = "seconds from issued_at to expires_at, at "
        if not self.limits[f"{bound}least"] <= lifetime <= self.limits[f"{bound}most"]:
            raise Refused
        last = 0
        while at < len(payload):
            tag, length = payload[at], int.from_bytes(payload[at + 1 : at + 3], "big")
            value, at = payload[at + 3 : at + 3 + length], at + 3 + length
            row = self.fields.get(tag)
            if row is None or at > len(payload) or tag < last:
                raise Refused
            if tag == last and not row["how often"].startswith("any number"):
                raise Refused
            last = tag
            read = self.value(row, value)
            grant[row["field"]] = (*grant[row["field"]], read) if row["type"] == "extension" else read
        return grant

    @staticmethod
    def value(row: Row, value: bytes) -> Any:
        kind = TYPES[row["type"]]
        read = kind.read(value)
        if row["least"] and not int(row["least"]) <= kind.count(read) <= int(row["most"]):
            raise Refused
        return read


PARSER = Page()
KEY = bytes(range(100, 132))
KEY_ID = 0x01020304
AUDIENCE = "production"
ISSUER = Issuer(KeyRing({KEY_ID: KEY}, KEY_ID), "https://localhost/", audience=AUDIENCE)
REDEEMER = Redeemer(KeyRing({KEY_ID: KEY}, KEY_ID), audience=AUDIENCE)


def as_the_page_has_it(grant: Grant) -> dict[str, Any]:
    fields = grant._asdict()
    fields["license_duration"] = fields["license_duration"] or 0
    fields["extensions"] = tuple((extension.type, extension.payload) for extension in grant.extensions)
    return {name: value for name, value in fields.items() if value is not None}


def redeemed(text: str) -> dict[str, Any] | None:
    try:
        return as_the_page_has_it(REDEEMER.redeem(text, now=0))
    except TokenRequestError:
        return None


def parsed(text: str) -> dict[str, Any] | None:
    try:
        return PARSER.open(text, KEY_ID, KEY, AUDIENCE.encode())
    except Refused:
        return None


def sealed(payload: bytes) -> str:
    header, nonce = bytes([1]) + KEY_ID.to_bytes(4, "big"), bytes(12)
    raw = header + nonce + AESGCMSIV(KEY).encrypt(nonce, payload, header + AUDIENCE.encode())
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


EXAMPLE = {row["what"]: row["value"] for row in table("An example", "what", "value", "meaning")}
PIECES = table("An example", "field", "bytes", "value")


def test_the_example_is_one_to_both() -> None:
    key, audience = bytes.fromhex(EXAMPLE["key"]), bytes.fromhex(EXAMPLE["audience"])
    grant = Redeemer(KeyRing({7: key}, 7), audience=audience.decode()).redeem(EXAMPLE["token"], now=1_800_000_001)
    opened = PARSER.open(EXAMPLE["token"], 7, key, audience)
    assert opened == as_the_page_has_it(grant)
    assert opened.keys() >= {"cookie", "content_id", "customer"}
    assert opened["extensions"]


def test_the_steps_of_the_example() -> None:
    step = {name: bytes.fromhex(value) for name, value in EXAMPLE.items() if name != "token"}
    assert step["payload"] == b"".join(bytes.fromhex(row["bytes"]) for row in PIECES)
    assert [row["field"] for row in PIECES[: len(PARSER.fixed)]] == [row["field"] for row in PARSER.fixed]
    assert step["additional data"] == bytes([1, 0, 0, 0, 7]) + step["audience"]
    assert AESGCMSIV(step["key"]).encrypt(step["nonce"], step["payload"], step["additional data"]) == step["sealed"]
    raw = step["additional data"][:5] + step["nonce"] + step["sealed"]
    assert urlsafe_b64encode(raw).rstrip(b"=").decode() == EXAMPLE["token"]


@given(
    specs().filter(lambda spec: spec.expires_at is None and spec.ek is None and spec.kek is None),
    st.none() | st.just("cnn"),
)
def test_a_token_just_issued(spec: TokenSpec, customer: str | None) -> None:
    stored = {spec.kid: bytes(16)}
    text = ISSUER.issue(spec, customer=customer, stored_keys=stored, now=1_800_000_000).partition("=")[2]
    grant = parsed(text)
    assert grant is not None
    assert grant == redeemed(text)
    assert grant.get("customer") == customer


def test_the_bounds_that_the_page_says_of_lengths() -> None:
    """They follow from the other tables."""
    least = sum(int(row["bytes"]) for row in PARSER.fixed)
    most = PARSER.limits["bytes of a payload, at most"]
    assert PARSER.ciphertext[1] == f"{least} to {most}"
    around = sum(int(length) for _, length in PARSER.parts) + int(PARSER.tag[1])
    shortest, longest = least + around, most + around
    texts = f"{(shortest * 4 + 2) // 3} to {(longest * 4 + 2) // 3}"
    assert f"a token {shortest} to {longest}, and its text {texts} characters" in PAGE.replace("\n", " ")
    assert int(PARSER.fields[3]["most"]) == most - least - 3


numbers = st.sampled_from([0, 1, 1_800_000_000]) | st.integers(0, 2**64 - 1)
lifetimes = st.sampled_from([-1, 0, 1, 3600, 2592000, 2592001]) | st.integers(-10, 2_600_000)
values = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"", b"wudo", b"wudo\0", b"wu,o\0", b"a" * 32, b"a" * 33, b"a" * 64, b"a" * 65]),
    st.sampled_from(["é" * 32, "é" * 33, "\x7f", "\x9f", "\xa0", "é" * 1024, "é" * 1025]).map(str.encode),
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Near what decodes: of half of them one thing is wrong, or more."""
    issued_at = draw(numbers | st.just(253402300798) | st.just(253402300799))
    expires_at = max(0, min(issued_at + draw(lifetimes), 2**64 - 1))
    kid_and_key = draw(st.binary(min_size=32, max_size=32))
    levels = bytes([draw(st.integers(0, 6)), draw(st.integers(0, 3))]) if draw(st.booleans()) else b"\1\0"
    fields = draw(st.lists(st.tuples(st.integers(0, 5), values), max_size=4))
    if draw(st.booleans()):
        fields.sort(key=lambda field: field[0])
    encoded = b"".join(bytes([tag]) + len(value).to_bytes(2, "big") + value for tag, value in fields)
    whole = issued_at.to_bytes(8, "big") + expires_at.to_bytes(8, "big") + kid_and_key + levels + bytes(4) + encoded
    cut = draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
    return whole[: len(whole) - cut] + draw(st.sampled_from([b"", b"", b"", b"\0", b"\4\0\1"]))


@given(payloads())
def test_what_one_refuses_the_other_refuses(payload: bytes) -> None:
    text = sealed(payload)
    assert parsed(text) == redeemed(text)


GOOD = (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + bytes(32) + b"\1\0" + bytes(4)


@pytest.mark.parametrize("row", PARSER.fields.values(), ids=lambda row: row["field"])
def test_the_bounds_of_each_field(row: Row) -> None:
    """At both bounds a token opens, and one past them does not; to the page as to the library."""
    least, most = int(row["least"]), int(row["most"])
    for length, right in ((least - 1, False), (least, True), (most, True), (most + 1, False)):
        text = sealed(GOOD + bytes([int(row["tag"])]) + length.to_bytes(2, "big") + b"a" * length)
        assert (parsed(text) is not None) is right
        assert parsed(text) == redeemed(text)


@pytest.mark.parametrize("row", [row for row in PARSER.fixed if row["type"] == "number"], ids=lambda row: row["field"])
def test_the_bounds_of_each_number(row: Row) -> None:
    at = sum(int(before["bytes"]) for before in PARSER.fixed[: PARSER.fixed.index(row)])
    size = int(row["bytes"])
    for number in {int(row["least"]) - 1, int(row["least"]), int(row["most"]), int(row["most"]) + 1} - {
        -1,
        2 ** (8 * size),
    }:
        payload = bytearray(GOOD)
        payload[at : at + size] = number.to_bytes(size, "big")
        if row["field"] == "issued_at":
            payload[8:16] = (number + 1).to_bytes(8, "big")
        elif row["field"] == "expires_at":
            payload[:8] = max(number - 1, 0).to_bytes(8, "big")
        text = sealed(bytes(payload))
        assert (parsed(text) is not None) is (int(row["least"]) <= number <= int(row["most"]))
        assert parsed(text) == redeemed(text)


def test_the_bounds_of_a_lifetime() -> None:
    for lifetime, right in ((0, False), (1, True), (2592000, True), (2592001, False)):
        text = sealed(GOOD[:8] + (1 + lifetime).to_bytes(8, "big") + GOOD[16:])
        assert (parsed(text) is not None) is right
        assert parsed(text) == redeemed(text)


@pytest.mark.parametrize("first", range(6))
def test_every_two_tags(first: int) -> None:
    for second in (*range(6), 255):
        text = sealed(GOOD + b"".join(bytes([tag, 0, 5]) + b"abcde" for tag in (first, second)))
        right = 1 <= first <= second <= 4 and (first < second or first == 3)
        assert (parsed(text) is not None) is right
        assert parsed(text) == redeemed(text)


@given(st.integers(0, 115), st.sampled_from("AQ_-9=+ é"))
def test_texts_that_are_not_the_one(place: int, character: str) -> None:
    """A changed character, or an added one: neither of them opens it."""
    text = sealed(GOOD)
    for changed in (text[:place] + character + text[place + 1 :], text[:place] + character + text[place:]):
        if changed != text and changed.isascii() and not set(changed) & set("=+ "):
            assert parsed_or_none(changed) is None
        if changed != text:
            assert redeemed(changed) is None


def parsed_or_none(text: str) -> dict[str, Any] | None:
    """What base64 alone cannot read is refused as well."""
    try:
        return parsed(text)
    except ValueError:
        return None
