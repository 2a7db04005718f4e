"""`TokenSpec`: a value that holds only what a request may say, and shows none of its secrets."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from base64 import b64encode
from calendar import monthrange
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import ErrorFormat, Extension, HdcpOutputControl, SecurityLevel, TokenRequestError, TokenSpec, parse

from . import grammar
from .grammar import CONTENT_KEY, EK, FULL, FULL_FIELDS, KEK, LAST_SECOND, MINIMAL_FIELDS, ROWS, escaped, pairs

KEYS = bytes.fromhex(KEK), bytes.fromhex(EK), bytes.fromhex(CONTENT_KEY)
REQUIRED = escaped(pairs({}))


def spec(**changes: Any) -> TokenSpec:
    """A spec built by keyword, with what is required and these."""
    fields = {name: MINIMAL_FIELDS[name] for name in ("customer_authenticator", "kid")}
    levels = {"security_level": SecurityLevel.SW_SECURE_CRYPTO, "hdcp_output_control": HdcpOutputControl.HDCP_NONE}
    return TokenSpec(**{**fields, **levels, **changes})


def all_of(made: TokenSpec) -> dict[str, Any]:
    """Every field, those too that do not count for equality."""
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


def test_a_spec_built_by_keyword_equals_the_one_that_was_read() -> None:
    assert spec() == parse(REQUIRED)
    assert spec(**FULL_FIELDS) == parse(escaped(pairs({}, FULL)))


def test_the_fields_are_those_of_the_specification() -> None:
    assert {entry.name for entry in dataclasses.fields(TokenSpec)} == {*MINIMAL_FIELDS, "unknown"}


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


def test_a_spec_takes_no_positions_and_no_other_names() -> None:
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


def test_a_spec_differs_by_every_field_but_unknown() -> None:
    base = spec(kid_name="kid1", kid=b"")
    others: dict[str, Any] = {
        "customer_authenticator": "other",
        "error_format": "json",
        "content_key": bytes(16),
        "kek": bytes(16),
        "content_id": "other",
        "license_duration": 1,
        "security_level": 2,
        "hdcp_output_control": 1,
        "extensions": (Extension(b"wudo", b"\0"),),
        "expires_at": 1,
        "expires_in": 1,
        "cookie": "other",
    }
    made = [base, spec(kid=base.kid), spec(kek=bytes(16), ek=bytes(24), kid=base.kid, kid_name="kid1")]
    made += [dataclasses.replace(base, **{name: value}) for name, value in others.items()]
    assert len(set(made)) == len(made)
    assert dataclasses.replace(base, unknown=("x",)) == base
    assert base != object()


def test_what_a_plain_number_or_text_becomes() -> None:
    """The enums, as if it had been read."""
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


def test_a_spec_that_was_read_can_be_pickled_and_replaced() -> None:
    made = parse(escaped(pairs({}, FULL)) + "&x=1")
    assert all_of(pickle.loads(pickle.dumps(made))) == all_of(dataclasses.replace(made)) == all_of(made)
    assert dataclasses.replace(made, cookie=None, expires_in=None).to_query() == made.to_query().split("&expiration")[0]


def test_replacing_checks_what_is_new() -> None:
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


def test_the_repr_tells_what_is_no_secret() -> None:
    made = spec(content_id="Tatort", cookie="session", license_duration=86400, unknown=("a", "b", "c"), kek=KEYS[0])
    text = repr(made)
    assert text.startswith("TokenSpec(")
    for shown in (made.kid.hex(), "Tatort", "session", "86400", "3", "kek", "SW_SECURE_CRYPTO", "HDCP_NONE"):
        assert shown in text
    assert "ek" not in repr(spec()).replace("kek", "")


@given(grammar.specs())
def test_the_repr_of_any_spec_is_one_line(made: TokenSpec) -> None:
    assert repr(made).isprintable()


# The kid and its name.


def test_a_kid_is_the_hash_of_its_name() -> None:
    for made in (spec(kid_name="kid1", kid=b""), parse(REQUIRED.replace(f"kid={grammar.KID}", "kid=^kid1"))):
        assert made.kid == bytes.fromhex("80ea8bc8a58f990ad1f76bc665b30bfa")
        assert made.kid_name == "kid1"
    assert spec(kid=made.kid, kid_name="kid1") == made
    assert spec(kid=made.kid) != made
    without_kid = {name: MINIMAL_FIELDS[name] for name in MINIMAL_FIELDS if name != "kid"}
    assert TokenSpec(**{**without_kid, "kid_name": "kid1"}) == made


def test_a_kid_that_is_not_the_hash_of_its_name() -> None:
    error = fault(kid_name="kid1", kid=bytes(16))
    assert (error.code, error.parameter) == (-4022, "kid")
    assert "kid1" not in str(error)


def test_a_wrong_kid_for_its_name_is_to_be_rendered_as_asked() -> None:
    assert fault(kid_name="kid1", kid=bytes(16), error_format="json").error_format is ErrorFormat.JSON


def test_a_wrong_kid_for_its_name_stands_where_kid_stands_in_the_table() -> None:
    """Of several faults the first in the order of the table is raised, however a spec is made."""
    assert fault(kid_name="kid1", kid=bytes(16), kek=b"x").code == -4022
    assert fault(kid_name="kid1", kid=bytes(16), cookie="\n").code == -4022
    assert fault(kid_name="kid1", kid=bytes(16), customer_authenticator="").code == -2017


# Validation by keyword.

LONG = 40 * "x"
WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"error_format": "xml"}, -3004, "errorFormat"),
    ({"error_format": ""}, -3004, "errorFormat"),
    ({"customer_authenticator": ""}, -2017, "customerAuthenticator"),
    ({"customer_authenticator": 257 * "a"}, -2018, "customerAuthenticator"),
    ({"customer_authenticator": "a\n"}, -2018, "customerAuthenticator"),
    ({"customer_authenticator": "\u00e9"}, -2018, "customerAuthenticator"),
    ({"customer_authenticator": "\ud800"}, -2018, "customerAuthenticator"),
    ({"general_flags": 1}, -5003, "generalFlags"),
    ({"general_flags": -1}, -5003, "generalFlags"),
    ({"general_flags": 65536}, -5003, "generalFlags"),
    ({"kid": b""}, -4018, "kid"),
    ({"kid": bytes(15)}, -4020, "kid"),
    ({"kid": bytes(17)}, -4020, "kid"),
    ({"kid": b"^kid"}, -4020, "kid"),
    ({"kid": b"", "kid_name": ""}, -4022, "kid"),
    ({"kid": b"", "kid_name": 65 * "a"}, -4021, "kid"),
    ({"kid": b"", "kid_name": "\u00e9"}, -4022, "kid"),
    ({"kid": b"", "kid_name": "\x7f"}, -4022, "kid"),
    ({"kid": b"", "kid_name": "\ud800"}, -4022, "kid"),
    ({"kek": b""}, -4024, "kek"),
    ({"kek": bytes(15)}, -4024, "kek"),
    ({"kek": bytes(20)}, -4024, "kek"),
    ({"kek": bytes(33)}, -4024, "kek"),
    ({"ek": KEYS[1]}, -4024, "ek"),
    ({"kek": KEYS[0], "ek": b""}, -4024, "ek"),
    ({"kek": KEYS[0], "ek": bytes(16)}, -4024, "ek"),
    ({"kek": KEYS[0], "ek": bytes(25)}, -4024, "ek"),
    ({"content_key": b""}, -2027, "contentKey"),
    ({"content_key": bytes(15)}, -2027, "contentKey"),
    ({"content_key": bytes(32)}, -2027, "contentKey"),
    ({"content_key": KEYS[2], "kek": KEYS[0]}, -6005, "contentKey"),
    ({"content_key": KEYS[2], "kek": KEYS[0], "ek": KEYS[1]}, -6005, "contentKey"),
    ({"content_id": 1025 * "x"}, -1, "contentId"),
    ({"content_id": "a\x00"}, -1, "contentId"),
    ({"content_id": "\x85"}, -1, "contentId"),
    ({"content_id": "\ud800"}, -1, "contentId"),
    ({"security_level": 0}, -7004, "securityLevel"),
    ({"security_level": 6}, -7004, "securityLevel"),
    ({"security_level": -1}, -7004, "securityLevel"),
    ({"security_level": 11}, -7004, "securityLevel"),
    ({"hdcp_output_control": 3}, -2034, "hdcpOutputControl"),
    ({"hdcp_output_control": 10}, -2034, "hdcpOutputControl"),
    ({"hdcp_output_control": -1}, -2008, "hdcpOutputControl"),
    ({"license_duration": 0}, -7007, "licenseDuration"),
    ({"license_duration": -1}, -7007, "licenseDuration"),
    ({"license_duration": 4294967296}, -7007, "licenseDuration"),
    ({"license_duration": 10**5000}, -7007, "licenseDuration"),
    ({"extensions": (Extension(b"", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wud", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wudoo", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wu,o", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b",udo", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wud\n", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wud\xff", b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension("w\u00fcd".encode(), b"x"),)}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wudo", b"x"), Extension(b"x", b"x"))}, -2036, "wvExtension"),
    ({"extensions": (Extension(b"wudo", b""),)}, -2035, "wvExtension"),
    ({"extensions": (Extension(b"wudo", bytes(8193)),)}, -7009, "wvExtension"),
    ({"expires_in": 0}, -2002, "expirationTime"),
    ({"expires_in": -60}, -2002, "expirationTime"),
    ({"expires_in": 2592001}, -2002, "expirationTime"),
    ({"expires_in": 10**5000}, -2002, "expirationTime"),
    ({"expires_at": LAST_SECOND + 1}, -2002, "expirationTime"),
    ({"expires_at": -62135596801}, -2002, "expirationTime"),
    ({"expires_at": 10**30}, -2002, "expirationTime"),
    ({"expires_at": 10**5000}, -2002, "expirationTime"),
    ({"expires_at": 60, "expires_in": 60}, -2002, "expirationTime"),
    ({"cookie": 33 * "x"}, -2033, "cookie"),
    ({"cookie": "a\nb"}, -2033, "cookie"),
    ({"cookie": "\ud800"}, -2033, "cookie"),
]


@pytest.mark.parametrize(("changes", "code", "parameter"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_value_by_keyword_gets_the_code_that_a_request_gets(
    changes: dict[str, Any], code: int, parameter: str
) -> None:
    error = fault(**changes)
    assert (error.code, error.parameter) == (code, parameter)
    assert (error.__cause__, error.__context__) == (None, None)
    if parameter != "errorFormat":
        assert fault(**{**changes, "error_format": "json"}).error_format is ErrorFormat.JSON
    for name, value in changes.items():
        if isinstance(value, (str, bytes)) and len(value) > 3 and name != "error_format":
            assert repr(value)[2:-1] not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize("type_", [b"wudo,", b"wudo,AAAA", b"wudo,AA==", b"ab,cdef"])
def test_an_extension_type_that_holds_a_comma(type_: bytes) -> None:
    """The type is wrong, although its first four bytes alone would not be."""
    error = fault(extensions=(Extension(type_, b"x"),))
    assert (error.code, error.parameter) == (-2036, "wvExtension")


def test_every_row_is_among_them() -> None:
    assert {parameter for _, _, parameter in WRONG} == {row.name for row in ROWS} - {"deviceId", "extensionType"}


def test_of_several_wrong_values_the_first_in_the_table() -> None:
    everything = {name: value for changes, _, _ in reversed(WRONG) for name, value in changes.items()}
    for name, code in (
        ("error_format", -3004),
        ("customer_authenticator", -2017),
        ("general_flags", -5003),
        ("kid_name", -4022),
        ("kek", -4024),
        ("content_key", -2027),
        ("content_id", -1),
        ("security_level", -7004),
        ("hdcp_output_control", -2034),
        ("license_duration", -7007),
        ("extensions", -2036),
        ("expires_in", -2002),
        ("cookie", -2033),
    ):
        assert fault(**everything).code == code
        del everything[name]
        if name == "kid_name":
            everything["kid"] = bytes(16)
        if name == "kek":
            del everything["ek"]
        if name == "expires_in":
            del everything["expires_at"]
    assert spec(**everything) == spec(kid=bytes(16))


OF_TYPE: dict[type, tuple[str, ...]] = {
    str: ("customer_authenticator", "error_format", "kid_name", "content_id", "cookie"),
    bytes: ("kid", "kek", "ek", "content_key"),
    int: ("general_flags", "security_level", "hdcp_output_control", "license_duration", "expires_at", "expires_in"),
    tuple: ("extensions", "unknown"),
}
OTHERS: tuple[Any, ...] = ("1", b"0123456789abcdef", 1, 1.0, True, (), [], {}, object(), bytearray(16))


@pytest.mark.parametrize(("right", "name"), [(right, name) for right, names in OF_TYPE.items() for name in names])
def test_another_type_is_a_mistake_of_the_program(right: type, name: str) -> None:
    for value in OTHERS:
        if type(value) is not right:
            with pytest.raises(TypeError):
                spec(**{name: value})


@pytest.mark.parametrize(
    "name",
    [
        *("customer_authenticator", "error_format", "general_flags", "kid", "security_level", "hdcp_output_control"),
        *("extensions", "unknown"),
    ],
)
def test_what_may_not_be_none(name: str) -> None:
    with pytest.raises(TypeError):
        spec(**{name: None})


@pytest.mark.parametrize(
    "extensions",
    [
        ((b"wudo", b"x"),),
        (b"wudo,eA==",),
        ("wudo,eA==",),
        (None,),
        (Extension("wudo", b"x"),),  # type: ignore[arg-type]
        (Extension(b"wudo", "eA=="),),  # type: ignore[arg-type]
        (Extension(b"wudo", bytearray(b"x")),),  # type: ignore[arg-type]
        (Extension(b"wudo", None),),  # type: ignore[arg-type]
        (Extension(b"wudo", b"x"), 1),
    ],
)
def test_extensions_are_of_bytes(extensions: Any) -> None:
    with pytest.raises(TypeError):
        spec(extensions=extensions)


def test_unknown_names_are_text() -> None:
    assert spec(unknown=("a", "")).unknown == ("a", "")
    for wrong in ((b"a",), (1,), (None,)):
        with pytest.raises(TypeError):
            spec(unknown=wrong)


# The canonical query.


@given(grammar.specs())
def test_a_spec_comes_back_from_its_query(made: TokenSpec) -> None:
    query = made.to_query()
    assert query.isascii()
    for read in (parse(query), parse(query.encode()), parse(body=query)):
        assert read == made
        assert hash(read) == hash(made)
        assert read.unknown == ()
    assert parse(query).to_query() == query


@given(grammar.queries())
def test_a_request_has_one_canonical_query(query: str) -> None:
    made = parse(query)
    assert parse(made.to_query()) == made
    assert parse(made.to_query()).to_query() == made.to_query()


def test_the_canonical_query_needs_no_care() -> None:
    """Form decoding twice, a shell or HTML change nothing in it: it is letters, digits, `-._~` and escapes."""
    made = spec(
        customer_authenticator="".join(grammar.PRINTABLE),
        content_id="a b+c&d=e%41;f'\"<\u00e9",
        cookie="~!\U0001f3ac",
        extensions=(Extension(b"a=&+", b"\xfb\xff\xbf"),),
        expires_in=60,
    )
    values = "".join(piece.partition("=")[2] for piece in made.to_query().split("&"))
    assert set(values) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")
    assert parse(made.to_query()) == made


def test_the_longest_specs_fit_into_a_request() -> None:
    """Whatever a spec may hold can be sent: within 64 KiB and 2000 parameters."""
    longest = {"customer_authenticator": 256 * "%", "kid": b"", "kid_name": 64 * "&", "cookie": 32 * "\U0010ffff"}
    texts = 54 + 67 + 3 + 128
    for content_id in (None, 1024 * "\U0010ffff"):
        room = 8192 - texts - (0 if content_id is None else 3 + 4096)
        for size in (1, 2, 3, 4, room - 7):
            payload = b"\xfb\xff\xbf"[:size] if size < 4 else b"\xfb\xef\xbe" * (size // 3) + bytes(size % 3)
            extensions = (Extension(b"&&&&", payload),) * (room // (7 + size))
            key: dict[str, Any] = {"kek": bytes(32), "ek": bytes(24)}
            made = spec(**longest, **key, content_id=content_id, extensions=extensions, expires_in=1)
            assert parse(made.to_query()) == made


# The size of the payload.

KEPT_FOR_CUSTOMER = 3 + 64
FIXED = 8 + 8 + 16 + 16 + 1 + 1 + 4


def requests_of_size(size: int) -> list[tuple[str, dict[str, Any]]]:
    """Requests, and the same by keyword, whose payload with the longest customer has so many bytes."""
    found = []
    for content_id, cookie, number, long_form in (
        (None, None, 1, False),
        (None, None, 1, True),
        (None, None, 2, False),
        ("x", None, 2, True),
        (1024 * "\U0001f3ac", 32 * "\u00e9", 3, False),
        (None, 32 * "\u20ac", 500, False),
    ):
        texts = [text.encode() for text in (content_id, cookie) if text]
        rest = size - FIXED - KEPT_FOR_CUSTOMER - sum(3 + len(text) for text in texts) - number * (3 + 4)
        lengths = [rest - (number - 1), *[1] * (number - 1)]
        extensions = tuple(Extension(b"wudo", bytes(length)) for length in lengths)
        named = {"cookie": cookie, "contentId": content_id}
        request = [*pairs({}), *((name, text) for name, text in named.items() if text)]
        for item in extensions:
            payload = b64encode(item.payload).decode()
            if long_form:
                request += [("extensionPayload", payload), ("extensionType", "wudo")]
            else:
                request = [("wvExtension", f"wudo,{payload}"), *request]
        if not long_form:
            extensions = extensions[::-1]
        found.append((escaped(request), {"content_id": content_id, "cookie": cookie, "extensions": extensions}))
    return found


def test_a_payload_of_8192_bytes() -> None:
    """With 67 bytes kept for the customer, whatever of the rest is extension or text."""
    for query, fields in requests_of_size(8192):
        assert parse(query) == spec(**fields)
        assert parse(query, "errorFormat=json").extensions == fields["extensions"]


def test_a_payload_of_8193_bytes() -> None:
    """Too many extension bytes, in reading already, and put down to a parameter of the extensions."""
    for query, fields in requests_of_size(8193):
        for error in (parse_fault(query), parse_fault(f"{query}&errorFormat=json"), fault(**fields)):
            assert error.code == -7009
            assert error.parameter in {"wvExtension", "extensionType", "extensionPayload"}
        assert parse_fault(f"{query}&errorFormat=json").error_format is ErrorFormat.JSON


def test_too_large_a_payload_stands_where_extensions_stand_in_the_table() -> None:
    for query, _ in requests_of_size(9000):
        assert parse_fault(f"{query}&licenseDuration=0").code == -7007
        assert parse_fault(f"{query}&expirationTime=now").code == -7009
        assert parse_fault(f"{query}&deviceId=1").code == -7009
        assert parse_fault(f"{query}&wvExtension=wudo").code == -7009


def test_the_longest_texts_are_never_too_large() -> None:
    made = parse(escaped(pairs({"contentId": (1024 * "\U0001f3ac",), "cookie": (32 * "\U0001f3ac",)})))
    assert made == spec(content_id=1024 * "\U0001f3ac", cookie=32 * "\U0001f3ac")


# Times.


def expires_at(text: str) -> int | None:
    """What an expirationTime is read as; None when it is refused."""
    try:
        return parse(f"{REQUIRED}&expirationTime={text}").expires_at
    except TokenRequestError as error:
        if (error.code, error.parameter) != (-2002, "expirationTime"):
            raise
        return None


def by_datetime(year: int, month: int, day: int) -> int | None:
    """Midnight of a real date, by the standard library's calendar."""
    try:
        return int(datetime(year, month, day, tzinfo=UTC).timestamp())
    except ValueError:
        return None


YEARS = (*range(1, 5), 99, 100, 400, 999, 1000, 1500, 1582, *range(1696, 2105), 2400, 9996, 9999)


@pytest.mark.slow
def test_every_day_of_many_years() -> None:
    """All dates of them that are real, and all near them that are not."""
    real = 0
    for year in YEARS:
        for month in range(14):
            for day in range(33):
                expected = by_datetime(year, month, day)
                assert expires_at(f"{year:04}-{month:02}-{day:02}T00:00:00Z") == expected, (year, month, day)
                real += expected is not None
    assert real == sum(365 + (monthrange(year, 2)[1] == 29) for year in YEARS)


def test_the_end_of_february_of_every_year() -> None:
    for year in range(10000):
        for day in (28, 29):
            midnight = by_datetime(year, 2, day)
            expected = None if midnight is None else midnight + 86399
            assert expires_at(f"{year:04}-02-{day:02}T23:59:59Z") == expected, year


def test_every_time_of_a_day() -> None:
    midnight = by_datetime(2026, 5, 17)
    assert midnight is not None
    for hour in range(100):
        for minute in range(100):
            real = hour < 24 and minute < 60
            expected = midnight + 3600 * hour + 60 * minute
            assert expires_at(f"2026-05-17T{hour:02}:{minute:02}:00Z") == (expected if real else None)
    for second in range(100):
        for minute in (0, 30, 59):
            expected = midnight + 60 * minute + second
            assert expires_at(f"2026-05-17T00:{minute:02}:{second:02}Z") == (expected if second < 60 else None)


def test_leap_seconds_at_the_ends_of_months_alone() -> None:
    """23:59:60 of a month's last day is the second after 23:59:59; there is no other second 60."""
    for year in (1, 1972, 2015, 2016, 2024, 2100, 9999):
        for month in range(1, 13):
            last = monthrange(year, month)[1]
            for day in range(1, 32):
                text = f"{year:04}-{month:02}-{day:02}T23:59:60"
                if day == last and (year, month) != (9999, 12):
                    before = by_datetime(year, month, day)
                    assert before is not None
                    assert expires_at(text + "Z") == expires_at(text + ".999z") == before + 86400
                else:
                    assert expires_at(text + "Z") is None
            for hour in range(24):
                for minute in (0, 29, 58, 59):
                    if (hour, minute) != (23, 59):
                        assert expires_at(f"{year:04}-{month:02}-{last}T{hour:02}:{minute:02}:60Z") is None
            assert expires_at(f"{year:04}-{month:02}-{last}T23:59:61Z") is None


def test_the_ends_of_the_calendar() -> None:
    assert expires_at("0000-12-31T23:59:59Z") is None
    assert expires_at("0000-12-31T23:59:60Z") is None
    assert expires_at("0001-01-01T00:00:00Z") == -62135596800
    assert expires_at("9999-12-31T23:59:59Z") == LAST_SECOND
    assert expires_at("9999-12-31T23:59:60Z") is None
    assert expires_at("10000-01-01T00:00:00Z") is None
    for moment in (-62135596800, -1, 0, 1, LAST_SECOND):
        assert parse(spec(expires_at=moment).to_query()).expires_at == moment


@given(grammar.times(), st.integers(0, 400))
def test_any_spelling_of_a_time(text: str, digits: int) -> None:
    """Letters of either case and a fraction of any length mean the same second."""
    expected = grammar.unix_time(text)
    assert expected is not None
    whole = text[:19]
    for spelling in (text, f"{whole}Z", f"{whole}z".replace("T", "t"), f"{whole}.{'9' * (digits + 1)}Z", f"{whole}.0Z"):
        assert expires_at(spelling) == expected
    if whole[17:] != "60":
        assert expected == int(datetime.fromisoformat(f"{whole}+00:00").timestamp())


ZONES = ("", "%2B00:00", "%2B01:00", "-00:00", "-23:59", "%2B0000", "+00:00", "UTC", "ZZ")


@given(grammar.times(), st.sampled_from(ZONES))
def test_any_other_zone_is_refused(text: str, zone: str) -> None:
    assert expires_at(text[:-1] + zone) is None


@given(grammar.times(), st.integers(0, 30), st.characters(codec="utf-8", exclude_characters="&+%"))
def test_any_time_with_another_character(text: str, at: int, character: str) -> None:
    """Read if it is still a time, and refused if not, as the calendar of the tests says."""
    changed = text[:at] + character + text[at + 1 :]
    expected = grammar.expiration(changed)
    assert expires_at(changed) == (None if expected is None else expected["expires_at"])


def test_every_number_of_seconds_at_the_edges() -> None:
    for seconds in (*range(-3, 200), *range(2591990, 2592010), 10**7, 10**20):
        for sign in ("%2B", "+", "%20"):
            query = f"{REQUIRED}&expirationTime={sign}{seconds}"
            if 1 <= seconds <= 2592000:
                assert (parse(query).expires_in, parse(query).expires_at) == (seconds, None)
            else:
                assert parse_fault(query).code == -2002
