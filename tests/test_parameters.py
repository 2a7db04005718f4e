"""Every row of the grammar table, from the table: what it accepts, what it refuses, and with which code."""

from __future__ import annotations

import pickle
import random
import re
import traceback
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import ErrorFormat, Extension, TokenRequestError, TokenSpec, parse

from . import grammar
from .grammar import (
    BY_NAME,
    CONTROLS,
    FULL,
    FULL_FIELDS,
    MINIMAL,
    MINIMAL_FIELDS,
    ROWS,
    Changes,
    Fields,
    Invalid,
    Pair,
    Row,
    Valid,
    escaped,
    pairs,
    unescaped,
)

JSON: Changes = {"errorFormat": ("json",)}


def read(spec: TokenSpec) -> Fields:
    return {name: getattr(spec, name) for name in MINIMAL_FIELDS}


def fault(query: str | bytes, body: str | bytes = "") -> TokenRequestError:
    with pytest.raises(TokenRequestError) as caught:
        parse(query, body)
    return caught.value


def attempt(query: str | bytes) -> TokenSpec | TokenRequestError:
    try:
        return parse(query)
    except TokenRequestError as error:
        return error


def sources(request: list[Pair]) -> Iterator[tuple[str | bytes, str | bytes]]:
    """The same request in every way that it can come in: str, bytes, escaped, not escaped, query, body, both."""
    text, raw = escaped(request), unescaped(request)
    half = len(request) // 2
    yield text, ""
    yield text.encode(), b""
    yield raw, b""
    yield "", text
    yield b"", raw
    yield escaped(request[:half]), escaped(request[half:])
    yield unescaped(request[:half]), escaped(request[half:])
    yield escaped(request[:half]), unescaped(request[half:])
    if all(isinstance(part, str) for pair in request for part in pair):
        yield raw.decode(), ""
        yield unescaped(request[:half]).decode(), unescaped(request[half:])


def of(examples: str, rows: Sequence[Row] = ROWS) -> list[object]:
    """Parameters of a test: each row with each of its valid or invalid examples."""
    return [
        pytest.param(row, example, id=f"{row}-{number}")
        for row in rows
        for number, example in enumerate(row.valid if examples == "valid" else row.invalid())
    ]


def test_the_table_is_whole() -> None:
    """Each parameter of the specification has its row, and each row its examples."""
    assert [row.name for row in ROWS] == [
        *("errorFormat", "customerAuthenticator", "generalFlags", "kid", "kek", "ek", "contentKey", "contentId"),
        *("securityLevel", "hdcpOutputControl", "licenseDuration", "wvExtension", "extensionType", "expirationTime"),
        *("cookie", "deviceId"),
    ]
    assert all(row.valid or row.name == "deviceId" for row in ROWS)
    assert all(len(list(row.invalid())) > 10 for row in ROWS)


def test_the_table_says_the_same_of_times_as_its_calendar() -> None:
    row = BY_NAME["expirationTime"]
    for example in row.valid:
        assert grammar.expiration(str(example.changes["expirationTime"][0])) == example.fields
    assert all(grammar.expiration(str(example.changes["expirationTime"][0])) is None for example in row.wrong)


def test_a_minimal_and_a_full_request() -> None:
    for source in sources(pairs({})):
        assert read(parse(*source)) == MINIMAL_FIELDS
    for source in sources(pairs({}, FULL)):
        assert read(parse(*source)) == FULL_FIELDS


@pytest.mark.parametrize(("row", "example"), of("valid"))
def test_a_valid_value_alone(row: Row, example: Valid) -> None:
    """It reads as the table says in a request that has nothing else but what is required."""
    for source in sources(pairs(example.changes)):
        assert read(parse(*source)) == {**MINIMAL_FIELDS, **example.fields}


@pytest.mark.parametrize(("row", "example"), of("valid"))
def test_a_valid_value_in_a_full_request(row: Row, example: Valid) -> None:
    for source in sources(pairs(example.changes, FULL)):
        assert read(parse(*source)) == {**FULL_FIELDS, **example.fields}


@pytest.mark.parametrize(("row", "example"), of("valid"))
def test_the_types_of_what_is_read(row: Row, example: Valid) -> None:
    """1 == True == 1.0 and enums compare as numbers, so equality alone would not show a wrong type."""
    spec = parse(escaped(pairs(example.changes, FULL)))
    assert type(spec.error_format) is ErrorFormat
    assert type(spec.security_level).__name__ == "SecurityLevel"
    assert type(spec.hdcp_output_control).__name__ == "HdcpOutputControl"
    assert type(spec.general_flags) is int
    assert {type(spec.license_duration), type(spec.expires_in), type(spec.expires_at)} <= {int, type(None)}
    assert {type(spec.kid), type(spec.kek), type(spec.ek), type(spec.content_key)} <= {bytes, type(None)}
    assert {type(spec.kid_name), type(spec.content_id), type(spec.cookie)} <= {str, type(None)}
    assert type(spec.customer_authenticator) is str
    for extension in spec.extensions:
        assert (type(extension), type(extension.type), type(extension.payload)) == (Extension, bytes, bytes)
    assert type(spec.extensions) is tuple
    assert spec.unknown == ()


@pytest.mark.parametrize(("row", "example"), of("invalid"))
def test_an_invalid_value_alone(row: Row, example: Invalid) -> None:
    """It gets the code of the table and is put down to its parameter, in a request that has nothing else wrong."""
    for source in sources(pairs(example.changes)):
        error = fault(*source)
        assert (error.code, error.parameter) == (example.code, example.parameter)
        assert error.error_format is ErrorFormat.HTML


@pytest.mark.parametrize(("row", "example"), of("invalid"))
def test_an_invalid_value_in_a_full_request(row: Row, example: Invalid) -> None:
    for source in sources(pairs(example.changes, FULL)):
        error = fault(*source)
        assert (error.code, error.parameter) == (example.code, example.parameter)


@pytest.mark.parametrize(("row", "example"), of("invalid", ROWS[1:]))
def test_every_fault_is_to_be_rendered_as_asked(row: Row, example: Invalid) -> None:
    """ErrorFormat is read first, wherever it stands."""
    request = pairs(example.changes)
    asking: Pair = ("errorFormat", "json")
    for ordered in ([asking, *request], [*request, asking], [*request[:2], asking, *request[2:]]):
        for source in sources(ordered):
            error = fault(*source)
            assert error.code == example.code
            assert error.error_format is ErrorFormat.JSON


def test_a_fault_of_errorformat_itself_is_to_be_rendered_as_html() -> None:
    for example in BY_NAME["errorFormat"].wrong:
        assert fault(escaped(pairs(example.changes))).error_format is ErrorFormat.HTML


@pytest.mark.parametrize("pair", list(combinations(ROWS, 2)), ids=lambda pair: f"{pair[0]}-{pair[1]}")
def test_of_two_faults_the_first_in_the_table_is_raised(pair: tuple[Row, Row]) -> None:
    """Whichever stands first in the request, and whatever kind of fault either is."""
    earlier, later = pair
    for first, second in product(spread(earlier.invalid(), 12), spread(later.invalid(), 12)):
        changes = {**second.changes, **first.changes}
        request = pairs(changes)
        for ordered in (request, request[::-1]):
            error = fault(escaped(ordered))
            assert (error.code, error.parameter) == (first.code, first.parameter), (first, second)


def spread(examples: Iterable[Invalid], most: int) -> Sequence[Invalid]:
    """At most so many of the examples, from everywhere among them, and at least one with each code."""
    everything = list(examples)
    chosen = everything[:: -(-len(everything) // most)]
    return [*chosen, *{example.code: example for example in everything}.values()]


def test_with_everything_wrong_the_faults_come_in_the_order_of_the_table() -> None:
    """Each is raised when all before it are put right."""
    wrong = {row.name: list(row.wrong)[-1] for row in ROWS if row.name not in ("kek", "ek", "contentKey")}
    wrong["kek"] = Invalid({"kek": ("x",)}, -4024, "kek")
    wrong["ek"] = Invalid({"ek": ("x",)}, -4024, "ek")
    wrong["contentKey"] = Invalid({"contentKey": ("x",)}, -2027, "contentKey")
    for number, row in enumerate(ROWS):
        changes: dict[str, tuple[str | bytes, ...]] = {}
        for later in ROWS[number:]:
            changes |= wrong[later.name].changes
        error = fault(escaped(pairs(changes)[::-1]))
        assert (error.code, error.parameter) == (wrong[row.name].code, wrong[row.name].parameter)


def test_an_empty_request_misses_the_authenticator_first() -> None:
    for nothing in ("", b"", "&", "&&&", "unknown=1"):
        error = fault(nothing, nothing)
        assert (error.code, error.parameter) == (-2017, "customerAuthenticator")


@given(st.data())
@pytest.mark.parametrize("row", [row for row in ROWS if row.valid], ids=str)
def test_any_valid_value(row: Row, data: st.DataObject) -> None:
    example = data.draw(row.valids)
    for base, fields in ((MINIMAL, MINIMAL_FIELDS), (FULL, FULL_FIELDS)):
        request = pairs(example.changes, base)
        assert read(parse(escaped(request))) == read(parse(unescaped(request))) == {**fields, **example.fields}


@given(st.data())
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_any_invalid_value(row: Row, data: st.DataObject) -> None:
    example = data.draw(row.wrongs)
    for base in (MINIMAL, FULL):
        request = pairs(example.changes, base)
        for query in (escaped(request), unescaped(request)):
            error = fault(query)
            assert (error.code, error.parameter) == (example.code, example.parameter)


@given(grammar.requests(), st.randoms(use_true_random=False), st.integers(0, 30))
def test_any_valid_request(request_: grammar.Request, rnd: random.Random, cut: int) -> None:
    """Parameters in any order, characters spelled in any way, split anywhere between query and body."""
    query = grammar.spelled(request_.pairs[:cut], rnd)
    body = grammar.spelled(request_.pairs[cut:], rnd)
    assert read(parse(query, body)) == request_.fields
    assert read(parse(query.encode(), body)) == request_.fields
    assert read(parse(query, body.encode())) == request_.fields


@given(grammar.queries())
def test_any_query(query: str) -> None:
    assert parse(query) == parse(query.encode()) == parse(body=query)


@given(st.lists(st.tuples(st.sampled_from([*FULL, "deviceId", "KID", "x"]), st.text() | st.binary()), max_size=20))
def test_any_request_at_all_is_read_or_refused(request_: list[Pair]) -> None:
    """Nothing but a TokenRequestError, whose code is one that reading can find."""
    found = {invalid.code for row in ROWS for invalid in row.invalid()}
    for query in (escaped(request_), unescaped(request_)):
        result = attempt(query)
        assert isinstance(result, TokenSpec) or int(result.code) in found


# Names.


@pytest.mark.parametrize("name", [*FULL, "contentKey", "deviceId"])
def test_names_are_case_sensitive(name: str) -> None:
    """A name in other letters is one of the unknown, and its value is not looked at."""
    for other in (name.lower(), name.upper(), name[0].upper() + name[1:], name + " ", " " + name, name + "\x00"):
        if other != name:
            spec = parse(escaped([*pairs({}), (other, b"\xff")]))
            assert spec.unknown == (other,)
            assert read(spec) == MINIMAL_FIELDS


def test_unknown_names_are_listed_in_their_order_each_time_they_are_given() -> None:
    spec = parse("b=1&" + escaped(pairs({})) + "&a=%FF&b", "&\u00e9=&=5")
    assert spec.unknown == ("b", "a", "b", "\u00e9", "")


# Extensions.


def test_extensions_keep_the_order_of_the_request() -> None:
    """The long form stands where its type stands; the n-th type goes with the n-th payload, wherever that is."""
    short: list[Pair] = [("wvExtension", "aaaa,AA=="), ("wvExtension", "cccc,AA==")]
    types: list[Pair] = [("extensionType", "bbbb"), ("extensionType", "dddd")]
    payloads: list[Pair] = [("extensionPayload", "AQ=="), ("extensionPayload", "Ag==")]
    found = 0
    for order in permutations(short + types + payloads):
        if any(order.index(items[0]) > order.index(items[1]) for items in (short, types, payloads)):
            continue
        found += 1
        stands = [pair for pair in order if pair not in payloads]
        payload_of = {types[0]: b"\1", types[1]: b"\2", short[0]: b"\0", short[1]: b"\0"}
        expected = tuple(Extension(str(pair[1])[:4].encode(), payload_of[pair]) for pair in stands)
        for cut in range(len(order) + 1):
            assert parse(escaped([*pairs({}), *order[:cut]]), escaped(order[cut:])).extensions == expected
    assert found == 90


def test_two_thousand_bytes_of_extension_in_both_forms() -> None:
    payload = bytes(range(256)) * 8
    for changes in (
        {"wvExtension": ("wudo," + b64encode(payload).decode(),)},
        {"extensionType": ("wudo",), "extensionPayload": (b64encode(payload).decode(),)},
    ):
        for source in sources(pairs(changes)):
            assert parse(*source).extensions == (Extension(b"wudo", payload),)


@pytest.mark.parametrize("last", range(64))
def test_base64_with_stray_bits_is_refused(last: int) -> None:
    """Before one `=` the last two bits are zero, before two the last four."""
    letter = grammar.BASE64[last]
    for text, right, length in ((f"AA{letter}=", last % 4 == 0, 2), (f"A{letter}==", last % 16 == 0, 1)):
        query = escaped(pairs({"wvExtension": (f"wudo,{text}",)}))
        if right:
            assert len(parse(query).extensions[0].payload) == length
        else:
            assert fault(query).code == -2037


# As clients send it.


def test_what_clients_do_not_escape() -> None:
    """`+60` becomes ` 60` in a form, and so does a `+` in base64: both still mean `+`."""
    plain = "&expirationTime=+60&wvExtension=wudo,+/+/&extensionType=abcd&extensionPayload=++++"
    spec = parse(escaped(pairs({})) + plain)
    assert spec.expires_in == 60
    assert spec.extensions == (Extension(b"wudo", b"\xfb\xff\xbf"), Extension(b"abcd", b"\xfb\xef\xbe"))


def test_the_request_of_the_public_documentation() -> None:
    spec = parse(
        "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae&kid=fd1a706ac2b36002888f6d4a414333c3"
        "&contentKey=5438b719bf47a2f5678237477db2f9e6&securityLevel=1&hdcpOutputControl=0"
    )
    assert read(spec) == {**MINIMAL_FIELDS, "content_key": bytes.fromhex("5438b719bf47a2f5678237477db2f9e6")}


# What errors say, and what they never say.

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


def texts(error: BaseException) -> Iterator[str]:
    yield str(error)
    yield repr(error)
    yield repr(error.args)
    yield repr(vars(error))
    yield from traceback.format_exception_only(error)
    if isinstance(error, TokenRequestError):
        yield error.message
        yield str(error.details)
        yield str(error.parameter)
    yield pickle.dumps(error, 0).decode("latin-1")
    yield pickle.dumps(error).decode("latin-1")


def said(error: BaseException) -> str:
    return "\n".join(texts(error))


def sent(values: Iterable[str | bytes]) -> Iterator[str]:
    """What of the values would be recognised if it were repeated."""
    for value in values:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        yield from (part for part in re.split(r"[\s,=]", text) if len(part) >= 4)


@pytest.mark.parametrize(("row", "example"), of("invalid"))
def test_no_error_repeats_the_rest_of_the_request(row: Row, example: Invalid) -> None:
    """Neither in what it says nor in what hangs on it, alone or pickled."""
    request = pairs(example.changes, SECRETS)
    for source in ((escaped(request), ""), ("", unescaped(request))):
        error = fault(*source)
        assert error.code == example.code
        assert error.__cause__ is None
        assert error.__context__ is None
        everything = said(error)
        for name, values in SECRETS.items():
            if name not in example.changes:
                assert not any(part in everything for part in sent(values)), name
        assert "Secret.Unknown.Name" not in everything


QUIET = [row for row in ROWS if row.name not in ("errorFormat", "expirationTime")]


@pytest.mark.parametrize("row", QUIET, ids=str)
def test_no_error_repeats_the_value_at_fault(row: Row) -> None:
    """Nor a value beside it of the same parameter; errorFormat and expirationTime alone are repeated."""
    wordings = " ".join(row.name for row in ROWS) + " extensionPayload hexadecimal characters printable ASCII 0000"
    checked = 0
    for example in row.invalid():
        everything = said(fault(escaped(pairs(example.changes))))
        for part in sent(value for values in example.changes.values() for value in values):
            if part not in wordings and part != "\0\0\0\0":
                checked += 1
                assert part not in everything, example
    assert checked > 0


@given(st.data())
@pytest.mark.parametrize("row", QUIET, ids=str)
def test_no_error_repeats_any_value_at_fault(row: Row, data: st.DataObject) -> None:
    """A mark put before and after whatever is wrong never shows."""
    example = data.draw(row.wrongs)
    mark = "sEcReTmArK"
    changes = {
        name: tuple(mark + value + mark if isinstance(value, str) else value for value in values)
        for name, values in example.changes.items()
    }
    result = attempt(escaped(pairs(changes)))
    if isinstance(result, TokenRequestError):
        assert mark not in said(result)
        assert result.__context__ is None


def test_no_error_repeats_a_secret_given_twice() -> None:
    for name in ("customerAuthenticator", "kid", "kek", "ek", "contentId", "cookie"):
        error = fault(escaped(pairs({name: SECRETS[name] * 2, "deviceId": ("1",)}, SECRETS)))
        assert error.parameter == name
        assert not any(part in said(error) for part in sent(SECRETS[name]))


def test_no_error_repeats_a_name_that_is_not_utf8() -> None:
    for name in (b"Secret\xff", b"\xffSecret"):
        error = fault(escaped([*pairs({}, SECRETS), (name, "Secret value")]))
        assert error.code == -1
        assert "Secret" not in said(error)
        assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize(("name", "code"), [("errorFormat", -3004), ("expirationTime", -2002)])
def test_what_is_repeated(name: str, code: int) -> None:
    """These two say what was sent, for whoever has to find the fault."""
    for value in ("tomorrow", "<b>&amp;", "2006-02-30T00:00:00Z"):
        error = fault(escaped(pairs({name: (value,)})))
        assert error.code == code
        assert value in error.message


@pytest.mark.parametrize(("name", "code"), [("errorFormat", -3004), ("expirationTime", -2002)])
def test_what_is_repeated_is_at_most_64_characters(name: str, code: int) -> None:
    for character in ("\u00e9", "\U0001f3ac", "\n", "\x1b", "\u0085"):
        for length in (64, 65, 1000, 5000):
            message = fault(escaped(pairs({name: (character * length,)}))).message
            shown = character if character not in CONTROLS else "\\"
            assert shown in message
            assert message.count(shown) <= 64
            assert len(message) < 250


@pytest.mark.parametrize("name", ["errorFormat", "expirationTime"])
@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_what_is_repeated_has_no_control_character(name: str, control: str) -> None:
    error = fault(escaped(pairs({name: (f"a{control}b",)})))
    for text in (error.message, str(error), str(error.details)):
        assert set(text).isdisjoint(CONTROLS)
        assert "a" in text


def test_the_code_is_told_with_its_wording() -> None:
    assert fault("").message == "Authentication token must be supplied"
    error = fault(escaped(pairs({"expirationTime": ("tomorrow",)})))
    assert error.message.startswith("Invalid token expiration time: ")
    assert len(error.message) > len("Invalid token expiration time: ")
    assert fault(escaped(pairs({"errorFormat": ("xml",)}))).message == "Invalid error format specified: xml"
    for name, value in (("contentId", "\n"), ("customerAuthenticator", "\n"), ("hdcpOutputControl", "x")):
        error = fault(escaped(pairs({name: (value,)})))
        assert re.fullmatch(r"[^:]+: .+", error.message), error.message
    error = fault(escaped(pairs({"contentKey": (32 * "x",)})))
    assert re.fullmatch(r"Invalid content encryption key: .+", error.message)
