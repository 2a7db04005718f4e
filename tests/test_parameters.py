"""The grammar: its table, its errors and their details. `test_request_vectors.py` tests each single value."""

from __future__ import annotations

import copy
import pickle
import random
import re
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, permutations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import (
    ErrorFormat,
    Extension,
    HdcpOutputControl,
    SecurityLevel,
    TokenRequestError,
    TokenSpec,
    find_errors,
    parse,
)
from wvtoken.parameters import GRAMMAR

from . import grammar
from .grammar import (
    AUTHENTICATOR,
    CONTENT_KEY,
    CONTROLS,
    EK,
    FULL,
    FULL_FIELDS,
    KEK,
    KID,
    MINIMAL,
    MINIMAL_FIELDS,
    NAMES,
    ROWS,
    TABLE,
    Changes,
    Fields,
    Invalid,
    Pair,
    Row,
    escaped,
    pairs,
    unescaped,
)

REQUIRED = escaped(pairs({}))


def read(spec: TokenSpec) -> Fields:
    return {name: getattr(spec, name) for name in MINIMAL_FIELDS}


def fault(query: str | bytes, body: str | bytes = "") -> TokenRequestError:
    with pytest.raises(TokenRequestError) as caught:
        parse(query, body)
    return caught.value


def found(errors: Iterable[TokenRequestError]) -> list[tuple[int, str | None]]:
    return [(int(error.code), error.parameter) for error in errors]


# The table.


def test_grammar_equals_the_transcription_of_the_interface() -> None:
    assert [(row.name, row.missing, row.repeated, row.empty, row.many) for row in GRAMMAR] == list(TABLE)
    assert {field for row in GRAMMAR for field in row.fields} == MINIMAL_FIELDS.keys()
    assert {row.name for row in ROWS} == {*NAMES} - {"extensionPayload"}


def test_request_vectors_are_the_generated_ones() -> None:
    path = Path(__file__).parent / "vectors" / "requests.json"
    assert path.read_text(encoding="ascii") == grammar.vectors_text()


TYPES = {str, bytes, int, tuple, type(None), ErrorFormat, SecurityLevel, HdcpOutputControl}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_parse_accepts_each_value_in_a_full_request(row: Row) -> None:
    for example in row.valid:
        spec = parse(unescaped(pairs(example.changes, FULL)))
        assert read(spec) == {**FULL_FIELDS, **example.fields}, example
        assert {type(value) for value in read(spec).values()} <= TYPES, example
        assert (type(spec.security_level), type(spec.hdcp_output_control)) == (SecurityLevel, HdcpOutputControl)
        assert {(type(item), *map(type, item)) for item in spec.extensions} <= {(Extension, bytes, bytes)}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_parse_rejects_each_value_in_a_full_request(row: Row) -> None:
    for example in row.invalid():
        assert found([fault(escaped(pairs(example.changes, FULL)))]) == [(example.code, example.parameter)], example


@given(
    st.sampled_from(list(grammar.VALUES)).flatmap(lambda name: grammar.VALUES[name].map(lambda value: (name, *value)))
)
def test_parse_accepts_any_valid_value(example: tuple[str, str, Fields]) -> None:
    name, text, fields = example
    base: Changes = {"kek": (KEK,)} if name == "ek" else {}
    spec = parse(unescaped(pairs({**base, name: (text,)})))
    assert {field: getattr(spec, field) for field in fields} == fields


@given(grammar.requests(), st.randoms(use_true_random=False), st.integers(0, 30))
def test_parse_accepts_any_valid_request(request_: grammar.Request, rnd: random.Random, cut: int) -> None:
    query = grammar.spelled(request_.pairs[:cut], rnd)
    body = grammar.spelled(request_.pairs[cut:], rnd)
    assert read(parse(query, body)) == read(parse(query.encode(), body)) == request_.fields
    assert find_errors(query, body) == ()


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "KID", "x"]), st.text() | st.binary()), max_size=20))
def test_find_errors_agrees_with_parse(request_: list[Pair]) -> None:
    order = {name: place for place, name in enumerate(NAMES)}
    for query in (escaped(request_), unescaped(request_)):
        errors = find_errors(query)
        if errors:
            assert found([fault(query)]) == found(errors[:1])
        else:
            parse(query)
        places = [order[error.parameter or ""] for error in errors]
        assert places == sorted(set(places))
        assert all(error.details for error in errors)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_case_sensitive(name: str) -> None:
    for other in (name.lower(), name.upper(), name[0].upper() + name[1:], name + " ", " " + name, name + "\x00"):
        if other != name:
            spec = parse(escaped([*pairs({}), (other, b"\xff")]))
            assert (spec.unknown, read(spec)) == ((other,), MINIMAL_FIELDS)


def test_extensions_keep_the_order_of_the_request() -> None:
    short: list[Pair] = [("wvExtension", "aaaa,AA=="), ("wvExtension", "cccc,AA==")]
    types: list[Pair] = [("extensionType", "bbbb"), ("extensionType", "dddd")]
    payloads: list[Pair] = [("extensionPayload", "AQ=="), ("extensionPayload", "Ag==")]
    count = 0
    for order in permutations(short + types + payloads):
        if any(order.index(items[0]) > order.index(items[1]) for items in (short, types, payloads)):
            continue
        count += 1
        payload_of = {types[0]: b"\1", types[1]: b"\2", short[0]: b"\0", short[1]: b"\0"}
        stands = [pair for pair in order if pair not in payloads]
        expected = tuple(Extension(str(pair[1])[:4].encode(), payload_of[pair]) for pair in stands)
        assert parse(REQUIRED, escaped(order)).extensions == expected
    assert count == 90


@pytest.mark.parametrize("last", grammar.BASE64)
def test_base64_with_stray_bits_is_rejected(last: str) -> None:
    place = grammar.BASE64.index(last)
    for text, right in ((f"AA{last}=", place % 4 == 0), (f"A{last}==", place % 16 == 0)):
        errors = find_errors(escaped(pairs({"wvExtension": (f"wudo,{text}",)})))
        assert found(errors) == ([] if right else [(-2037, "wvExtension")])


# The order of errors.


def spread(examples: Iterable[Invalid], most: int) -> Sequence[Invalid]:
    """Return at most so many of the examples, and at least one of each code."""
    everything = list(examples)
    chosen = everything[:: -(-len(everything) // most)]
    return [*chosen, *{example.code: example for example in everything}.values()]


@pytest.mark.parametrize("rows", list(combinations(ROWS, 2)), ids=lambda rows: f"{rows[0]}-{rows[1]}")
def test_first_error_in_table_order_is_raised(rows: tuple[Row, Row]) -> None:
    keys = {"kek", "ek", "contentKey"}
    for first, second in product(spread(rows[0].invalid(), 8), spread(rows[1].invalid(), 8)):
        request = pairs({**second.changes, **first.changes})
        for ordered in (request, request[::-1]):
            errors = find_errors(escaped(ordered))
            assert found([fault(escaped(ordered))]) == found(errors[:1]) == [(first.code, first.parameter)], (
                first,
                second,
            )
            if not {first.parameter, second.parameter} <= keys:
                assert found(errors) == [(item.code, item.parameter) for item in (first, second)], (first, second)


def test_find_errors_returns_one_error_per_parameter_and_rule() -> None:
    query = (
        "errorFormat=xml&customerAuthenticator=%00&generalFlags=1&kid=1&kek=1&ek=1&contentKey=1&contentId=%00"
        "&securityLevel=9&securityLevel=9&licenseDuration=0&wvExtension=wudo,AA==&wvExtension=a&wvExtension=b"
        "&extensionType=c&expirationTime=0&cookie=%00&deviceId=1&x=1"
    )
    assert found(find_errors(query)) == [
        *((-3004, "errorFormat"), (-2018, "customerAuthenticator"), (-5003, "generalFlags"), (-4020, "kid")),
        *((-4024, "kek"), (-4024, "ek"), (-2027, "contentKey"), (-1, "contentId"), (-7004, "securityLevel")),
        *((-7006, "hdcpOutputControl"), (-7007, "licenseDuration"), (-7009, "wvExtension"), (-2035, "extensionType")),
        *((-2002, "expirationTime"), (-2033, "cookie"), (-7002, "deviceId")),
    ]
    together = find_errors(f"{REQUIRED}&contentKey={CONTENT_KEY}&ek={EK}")
    assert found(together) == [(-4024, "ek"), (-6005, "contentKey")]
    assert found(find_errors(f"{REQUIRED}&contentKey={CONTENT_KEY}&kek=1")) == [(-4024, "kek"), (-6005, "contentKey")]


def test_find_errors_returns_only_the_error_of_size_number_or_name() -> None:
    for query in (70000 * "x", 2001 * "x&", "%FF=1&kid=1"):
        assert found(find_errors(query, "deviceId=1", unknown="forbid")) == [(-1, None)]


def test_errors_have_the_requested_format() -> None:
    for others in ("x=1&", f"x=1&{REQUIRED}&"):
        for format_ in ("errorFormat=json", "", "errorFormat=xml", "errorFormat=json&errorFormat=json"):
            asked = ErrorFormat.JSON if format_ == "errorFormat=json" else ErrorFormat.HTML
            assert {error.error_format for error in find_errors(others + format_, unknown="forbid")} == {asked}
    assert find_errors(body=REQUIRED, unknown="forbid") == ()


# Details.

KID_DETAILS = "kid must be 32 hexadecimal digits, or ^ followed by 1 to 64 printable ASCII characters"
TIME_DETAILS = (
    "expirationTime must be + followed by a decimal number from 1 to 2592000 without leading zeros, "
    "or an RFC 3339 time that ends in Z, not "
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
DETAILS = {
    "errorFormat=xml": "errorFormat must be html or json",
    "customerAuthenticator=%00": "customerAuthenticator must be 1 to 256 printable ASCII characters",
    "generalFlags=1": "generalFlags must be 0000",
    "kid=": f"kid is empty; it must be {KID_DETAILS.removeprefix('kid must be ')}",
    "kid=%FF": "kid must be valid UTF-8",
    "kid=1": KID_DETAILS,
    "kid=^%00": KID_DETAILS,
    "kek=1": "kek must be 32, 48 or 64 hexadecimal digits",
    f"ek={EK}": "ek needs kek",
    f"contentKey={CONTENT_KEY}&kek={KEK}": "contentKey must be sent without kek and ek",
    "contentKey=" + 32 * "x": "contentKey must be 32 hexadecimal digits",
    "contentId=%00": "contentId must be 1 to 1024 characters without control characters",
    "securityLevel=9": "securityLevel must be 1, 2, 3, 4 or 5",
    "securityLevel=1&securityLevel=1": "securityLevel is given more than once",
    "hdcpOutputControl=3": "hdcpOutputControl must be 0, 1 or 2",
    "hdcpOutputControl=x": "hdcpOutputControl must be 0, 1 or 2",
    "licenseDuration=01": "licenseDuration must be a decimal number from 1 to 4294967295 without leading zeros",
    **{
        number * "wvExtension=wudo,AA==&" + "wvExtension=a": f"the {ordinal} wvExtension has no comma"
        for number, ordinal in enumerate(ORDINALS)
    },
    10 * "wvExtension=wudo,AA==&" + "wvExtension=a": "wvExtension number 11 has no comma",
    "wvExtension=a,AA==": "the type of the first wvExtension must be 4 printable ASCII characters without a comma",
    "wvExtension=wudo,": "the payload of the first wvExtension must not be empty",
    "wvExtension=wudo,A": "the payload of the first wvExtension must be base64 with padding (RFC 4648)",
    "wvExtension=%FF": "wvExtension must be valid UTF-8",
    "wvExtension=wudo," + 2731 * "AAAA": "the extensions must be 129 bytes shorter",
    "extensionType=wudo": "each extensionType needs one extensionPayload: there are 1 and 0",
    "extensionType=a&extensionPayload=AA==": "the type of the first extensionType must be 4 printable ASCII characters "
    "without a comma",
    "expirationTime=tomorrow": f"{TIME_DETAILS}'tomorrow'",
    "expirationTime=+0": f"{TIME_DETAILS}' 0'",
    "expirationTime=2026-02-30T00:00:00Z": "'2026-02-30T00:00:00Z' is not in the calendar",
    "cookie=%FF": "cookie must be valid UTF-8",
    "deviceId=1": "deviceId must be left out",
    "&".join(2000 * ["x"]): "a request must have at most 2000 parameters",
    65536 * "x": "a request must have at most 65536 bytes",
    "%FF=1": "each parameter name must be valid UTF-8",
}


@pytest.mark.parametrize("changed", DETAILS, ids=lambda changed: changed[:40])
def test_details_say_what_would_be_right(changed: str) -> None:
    request = [pair for pair in pairs({}) if pair[0] != changed.partition("=")[0]]
    assert fault(escaped(request), changed).details == DETAILS[changed]


def test_details_of_a_missing_parameter() -> None:
    without = escaped(pairs({"securityLevel": ()}))
    missing = "securityLevel is missing; "
    plain = f"{missing}it must be 1, 2, 3, 4 or 5"
    like = f"{missing}the request has the unknown parameter '{{}}'"
    assert fault(without).details == plain
    assert fault(f"{without}&secuirtyLevel=3").details == like.format("secuirtyLevel")
    assert fault(f"{without}&SECURITYLEVEL=3").details == like.format("SECURITYLEVEL")
    assert fault(f"{without}&other=3").details == plain
    assert fault(f"{without}&security.Level=3&securityLevel{20 * 'l'}=3").details == plain
    assert fault(f"{without}&{'&'.join('abcdefgh')}&securitylevel=3").details == plain  # only 8 names are compared


def test_similar_names_are_searched_only_for_the_details(monkeypatch: pytest.MonkeyPatch) -> None:
    query = escaped(pairs({"securityLevel": ()})) + "&secuirtyLevel=3"
    expected = str(fault(query))
    monkeypatch.setattr("difflib.get_close_matches", None)
    error = fault(query)
    monkeypatch.undo()
    assert str(pickle.loads(pickle.dumps(error))) == str(copy.deepcopy(error)) == str(error) == expected


@pytest.mark.parametrize(
    ("start", "described"),
    [
        ("?", "'?'"),
        ("\ufeff", "a byte order mark"),
        ("https://wv-gen.example.com/hms/wv/token?", "a URL and '?'"),
        ("http://wv-gen.example.com/hms/wv/token?", "a URL and '?'"),
    ],
)
def test_details_of_a_request_with_something_before_the_query(start: str, described: str) -> None:
    expected = f"the request starts with {described}: pass only what follows it"
    for query in (start + REQUIRED, start.encode() + REQUIRED.encode(), f"{start}{REQUIRED}&customerauthenticator=1"):
        assert fault(query).details == f"customerAuthenticator is missing; {expected}"
        assert find_errors(query, unknown="forbid")[-1].details == expected


def test_str_shows_code_message_and_details() -> None:
    error = fault(escaped(pairs({"errorFormat": ("xml",)})))
    assert error.message == "Invalid error format specified: xml"
    assert str(error) == "-3004: Invalid error format specified: xml (errorFormat must be html or json)"
    assert str(fault(escaped(pairs({"errorFormat": ("",)})))).startswith("-3004: Invalid error format specified (")
    error = fault(escaped(pairs({"errorFormat": ("html", "json")})))
    assert str(error) == "-3004: Invalid error format specified: errorFormat is given more than once"
    assert str(fault(escaped(pairs({"kid": ("1",)})))) == f"-4020: {error_of(-4020).message} ({KID_DETAILS})"
    error = fault(escaped(pairs({"contentId": ("\n",)})))
    assert str(error) == f"-1: {error.message}" == f"-1: Malformed request: {error.details}"


def error_of(code: int) -> TokenRequestError:
    return TokenRequestError(code)


# Unknown names.


def test_unknown_names_are_listed_in_order() -> None:
    spec = parse("b=1&" + REQUIRED + "&a=%FF&b", "&\u00e9=&=5")
    assert spec.unknown == ("b", "a", "b", "\u00e9", "")
    assert find_errors("b=1&" + REQUIRED) == ()


def test_errors_list_unknown_names_of_1_to_32_ascii_letters() -> None:
    names = f"b=1&a&b&{32 * 'x'}&{33 * 'x'}&contentKey:{CONTENT_KEY}&contentKey%3D{CONTENT_KEY}&a1&\u00e9&="
    for error in (fault(names), *find_errors(names, unknown="forbid")):
        assert error.unknown == ("b", "a", "b", 32 * "x")
        assert CONTENT_KEY not in said(error)
    assert fault("").unknown == ()


def test_forbidden_unknown_parameters_are_the_last_errors() -> None:
    errors = find_errors("x", f"expirationtime=+60&{REQUIRED}&deviceId=1&x=2&a.b&c.d", unknown="forbid")
    assert found(errors) == [(-7002, "deviceId"), (-1, "x"), (-1, "expirationtime"), (-1, None)]
    assert [error.details for error in errors[1:]] == [
        "unknown parameter 'x'",
        "unknown parameter 'expirationtime': did you mean 'expirationTime'?",
        "unknown parameter: its name is not 1 to 32 ASCII letters, so it is not shown",
    ]
    many = find_errors(REQUIRED, "&".join(f"cooki{letter}" for letter in "abcdfghijk"), unknown="forbid")
    assert [("did you mean 'cookie'?" in str(error)) for error in many] == [*[True] * 8, False, False]


def test_find_errors_rejects_other_values_of_unknown() -> None:
    with pytest.raises(ValueError, match=r'^unknown must be "ignore" or "forbid"$'):
        find_errors("", unknown="warn")  # type: ignore[arg-type]


# Secrets.

SECRETS: dict[str, tuple[str | bytes, ...]] = {
    "customerAuthenticator": ("900001,5ec4e7a0a0a0a0a05ec4e7a0a0a0a0a0",),
    "kid": ("^Secret.Channel.Name",),
    "kek": ("5ec4e7b1b1b1b1b15ec4e7b1b1b1b1b1",),
    "ek": ("5ec4e7c2c2c2c2c25ec4e7c2c2c2c2c2c2c2c2c2c2c2c2c2",),
    "contentId": ("C0ntent.sEcReT",),
    "securityLevel": ("1",),
    "hdcpOutputControl": ("0",),
    "wvExtension": ("sEcR,U2VjcmV0RXh0ZW5zaW9u",),
    "extensionType": ("SeCr",),
    "extensionPayload": ("U2VjcmV0UGF5bG9hZA==",),
    "cookie": ("C00kie.sEcReT",),
    "Secret.Unknown.Name": ("Unkn0wn.sEcReT",),
}


def said(error: TokenRequestError) -> str:
    """Return everything that an error shows or carries."""
    texts = [str(error), repr(error), repr(error.args), repr(vars(error)), error.message, str(error.details)]
    pickles = [pickle.dumps(error, protocol).decode("latin-1") for protocol in (0, 4)]
    return "\n".join([*texts, *pickles, *traceback.format_exception_only(error)])


def sent(values: Iterable[str | bytes]) -> Iterator[str]:
    """Yield the parts of values that would be recognised."""
    for value in values:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        yield from (part for part in re.split(r"[\s,=]", text) if len(part) >= 4)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_no_error_repeats_the_request(row: Row) -> None:
    """Only errorFormat and expirationTime are repeated."""
    mark = "sEcReTmArK"
    for example in row.invalid():
        quiet = row.name not in ("errorFormat", "expirationTime")
        marked = {
            name: tuple(f"{mark}{value}{mark}" if isinstance(value, str) and quiet else value for value in values)
            for name, values in example.changes.items()
        }
        for changes in (example.changes, marked):
            for error in find_errors(escaped(pairs(changes, SECRETS)), unknown="forbid"):
                everything = said(error)
                secrets = (values for name, values in SECRETS.items() if name not in changes)
                assert not any(part in everything for values in secrets for part in sent(values)), example
                assert mark not in everything, example
                assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)


def test_parse_raises_without_cause_and_context() -> None:
    for row in ROWS:
        for example in spread(row.invalid(), 10):
            error = fault(unescaped(pairs(example.changes)))
            assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("name", ["errorFormat", "expirationTime"])
def test_repeated_input_is_at_most_64_escaped_characters(name: str) -> None:
    for value in ("tomorrow", "<b>&amp;", "2006-02-30T00:00:00Z"):
        assert value in fault(escaped(pairs({name: (value,)}))).message
    for character in ("\u00e9", "\U0001f3ac", "\n", "\x1b", "\u0085"):
        for length in (64, 65, 1000, 5000):
            message = fault(escaped(pairs({name: (character * length,)}))).message
            shown = character if character not in CONTROLS else "\\"
            assert 0 < message.count(shown) <= 64
            assert len(message) < 300
    for control in CONTROLS:
        error = fault(escaped(pairs({name: (f"a{control}b",)})))
        assert set(f"{error} {error.details}").isdisjoint(CONTROLS)


def test_the_request_of_the_public_documentation() -> None:
    spec = parse(
        f"customerAuthenticator={AUTHENTICATOR}&kid={KID}&contentKey={CONTENT_KEY}&securityLevel=1&hdcpOutputControl=0"
    )
    assert read(spec) == {**MINIMAL_FIELDS, "content_key": bytes.fromhex(CONTENT_KEY)}
    assert read(parse(escaped(pairs({}, MINIMAL)))) == MINIMAL_FIELDS
