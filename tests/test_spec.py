"""`TokenSpec`: validation by keyword, canonical queries, copies and reprs."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from base64 import b64encode
from enum import Enum, IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import ErrorFormat, Extension, HdcpOutputControl, SecurityLevel, TokenRequestError, TokenSpec, parse
from wvtoken.parameters import GRAMMAR

from . import grammar
from .grammar import CONTENT_KEY, EK, FULL, FULL_FIELDS, KEK, LAST_SECOND, MINIMAL_FIELDS, ROWS, escaped, pairs

KEYS = bytes.fromhex(KEK), bytes.fromhex(EK), bytes.fromhex(CONTENT_KEY)
REQUIRED = escaped(pairs({}))


def spec(**changes: Any) -> TokenSpec:
    """Return a spec built by keyword: the required fields and these."""
    fields = {name: MINIMAL_FIELDS[name] for name in ("customer_authenticator", "kid")}
    levels = {"security_level": SecurityLevel.SW_SECURE_CRYPTO, "hdcp_output_control": HdcpOutputControl.HDCP_NONE}
    return TokenSpec(**{**fields, **levels, **changes})


def all_of(made: TokenSpec) -> dict[str, Any]:
    """Return every field, also those that are not compared."""
    return {entry.name: getattr(made, entry.name) for entry in dataclasses.fields(TokenSpec)}


def fault(**changes: Any) -> TokenRequestError:
    with pytest.raises(TokenRequestError) as caught:
        spec(**changes)
    return caught.value


def parse_fault(query: str) -> TokenRequestError:
    with pytest.raises(TokenRequestError) as caught:
        parse(query)
    return caught.value


# A value.


def test_spec_by_keyword_equals_the_parsed_one() -> None:
    assert spec() == parse(REQUIRED)
    assert spec(**FULL_FIELDS) == parse(escaped(pairs({}, FULL)))


def test_the_enums_have_the_names_of_the_interface() -> None:
    levels = ["SW_SECURE_CRYPTO", "SW_SECURE_DECODE", "HW_SECURE_CRYPTO", "HW_SECURE_DECODE", "HW_SECURE_ALL"]
    assert [(level.name, level.value) for level in SecurityLevel] == [*zip(levels, range(1, 6), strict=True)]
    controls = ["HDCP_NONE", "HDCP_V1", "HDCP_V2"]
    assert [(control.name, control.value) for control in HdcpOutputControl] == [*zip(controls, range(3), strict=True)]
    assert [str(error_format) for error_format in ErrorFormat] == ["html", "json"]


@pytest.mark.parametrize("name", [*MINIMAL_FIELDS, "unknown", "brand_new"])
def test_a_spec_is_immutable(name: str) -> None:
    made = spec(**FULL_FIELDS)
    before = copy.deepcopy(made)
    with pytest.raises(AttributeError):
        setattr(made, name, None)
    with pytest.raises(AttributeError):
        delattr(made, name)
    assert made == before


def test_spec_takes_keywords_only() -> None:
    with pytest.raises(TypeError):
        TokenSpec("authenticator")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        spec(contentKey=KEYS[2])
    required = ("customer_authenticator", "security_level", "hdcp_output_control")
    for name in required:
        with pytest.raises(TypeError, match=name):
            TokenSpec(kid=bytes(16), **{other: MINIMAL_FIELDS[other] for other in required if other != name})


@given(grammar.specs(), grammar.specs())
def test_equal_specs_have_equal_hashes(one: TokenSpec, other: TokenSpec) -> None:
    twin = dataclasses.replace(one, unknown=("x", *one.unknown))
    assert twin == one
    assert hash(twin) == hash(one)
    assert len({one, twin}) == 1
    differs = any(getattr(one, name) != getattr(other, name) for name in MINIMAL_FIELDS)
    assert (one != other) == differs


def test_plain_numbers_and_texts_become_enum_members() -> None:
    made = spec(security_level=5, hdcp_output_control=2, error_format="json")
    assert (type(made.security_level), type(made.hdcp_output_control)) == (SecurityLevel, HdcpOutputControl)
    assert made.error_format is ErrorFormat.JSON


@given(grammar.specs())
def test_copies_are_the_same(made: TokenSpec) -> None:
    copies = [copy.copy(made), copy.deepcopy(made), dataclasses.replace(made), pickle.loads(pickle.dumps(made))]
    copies += [pickle.loads(pickle.dumps(made, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in copies:
        assert type(twin) is TokenSpec
        assert all_of(twin) == all_of(made)
        assert hash(twin) == hash(made)
        assert type(twin.security_level) is SecurityLevel


def test_parsed_spec_can_be_pickled_and_replaced() -> None:
    made = parse(escaped(pairs({}, FULL)) + "&x=1")
    assert all_of(pickle.loads(pickle.dumps(made))) == all_of(dataclasses.replace(made)) == all_of(made)
    assert dataclasses.replace(made, cookie=None, expires_in=None).to_query() == made.to_query().split("&expiration")[0]


def test_replace_validates() -> None:
    made = parse(escaped(pairs({}, FULL)))
    for changes, code in (
        ({"cookie": 33 * "x"}, -2033),
        ({"content_key": KEYS[2]}, -6005),
        ({"kek": None}, -4024),
        ({"expires_at": 0}, -2002),
        ({"kid": bytes(16)}, -4022),
    ):
        with pytest.raises(TokenRequestError) as caught:
            dataclasses.replace(made, **changes)
        assert caught.value.code == code


# What it shows.


def test_the_repr_shows_no_secret() -> None:
    secret = "900001,5ec4e7a0a0a0a0a05ec4e7a0a0a0a0a0"
    for made in (
        spec(customer_authenticator=secret, kek=KEYS[0], ek=KEYS[1], unknown=("Secret1", "Secret2")),
        spec(customer_authenticator=secret, content_key=KEYS[2], extensions=(Extension(b"wudo", b"Secret bytes"),)),
        parse(f"customerAuthenticator={secret}&kid=^a&kek={KEK}&securityLevel=1&hdcpOutputControl=0&Secret1&Secret2"),
    ):
        for text in (repr(made), str(made), f"{made}", ascii(made), repr([made])):
            for hidden in (secret, secret.split(",")[1], KEK, EK, CONTENT_KEY, *map(repr, KEYS), "Secret"):
                assert hidden not in text
                assert hidden.upper() not in text


def test_the_repr_names_the_fields_that_are_set() -> None:
    assert repr(spec(content_key=KEYS[2], cookie="c", unknown=("a", "b"))) == (
        f"TokenSpec(customer_authenticator=<secret>, kid={grammar.KID}, content_key=<secret>, "
        "security_level=<SecurityLevel.SW_SECURE_CRYPTO: 1>, hdcp_output_control=<HdcpOutputControl.HDCP_NONE: 0>, "
        "cookie='c', unknown=<2 names>)"
    )


# The kid and its name.


def test_a_kid_is_the_hash_of_its_name() -> None:
    for made in (spec(kid_name="kid1", kid=b""), parse(REQUIRED.replace(f"kid={grammar.KID}", "kid=^kid1"))):
        assert made.kid == bytes.fromhex("80ea8bc8a58f990ad1f76bc665b30bfa")
        assert made.kid_name == "kid1"
    assert spec(kid=made.kid, kid_name="kid1") == made
    assert spec(kid=made.kid) != made
    without_kid = {name: MINIMAL_FIELDS[name] for name in MINIMAL_FIELDS if name != "kid"}
    assert TokenSpec(**{**without_kid, "kid_name": "kid1"}) == made


# Validation by keyword.

WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"error_format": "xml"}, -3004, "errorFormat"),
    ({"customer_authenticator": ""}, -2017, "customerAuthenticator"),
    ({"customer_authenticator": "\ud800"}, -2018, "customerAuthenticator"),
    ({"general_flags": -1}, -5003, "generalFlags"),
    ({"kid": b""}, -4018, "kid"),
    ({"kid": bytes(15)}, -4020, "kid"),
    ({"kid": b"^kid"}, -4020, "kid"),
    ({"kid": b"", "kid_name": ""}, -4022, "kid"),
    ({"kid": bytes(16), "kid_name": "kid1"}, -4022, "kid"),
    ({"kid": bytes(3), "kid_name": "kid1"}, -4022, "kid"),
    ({"kek": bytes(20)}, -4024, "kek"),
    ({"ek": KEYS[1]}, -4024, "ek"),
    ({"content_key": KEYS[2], "kek": KEYS[0]}, -6005, "contentKey"),
    ({"content_id": "\ud800"}, -1, "contentId"),
    ({"security_level": 10**5000}, -7004, "securityLevel"),
    ({"hdcp_output_control": 10**5000}, -2034, "hdcpOutputControl"),
    ({"hdcp_output_control": -1}, -2008, "hdcpOutputControl"),
    ({"license_duration": 10**5000}, -7007, "licenseDuration"),
    ({"extensions": (Extension(b"wud\xff", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension("w\u00fcd".encode(), b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wudo", b"x"), Extension(b"wu,o", b"x"))}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wudo,AAAA", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wudo", b""),)}, -2035, "wvExtension"),
    ({"extensions": (Extension(b"wudo", bytes(8193)),)}, -7009, "wvExtension"),
    ({"expires_in": 10**5000}, -2002, "expirationTime"),
    ({"expires_at": LAST_SECOND + 1}, -2002, "expirationTime"),
    ({"expires_at": -62135596801}, -2002, "expirationTime"),
    ({"expires_at": -(10**5000)}, -2002, "expirationTime"),
    ({"expires_at": 60, "expires_in": 60}, -2002, "expirationTime"),
    ({"cookie": "\ud800"}, -2033, "cookie"),
]


@pytest.mark.parametrize(("changes", "code", "parameter"), WRONG, ids=range(len(WRONG)))
def test_invalid_value_by_keyword_raises_its_error(changes: dict[str, Any], code: int, parameter: str) -> None:
    error = fault(**changes, unknown=("x", "a.b"))
    assert (error.code, error.parameter) == (code, parameter)
    assert error.details
    assert (error.__cause__, error.__context__, error.unknown) == (None, None, ("x",))
    if parameter != "errorFormat":
        assert fault(**{**changes, "error_format": "json"}).error_format is ErrorFormat.JSON
    for name, value in changes.items():
        if isinstance(value, (str, bytes)) and len(value) > 3 and name != "error_format":
            assert repr(value)[2:-1] not in f"{error} {error!r} {vars(error)}"


def by_keyword(name: str, text: str) -> dict[str, Any] | None:
    """Return the keyword for a parameter's text, or None if the text has no such value."""
    if text.startswith("^") and name == "kid":
        return {"kid": b"", "kid_name": text[1:]}
    if name in ("kid", "kek", "ek", "contentKey"):
        even_hex = len(text) % 2 == 0 and set(text) <= set(grammar.HEX)
        return {FIELDS[name]: bytes.fromhex(text)} if even_hex else None
    if name in ("errorFormat", "customerAuthenticator", "contentId", "cookie"):
        return {FIELDS[name]: text}
    if name == "generalFlags" or (name == "expirationTime" and text[:1] != "+"):
        return None
    number = text.removeprefix("+") if name == "expirationTime" else text
    in_decimal = number.isdecimal() and len(number) <= 20 and number == str(int(number))
    return {FIELDS[name]: int(number)} if in_decimal else None


FIELDS = {row.name: next(iter(row.fields)) for row in GRAMMAR if row.fields and not row.many}


def test_errors_by_keyword_are_those_of_parse() -> None:
    compared = set()
    for row in ROWS:
        for example in row.invalid():
            keywords = {"kek": KEYS[0]} if row.name == "ek" else {}
            values = example.changes[row.name]
            if row.name not in FIELDS or len(values) != 1 or not isinstance(values[0], str):
                continue
            changes = by_keyword(row.name, values[0])
            if changes is not None and values not in [valid.changes[row.name] for valid in row.valid]:
                errors = fault(**keywords, **changes), parse_fault(escaped(pairs(example.changes)))
                one, other = ((error.code, error.parameter, error.details) for error in errors)
                assert one == other, changes
                compared.add(one[:2])
    assert len(compared) >= 16


def test_details_of_an_error_by_keyword() -> None:
    mismatch = "kid must be the first 16 bytes of the SHA-1 of kid_name, or left out"
    assert fault(kid=bytes(16), kid_name="kid1").details == mismatch
    for sign in ("", "-"):
        details = fault(expires_in=int(f"{sign}1") * 10**5000).details
        assert str(details).endswith(f", not '+{sign}1{20 * '0'}'")


Region = Enum("Region", {"EU": "eu"}, type=str)


class Number(IntEnum):
    ONE = 1


class Lying(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "wrong"

    def __format__(self, spec: str) -> str:
        return "wrong"

    def __len__(self) -> int:
        return 1000


class LyingBytes(bytes):
    def __len__(self) -> int:
        return 1000

    def hex(self, *_: Any) -> str:
        return "wrong"


class Items(tuple[Any, ...]):
    __slots__ = ()


class Named(Extension):
    __slots__ = ()


def test_subclasses_are_stored_as_their_base_type() -> None:
    one = spec(cookie=Region.EU, content_id=Lying("id"), license_duration=Number.ONE, kek=LyingBytes(KEYS[0]))
    other = spec(cookie="eu", content_id="id", license_duration=1, kek=KEYS[0])
    assert one == other
    assert one.to_query() == other.to_query()
    assert [type(value) for value in all_of(one).values()] == [type(value) for value in all_of(other).values()]
    extensions = Items([Extension(LyingBytes(b"wudo"), LyingBytes(b"x")), Named(b"wudo", b"x")])
    made = spec(extensions=extensions, unknown=Items([Lying("x")]))
    assert [type(value) for value in (made.extensions, made.unknown, *made.unknown)] == [tuple, tuple, str]
    assert [type(value) for item in made.extensions for value in (item, *item)] == 2 * [Extension, bytes, bytes]
    assert parse(Lying(REQUIRED)) == parse(LyingBytes(REQUIRED.encode())) == spec()


def test_spec_is_final() -> None:
    with pytest.raises(TypeError, match=r"^TokenSpec cannot be subclassed$"):
        type("Subclass", (TokenSpec,), {})


def test_needs_stored_key() -> None:
    assert spec().needs_stored_key
    assert spec(kek=KEYS[0]).needs_stored_key
    assert not spec(kek=KEYS[0], ek=KEYS[1]).needs_stored_key
    assert not spec(content_key=KEYS[2]).needs_stored_key


WRONG_TYPES: dict[type, tuple[str, ...]] = {
    str: ("customer_authenticator", "error_format", "kid_name", "content_id", "cookie"),
    bytes: ("kid", "kek", "ek", "content_key"),
    int: ("general_flags", "security_level", "hdcp_output_control", "license_duration", "expires_at", "expires_in"),
    tuple: ("extensions", "unknown"),
}


@pytest.mark.parametrize(("right", "name"), [(right, name) for right, names in WRONG_TYPES.items() for name in names])
def test_wrong_type_raises_type_error(right: type, name: str) -> None:
    others: tuple[Any, ...] = ("1", b"0123456789abcdef", 1, 1.0, True, (), [], {}, object(), bytearray(16), None)
    optional = name in MINIMAL_FIELDS and MINIMAL_FIELDS[name] is None
    for value in others:
        if type(value) is not right and not (value is None and optional):
            with pytest.raises(TypeError, match=name):
                spec(**{name: value})


MISUSE: list[tuple[dict[str, Any], str]] = [
    ({"cookie": 1}, "cookie must be str, not int"),
    ({"kid": "^CNN"}, "kid must be bytes, not str: pass the text after ^ as kid_name"),
    ({"security_level": True}, "security_level must be int, not bool"),
    ({"extensions": []}, "extensions must be tuple, not list"),
    ({"extensions": ((b"wudo", b"x"),)}, "extensions must be Extension(type: bytes, payload: bytes)"),
    ({"extensions": (Extension(*("wudo", b"x")),)}, "an extension's type must be bytes, not str"),  # type: ignore[arg-type]
    ({"extensions": (Extension(*(b"wudo", "x")),)}, "an extension's payload must be bytes, not str"),  # type: ignore[arg-type]
    ({"unknown": ("a", 1)}, "each unknown name must be str, not int"),
]


@pytest.mark.parametrize(("changes", "message"), MISUSE)
def test_type_error_names_the_field_and_the_right_type(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        spec(**changes)
    assert str(caught.value) == message


# The canonical query.


@given(grammar.specs())
def test_parse_of_to_query_returns_the_spec(made: TokenSpec) -> None:
    query = made.to_query()
    assert query.isascii()
    for read in (parse(query), parse(query.encode()), parse(body=query)):
        assert read == made
        assert hash(read) == hash(made)
        assert read.unknown == ()
    assert parse(query).to_query() == query


def test_canonical_query_has_only_safe_characters() -> None:
    """Values consist of letters, digits, `-._~` and escapes."""
    made = spec(
        customer_authenticator="".join(grammar.PRINTABLE),
        content_id="a b+c&d=e%41;f'\"<\u00e9",
        cookie="~!\U0001f3ac",
        extensions=(Extension(b"a=&+", b"\xfb\xff\xbf"),),
        expires_in=60,
    )
    assert made.to_query().endswith(
        "&wvExtension=a%3D%26%2B%2C%2B%2F%2B%2F&expirationTime=%2B60&cookie=~%21%F0%9F%8E%AC"
    )
    values = "".join(piece.partition("=")[2] for piece in made.to_query().split("&"))
    assert set(values) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")
    assert parse(made.to_query()) == made


# The size of the payload: 54 fixed bytes, 3 and 64 kept for the customer, 7 and its payload for each extension.


LONG: dict[str, Any] = {"content_id": 1024 * "\U0001f3ac", "cookie": "\u00e9"}


@pytest.mark.parametrize(
    ("fields", "room", "number"), [({}, 8071, 1), ({}, 8071, 2), ({}, 8071, 500), (LONG, 3967, 1), (LONG, 3967, 2)]
)
def test_payload_of_8192_bytes_is_the_limit(fields: dict[str, Any], room: int, number: int) -> None:
    for excess in (0, 1):
        lengths = [room - 7 * number - (number - 1) + excess, *[1] * (number - 1)]
        extensions = tuple(Extension(b"wudo", bytes(length)) for length in lengths)
        if not excess:
            assert spec(**fields, extensions=extensions).extensions == extensions
            continue
        error = fault(**fields, extensions=extensions)
        assert (error.code, error.parameter) == (-7009, "wvExtension")
        assert error.details == "the extensions must be 1 bytes shorter"


def test_error_of_size_names_the_first_extension_parameter() -> None:
    payload = b64encode(bytes(8065)).decode()
    for query in (f"extensionType=wudo&extensionPayload={payload}", f"extensionPayload={payload}&extensionType=wudo"):
        error = parse_fault(f"x=1&{query}&expirationTime=now&{REQUIRED}")
        assert (error.code, error.parameter) == (-7009, query.partition("=")[0])


# Times.


def expires_at(text: str) -> int | None:
    """Return the parsed expirationTime, or None if it is rejected."""
    try:
        return parse(f"{REQUIRED}&expirationTime={text}").expires_at
    except TokenRequestError as error:
        if (error.code, error.parameter) != (-2002, "expirationTime"):
            raise
        return None


@given(grammar.times(), st.integers(0, 30), st.characters(codec="utf-8", exclude_characters="&+%"))
def test_any_time_with_another_character(text: str, at: int, character: str) -> None:
    changed = text[:at] + character + text[at + 1 :]
    expected = grammar.expiration(changed)
    assert expires_at(changed) == (None if expected is None else expected["expires_at"])
