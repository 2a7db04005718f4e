"""The endpoint without a server: routing, formats, callbacks, and `receive` with `Pending.respond`."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

import wvtoken
from wvtoken import ErrorCode as E
from wvtoken import Issuer, KeyRing, Pending, Redeemer, Response, TokenEndpoint, TokenRequestError, TokenSpec, wrap_key

from .error_page import Page
from .http_client import AUTHENTICATOR, CONTENT_KEY, KEK, form

PATH = "/hms/wv/token"
FORM = "application/x-www-form-urlencoded"
KEYRING = KeyRing({1: bytes(range(32))}, 1)
ISSUER = Issuer(KEYRING, "https://wv.example.com/rights/")
WRAPPED = wrap_key(bytes.fromhex(KEK), CONTENT_KEY)
SECRET = "nobody may see this"
OWN_KEY = form(kek=None, contentKey=CONTENT_KEY.hex())
"""A request with its own key."""


def endpoint(authenticated: object = True, stored_key: object = WRAPPED) -> TokenEndpoint:
    """Return an endpoint whose callbacks return or raise these values."""
    return TokenEndpoint(ISSUER, callback(authenticated), stored_key=callback(stored_key))


def callback(answer: object) -> Callable[..., Any]:
    def giving(*_: object) -> object:
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
    """Return status and code of a JSON error."""
    return response.status, json.loads(response.body)["code"]


def as_json(request: str) -> str:
    return f"{request}&errorFormat=json"


# Routing.


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
    assert grant(endpoint().respond(method, PATH, query, body, FORM)).content_key == CONTENT_KEY


@pytest.mark.parametrize(
    "content_type", [FORM, f"{FORM};charset=UTF-8", f"{FORM} ; charset=utf-8", FORM.title(), f" {FORM} "]
)
def test_a_body_must_be_a_form(content_type: str) -> None:
    assert grant(endpoint().respond("POST", PATH, "", form(), content_type)).content_key == CONTENT_KEY


@pytest.mark.parametrize("content_type", [None, "", "application/json", "multipart/form-data", f"{FORM}x", f"x{FORM}"])
def test_a_body_of_another_type_is_malformed(content_type: str | None) -> None:
    assert code(endpoint().respond("POST", PATH, "", as_json(form()), content_type)) == (400, -1)
    response = endpoint().respond("POST", PATH, "errorFormat=json", b"\xff\x00&&&=", content_type)
    assert code(response) == (400, -1)
    assert "content type" in json.loads(response.body)["message"]


@pytest.mark.parametrize("content_type", [None, "", "application/json"])
def test_without_a_body_the_content_type_is_ignored(content_type: str | None) -> None:
    assert grant(endpoint().respond("GET", PATH, form(), b"", content_type)).content_key == CONTENT_KEY


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
        ("GET", f"{PATH}/", 404),
        ("GET", PATH.upper(), 404),
        ("GET", f"/{PATH}", 404),
        ("PUT", f"{PATH}/", 404),
        ("PUT", PATH, 405),
        ("HEAD", PATH, 405),
        ("get", PATH, 405),
        ("", PATH, 405),
    ],
)
def test_bad_paths_and_methods(method: str, path: str, status: int, query: str, content_type: str) -> None:
    """The format is the requested one, even if the request has other errors."""
    response = endpoint().respond(method, path, query)
    assert (response.status, response.content_type) == (status, content_type)
    assert (("Allow", "GET, POST") in response.headers) is (status == 405)
    if content_type == "application/json":
        assert json.loads(response.body)["code"] == -1
    else:
        assert Page(response.body.decode()).facts == {"Code": "-1"}


def test_the_path_can_be_chosen() -> None:
    to = TokenEndpoint(ISSUER, lambda _: True, path="/token")
    assert grant(to.respond("GET", "/token", OWN_KEY)).content_key == CONTENT_KEY
    assert to.respond("GET", PATH, OWN_KEY).status == 404


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (form(customerAuthenticator=None), E.MISSING_AUTHENTICATOR),
        (form(kid="^"), E.INVALID_KID),
        (form(wvExtension="wudo"), E.INVALID_EXTENSION),
        (form() + "&%FF=1", E.MALFORMED_REQUEST),
    ],
)
def test_an_invalid_request_calls_no_callback(request_: str, error: E) -> None:
    response = endpoint(AssertionError("asked"), AssertionError("asked")).respond("GET", PATH, request_)
    assert response.status == error.status
    assert Page(response.body.decode()).facts["Code"] == str(int(error))


def test_an_issuer_that_forbids_unknown_parameters_rejects_them() -> None:
    issuer = Issuer(KEYRING, "https://wv.example.com/rights/", unknown="forbid")
    to = TokenEndpoint(issuer, callback(True), authorize=callback(AssertionError("asked")))
    for response in (post(to, as_json(f"{OWN_KEY}&cooki=x")), to.receive("GET", PATH, as_json(f"{OWN_KEY}&cooki=x"))):
        assert isinstance(response, Response)
        assert code(response) == (400, -1)
        body = json.loads(response.body)
        assert (body["parameter"], body["details"]) == ("cooki", "unknown parameter 'cooki': did you mean 'cookie'?")
    assert post(endpoint(), f"{OWN_KEY}&cooki=x").status == 200


# authenticate and authorize.


def test_authenticate_gets_the_authenticator_and_returns_the_customer() -> None:
    seen: list[str] = []

    def authenticate(authenticator: str) -> str:
        seen.append(authenticator)
        return "cnn"

    assert grant(post(TokenEndpoint(ISSUER, authenticate), OWN_KEY)).customer == "cnn"
    assert seen == [AUTHENTICATOR]
    assert grant(post(endpoint(True), OWN_KEY)).customer is None
    assert grant(post(endpoint(64 * "~"), OWN_KEY)).customer == 64 * "~"


async def _later() -> bool:
    return True


@pytest.mark.parametrize(
    "accident",
    [
        *(1, 0, 1.0, b"cnn", [True], {"ok": True}, object(), ValueError, lambda: True, _later),
        *("", 65 * "x", "caf\u00e9", "a\n"),
    ],
)
def test_only_true_and_a_name_accept(accident: object, caplog: pytest.LogCaptureFixture) -> None:
    response = post(endpoint(accident, AssertionError("asked")), as_json(OWN_KEY))
    assert code(response) == (500, -7008)
    assert logged(caplog) is (ValueError if isinstance(accident, str) else TypeError)


def logged(caplog: pytest.LogCaptureFixture) -> type[BaseException] | None:
    """Return the type of the exception in the only log record, which contains no authenticator and no KEK."""
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("wvtoken", logging.ERROR)
    assert AUTHENTICATOR not in caplog.text
    assert KEK not in caplog.text
    return record.exc_info[0] if record.exc_info else None


def test_coroutines_are_refused_and_closed(caplog: pytest.LogCaptureFixture) -> None:
    """An async function in place of a plain one. Python does not warn that nothing awaited its coroutine."""
    coroutines = [_later() for _ in range(5)]
    authorizing = TokenEndpoint(ISSUER, callback(True), authorize=callback(coroutines[4]))
    ways: list[tuple[Callable[[], Response], int]] = [
        (lambda: post(endpoint(coroutines[0]), as_json(form())), -7008),
        (lambda: post(endpoint(True, coroutines[1]), as_json(form())), -4019),
        (lambda: pending(as_json(form())).respond(coroutines[2]), -7008),  # type: ignore[arg-type]
        (lambda: pending(as_json(form())).respond(True, coroutines[3]), -4019),  # type: ignore[arg-type]
        (lambda: post(authorizing, as_json(form())), -7008),
    ]
    for respond, expected in ways:
        caplog.clear()
        assert code(respond()) == (500, expected)
        assert logged(caplog) is TypeError
    assert {inspect.getcoroutinestate(coroutine) for coroutine in coroutines} == {inspect.CORO_CLOSED}


@pytest.mark.parametrize("request_", [form(), OWN_KEY])
def test_authorize_and_stored_key_get_the_spec_and_the_customer(request_: str) -> None:
    """Authorize is called for a request with its own key, too."""
    seen: list[tuple[str, TokenSpec, str | None]] = []

    def authorize(spec: TokenSpec, customer: str | None) -> None:
        seen.append(("authorize", spec, customer))

    def stored_key(spec: TokenSpec, customer: str | None) -> bytes:
        seen.append(("stored_key", spec, customer))
        return WRAPPED

    spec = wvtoken.parse(request_)
    for authenticated, customer in (("cnn", "cnn"), (True, None)):
        seen.clear()
        to = TokenEndpoint(ISSUER, callback(authenticated), authorize=authorize, stored_key=stored_key)
        assert grant(post(to, request_)).content_key == CONTENT_KEY
        called = ["authorize", "stored_key"] if spec.content_key is None else ["authorize"]
        assert seen == [(name, spec, customer) for name in called]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TokenRequestError(-2031), (401, -2031)),
        (TokenRequestError(-4022, "kid", "not yours", status=403), (403, -4022)),
        (RuntimeError(SECRET), (500, -7008)),
        (True, (500, -7008)),
        (False, (500, -7008)),
    ],
)
def test_authorize_refuses_by_raising(answer: object, expected: tuple[int, int]) -> None:
    to = TokenEndpoint(ISSUER, callback("cnn"), authorize=callback(answer), stored_key=callback(AssertionError()))
    whole = post(to, as_json(OWN_KEY))
    received = to.receive("POST", PATH, "", as_json(OWN_KEY), FORM)
    assert isinstance(received, Pending)
    assert whole == received.respond("cnn")
    assert code(whole) == expected
    assert SECRET.encode() not in whole.body


@pytest.mark.parametrize("error", E)
def test_a_token_request_error_of_a_callback_is_the_response(error: E, caplog: pytest.LogCaptureFixture) -> None:
    raised = TokenRequestError(error, "kid", "so", status=418)
    for to in (endpoint(raised), endpoint(True, raised)):
        response = post(to, as_json(form()))
        assert code(response) == (418, error)
        assert json.loads(response.body)["details"] == "so"
        assert response.error is not None
        assert (response.error.message, response.error.parameter) == (raised.message, "kid")
    assert not caplog.records


def test_one_exception_may_be_raised_for_all_requests() -> None:
    """Each response has the format of its request. The exception keeps nothing of them."""
    raised = TokenRequestError(E.SERVICE_ACCOUNT_DISABLED)
    for to in (endpoint(raised), endpoint(True, raised)):
        assert post(to, as_json(form())).content_type == "application/json"
        assert post(to, form()).content_type == "text/html; charset=utf-8"
        assert raised.__traceback__ is None


class _Unprintable(TokenRequestError):
    @property
    def message(self) -> str:
        raise RuntimeError(SECRET)


def test_an_error_that_cannot_be_rendered_is_7008(caplog: pytest.LogCaptureFixture) -> None:
    changed = TokenRequestError(-2019)
    changed.parameter = b"x"  # type: ignore[assignment]
    for raised in (_Unprintable(-2019), changed):
        caplog.clear()
        response = post(endpoint(raised), as_json(form()))
        assert code(response) == (500, -7008)
        assert SECRET.encode() not in response.body
        assert logged(caplog) is not None


def test_a_response_has_its_error_and_its_token_id() -> None:
    issued = post(endpoint(), form())
    assert (issued.error, issued.token_id) == (None, grant(issued).token_id)
    for response, expected in (
        (post(endpoint(False), form()), -2018),
        (post(endpoint(None), form()), -2018),
        (post(endpoint(), "kid=x"), -2017),
        (endpoint().respond("PUT", PATH), -1),
        (post(endpoint(True, OSError()), form()), -4019),
    ):
        assert response.error is not None
        assert (response.error.code, response.token_id) == (expected, None)


@pytest.mark.parametrize("failure", [RuntimeError(SECRET), KeyError(SECRET), OSError(5, SECRET), Exception()])
def test_a_failing_callback_is_logged_and_not_shown(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
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
def test_an_interrupt_passes_through(interrupt: BaseException) -> None:
    for to in (endpoint(interrupt), endpoint(True, interrupt)):
        with pytest.raises(type(interrupt)):
            post(to, form())


# Other failures.


@pytest.mark.parametrize("failing", ["os.urandom", "wvtoken.sealing.current"])
def test_a_failure_of_issuing_is_logged_and_not_shown(
    failing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(failing, callback(OSError(SECRET)))
    response = post(endpoint(), as_json(form()))
    assert code(response) == (500, -7008)
    assert SECRET.encode() not in response.body
    assert logged(caplog) is OSError


def test_time_is_an_argument() -> None:
    now = 1_800_000_000.9
    request = as_json(form(kek=None, contentKey=CONTENT_KEY.hex(), expirationTime="2027-01-15T08:00:01Z"))
    ways: list[Callable[[Any], Response]] = [
        lambda now: endpoint().respond("POST", PATH, "", request, FORM, now=now),
        lambda now: pending(request).respond(True, now=now),
    ]
    wrong: list[tuple[Any, type[Exception]]] = [(-1, ValueError), ("0", TypeError)]
    for respond in ways:
        assert Redeemer(KEYRING).redeem(respond(now).body, now=now).issued_at == 1_800_000_000
        assert code(respond(now + 1)) == (400, -2002)
        for bad, error in wrong:
            with pytest.raises(error, match="now must be"):
                respond(bad)


# receive and Pending.respond.


def pending(request: str) -> Pending:
    received = TokenEndpoint(ISSUER, None).receive("POST", PATH, "", request, FORM)
    assert isinstance(received, Pending)
    return received


ANSWERS = [True, False, None, "cnn", "", 1, TokenRequestError(-2031), RuntimeError(SECRET)]
KEYS = [WRAPPED, None, CONTENT_KEY, "text", TokenRequestError(-4019), RuntimeError(SECRET)]


@pytest.mark.parametrize("stored", KEYS, ids=repr)
@pytest.mark.parametrize("authenticated", ANSWERS, ids=repr)
def test_both_ways_give_the_same_response(authenticated: Any, stored: Any) -> None:
    for request in (form(), as_json(form()), as_json(OWN_KEY)):
        whole = post(endpoint(authenticated, stored), request)
        halves = pending(request).respond(authenticated, stored)
        if whole.status == 200:
            assert grant(whole).content_key == grant(halves).content_key == CONTENT_KEY
            assert grant(whole).customer == grant(halves).customer
        else:
            assert whole == halves


def test_a_pending_request_is_immutable_and_shows_no_secret() -> None:
    received = pending(OWN_KEY)
    assert AUTHENTICATOR not in repr(received)
    assert CONTENT_KEY.hex() not in repr(received)
    with pytest.raises(AttributeError):
        received.spec = wvtoken.parse(form())  # type: ignore[misc]


# Misuse.


def test_an_endpoint_without_authenticate_has_only_receive() -> None:
    with pytest.raises(TypeError, match="receive"):
        TokenEndpoint(ISSUER, None).respond("GET", PATH, OWN_KEY)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((KEYRING, lambda _: True), {}, TypeError),
        ((ISSUER, "cnn"), {}, TypeError),
        ((ISSUER, None), {"stored_key": {}}, TypeError),
        ((ISSUER, None), {"authorize": True}, TypeError),
        ((ISSUER, None), {"path": b"/"}, TypeError),
        ((ISSUER, None), {"path": "hms/wv/token"}, ValueError),
    ],
)
def test_the_constructor_checks_its_arguments(arguments: Any, options: Any, error: type[Exception]) -> None:
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
def test_respond_checks_types(arguments: Any) -> None:
    with pytest.raises(TypeError):
        endpoint().respond(*arguments)
