"""Responses as values: every code in both formats, all their headers, and whatever text an error may hold."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wvtoken import ErrorCode, ErrorFormat, Response, TokenRequestError, error_response, token_response
from wvtoken.response import method_not_allowed, not_found

from .serving.page import Page

URL = "https://wv.example.com/hms/wv/rights/?ExpressPlayToken=AQAAAAE"
ELEMENTS = ["html", "head", *3 * ["meta"], "title", "body", "main", "h1", "p", "dl"]
ATTRIBUTES = ["lang", "charset", "name", "content", "name", "content"]
PHRASES = {400: "Bad Request", 401: "Unauthorized", 500: "Internal Server Error"}


def headers(response: Response, content_type: str, *more: tuple[str, str]) -> None:
    """The response has exactly the headers that the interface lists."""
    assert response.content_type == content_type
    assert response.headers == (
        ("Content-Type", content_type),
        ("Content-Length", str(len(response.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *more,
    )


def test_a_token_is_the_url_alone() -> None:
    """Nothing before it and no line feed after it."""
    response = token_response(URL)
    assert (response.status, response.body) == (200, URL.encode())
    headers(response, "text/uri-list")


def test_a_url_is_ascii() -> None:
    """Anything else did not come from an Issuer."""
    with pytest.raises(ValueError, match="ascii"):
        token_response("https://wv.example.com/caf\u00e9")


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_as_json(code: ErrorCode) -> None:
    """Status and wording are the catalogue's."""
    response = error_response(TokenRequestError(code, "kid", "so"), ErrorFormat.JSON)
    wording, takes_details, _ = code.template.partition(": <")
    message = f"{wording}: so" if takes_details else wording
    assert response.status == code.status
    assert json.loads(response.body) == {"code": int(code), "message": message, "parameter": "kid"}
    challenge = [("WWW-Authenticate", "CustomerAuthenticator")] if code.status == 401 else []
    headers(response, "application/json", *challenge)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_as_a_page(code: ErrorCode) -> None:
    """The same, and complete."""
    response = error_response(TokenRequestError(code, "kid", "so"))
    assert response.body.startswith(b'<!doctype html>\n<html lang="en">\n')
    assert response.body.endswith(b"</html>\n")
    page = Page(response.body.decode())
    wording, takes_details, _ = code.template.partition(": <")
    assert response.status == code.status
    assert page.text("p") == (f"{wording}: so" if takes_details else wording)
    assert page.facts == {"Code": str(int(code)), "Parameter": "kid"}
    assert page.text("title") == page.text("h1") == f"{code.status} {PHRASES[code.status]}"
    challenge = [("WWW-Authenticate", "CustomerAuthenticator")] if code.status == 401 else []
    headers(response, "text/html; charset=utf-8", *challenge)


def test_json_without_a_parameter_says_null() -> None:
    """All three members are always there."""
    response = error_response(TokenRequestError(-4010), ErrorFormat.JSON)
    assert response.body == b'{"code": -4010, "message": "Invalid token", "parameter": null}'


def test_a_page_without_a_parameter_has_no_row_for_it() -> None:
    """Nor an empty one."""
    assert Page(error_response(TokenRequestError(-4010)).body.decode()).facts == {"Code": "-4010"}


def test_the_format_is_the_errors_own_until_another_is_asked_for() -> None:
    """A server that keeps its own format need not touch the error."""
    error = TokenRequestError(-4018, "kid")
    assert error_response(error).content_type == "text/html; charset=utf-8"
    error.error_format = ErrorFormat.JSON
    assert error_response(error).content_type == "application/json"
    assert error_response(error, ErrorFormat.HTML).content_type == "text/html; charset=utf-8"


def test_there_are_two_formats() -> None:
    """A third is a mistake of the program."""
    with pytest.raises(ValueError, match="xml"):
        error_response(TokenRequestError(-4018), "xml")  # type: ignore[arg-type]


@example(details="</p><b title=\"a\" class='b'>&amp;", parameter="</dd></dl><b>&lt;")
@example(details="\ud800", parameter="\udfff")
@given(details=st.text(st.characters(), min_size=1), parameter=st.text(st.characters(), min_size=1))
def test_any_text_is_escaped(details: str, parameter: str) -> None:
    """Whatever a server puts into an error, the page has its elements and no others, and shows the text."""
    error = TokenRequestError(ErrorCode.ADMIN_ERROR, f"p{parameter}", f"d{details}")
    text = error_response(error).body.decode("utf-8")
    page = Page(text)
    assert page.tags == [*ELEMENTS, *2 * ["dt", "dd"]]
    assert page.attributes == ATTRIBUTES
    assert text.count("\n<p>") == text.count("</p>\n") == 1
    assert page.text("p") == shown(f"ExpressPlay Admin error: d{details}")
    assert page.facts["Parameter"] == shown(f"p{parameter}")
    fields = json.loads(error_response(error, ErrorFormat.JSON).body)
    assert fields == {"code": -2030, "message": f"ExpressPlay Admin error: d{details}", "parameter": f"p{parameter}"}


def shown(text: str) -> str:
    """A text as UTF-8 can say it."""
    return text.encode("utf-8", "backslashreplace").decode()


def test_a_path_that_is_not_there() -> None:
    """404, with this project's own code."""
    response = not_found(ErrorFormat.JSON)
    assert response.status == 404
    message = "Malformed request: there is nothing at this path"
    assert json.loads(response.body) == {"code": -1, "message": message, "parameter": None}
    headers(response, "application/json")


def test_a_method_that_is_not_there() -> None:
    """405, and which there are."""
    response = method_not_allowed(ErrorFormat.HTML)
    assert response.status == 405
    assert Page(response.body.decode()).text("title") == "405 Method Not Allowed"
    headers(response, "text/html; charset=utf-8", ("Allow", "GET, POST"))


def test_a_response_is_a_value() -> None:
    """Immutable, comparable, hashable; and its repr does not show the token."""
    response = token_response(URL)
    assert response == token_response(URL)
    assert hash(response) == hash(token_response(URL))
    assert "ExpressPlayToken" not in repr(response)
    with pytest.raises(dataclasses.FrozenInstanceError):
        response.status = 201  # type: ignore[misc]
