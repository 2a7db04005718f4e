"""The payload: one encoding for one grant, and nothing else decodes."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import Extension, Grant, HdcpOutputControl, SecurityLevel, payload, values

ID = bytes(range(12))
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
EXTENSIONS = st.builds(
    Extension,
    st.text([chr(c) for c in range(32, 127) if c != ord(",")], min_size=4, max_size=4).map(str.encode),
    st.binary(min_size=1, max_size=40),
)


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    issued_at = draw(st.integers(0, values.TIME_MAX - 1))
    return Grant(
        token_id=draw(st.binary(min_size=12, max_size=12)),
        issued_at=issued_at,
        expires_at=draw(st.integers(issued_at + 1, min(issued_at + 2592000, values.TIME_MAX))),
        kid=draw(st.binary(min_size=16, max_size=16)),
        content_key=draw(st.binary(min_size=16, max_size=16)),
        security_level=draw(st.sampled_from(SecurityLevel)),
        hdcp_output_control=draw(st.sampled_from(HdcpOutputControl)),
        license_duration=draw(st.none() | st.integers(1, 2**32 - 1)),
        extensions=tuple(draw(st.lists(EXTENSIONS, max_size=5))),
        content_id=draw(st.none() | TEXT.filter(lambda text: len(text) <= 1024)),
        cookie=draw(st.none() | TEXT.filter(lambda text: len(text) <= 32)),
        customer=draw(st.none() | st.text([chr(c) for c in range(32, 127)], min_size=1, max_size=64)),
    )


def encode(grant: Grant) -> bytes:
    return payload.encode(grant, grant.content_key, grant.issued_at, grant.expires_at, grant.customer)


def decode(written: bytes) -> Grant:
    grant = payload.decode(ID + written)
    assert grant is not None
    return grant


def fixed(**changes: int) -> bytes:
    """The fixed part of a good payload, with some of its numbers changed; packed here by the specification's table."""
    numbers = {
        "issued_at": 1000,
        "expires_at": 2000,
        "security_level": 1,
        "hdcp_output_control": 0,
        "license_duration": 0,
    }
    numbers |= changes
    times = struct.pack(">QQ", numbers["issued_at"], numbers["expires_at"])
    levels = struct.pack(
        ">BBI", *(numbers[name] for name in ("security_level", "hdcp_output_control", "license_duration"))
    )
    return times + bytes(16) + bytes(range(16)) + levels


def field(tag: int, value: bytes) -> bytes:
    return struct.pack(">BH", tag, len(value)) + value


@given(grants())
def test_round_trip(grant: Grant) -> None:
    assert payload.decode(grant.token_id + encode(grant)) == grant


@given(grants())
def test_the_length_that_a_request_is_held_to(grant: Grant) -> None:
    customer = len(grant.customer or "")
    reserved = values.payload_bytes(grant.content_id, grant.cookie, grant.extensions, customer)
    assert len(encode(grant)) == reserved - (0 if grant.customer else values.PAYLOAD_FIELD_BYTES)


@given(grants(), st.data())
def test_what_decodes_encodes_to_the_same_bytes(grant: Grant, data: st.DataObject) -> None:
    """Any change of a payload is refused, or is another grant's one encoding."""
    changed = bytearray(encode(grant))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    other = payload.decode(ID + changed)
    assert other is None or (other != grant and encode(other) == changed)


@given(grants(), st.data())
def test_truncated_or_longer(grant: Grant, data: st.DataObject) -> None:
    whole = encode(grant)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    shorter = payload.decode(ID + cut)
    assert shorter is None or encode(shorter) == cut  # cut exactly between two fields
    assert payload.decode(ID + whole + b"\0") is None


def test_the_documented_layout() -> None:
    """A payload written by hand, from the specification's tables."""
    written = fixed(security_level=5, hdcp_output_control=2, license_duration=86400)
    written += (
        field(1, "☕".encode()) + field(2, b"movie") + field(3, b"wudo\0\0") + field(3, b"abcd!") + field(4, b"acme")
    )
    grant = decode(written)
    assert grant == Grant(
        token_id=ID,
        issued_at=1000,
        expires_at=2000,
        kid=bytes(16),
        content_key=bytes(range(16)),
        security_level=SecurityLevel.HW_SECURE_ALL,
        hdcp_output_control=HdcpOutputControl.HDCP_V2,
        license_duration=86400,
        extensions=(Extension(b"wudo", b"\0\0"), Extension(b"abcd", b"!")),
        content_id="movie",
        cookie="☕",
        customer="acme",
    )
    assert encode(grant) == written


GOOD = {
    "nothing more": fixed(),
    "the longest life": fixed(expires_at=1000 + 2592000),
    "the shortest": fixed(expires_at=1001),
    "the last second": fixed(issued_at=values.TIME_MAX - 1, expires_at=values.TIME_MAX),
    "the longest texts": fixed() + field(1, b"c" * 32) + field(2, "é".encode() * 1024) + field(4, b"x" * 64),
    "8192 bytes": fixed() + field(3, b"type" + bytes(8192 - 54 - 3 - 4)),
}

BAD = {
    "empty": b"",
    "short": fixed()[:-1],
    "expires when issued": fixed(expires_at=1000),
    "expires before": fixed(expires_at=999),
    "lives too long": fixed(expires_at=1000 + 2592001),
    "after the year 9999": fixed(issued_at=values.TIME_MAX, expires_at=values.TIME_MAX + 1),
    "security level 0": fixed(security_level=0),
    "security level 6": fixed(security_level=6),
    "hdcp 3": fixed(hdcp_output_control=3),
    "half a field head": fixed() + b"\1\0",
    "a field too long": fixed() + b"\1\0\2a",
    "tag 0": fixed() + field(0, b"a"),
    "tag 5": fixed() + field(5, b"a"),
    "tag 255": fixed() + field(255, b"a"),
    "two cookies": fixed() + field(1, b"a") + field(1, b"b"),
    "two content ids": fixed() + field(2, b"a") + field(2, b"b"),
    "two customers": fixed() + field(4, b"a") + field(4, b"b"),
    "content id before cookie": fixed() + field(2, b"a") + field(1, b"b"),
    "customer before extension": fixed() + field(4, b"a") + field(3, b"wudo1"),
    "empty cookie": fixed() + field(1, b""),
    "long cookie": fixed() + field(1, b"c" * 33),
    "cookie with a control character": fixed() + field(1, b"a\x7f"),
    "cookie with a C1 control character": fixed() + field(1, "a\x85".encode()),
    "cookie not UTF-8": fixed() + field(1, b"\xff"),
    "cookie with a surrogate": fixed() + field(1, b"\xed\xa0\x80"),
    "cookie in overlong UTF-8": fixed() + field(1, b"\xc1\x81"),
    "empty content id": fixed() + field(2, b""),
    "long content id": fixed() + field(2, b"c" * 1025),
    "content id with a control character": fixed() + field(2, b"\0"),
    "extension without payload": fixed() + field(3, b"wudo"),
    "extension shorter than a type": fixed() + field(3, b"wud"),
    "empty extension": fixed() + field(3, b""),
    "comma in a type": fixed() + field(3, b"wu,o1"),
    "type not ASCII": fixed() + field(3, b"wud\xe91"),
    "type not printable": fixed() + field(3, b"wud\n1"),
    "empty customer": fixed() + field(4, b""),
    "long customer": fixed() + field(4, b"x" * 65),
    "customer not ASCII": fixed() + field(4, "é".encode()),
    "customer with a control character": fixed() + field(4, b"a\t"),
    "a byte more": fixed() + b"\0",
    "8193 bytes": fixed() + field(3, b"type" + bytes(8193 - 54 - 3 - 4)),
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    assert encode(decode(GOOD[name])) == GOOD[name]


@pytest.mark.parametrize("name", BAD)
def test_bad(name: str) -> None:
    assert payload.decode(ID + BAD[name]) is None


@given(st.binary(max_size=200))
def test_anything(data: bytes) -> None:
    for attempt in (data, ID + fixed() + data):
        grant = payload.decode(attempt)
        assert grant is None or grant.token_id + encode(grant) == attempt


def test_as_dict_is_json_without_the_content_key() -> None:
    grant = decode(fixed(security_level=5) + field(1, b"cookie") + field(3, b"wudo\0\xff"))
    expected = {
        "token_id": ID.hex(),
        "issued_at": 1000,
        "expires_at": 2000,
        "kid": "00" * 16,
        "security_level": 5,
        "hdcp_output_control": 0,
        "license_duration": None,
        "extensions": [{"type": "wudo", "payload": "AP8="}],
        "content_id": None,
        "cookie": "cookie",
        "customer": None,
    }
    assert grant.as_dict() == expected
    assert json.loads(json.dumps(grant.as_dict(content_key=True))) == expected | {"content_key": bytes(range(16)).hex()}


def test_grants_are_values() -> None:
    grant = decode(fixed() + field(1, b"cookie"))
    assert grant == decode(fixed() + field(1, b"cookie"))
    assert hash(grant) == hash(decode(fixed() + field(1, b"cookie")))
    assert grant != decode(fixed())
    with pytest.raises(AttributeError):
        grant.cookie = "other"  # type: ignore[misc]
    assert bytes(range(16)).hex() not in repr(grant)
    assert repr(bytes(range(16))) not in repr(grant)
    assert "cookie='cookie'" in repr(grant)
