"""Responses: every code in both formats, their headers, and escaping."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wvtoken import (
    ErrorCode,
    ErrorFormat,
    InvalidToken,
    Issuer,
    KeyRing,
    Response,
    TokenExpired,
    TokenRequestError,
    error_response,
    token_id,
    token_response,
)
from wvtoken.response import method_not_allowed, not_found

from .error_page import Page

URL = Issuer(KeyRing.generate(), "https://wv.example.com/").issue(
    f"customerAuthenticator=1&kid=^kid1&contentKey={'0' * 32}&securityLevel=1&hdcpOutputControl=0"
)
ELEMENTS = ["html", "head", *3 * ["meta"], "title", "body", "main", "h1", "p", "dl"]
ATTRIBUTES = ["lang", "charset", "name", "content", "name", "content"]
PHRASES = {400: "Bad Request", 401: "Unauthorized", 500: "Internal Server Error"}
HTML = "text/html; charset=utf-8"


def headers(response: Response, content_type: str, *more: tuple[str, str]) -> None:
    """Check that the response has exactly the headers of the interface."""
    assert response.content_type == content_type
    assert response.headers == (
        ("Content-Type", content_type),
        ("Content-Length", str(len(response.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *more,
    )


def test_a_token_response_is_only_the_url() -> None:
    response = token_response(URL)
    assert (response.status, response.body, response.error) == (200, URL.encode(), None)
    assert response.token_id == token_id(URL)
    headers(response, "text/uri-list")
    assert token_response("https://wv.example.com/").token_id is None


def test_a_url_must_be_ascii() -> None:
    with pytest.raises(ValueError, match="ascii"):
        token_response("https://wv.example.com/caf\u00e9")


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_in_both_formats(code: ErrorCode) -> None:
    error = TokenRequestError(code, "kid", "so")
    challenge = [("WWW-Authenticate", "CustomerAuthenticator")] if code.status == 401 else []
    response = error_response(error, ErrorFormat.JSON)
    assert (response.status, response.error, response.token_id) == (code.status, error, None)
    members = {"code": int(code), "message": error.message, "parameter": "kid", "details": "so"}
    assert json.loads(response.body) == members
    headers(response, "application/json", *challenge)

    response = error_response(error)
    assert (response.status, response.error) == (code.status, error)
    page = Page(response.body.decode())
    assert page.text("p") == error.message
    details = {} if "so" in error.message else {"Details": "so"}
    assert page.facts == {"Code": str(int(code)), "Parameter": "kid"} | details
    assert page.text("title") == page.text("h1") == f"{code.status} {PHRASES[code.status]}"
    headers(response, HTML, *challenge)


def test_a_page_is_complete() -> None:
    body = error_response(TokenRequestError(-4010)).body
    assert body.startswith(b'<!doctype html>\n<html lang="en">\n')
    assert body.endswith(b"</html>\n")


def test_absent_members_are_null_in_json_and_left_out_of_the_page() -> None:
    error = InvalidToken("unknown key")
    expected = b'{"code": -4010, "message": "Invalid token", "parameter": null, "details": null}'
    assert error_response(error, ErrorFormat.JSON).body == expected
    assert Page(error_response(error).body.decode()).facts == {"Code": "-4010"}


def test_json_tells_expired_tokens_from_invalid_ones() -> None:
    assert json.loads(error_response(TokenExpired(bytes(range(12)), 1_800_000_000), ErrorFormat.JSON).body) == {
        "code": -4010,
        "message": "Invalid token",
        "parameter": None,
        "details": "the token expired at 2027-01-15T08:00:00Z",
        "expired": True,
        "token_id": "000102030405060708090a0b",
        "expires_at": 1_800_000_000,
    }


@pytest.mark.parametrize(("status", "title"), [(503, "503 Service Unavailable"), (499, "499 Error")])
def test_the_status_is_the_errors_own(status: int, title: str) -> None:
    response = error_response(TokenRequestError(-2030, status=status))
    assert response.status == status
    assert Page(response.body.decode()).text("title") == title


def test_an_argument_overrides_the_errors_format() -> None:
    error = TokenRequestError(-4018, "kid")
    assert error_response(error).content_type == HTML
    error.error_format = ErrorFormat.JSON
    assert error_response(error).content_type == "application/json"
    assert error_response(error, ErrorFormat.HTML).content_type == HTML
    with pytest.raises(ValueError, match="xml"):
        error_response(error, "xml")  # type: ignore[arg-type]


@example(details="</p><b title=\"a\" class='b'>&amp;", parameter="</dd></dl><b>&lt;")
@example(details="\ud800", parameter="\udfff")
@given(details=st.text(st.characters(), min_size=1), parameter=st.text(st.characters(), min_size=1))
def test_any_text_is_escaped(details: str, parameter: str) -> None:
    for code in (ErrorCode.ADMIN_ERROR, ErrorCode.INVALID_KID):
        error = TokenRequestError(code, f"p{parameter}", f"d{details}")
        text = error_response(error).body.decode("utf-8")
        page = Page(text)
        assert page.tags == [*ELEMENTS, *(2 + ("d" + details not in error.message)) * ["dt", "dd"]]
        assert page.attributes == ATTRIBUTES
        assert text.count("\n<p>") == text.count("</p>\n") == 1
        assert page.text("p") == shown(error.message)
        assert page.facts["Parameter"] == shown(f"p{parameter}")
        assert page.facts.get("Details", shown(f"d{details}")) == shown(f"d{details}")
        members = json.loads(error_response(error, ErrorFormat.JSON).body)
        assert (members["details"], members["parameter"]) == (error.details, error.parameter)


def shown(text: str) -> str:
    """Return the text without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def test_an_unknown_path_is_404() -> None:
    response = not_found(ErrorFormat.JSON)
    assert response.status == 404
    assert json.loads(response.body)["message"] == "Malformed request: there is nothing at this path"
    headers(response, "application/json")


def test_another_method_is_405() -> None:
    response = method_not_allowed(ErrorFormat.HTML)
    assert response.status == 405
    assert Page(response.body.decode()).text("title") == "405 Method Not Allowed"
    headers(response, HTML, ("Allow", "GET, POST"))


def test_a_response_is_a_value_and_shows_no_token() -> None:
    response = token_response(URL)
    assert response == token_response(URL)
    assert hash(response) == hash(token_response(URL))
    assert "ExpressPlayToken" not in repr(response)
    with pytest.raises(dataclasses.FrozenInstanceError):
        response.status = 201  # type: ignore[misc]
    assert error_response(TokenRequestError(-4018)) == error_response(TokenRequestError(-4018))
