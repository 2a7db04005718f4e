"""The payload: each grant has exactly one encoding. `payloads.json` has valid and invalid payloads."""

from __future__ import annotations

import json

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


@given(grants())
def test_round_trip(grant: Grant) -> None:
    assert payload.decode(grant.token_id + encode(grant)) == grant


@given(grants())
def test_payload_bytes_is_the_length_of_the_payload(grant: Grant) -> None:
    longest = grant._replace(customer="c" * 64)
    assert len(encode(longest)) == payload.payload_bytes(grant.cookie, grant.content_id, grant.extensions)


@given(grants(), st.data())
def test_a_changed_payload_is_refused_or_another_grant(grant: Grant, data: st.DataObject) -> None:
    changed = bytearray(encode(grant))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    other = payload.decode(ID + changed)
    assert other is None or (other != grant and encode(other) == changed)


@given(grants(), st.binary(max_size=200))
def test_accepted_bytes_encode_to_themselves(grant: Grant, data: bytes) -> None:
    for attempt in (data, ID + encode(grant) + data):
        decoded = payload.decode(attempt)
        assert decoded is None or decoded.token_id + encode(decoded) == attempt


GRANT = Grant(
    token_id=ID,
    issued_at=1000,
    expires_at=2000,
    kid=bytes(16),
    content_key=bytes(range(16)),
    security_level=SecurityLevel.HW_SECURE_ALL,
    hdcp_output_control=HdcpOutputControl.HDCP_NONE,
    extensions=(Extension(b"wudo", b"\0\xff"),),
    cookie="c",
)


def test_as_dict_is_json_without_the_content_key() -> None:
    expected = {
        "token_id": "000102030405060708090a0b",
        "issued_at": 1000,
        "expires_at": 2000,
        "kid": "00" * 16,
        "security_level": 5,
        "hdcp_output_control": 0,
        "license_duration": None,
        "extensions": [{"type": "wudo", "payload": "AP8="}],
        "content_id": None,
        "cookie": "c",
        "customer": None,
    }
    assert GRANT.as_dict() == expected
    assert json.loads(json.dumps(GRANT.as_dict(content_key=True))) == expected | {"content_key": bytes(range(16)).hex()}


def test_grants_are_values_and_hide_the_content_key() -> None:
    assert (GRANT, hash(GRANT)) == (GRANT._replace(), hash(GRANT._replace()))
    with pytest.raises(AttributeError):
        GRANT.cookie = "other"  # type: ignore[misc]
    assert repr(GRANT) == (
        "Grant(token_id=000102030405060708090a0b, issued_at=1000, expires_at=2000, "
        "kid=00000000000000000000000000000000, security_level=<SecurityLevel.HW_SECURE_ALL: 5>, "
        "hdcp_output_control=<HdcpOutputControl.HDCP_NONE: 0>, "
        "extensions=(Extension(type=b'wudo', payload=<2 bytes>),), cookie='c', content_key=<secret>)"
    )
