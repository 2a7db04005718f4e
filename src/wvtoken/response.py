"""Responses as values: the interface's Table 17.

Only this module renders errors for HTTP, and only this module escapes. A server copies the status, the headers and the
body of a `Response` into its framework's response.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import ErrorCode, ErrorFormat, InvalidToken, TokenRequestError, error_fields
from .token_text import token_header

METHODS = ("GET", "POST")
"""The methods of the interface. Both may have a body."""

Header = tuple[str, str]

_URI_LIST = "text/uri-list"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"

# A token is a bearer token, and an error may repeat input: caches must not store them, and browsers must not guess
# their type.
_ALWAYS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_CHALLENGE = ("WWW-Authenticate", "CustomerAuthenticator")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. Immutable. The repr does not contain the body, which may be a token.

    Attributes:
        status: the HTTP status code.
        content_type: the value of the Content-Type header.
        body: the body.
        headers: all headers as (name, value), with Content-Type and Content-Length.
        error: the error that the response reports, or None. Not compared.
    """

    status: int
    content_type: str
    body: bytes = field(repr=False)
    headers: tuple[Header, ...]
    error: TokenRequestError | None = field(default=None, compare=False)

    @property
    def token_id(self) -> bytes | None:
        """The id of the issued token (12 bytes), or None."""
        if self.error is not None:
            return None
        try:
            return token_header(self.body).token_id
        except InvalidToken:
            return None


def token_response(url: str) -> Response:
    """Return the response for an issued token: 200, with only the URL as body.

    Raises:
        ValueError: the URL is not ASCII.
    """
    return _response(200, _URI_LIST, url.encode("ascii"))


def error_response(error: TokenRequestError, error_format: ErrorFormat | None = None) -> Response:
    """Return the response for an error, with the error's status.

    Args:
        error: the error.
        error_format: the format. None is the error's own `error_format`.

    The JSON is an object with `code`, `message`, `parameter` and `details`; the last two may be null. For an expired
    token, it also has `expired` (true), `token_id` (hexadecimal) and `expires_at` (UNIX seconds).
    """
    return _rendered(error, error.status, error.error_format if error_format is None else error_format)


def not_found(error_format: ErrorFormat) -> Response:
    """Return 404, for an unknown path."""
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, "there is nothing at this path", status=404)
    return error_response(error, error_format)


def method_not_allowed(error_format: ErrorFormat) -> Response:
    """Return 405, for a method other than GET or POST."""
    details = f"the method must be {' or '.join(METHODS)}"
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, details, status=405)
    return _rendered(error, 405, error_format, ("Allow", ", ".join(METHODS)))


def _rendered(error: TokenRequestError, status: int, error_format: ErrorFormat, *more: Header) -> Response:
    if status == 401:
        more = (*more, _CHALLENGE)
    if ErrorFormat(error_format) is ErrorFormat.JSON:
        return _response(status, _JSON, _json(error), *more, error=error)
    return _response(status, _HTML, _page(error, status), *more, error=error)


def _response(
    status: int, content_type: str, body: bytes, *more: Header, error: TokenRequestError | None = None
) -> Response:
    own = (("Content-Type", content_type), ("Content-Length", str(len(body))))
    return Response(status, content_type, body, (*own, *_ALWAYS, *more), error)


def _json(error: TokenRequestError) -> bytes:
    import json  # noqa: PLC0415  # not needed before the first error

    return json.dumps(error_fields(error)).encode("ascii")


# Without style and script: the page looks the same under any Content-Security-Policy.
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

    facts = [("Code", str(int(error.code)))]
    if error.parameter is not None:
        facts.append(("Parameter", error.parameter))
    if error.details and error.details not in error.message:
        facts.append(("Details", error.details))
    page = _PAGE.format(
        title=html.escape(_title(status)),
        message=html.escape(error.message),
        facts="\n".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(fact)}</dd>" for term, fact in facts),
    )
    return page.encode("utf-8", "backslashreplace")


def _title(status: int) -> str:
    from http import HTTPStatus  # noqa: PLC0415  # not needed before the first error

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Error"
