"""`vectors/requests.json` through every function that accepts a request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from wvtoken import Extension, Issuer, KeyRing, Redeemer, Response, TokenEndpoint, TokenRequestError, TokenSpec, parse
from wvtoken.engine import Engine

from .test_errors import RAISED_BY_PARSE

Vector = dict[str, Any]
FILE = json.loads((Path(__file__).parent / "vectors" / "requests.json").read_text(encoding="ascii"))
VALID: list[Vector] = FILE["valid"]
INVALID: list[Vector] = FILE["invalid"]


def source(vector: Vector, name: str) -> str | bytes:
    """Return query or body: text, or bytes if they are not UTF-8."""
    return bytes.fromhex(vector[f"{name}Hex"]) if f"{name}Hex" in vector else str(vector.get(name, ""))


def whole(vector: Vector) -> bytes:
    """Return query and body as one list of parameters."""
    parts = (source(vector, name) for name in ("query", "body"))
    return b"&".join(part if isinstance(part, bytes) else part.encode() for part in parts if part)


def forms(request: bytes) -> list[str | bytes]:
    """Return the request as bytes, and also as text if it is UTF-8."""
    try:
        return [request, request.decode()]
    except UnicodeDecodeError:
        return [request]


def fields(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a vector with the types of `TokenSpec`."""
    read = {name: spec[name] and bytes.fromhex(spec[name]) for name in ("kid", "content_key", "kek", "ek")}
    extensions = (Extension(item["type"].encode(), bytes.fromhex(item["payload"])) for item in spec["extensions"])
    return {**spec, **read, "extensions": tuple(extensions), "unknown": tuple(spec["unknown"])}


def fault(error: object) -> tuple[int, str | None, str]:
    assert isinstance(error, TokenRequestError), error
    return int(error.code), error.parameter, error.error_format.value


def expected_fault(vector: Vector) -> tuple[int, str | None, str]:
    return vector["code"], vector["parameter"], vector["errorFormat"]


def test_every_code_of_parsing_has_a_vector() -> None:
    assert {vector["code"] for vector in INVALID} == RAISED_BY_PARSE
    assert len({whole(vector) for vector in (*VALID, *INVALID)}) > 500


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["comment"])
def test_parse_returns_spec(vector: Vector) -> None:
    expected = fields(vector["spec"])
    for query, body in splits(vector):
        spec = parse(query, body)
        assert {name: getattr(spec, name) for name in expected} == expected
    assert parse(spec.to_query()) == spec == TokenSpec(**expected)


@pytest.mark.parametrize("vector", INVALID, ids=lambda vector: vector["comment"])
def test_parse_raises_error(vector: Vector) -> None:
    for query, body in splits(vector):
        with pytest.raises(TokenRequestError) as caught:
            parse(query, body)
        assert fault(caught.value) == expected_fault(vector)


def splits(vector: Vector) -> Iterator[tuple[str | bytes, str | bytes]]:
    """Yield the request as query and body, cut at several places, as bytes and as text."""
    yield source(vector, "query"), source(vector, "body")
    pieces = whole(vector).split(b"&")
    for place in sorted({0, 1, len(pieces) // 2, len(pieces)}):
        query, body = b"&".join(pieces[:place]), b"&".join(pieces[place:])
        yield query, body
        if len(forms(query)) == len(forms(body)) == 2:
            yield query.decode(), body.decode()


# The expected result of issuing is computed without the library.

NOW = 1_800_000_000
DAYS_30 = 30 * 24 * 60 * 60
STORED = bytes.fromhex("d4783a651c96a872daa145ce1a378153")
KEYRING = KeyRing({1: bytes(range(32))}, 1)
ISSUER = Issuer(KEYRING, "https://wv.example.com/rights/", audience="test")
REDEEMER = Redeemer(KEYRING, audience="test")


def stored_key(spec: TokenSpec) -> bytes:
    return STORED if spec.kek is None else aes_key_wrap(spec.kek, STORED)


def content_key(spec: dict[str, Any]) -> bytes | None:
    """Return the key of the token, or None if `ek` does not unwrap."""
    given, kek, ek = (bytes.fromhex(spec[name] or "") for name in ("content_key", "kek", "ek"))
    try:
        return given or (aes_key_unwrap(kek, ek) if ek else STORED)
    except InvalidUnwrap:
        return None


def moment(spec: dict[str, Any]) -> int:
    """Return the time of issue: a minute before the expiry, if the request has an absolute one."""
    return NOW if spec["expires_at"] is None else max(spec["expires_at"] - 60, 0)


def outcome(spec: dict[str, Any]) -> tuple[int, str] | dict[str, Any]:
    """Return the code and the parameter of the error, or the fields of the grant."""
    now, key, expires_at = moment(spec), content_key(spec), spec["expires_at"]
    if key is None:
        return -4024, "ek"
    if expires_at is not None and not now < expires_at <= now + DAYS_30:
        return -2002, "expirationTime"
    read = fields(spec)
    copied = ("kid", "content_id", "cookie", "security_level", "hdcp_output_control", "license_duration", "extensions")
    times = {"issued_at": now, "expires_at": expires_at or now + (spec["expires_in"] or DAYS_30)}
    return {name: read[name] for name in copied} | times | {"content_key": key, "customer": "cnn"}


def check_issued(vector: Vector, result: object) -> None:
    if "spec" not in vector:
        assert fault(result) == expected_fault(vector), vector["comment"]
        return
    spec, expected = vector["spec"], outcome(vector["spec"])
    if isinstance(expected, tuple):
        assert fault(result) == (*expected, spec["error_format"]), vector["comment"]
        return
    assert isinstance(result, str), (vector["comment"], result)
    grant = REDEEMER.redeem(result, now=moment(spec))
    assert {name: getattr(grant, name) for name in expected} == expected, vector["comment"]


def issued(request: str | bytes | TokenSpec, now: int) -> object:
    try:
        return ISSUER.issue(request, customer="cnn", stored_keys=stored_key, now=now)
    except TokenRequestError as error:
        return error


def test_issue(any_engine: Engine) -> None:
    for vector in (*VALID, *INVALID):
        now = moment(vector["spec"]) if "spec" in vector else NOW
        for request in forms(whole(vector)):
            check_issued(vector, issued(request, now))
        if "spec" in vector:
            check_issued(vector, issued(TokenSpec(**fields(vector["spec"])), now))


def test_issue_many_and_issue_iter(any_engine: Engine) -> None:
    """Valid and invalid requests alternate; all are issued at the same time."""
    good = [vector for vector in VALID if vector["spec"]["expires_at"] is None]
    vectors = [vector for place, bad in enumerate(INVALID) for vector in (bad, good[place % len(good)])]
    pairs = [(vector, request) for vector in vectors for request in forms(whole(vector))]
    requests = [request for _, request in pairs]
    many = ISSUER.issue_many(requests, customer="cnn", stored_keys=stored_key, now=NOW)
    lazily = list(ISSUER.issue_iter(iter(requests), customer="cnn", stored_keys=stored_key, now=NOW))
    assert len(pairs) > 1024  # more than one chunk
    for results in (many, lazily):
        for (vector, _), result in zip(pairs, results, strict=True):
            check_issued(vector, result)


def test_endpoint(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    monkeypatch.setattr("wvtoken.batch.time", SimpleNamespace(time=lambda: now))
    authenticators: list[str] = []

    def authenticate(authenticator: str) -> str:
        authenticators.append(authenticator)
        return "cnn"

    endpoint = TokenEndpoint(ISSUER, authenticate, stored_key=lambda spec, *_: stored_key(spec))
    form = "application/x-www-form-urlencoded"
    for vector in (*VALID, *INVALID):
        spec = vector.get("spec")
        now = moment(spec) if spec else NOW
        authenticators.clear()
        for request in forms(whole(vector)):
            for response in (
                endpoint.respond("GET", "/hms/wv/token", request),
                endpoint.respond("POST", "/hms/wv/token", "", request, f"{form}; charset=utf-8"),
            ):
                if response.status == 200:
                    check_issued(vector, response.body.decode("ascii"))
                elif spec is None:
                    assert rendered(response) == expected_fault(vector), vector["comment"]
                    assert response.status == (401 if vector["code"] in (-2017, -2018) else 400)
                else:
                    assert rendered(response) == (*outcome(spec), spec["error_format"]), vector["comment"]
        assert set(authenticators) == ({spec["customer_authenticator"]} if spec else set())


def rendered(response: Response) -> tuple[int, str | None, str]:
    """Return code, parameter and format of an error response."""
    text = response.body.decode()
    if response.content_type.startswith("application/json"):
        error = json.loads(text)
        return error["code"], error["parameter"], "json"
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    return int(facts["Code"]), facts.get("Parameter"), "html"
