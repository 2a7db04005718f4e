"""What a user's module may look like that uses all of the public face: type checkers read it, and a test runs it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, assert_type

import wvtoken
from wvtoken import (
    Authenticate,
    Authenticated,
    Authorize,
    BytesLike,
    EngineUnavailable,
    ErrorCode,
    ErrorFormat,
    Extension,
    Grant,
    HdcpOutputControl,
    InvalidReason,
    InvalidToken,
    Issuer,
    KeyRing,
    KeyUnwrapError,
    Pending,
    Redeemer,
    Request,
    Response,
    SecurityLevel,
    StoredKey,
    StoredKeys,
    TokenEndpoint,
    TokenExpired,
    TokenHeader,
    TokenRequestError,
    TokenSpec,
    engine_name,
    error_response,
    find_errors,
    parse,
    token_header,
    token_id,
    token_response,
    unwrap_key,
    unwrap_keys,
    wrap_key,
    wrap_keys,
)

log = logging.getLogger(__name__)

NOW = 1_800_000_000
KEK = bytes(range(16))
KEY = bytes(range(16, 32))
REQUEST = (
    "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae&kid=^kid1&securityLevel=3&hdcpOutputControl=1"
    "&wvExtension=wudo,AAAA&cookie=c&contentId=movie"
)


def keys() -> KeyRing:
    """A rotation, from one key to the next, and storage."""
    ring = KeyRing.generate()
    ring = KeyRing(keys={1: bytes(32)}, active=1).adding(2, bytes(range(32))).activating(2)
    assert_type(ring.active, int)
    assert_type(ring.key_ids, tuple[int, ...])
    assert_type(ring.to_jwks(), str)
    return KeyRing.from_jwks(ring.to_jwks().encode()).without(1)


def wrapping() -> list[bytes]:
    wrapped = assert_type(wrap_key(KEK, KEY), bytes)
    assert_type(unwrap_key(KEK, wrapped), bytes)
    many = assert_type(wrap_keys([KEK, KEK], iter([KEY, KEY])), list[bytes])
    unwrapped = assert_type(unwrap_keys(KEK, many), list[bytes | KeyUnwrapError])
    return [key for key in unwrapped if not isinstance(key, KeyUnwrapError)]


def read(query: str | bytes) -> TokenSpec:
    spec = assert_type(parse(query, body=b""), TokenSpec)
    assert assert_type(spec.needs_stored_key, bool) == (spec.content_key is None)
    assert assert_type(find_errors(query, body=b"", unknown="forbid"), tuple[TokenRequestError, ...]) == ()
    assert_type(spec.customer_authenticator, str)
    assert_type(spec.error_format, ErrorFormat)
    assert_type(spec.kid, bytes)
    assert_type(spec.kid_name, str | None)
    assert_type(spec.content_key, bytes | None)
    assert_type(spec.kek, bytes | None)
    assert_type(spec.ek, bytes | None)
    assert_type(spec.content_id, str | None)
    assert_type(spec.general_flags, int)
    assert_type(spec.security_level, SecurityLevel)
    assert_type(spec.hdcp_output_control, HdcpOutputControl)
    assert_type(spec.license_duration, int | None)
    assert_type(spec.extensions, tuple[Extension, ...])
    assert_type(spec.expires_at, int | None)
    assert_type(spec.expires_in, int | None)
    assert_type(spec.cookie, str | None)
    assert_type(spec.unknown, tuple[str, ...])
    assert_type(spec.to_query(), str)
    return replace(spec, expires_in=60)


def written() -> TokenSpec:
    return TokenSpec(
        customer_authenticator="somebody",
        kid=bytes(16),
        content_key=KEY,
        security_level=SecurityLevel.HW_SECURE_ALL,
        hdcp_output_control=HdcpOutputControl.HDCP_V2,
        extensions=(Extension(b"wudo", payload=b"\0"), Extension(type=b"abcd", payload=b"\1")),
    )


def stored_key(spec: TokenSpec, customer: str | None = None) -> bytes | None:
    return wrap_key(spec.kek, KEY) if spec.kek is not None else KEY


def authorize(spec: TokenSpec, customer: str | None) -> None:
    if customer != "cnn":
        raise TokenRequestError(ErrorCode.INVALID_KID, "kid", f"{spec.kid_name} is not yours", status=403)


def issue(issuer: Issuer) -> list[str]:
    one = assert_type(issuer.issue(written(), customer="cnn", now=NOW), str)
    many = assert_type(
        issuer.issue_many([REQUEST, REQUEST.encode(), written()], stored_keys=stored_key, now=NOW + 0.5),
        list[str | TokenRequestError],
    )
    request: Request = REQUEST
    key: BytesLike = memoryview(KEY)
    stored: StoredKeys = {read(REQUEST).kid: key}
    stream = assert_type(
        issuer.issue_iter(iter([request]), stored_keys=stored, now=NOW), Iterator[str | TokenRequestError]
    )
    return [one, *(url for url in (*many, *stream) if isinstance(url, str))]


def redeem(redeemer: Redeemer, urls: list[str]) -> list[Grant]:
    one = assert_type(redeemer.redeem(urls[0].encode(), now=NOW), Grant)
    many = assert_type(redeemer.redeem_many(urls, now=NOW), list[Grant | TokenRequestError])
    stream = assert_type(redeemer.redeem_iter(urls, now=NOW), Iterator[Grant | TokenRequestError])
    return [one, *(grant for grant in (*many, *stream) if isinstance(grant, Grant))]


def use(grant: Grant) -> None:
    assert_type(grant.token_id, bytes)
    assert_type(grant.issued_at, int)
    assert_type(grant.expires_at, int)
    assert_type(grant.kid, bytes)
    assert_type(grant.content_key, bytes)
    assert_type(grant.security_level, SecurityLevel)
    assert_type(grant.hdcp_output_control, HdcpOutputControl)
    assert_type(grant.license_duration, int | None)
    assert_type(grant.extensions, tuple[Extension, ...])
    assert_type(grant.content_id, str | None)
    assert_type(grant.cookie, str | None)
    assert_type(grant.customer, str | None)
    assert_type(grant.as_dict(content_key=True), dict[str, Any])
    for extension in grant.extensions:
        assert_type(extension.type, bytes)
        assert_type(extension.payload, bytes)


def faults(redeemer: Redeemer, url: str) -> list[ErrorCode]:
    """Every exception, by its own name before its base's."""
    found: list[ErrorCode] = []
    try:
        redeemer.redeem(url, now=NOW + 2592000)
    except TokenExpired as error:
        assert_type(error.token_id, bytes)
        assert_type(error.expires_at, int)
        found.append(error.code)
    except InvalidToken as error:
        assert_type(error.reason, InvalidReason)
        raise
    try:
        parse("kid=x")
    except TokenRequestError as error:
        assert_type(error.code, ErrorCode)
        assert_type(error.parameter, str | None)
        assert_type(error.details, str | None)
        assert_type(error.error_format, ErrorFormat)
        assert_type(error.status, int)
        assert_type(error.message, str)
        assert_type(error_response(error, ErrorFormat.JSON), Response)
        assert_type(error.code.template, str)
        assert_type(error.code.status, int)
        found.append(error.code)
    found.append(TokenRequestError(ErrorCode.SERVICE_ACCOUNT_DISABLED, details=None).code)
    found.append(TokenRequestError(-2019, "customerAuthenticator").code)
    return found


def authenticate(authenticator: str) -> Authenticated:
    return "cnn" if authenticator.startswith("201722,") else None


def serve(issuer: Issuer) -> list[Response]:
    callbacks: tuple[Authenticate, Authorize, StoredKey] = (authenticate, authorize, stored_key)
    endpoint = TokenEndpoint(issuer, callbacks[0], authorize=callbacks[1], stored_key=callbacks[2], path="/token")
    body, form = REQUEST.encode(), "application/x-www-form-urlencoded"
    answered = assert_type(endpoint.respond("POST", "/token", "", body, content_type=form), Response)
    received = assert_type(endpoint.receive("GET", "/token", REQUEST), Pending | Response)
    if isinstance(received, Pending):
        assert_type(received.spec, TokenSpec)
        assert_type(received.needs_stored_key, bool)
        received = received.respond(authenticate(received.spec.customer_authenticator), stored_key(received.spec))
    assert_type(answered.error, TokenRequestError | None)
    assert_type(answered.token_id, bytes | None)
    assert_type(answered.status, int)
    assert_type(answered.content_type, str)
    assert_type(answered.body, bytes)
    assert_type(answered.headers, tuple[tuple[str, str], ...])
    return [answered, received, token_response("https://localhost/")]


def main() -> None:
    try:
        log.info("sealed by %s", assert_type(engine_name(), str))
    except EngineUnavailable:
        log.exception("nothing seals here")
        raise
    ring = keys()
    issuer = Issuer(ring, "https://localhost/rights", audience="test")
    urls = issue(issuer)
    grants = redeem(Redeemer(ring, audience="test"), urls)
    for grant in grants:
        use(grant)
    header = assert_type(token_header(urls[0]), TokenHeader)
    assert assert_type(token_id(urls[0]), bytes) == assert_type(header.token_id, bytes) == grants[0].token_id
    assert (assert_type(header.version, int), assert_type(header.key_id, int)) == (1, ring.active)
    assert len(grants) == 1 + 2 * len(urls) == 11
    assert wrapping() == [KEY, KEY]
    codes = [ErrorCode.INVALID_TOKEN, ErrorCode(-2017), -2031, -2019]
    assert faults(Redeemer(ring, audience="test"), urls[0]) == codes
    assert [response.status for response in serve(issuer)] == [200, 200, 200]
    assert wvtoken.__all__


if __name__ == "__main__":
    main()
