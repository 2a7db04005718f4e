"""The requests that other implementations can use too, driven through every entry point that takes one."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from wvtoken import (
    ErrorCode,
    ErrorFormat,
    Extension,
    Issuer,
    KeyRing,
    Redeemer,
    Response,
    TokenEndpoint,
    TokenRequestError,
    TokenSpec,
    error_response,
    parse,
)
from wvtoken.engine import Engine

REQUESTS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "vectors" / "requests.json").read_text(encoding="ascii")
)
VALID, INVALID = REQUESTS["valid"], REQUESTS["invalid"]
BYTES = ("kid", "content_key", "kek", "ek")


def source(vector: dict[str, Any], name: str) -> str | bytes:
    """Query or body: text, or bytes in hex where they are not UTF-8."""
    if f"{name}Hex" in vector:
        return bytes.fromhex(vector[f"{name}Hex"])
    text: str = vector.get(name, "")
    return text


def sources(vector: dict[str, Any]) -> list[tuple[str | bytes, str | bytes]]:
    query, body = source(vector, "query"), source(vector, "body")
    as_bytes = [part.encode() if isinstance(part, str) else part for part in (query, body)]
    return [(query, body), (as_bytes[0], as_bytes[1])]


def fields(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec of the file as a TokenSpec has it."""
    read = {name: bytes.fromhex(spec[name]) if spec[name] is not None else None for name in BYTES}
    extensions = (Extension(item["type"].encode(), bytes.fromhex(item["payload"])) for item in spec["extensions"])
    return {**spec, **read, "extensions": tuple(extensions), "unknown": tuple(spec["unknown"])}


def test_there_are_vectors_for_every_field_and_code() -> None:
    assert len(VALID) >= 100
    assert len(INVALID) >= 400
    names = {entry.name for entry in dataclasses.fields(TokenSpec)}
    assert all(vector["spec"].keys() == names for vector in VALID)
    for name in names - {"general_flags"}:
        assert len({json.dumps(vector["spec"][name]) for vector in VALID}) > 1, name
    reading = {
        *(-1, -2002, -2005, -2008, -2017, -2018, -2027, -2033, -2034, -2035, -2036, -2037, -3004, -4018, -4020),
        *(-4021, -4022, -4024, -5003, -6005, -7002, -7003, -7004, -7006, -7007, -7009),
    }
    assert {vector["code"] for vector in INVALID} == reading
    assert {vector["errorFormat"] for vector in INVALID} == {"html", "json"}


def test_no_request_is_there_twice() -> None:
    requests = [sources(vector)[1] for vector in (*VALID, *INVALID)]
    assert len(set(requests)) == len(requests)


def test_the_vectors_have_nothing_but_what_their_description_says() -> None:
    request = {"comment", "query", "queryHex", "body", "bodyHex"}
    assert REQUESTS.keys() == {"valid", "invalid"}
    assert all(vector.keys() <= request | {"spec"} for vector in VALID)
    assert all(vector.keys() <= request | {"code", "parameter", "errorFormat"} for vector in INVALID)
    described = (Path(__file__).parent / "vectors" / "README.md").read_text(encoding="utf-8")
    for name in request | REQUESTS.keys() | {"spec", "code", "parameter", "errorFormat"} | VALID[0]["spec"].keys():
        assert f"`{name}`" in described


FAULTS = {
    None: {-1},
    "errorFormat": {-3004},
    "customerAuthenticator": {-2017, -2018},
    "generalFlags": {-5003},
    "kid": {-4018, -4020, -4021, -4022},
    "kek": {-4024},
    "ek": {-4024},
    "contentKey": {-2005, -2027, -6005},
    "contentId": {-1},
    "securityLevel": {-7003, -7004},
    "hdcpOutputControl": {-2008, -2034, -7006},
    "licenseDuration": {-7007},
    "wvExtension": {-2035, -2036, -2037, -7009},
    "extensionType": {-2035, -2036, -7009},
    "extensionPayload": {-2035, -2037, -7009},
    "expirationTime": {-2002},
    "cookie": {-2033},
    "deviceId": {-7002},
}
"""By parameter, the codes that the grammar can raise."""
NAMES = FAULTS.keys() - {None}
MANY = {"wvExtension", "extensionType", "extensionPayload"}
"""Those that may be there any number of times."""
ABSENT = {"cookie", "contentId"}
"""Those that are absent when they are empty."""


def whole(vector: dict[str, Any]) -> bytes:
    """Query and body as one list."""
    parts = [part if isinstance(part, bytes) else part.encode() for part in sources(vector)[0]]
    return b"&".join(part for part in parts if part)


def sent(vector: dict[str, Any]) -> list[tuple[str, bytes]]:
    """The names and values of a request, read by Python's own parser."""
    text = whole(vector).decode("latin-1")
    pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1", max_num_fields=3000)
    return [(name, value.encode("latin-1")) for name, value in pairs]


def is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_there_is_a_request_for_every_fault_of_every_row() -> None:
    """And for each parameter: missing, empty, twice, not UTF-8; and one that is accepted."""
    found: dict[str | None, set[int]] = {}
    for vector in INVALID:
        found.setdefault(vector["parameter"], set()).add(vector["code"])
    assert found == FAULTS
    twice, empty, not_utf8, absent = set(), set(), set(), set()
    for vector in INVALID:
        name, pairs = vector["parameter"], sent(vector)
        values = [value for other, value in pairs if other == name]
        if not values:
            absent.add(name)
        if len(values) == 2:
            twice.add(name)
        if values == [b""]:
            empty.add(name)
        if not all(map(is_utf8, values)):
            not_utf8.add(name)
    assert twice >= NAMES - MANY
    assert not_utf8 == NAMES
    assert empty >= NAMES - ABSENT
    assert absent >= {"customerAuthenticator", "kid", "securityLevel", "hdcpOutputControl", None}
    assert {vector["parameter"] for vector in INVALID if vector["errorFormat"] == "json"} >= {
        *(NAMES - {"errorFormat", "extensionPayload"}),
        None,
    }
    accepted = {name for vector in VALID for name, value in sent(vector) if value}
    assert accepted >= NAMES - {"deviceId"}
    assert {name for vector in VALID for name, value in sent(vector) if not value} >= ABSENT
    assert all(any(_count(vector, name) > 1 for vector in VALID) for name in MANY)


def _count(vector: dict[str, Any], name: str) -> int:
    return [other for other, _ in sent(vector)].count(name)


def splits(vector: dict[str, Any]) -> Iterator[tuple[str | bytes, str | bytes]]:
    """The request as query and body in every other way: all in either, and cut at each of its ampersands."""
    pieces = whole(vector).split(b"&")
    places = range(len(pieces) + 1) if len(pieces) < 50 else (0, 1, len(pieces) // 2, len(pieces))
    for place in places:
        query, body = b"&".join(pieces[:place]), b"&".join(pieces[place:])
        yield query, body
        if is_utf8(query) and is_utf8(body):
            yield query.decode(), body.decode()


def test_a_request_is_the_same_wherever_it_is_cut() -> None:
    """Into query and body, as text and as bytes."""
    count = 0
    for vector in VALID:
        expected = TokenSpec(**fields(vector["spec"]))
        for query, body in splits(vector):
            spec = parse(query, body)
            assert (spec, spec.unknown) == (expected, expected.unknown), vector["comment"]
            count += 1
    for vector in INVALID:
        for query, body in splits(vector):
            with pytest.raises(TokenRequestError) as caught:
                parse(query, body)
            assert fault(caught.value) == expected_fault(vector), vector["comment"]
            count += 1
    assert count > 5 * (len(VALID) + len(INVALID))


def fault(error: object) -> tuple[int, str | None, str]:
    assert isinstance(error, TokenRequestError), error
    return int(error.code), error.parameter, error.error_format.value


def expected_fault(vector: dict[str, Any]) -> tuple[int, str | None, str]:
    return vector["code"], vector["parameter"], vector["errorFormat"]


# What becomes of a request at issue, worked out beside the library.

NOW = 1_800_000_000
DAYS_30 = 30 * 24 * 60 * 60
STORED = bytes.fromhex("d4783a651c96a872daa145ce1a378153")


def stored_key(spec: TokenSpec) -> bytes:
    return STORED if spec.kek is None else aes_key_wrap(spec.kek, STORED)


def content_key(spec: dict[str, Any]) -> bytes | None:
    """The key that the token must carry; None when the request's own does not unwrap."""
    given, kek, ek = (bytes.fromhex(spec[name] or "") for name in ("content_key", "kek", "ek"))
    if given:
        return given
    try:
        return aes_key_unwrap(kek, ek) if ek else STORED
    except InvalidUnwrap:
        return None


def moment(spec: dict[str, Any]) -> int:
    """When to issue: a minute before the request says that the token expires, where there is such a time."""
    at = spec["expires_at"]
    return NOW if at is None else max(at - 60, 0)


def outcome(spec: dict[str, Any]) -> tuple[int, str] | dict[str, Any]:
    """The error, as code and parameter, or what the grant must say."""
    now, key = moment(spec), content_key(spec)
    expires_at = spec["expires_at"]
    if key is None:
        return -4024, "ek"
    if expires_at is not None and not now < expires_at <= now + DAYS_30:
        return -2002, "expirationTime"
    read = fields(spec)
    copied = ("kid", "content_id", "cookie", "security_level", "hdcp_output_control", "license_duration", "extensions")
    times = {"issued_at": now, "expires_at": expires_at or now + (spec["expires_in"] or DAYS_30)}
    return {name: read[name] for name in copied} | times | {"content_key": key, "customer": "cnn"}


KEYRING = KeyRing({1: bytes(range(32))}, 1)
ISSUER = Issuer(KEYRING, "https://wv.example.com/rights/", audience="test")
REDEEMER = Redeemer(KEYRING, audience="test")


def check_issued(spec: dict[str, Any], result: object, comment: str) -> None:
    expected = outcome(spec)
    if isinstance(expected, tuple):
        assert fault(result) == (*expected, spec["error_format"]), comment
        return
    assert isinstance(result, str), (comment, result)
    grant = REDEEMER.redeem(result, now=moment(spec))
    assert {name: getattr(grant, name) for name in expected} == expected, comment


def test_the_requests_reach_every_outcome() -> None:
    outcomes = [outcome(vector["spec"]) for vector in VALID]
    errors = {expected for expected in outcomes if isinstance(expected, tuple)}
    assert errors == {(-2002, "expirationTime"), (-4024, "ek")}
    keys = [expected["content_key"] for expected in outcomes if isinstance(expected, dict)]
    assert keys.count(STORED) > 50
    assert len(set(keys)) > 3


def single(vector: dict[str, Any]) -> list[str | bytes]:
    """A request in one piece, as the issuer takes it: bytes, and text where it is UTF-8."""
    request = whole(vector)
    return [request, request.decode()] if is_utf8(request) else [request]


def issued_alone(request: str | bytes | TokenSpec, now: int) -> object:
    try:
        return ISSUER.issue(request, customer="cnn", stored_keys=stored_key, now=now)
    except TokenRequestError as error:
        return error


def test_issuing_one_by_one(any_engine: Engine) -> None:
    for vector in VALID:
        for request in (*single(vector), parse(*sources(vector)[0])):
            check_issued(vector["spec"], issued_alone(request, moment(vector["spec"])), vector["comment"])
    for vector in INVALID:
        for request in single(vector):
            assert fault(issued_alone(request, NOW)) == expected_fault(vector), vector["comment"]


def test_issuing_in_batches(any_engine: Engine) -> None:
    """All that are issued at the same time, good and bad by turns, by `issue_many`, and by `issue_iter` repeatedly."""
    good = [vector for vector in VALID if vector["spec"]["expires_at"] is None]
    vectors = [vector for index, bad in enumerate(INVALID) for vector in (bad, good[index % len(good)])]
    pairs = [(vector, request) for vector in vectors for request in single(vector)]
    requests = [request for _, request in pairs]
    many = ISSUER.issue_many(requests, customer="cnn", stored_keys=stored_key, now=NOW)
    lazily = list(ISSUER.issue_iter(iter(requests), customer="cnn", stored_keys=stored_key, now=NOW))
    assert len(pairs) > 1024  # several chunks
    for results in (many, lazily):
        for (vector, _), result in zip(pairs, results, strict=True):
            if "spec" in vector:
                check_issued(vector["spec"], result, vector["comment"])
            else:
                assert fault(result) == expected_fault(vector), vector["comment"]


def test_a_bad_request_in_every_place_among_good_ones() -> None:
    """Of each code one, for the engine sees no bad request."""
    good = [single(vector)[0] for vector in VALID if isinstance(outcome(vector["spec"]), dict)][:17]
    assert len(good) == 17
    expected = [type(result) for result in ISSUER.issue_many(good, stored_keys=stored_key, now=NOW)]
    assert set(expected) == {str}
    for vector in {vector["code"]: vector for vector in INVALID}.values():
        for place in range(len(good)):
            requests = [*good[:place], single(vector)[0], *good[place + 1 :]]
            results = ISSUER.issue_many(requests, stored_keys=stored_key, now=NOW)
            assert fault(results.pop(place)) == expected_fault(vector)
            assert {type(result) for result in results} == {str}


FORM = "application/x-www-form-urlencoded"


def responses(endpoint: TokenEndpoint, vector: dict[str, Any]) -> Iterator[Response]:
    """To the request as it is, by GET and by POST, and all of it in the query and in the body."""
    for query, body in sources(vector):
        for method in ("GET", "POST"):
            yield endpoint.respond(method, "/hms/wv/token", query, body, FORM)
    for whole in single(vector):
        yield endpoint.respond("GET", "/hms/wv/token", whole)
        yield endpoint.respond("POST", "/hms/wv/token", "", whole, f"{FORM}; charset=utf-8")


def test_requests_to_an_endpoint(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is the URL alone, or the error in the format that was asked for."""
    now = NOW
    monkeypatch.setattr("wvtoken.batch.time", SimpleNamespace(time=lambda: now))
    authenticators: list[str] = []

    def authenticate(authenticator: str) -> str:
        authenticators.append(authenticator)
        return "cnn"

    endpoint = TokenEndpoint(ISSUER, authenticate, stored_key=stored_key)
    for vector in VALID:
        spec = vector["spec"]
        now, expected = moment(spec), outcome(spec)
        authenticators.clear()
        for response in responses(endpoint, vector):
            if isinstance(expected, tuple):
                assert seen(response) == (*expected, spec["error_format"]), vector["comment"]
            else:
                assert (response.status, response.content_type) == (200, "text/uri-list")
                check_issued(spec, response.body.decode("ascii"), vector["comment"])
        assert set(authenticators) == {spec["customer_authenticator"]}
    authenticators.clear()
    for vector in INVALID:
        for response in responses(endpoint, vector):
            assert seen(response) == expected_fault(vector), vector["comment"]
            assert response.status == (401 if vector["code"] in (-2017, -2018) else 400)
    assert not authenticators


def seen(response: Response) -> tuple[int, str | None, str]:
    """Code, parameter and format, as who sent the request sees them."""
    text = response.body.decode()
    if response.content_type.startswith("application/json"):
        error = json.loads(text)
        return error["code"], error["parameter"], "json"
    assert response.content_type.startswith("text/html")
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    return int(facts["Code"]), facts.get("Parameter"), "html"


def test_errors_are_rendered_as_the_endpoint_renders_them() -> None:
    for vector in INVALID:
        for request in single(vector):
            error = issued_alone(request, NOW)
            assert isinstance(error, TokenRequestError)
            assert seen(error_response(error)) == expected_fault(vector), vector["comment"]


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["comment"])
def test_a_valid_request(vector: dict[str, Any]) -> None:
    expected = fields(vector["spec"])
    for query, body in sources(vector):
        spec = parse(query, body)
        assert {name: getattr(spec, name) for name in expected} == expected
        assert parse(spec.to_query()) == spec == TokenSpec(**expected)


@pytest.mark.parametrize("vector", INVALID, ids=lambda vector: vector["comment"])
def test_an_invalid_request(vector: dict[str, Any]) -> None:
    for query, body in sources(vector):
        with pytest.raises(TokenRequestError) as caught:
            parse(query, body)
        error = caught.value
        assert (error.code, error.parameter) == (vector["code"], vector["parameter"])
        assert isinstance(error.code, ErrorCode)
        assert error.error_format is ErrorFormat(vector["errorFormat"])
