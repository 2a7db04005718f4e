"""What a caller sees: the interface's answers (its Table 17) as values.

This is the only place that turns errors into text for HTTP, and the only one that escapes. A server copies the status,
the headers and the body of a `Response` into what its framework sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import ErrorCode, ErrorFormat, TokenRequestError

METHODS = ("GET", "POST")
"""The methods of the interface; both may have a body."""

Header = tuple[str, str]

_URI_LIST = "text/uri-list"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"

# A token is a bearer's, and an error may repeat what was sent: neither is for caches, nor for browsers to guess at.
_ALWAYS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_CHALLENGE = ("WWW-Authenticate", "CustomerAuthenticator")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. Immutable; its repr leaves out the body, which may be a token.

    Attributes:
        status: the HTTP status code.
        content_type: the value of the Content-Type header.
        body: the entity body.
        headers: all headers as (name, value), Content-Type and Content-Length among them.
    """

    status: int
    content_type: str
    body: bytes = field(repr=False)
    headers: tuple[Header, ...]


def token_response(url: str) -> Response:
    """200: the license acquisition URL, and nothing else.

    Raises:
        ValueError: the URL is not ASCII.
    """
    return _response(200, _URI_LIST, url.encode("ascii"))


def error_response(error: TokenRequestError, error_format: ErrorFormat | None = None) -> Response:
    """The error as a page or as JSON, with the status that the catalogue gives its code.

    Args:
        error: what is wrong.
        error_format: how the request asked for it; the error's own `error_format` when None.

    The JSON is an object with `code`, `message` and `parameter`, which is null where no parameter is at fault.
    """
    return _rendered(error, error.status, error.error_format if error_format is None else error_format)


def not_found(error_format: ErrorFormat) -> Response:
    """404: the interface is not at this path."""
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, "there is nothing at this path")
    return _rendered(error, 404, error_format)


def method_not_allowed(error_format: ErrorFormat) -> Response:
    """405: the interface has no such method."""
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, f"the method must be {' or '.join(METHODS)}")
    return _rendered(error, 405, error_format, ("Allow", ", ".join(METHODS)))


def _rendered(error: TokenRequestError, status: int, error_format: ErrorFormat, *more: Header) -> Response:
    if status == 401:
        more = (*more, _CHALLENGE)
    if ErrorFormat(error_format) is ErrorFormat.JSON:
        return _response(status, _JSON, _json(error), *more)
    return _response(status, _HTML, _page(error, status), *more)


def _response(status: int, content_type: str, body: bytes, *more: Header) -> Response:
    own = (("Content-Type", content_type), ("Content-Length", str(len(body))))
    return Response(int(status), content_type, body, (*own, *_ALWAYS, *more))


def _json(error: TokenRequestError) -> bytes:
    import json  # noqa: PLC0415  # not needed before the first error

    fields = {"code": int(error.code), "message": error.message, "parameter": error.parameter}
    return json.dumps(fields).encode("ascii")


# Neither a style nor a script, so that the page is the same under any Content-Security-Policy.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{message}</p>
<dl>
{facts}
</dl>
</main>
</body>
</html>
"""


def _page(error: TokenRequestError, status: int) -> bytes:
    import html  # noqa: PLC0415  # not needed before the first error
    from http import HTTPStatus  # noqa: PLC0415

    facts = [("Code", str(int(error.code)))]
    if error.parameter is not None:
        facts.append(("Parameter", error.parameter))
    page = _PAGE.format(
        title=html.escape(f"{int(status)} {HTTPStatus(status).phrase}"),
        message=html.escape(error.message),
        facts="\n".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(fact)}</dd>" for term, fact in facts),
    )
    return page.encode("utf-8", "backslashreplace")
