"""The endpoint without a server: routes, formats, what callbacks may answer, and the two halves for async servers."""

from __future__ import annotations

import inspect
import json
import logging
import os
from collections.abc import Callable
from typing import Any

import pytest

import wvtoken
from wvtoken import ErrorCode as E
from wvtoken import Issuer, KeyRing, Pending, Redeemer, Response, TokenEndpoint, TokenRequestError, TokenSpec, wrap_key

from .serving.asking import AUTHENTICATOR, CONTENT_KEY, KEK, PROVOKING, SECRET, form
from .serving.page import Page

PATH = "/hms/wv/token"
FORM = "application/x-www-form-urlencoded"
KEYRING = KeyRing({1: bytes(range(32))}, 1)
ISSUER = Issuer(KEYRING, "https://wv.example.com/rights/")
WRAPPED = wrap_key(bytes.fromhex(KEK), CONTENT_KEY)
OWN_KEY = form(kek=None, contentKey=CONTENT_KEY.hex())
"""A request that brings its key."""


def endpoint(authenticated: object = True, stored_key: object = WRAPPED) -> TokenEndpoint:
    """One whose callbacks give these answers, or raise them."""
    return TokenEndpoint(ISSUER, callback(authenticated), stored_key=callback(stored_key))


def callback(answer: object) -> Callable[[object], Any]:
    def giving(_: object) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return giving


def post(to: TokenEndpoint, request: str) -> Response:
    return to.respond("POST", PATH, "", request, FORM)


def grant(response: Response) -> wvtoken.Grant:
    assert response.status == 200, response.body
    return Redeemer(KEYRING).redeem(response.body)


def code(response: Response) -> tuple[int, int]:
    """Status and code of an error in JSON."""
    return response.status, json.loads(response.body)["code"]


def as_json(request: str) -> str:
    return f"{request}&errorFormat=json"


# Ways in.


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("GET", form(), b""),
        ("GET", form().encode(), ""),
        ("POST", "", form()),
        ("POST", b"", form().encode()),
        ("GET", "", form()),
    ],
)
def test_both_methods_take_query_and_body(method: str, query: str | bytes, body: str | bytes) -> None:
    """As str and as bytes; a GET may have a body too."""
    assert grant(endpoint().respond(method, PATH, query, body, FORM)).content_key == CONTENT_KEY


def test_parameters_may_be_split_over_query_and_body() -> None:
    """Wherever an `&` stands."""
    pieces = form().split("&")
    for at in range(1, len(pieces)):
        response = endpoint().respond("POST", PATH, "&".join(pieces[:at]), "&".join(pieces[at:]), FORM)
        assert grant(response).content_key == CONTENT_KEY


@pytest.mark.parametrize(
    "content_type",
    [FORM, f"{FORM};charset=UTF-8", f"{FORM} ; charset=utf-8", FORM.title(), f" {FORM} "],
)
def test_a_body_is_a_form(content_type: str) -> None:
    """In any case, with any parameters."""
    assert grant(endpoint().respond("POST", PATH, "", form(), content_type)).content_key == CONTENT_KEY


@pytest.mark.parametrize("content_type", [None, "", "application/json", "multipart/form-data", f"{FORM}x", f"x{FORM}"])
def test_another_body_is_malformed(content_type: str | None) -> None:
    """-1, also when the body would have been a good request; in the format that it asks for."""
    assert code(endpoint().respond("POST", PATH, "", as_json(form()), content_type)) == (400, -1)
    response = endpoint().respond("POST", PATH, "errorFormat=json", b"\xff\x00&&&=", content_type)
    assert code(response) == (400, -1)
    assert "content type" in json.loads(response.body)["message"]


@pytest.mark.parametrize("content_type", [None, "", "application/json"])
def test_without_a_body_its_type_is_not_looked_at(content_type: str | None) -> None:
    """Clients send the header by habit."""
    assert grant(endpoint().respond("GET", PATH, form(), b"", content_type)).content_key == CONTENT_KEY


# Ways that lead nowhere.

FORMATS = [
    ("", "text/html; charset=utf-8"),
    ("errorFormat=json", "application/json"),
    ("errorFormat=html", "text/html; charset=utf-8"),
    ("errorFormat=xml", "text/html; charset=utf-8"),
    ("errorFormat=json&%FF=1", "application/json"),
    ("errorFormat=json&" + 2001 * "x&", "application/json"),
    ("errorFormat=json&x=" + 70_000 * "x", "application/json"),
    ("errorFormat=json&" + form(), "application/json"),
]


@pytest.mark.parametrize(("query", "content_type"), FORMATS, ids=range(len(FORMATS)))
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"{PATH}/", 404),
        ("GET", PATH.upper(), 404),
        ("GET", f"/{PATH}", 404),
        ("PUT", f"{PATH}/", 404),
        ("PUT", PATH, 405),
        ("HEAD", PATH, 405),
        ("OPTIONS", PATH, 405),
        ("get", PATH, 405),
        ("", PATH, 405),
    ],
)
def test_bad_paths_and_methods(method: str, path: str, status: int, query: str, content_type: str) -> None:
    """Are answered in the asked format, whatever else is wrong with the request."""
    response = endpoint().respond(method, path, query)
    assert (response.status, response.content_type) == (status, content_type)
    assert (("Allow", "GET, POST") in response.headers) is (status == 405)
    if content_type == "application/json":
        assert json.loads(response.body)["code"] == -1
    else:
        assert Page(response.body.decode()).facts == {"Code": "-1"}


def test_another_path() -> None:
    """The path is the server's to choose."""
    to = TokenEndpoint(ISSUER, lambda _: True, path="/token")
    assert grant(to.respond("GET", "/token", OWN_KEY)).content_key == CONTENT_KEY
    assert to.respond("GET", PATH, OWN_KEY).status == 404


@pytest.mark.parametrize("error", PROVOKING)
def test_what_is_wrong_with_a_request_is_answered_before_anybody_is_asked(error: E) -> None:
    """No callback hears of a request that cannot be understood."""
    found_later = {E.INVALID_AUTHENTICATOR, E.KEY_STORAGE_FAILED, E.INVALID_ENCRYPTED_KEY, E.LICENSE_GENERATION_FAILED}
    if error in found_later:
        assert isinstance(endpoint().receive("GET", PATH, PROVOKING[error]), Pending)
        return
    response = endpoint(AssertionError("asked"), AssertionError("asked")).respond("GET", PATH, PROVOKING[error])
    assert response.status == error.status
    assert Page(response.body.decode()).facts["Code"] == str(int(error))


# What authenticate may answer.


def test_authenticate_sees_the_authenticator_and_names_the_customer() -> None:
    """True lets in without a name."""
    seen: list[str] = []

    def authenticate(authenticator: str) -> str:
        seen.append(authenticator)
        return "cnn"

    assert grant(post(TokenEndpoint(ISSUER, authenticate), OWN_KEY)).customer == "cnn"
    assert seen == [AUTHENTICATOR]
    assert grant(post(endpoint(True), OWN_KEY)).customer is None
    assert grant(post(endpoint(64 * "~"), OWN_KEY)).customer == 64 * "~"


@pytest.mark.parametrize("no", [False, None])
def test_no_is_an_invalid_authenticator(no: bool | None) -> None:
    """401, with the challenge, and no key is asked for."""
    response = post(endpoint(no, AssertionError("asked")), as_json(form()))
    assert code(response) == (401, -2018)
    assert json.loads(response.body)["parameter"] == "customerAuthenticator"
    assert ("WWW-Authenticate", "CustomerAuthenticator") in response.headers


async def _later() -> bool:
    return True


@pytest.mark.parametrize(
    "accident",
    [
        1,
        0,
        1.0,
        b"cnn",
        [True],
        {"ok": True},
        object(),
        ValueError,
        lambda: True,
        _later,
        "",
        65 * "x",
        "caf\u00e9",
        "a\n",
    ],
)
def test_nobody_gets_in_by_a_truthy_accident(accident: object, caplog: pytest.LogCaptureFixture) -> None:
    """Neither yes nor no is the server's failure, and a TypeError or a ValueError in its log; falsy ones too."""
    response = post(endpoint(accident, AssertionError("asked")), as_json(OWN_KEY))
    assert code(response) == (500, -7008)
    assert logged(caplog) is (ValueError if isinstance(accident, str) else TypeError)


def logged(caplog: pytest.LogCaptureFixture) -> type[BaseException] | None:
    """The exception in the one record of the log, in which nobody's authenticator and no KEK is."""
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("wvtoken", logging.ERROR)
    assert AUTHENTICATOR not in caplog.text
    assert KEK not in caplog.text
    return record.exc_info[0] if record.exc_info else None


def test_coroutines_let_nobody_in_and_are_closed(caplog: pytest.LogCaptureFixture) -> None:
    """An async function where a plain one was wanted."""
    coroutines = [_later() for _ in range(5)]
    assert code(post(endpoint(coroutines[0]), as_json(form()))) == (500, -7008)
    assert logged(caplog) is TypeError
    caplog.clear()
    assert code(post(endpoint(True, coroutines[1]), as_json(form()))) == (500, -4019)
    assert logged(caplog) is TypeError
    caplog.clear()
    assert code(pending(as_json(form())).respond(coroutines[2])) == (500, -7008)  # type: ignore[arg-type]
    assert code(pending(as_json(form())).respond(True, coroutines[3])) == (500, -4019)  # type: ignore[arg-type]
    assert code(pending(as_json(form())).respond(False, coroutines[4])) == (401, -2018)  # type: ignore[arg-type]
    assert {inspect.getcoroutinestate(coroutine) for coroutine in coroutines} == {inspect.CORO_CLOSED}


@pytest.mark.parametrize("error", E)
def test_a_catalogued_error_stands(error: E, caplog: pytest.LogCaptureFixture) -> None:
    """From either callback, in the format of the request; a server that means it so need not read it in the log."""
    raised = TokenRequestError(error, "kid", "so")
    for to in (endpoint(raised), endpoint(True, raised)):
        response = post(to, as_json(form()))
        assert code(response) == (error.status, error)
        assert json.loads(response.body)["message"] == raised.message
        assert json.loads(response.body)["parameter"] == "kid"
    assert not caplog.records


def test_one_exception_may_serve_all_requests() -> None:
    """Its format is each request's own, and it keeps nothing of them."""
    raised = TokenRequestError(E.SERVICE_ACCOUNT_DISABLED)
    for to in (endpoint(raised), endpoint(True, raised)):
        assert post(to, as_json(form())).content_type == "application/json"
        assert post(to, form()).content_type == "text/html; charset=utf-8"
        assert raised.__traceback__ is None


@pytest.mark.parametrize("failure", [RuntimeError(SECRET), KeyError(SECRET), OSError(5, SECRET), Exception()])
def test_a_failing_callback_shows_nothing(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """-7008 for authenticate, -4019 for the key storage; with its traceback in the log."""
    for to, expected in (
        (endpoint(failure), E.LICENSE_GENERATION_FAILED),
        (endpoint(True, failure), E.KEY_STORAGE_FAILED),
    ):
        for request in (form(), as_json(form())):
            caplog.clear()
            response = post(to, request)
            assert response.status == 500
            assert str(int(expected)).encode() in response.body
            assert SECRET.encode() not in response.body
            assert logged(caplog) is type(failure)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_is_nobodys_error(interrupt: BaseException) -> None:
    """It goes through."""
    for to in (endpoint(interrupt), endpoint(True, interrupt)):
        with pytest.raises(type(interrupt)):
            post(to, form())


# What stored_key may answer.


def test_stored_key_sees_the_spec() -> None:
    """Once, and only for a request that brings no key and has not expired."""
    seen: list[TokenSpec] = []

    def stored_key(spec: TokenSpec) -> bytes:
        seen.append(spec)
        return WRAPPED

    to = TokenEndpoint(ISSUER, lambda _: True, stored_key=stored_key)
    assert grant(post(to, form())).content_key == CONTENT_KEY
    assert seen == [wvtoken.parse(form())]
    assert post(to, OWN_KEY).status == post(to, form(ek=WRAPPED.hex())).status == 200
    assert code(post(to, as_json(form(expirationTime="2006-04-14T12:01:10Z")))) == (400, -2002)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (None, (500, -4019)),
        ("wrapped", (500, -4019)),
        (bytearray(WRAPPED), (500, -4019)),
        (CONTENT_KEY, (400, -4024)),
        (bytes(24), (400, -4024)),
    ],
)
def test_keys_that_do_not_fit(stored: object, expected: tuple[int, int]) -> None:
    """No key and no bytes are the storage's failure; bytes that do not unwrap are -4024."""
    assert code(post(endpoint(True, stored), as_json(form()))) == expected


def test_without_key_storage_a_request_brings_its_key() -> None:
    """Or is -4019."""
    to = TokenEndpoint(ISSUER, lambda _: True)
    assert grant(post(to, OWN_KEY)).content_key == CONTENT_KEY
    assert code(post(to, as_json(form()))) == (500, -4019)


# What else may fail.


def test_a_nonce_source_that_fails(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """-7008, and nothing of why."""

    def urandom(_: int) -> bytes:
        raise OSError(SECRET)

    monkeypatch.setattr(os, "urandom", urandom)
    response = post(endpoint(), as_json(form()))
    assert code(response) == (500, -7008)
    assert SECRET.encode() not in response.body
    assert logged(caplog) is OSError


def test_an_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The same."""

    def current() -> None:
        raise wvtoken.EngineUnavailable(SECRET)

    monkeypatch.setattr("wvtoken.sealing.current", current)
    assert code(post(endpoint(), as_json(OWN_KEY))) == (500, -7008)
    assert logged(caplog) is wvtoken.EngineUnavailable


# The two halves.


def pending(request: str) -> Pending:
    received = TokenEndpoint(ISSUER, None).receive("POST", PATH, "", request, FORM)
    assert isinstance(received, Pending)
    return received


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (form(), True),
        (form(kek=None), True),
        (OWN_KEY, False),
        (form(ek=WRAPPED.hex()), False),
    ],
)
def test_a_pending_request_says_what_it_needs(request_: str, needs: bool) -> None:
    """Who sent it, and a key unless it brings one."""
    received = pending(request_)
    assert received.spec == wvtoken.parse(request_)
    assert received.needs_stored_key is needs


def test_a_pending_request_is_answered_with_what_was_found() -> None:
    """By the server, whenever and however it found it."""
    answered = grant(pending(form()).respond("cnn", WRAPPED))
    assert (answered.content_key, answered.customer) == (CONTENT_KEY, "cnn")
    assert grant(pending(OWN_KEY).respond(True)).content_key == CONTENT_KEY
    assert grant(pending(OWN_KEY).respond(True, b"not looked at")).content_key == CONTENT_KEY


ANSWERS = [True, False, None, "cnn", "", 1, TokenRequestError(-2031), RuntimeError(SECRET)]
KEYS = [WRAPPED, None, CONTENT_KEY, "text", TokenRequestError(-4019), RuntimeError(SECRET)]


@pytest.mark.parametrize("stored", KEYS, ids=repr)
@pytest.mark.parametrize("authenticated", ANSWERS, ids=repr)
def test_both_halves_together_are_the_whole(authenticated: Any, stored: Any) -> None:
    """A server that asks its storage itself gives the same answers as one with callbacks."""
    for request in (form(), as_json(form()), as_json(OWN_KEY)):
        whole = post(endpoint(authenticated, stored), request)
        halves = pending(request).respond(authenticated, stored)
        if whole.status == 200:
            assert grant(whole).content_key == grant(halves).content_key == CONTENT_KEY
            assert grant(whole).customer == grant(halves).customer
        else:
            assert whole == halves


def test_receive_answers_what_needs_no_asking() -> None:
    """As respond does."""
    to = TokenEndpoint(ISSUER, None)
    assert to.receive("GET", "/", "") == endpoint().respond("GET", "/", "")
    assert to.receive("PUT", PATH, "") == endpoint().respond("PUT", PATH, "")
    assert to.receive("GET", PATH, "") == endpoint().respond("GET", PATH, "")


def test_a_pending_request_is_immutable_and_shows_no_secret() -> None:
    """In its repr."""
    received = pending(OWN_KEY)
    assert AUTHENTICATOR not in repr(received)
    assert CONTENT_KEY.hex() not in repr(received)
    with pytest.raises(AttributeError):
        received.spec = wvtoken.parse(form())  # type: ignore[misc]


# Misuse by the program.


def test_an_endpoint_without_authenticate_has_receive_only() -> None:
    """There would be nobody to ask."""
    with pytest.raises(TypeError, match="receive"):
        TokenEndpoint(ISSUER, None).respond("GET", PATH, OWN_KEY)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((KEYRING, lambda _: True), {}, TypeError),
        ((ISSUER, "cnn"), {}, TypeError),
        ((ISSUER, None), {"stored_key": {}}, TypeError),
        ((ISSUER, None), {"path": b"/"}, TypeError),
        ((ISSUER, None), {"path": "hms/wv/token"}, ValueError),
    ],
)
def test_an_endpoint_is_made_of_these(arguments: Any, options: Any, error: type[Exception]) -> None:
    """Found when it is made, not at the first request."""
    with pytest.raises(error):
        TokenEndpoint(*arguments, **options)


@pytest.mark.parametrize(
    "arguments",
    [
        (b"GET", PATH),
        ("GET", PATH.encode()),
        ("GET", PATH, None),
        ("POST", PATH, "", bytearray(b"x")),
        ("POST", PATH, "", b"", b"x"),
    ],
)
def test_a_request_is_made_of_these(arguments: Any) -> None:
    """An ASGI server's bytes have to be decoded where they are text."""
    with pytest.raises(TypeError):
        endpoint().respond(*arguments)
