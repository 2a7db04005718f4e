"""Compare the library with a parser that is built from the tables of docs/token-format.md."""

from __future__ import annotations

import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from importlib.resources import files
from itertools import accumulate
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import Issuer, KeyRing, Redeemer, TokenRequestError, TokenSpec

from .grammar import specs

PAGE = (files("wvtoken") / "docs" / "token-format.md").read_text(encoding="utf-8")


def table(*columns: str) -> list[dict[str, str]]:
    """Return the rows of the page's only table with these columns."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", PAGE, flags=re.MULTILINE):
        head, _, *rows = [[cell.strip(" `") for cell in line[1:-1].split("|")] for line in block.splitlines()]
        if tuple(head) == columns:
            found.append([dict(zip(head, row, strict=True)) for row in rows])
    assert len(found) == 1, columns
    return found[0]


PARTS = {row["part"]: row for row in table("part", "bytes", "value")}
INPUTS = {row["input"]: row["value"] for row in table("input", "value")}
FIXED = table("field", "bytes", "type", "least", "most", "meaning")
FIELDS = {int(row["tag"]): row for row in table("tag", "field", "type", "least", "most", "how often")}
LIMITS = {row["limit"]: int(row["value"]) for row in table("limit", "value")}
EXAMPLE = {row["what"]: row["value"] for row in table("what", "value", "meaning")}
PIECES = table("field", "bytes", "value")

ENDS = list(accumulate(int(row["bytes"]) for row in FIXED))
PAYLOAD_LENGTHS = range(ENDS[-1], LIMITS["bytes of a payload, at most"] + 1)
LIFETIMES = range(*(LIMITS[f"seconds from issued_at to expires_at, at {bound}"] for bound in ("least", "most")))
EMPTY = (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + bytes(32) + b"\1\0" + bytes(4)
KEY, KEY_ID, AUDIENCE = bytes(range(100, 132)), 0x01020304, "production"
KEYRING = KeyRing({KEY_ID: KEY}, KEY_ID)
REDEEMER = Redeemer(KEYRING, audience=AUDIENCE)


def read(row: dict[str, str], value: bytes) -> Any:
    """Parse a value of one of the page's types and check its bounds. AssertionError if it is refused."""
    result: Any = value
    count = len(value)
    if row["type"] == "number":
        result = count = int.from_bytes(value, "big")
    elif row["type"] == "text":
        result = value.decode("utf-8")
        count = len(result)
        assert all(unicodedata.category(character) != "Cc" for character in result)
    elif row["type"] == "printable":
        assert all(0x20 <= byte <= 0x7E for byte in value)
        result = value.decode("ascii")
    elif row["type"] == "extension":
        result = value[:4], value[4:]
        assert all(0x20 <= byte <= 0x7E and byte != 0x2C for byte in value[:4])
    assert not row["least"] or int(row["least"]) <= count <= int(row["most"])
    return result


def decode(payload: bytes) -> dict[str, Any]:
    assert len(payload) in PAYLOAD_LENGTHS
    grant = {
        row["field"]: read(row, payload[end - int(row["bytes"]) : end]) for row, end in zip(FIXED, ENDS, strict=True)
    }
    assert LIFETIMES.start <= grant["expires_at"] - grant["issued_at"] <= LIFETIMES.stop
    grant["extensions"] = ()
    at, last = ENDS[-1], 0
    while at < len(payload):
        tag, end = payload[at], at + 3 + int.from_bytes(payload[at + 1 : at + 3], "big")
        assert all((tag in FIELDS, end <= len(payload), tag >= last))
        row = FIELDS[tag]
        assert tag > last or row["how often"].startswith("any number")
        value = read(row, payload[at + 3 : end])
        grant[row["field"]] = (*grant["extensions"], value) if row["type"] == "extension" else value
        at, last = end, tag
    return grant


def page_opens(text: str, key_id: int = KEY_ID, key: bytes = KEY, audience: str = AUDIENCE) -> dict[str, Any] | None:
    """Open a token by the page's tables; return None if it is refused."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    parts = {"audience": audience.encode()}
    try:
        assert text_of(raw) == text
        rest = raw
        for name in ("version", "key_id", "nonce"):
            length = int(PARTS[name]["bytes"])
            parts[name], rest = rest[:length], rest[length:]
        assert parts["version"] == bytes([int(PARTS["version"]["value"])])
        assert parts["key_id"] == key_id.to_bytes(4, "big")
        additional = b"".join(parts[name] for name in INPUTS["additional data"].split(" ‖ "))
        return {"token_id": parts["nonce"], **decode(AESGCMSIV(key).decrypt(parts["nonce"], rest, additional))}
    except (AssertionError, UnicodeDecodeError, InvalidTag):
        return None


def library_opens(text: str, redeemer: Redeemer = REDEEMER, now: int = 0) -> dict[str, Any] | None:
    try:
        grant = redeemer.redeem(text, now=now)
    except TokenRequestError:
        return None
    fields = grant._asdict() | {"license_duration": grant.license_duration or 0}
    fields["extensions"] = tuple((extension.type, extension.payload) for extension in grant.extensions)
    return {name: value for name, value in fields.items() if value is not None}


def text_of(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def sealed(payload: bytes) -> str:
    header, nonce = b"\1" + KEY_ID.to_bytes(4, "big"), bytes(12)
    return text_of(header + nonce + AESGCMSIV(KEY).encrypt(nonce, payload, header + AUDIENCE.encode()))


def both_open(payload: bytes) -> bool:
    """Return whether `payload` is accepted; page and library must agree."""
    opened = page_opens(sealed(payload))
    assert opened == library_opens(sealed(payload))
    return opened is not None


def field(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def test_page_and_library_open_the_example() -> None:
    step = {name: bytes.fromhex(value) for name, value in EXAMPLE.items() if name != "token"}
    audience = step["audience"].decode()
    opened = page_opens(EXAMPLE["token"], 7, step["key"], audience)
    assert opened
    assert opened == library_opens(EXAMPLE["token"], Redeemer(KeyRing({7: step["key"]}, 7), audience=audience))
    assert opened.keys() >= {row["field"] for row in (*FIXED, *FIELDS.values())}
    assert step["payload"] == b"".join(bytes.fromhex(row["bytes"]) for row in PIECES)
    assert step["additional data"] == bytes([1, 0, 0, 0, 7]) + step["audience"]
    assert AESGCMSIV(step["key"]).encrypt(step["nonce"], step["payload"], step["additional data"]) == step["sealed"]
    assert EXAMPLE["token"] == text_of(step["additional data"][:5] + step["nonce"] + step["sealed"])


def test_page_tells_how_texts_of_each_version_begin() -> None:
    for version in (1, 2):
        first, last = (text_of(bytes([version, byte, 0]))[:2] for byte in (0, 255))
        assert re.search(f"`{first[0]}` and a character from `{first[1]}` to\\s`{last[1]}`", PAGE)


def test_lengths_on_the_page_follow_from_its_tables() -> None:
    least, most = PAYLOAD_LENGTHS[0], PAYLOAD_LENGTHS[-1]
    assert PARTS["ciphertext"]["bytes"] == f"{least} to {most}"
    around = sum(int(row["bytes"]) for name, row in PARTS.items() if name != "ciphertext")
    texts = [((length + around) * 4 + 2) // 3 for length in (least, most)]
    assert f"{least + around} to {most + around} bytes, a text {texts[0]} to {texts[1]} characters" in PAGE
    assert f"token       = {texts[0]}*{texts[1]} base64url" in PAGE
    assert int(FIELDS[3]["most"]) == most - least - 3


@given(specs().filter(lambda spec: spec.expires_at is None and spec.kek is None), st.none() | st.just("cnn"))
def test_page_opens_what_the_library_issues(spec: TokenSpec, customer: str | None) -> None:
    issuer = Issuer(KEYRING, "https://localhost/", audience=AUDIENCE)
    url = issuer.issue(spec, customer=customer, stored_keys={spec.kid: bytes(16)}, now=1_800_000_000)
    opened = library_opens(url)
    assert opened
    assert opened == page_opens(url.partition("=")[2])


VALUES = st.binary(max_size=80) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.tuples(st.integers(0, 5), VALUES), max_size=4), st.integers(0, 3), st.binary(max_size=2))
def test_page_and_library_agree_on_payloads(fields: list[tuple[int, bytes]], cut: int, tail: bytes) -> None:
    for order in (fields, sorted(fields, key=lambda one: one[0])):
        payload = EMPTY + b"".join(field(tag, value) for tag, value in order)
        both_open(payload[: len(payload) - cut] + tail)


@pytest.mark.parametrize("tag", FIELDS)
def test_bounds_of_a_field(tag: int) -> None:
    least, most = int(FIELDS[tag]["least"]), int(FIELDS[tag]["most"])
    accepted = [both_open(EMPTY + field(tag, b"a" * length)) for length in (least - 1, least, most, most + 1)]
    assert accepted == [False, True, True, False]


@pytest.mark.parametrize("place", [place for place, row in enumerate(FIXED) if row["type"] == "number"])
def test_bounds_of_a_number(place: int) -> None:
    row, end = FIXED[place], ENDS[place]
    least, most = int(row["least"]), int(row["most"])
    for number in {least - 1, least, most, most + 1} - {-1, 256 ** int(row["bytes"])}:
        times = {"issued_at": (number, number + 1), "expires_at": (max(number - 1, 0), number)}
        payload = b"".join(time.to_bytes(8, "big") for time in times.get(row["field"], (1, 2))) + EMPTY[16:]
        payload = payload[: end - int(row["bytes"])] + number.to_bytes(int(row["bytes"]), "big") + payload[end:]
        assert both_open(payload) is (least <= number <= most)


def test_bounds_of_a_lifetime() -> None:
    for lifetime in (0, LIFETIMES.start, LIFETIMES.stop, LIFETIMES.stop + 1):
        accepted = both_open(EMPTY[:8] + (1 + lifetime).to_bytes(8, "big") + EMPTY[16:])
        assert accepted is (LIFETIMES.start <= lifetime <= LIFETIMES.stop)
