"""`TokenEndpoint`: method, path, query and body in, `Response` out. No sockets: servers embed it.

A server with blocking callbacks calls `respond`. An async server calls `receive`, queries its own storage, and passes
the results to `Pending.respond`. Both take the same steps: route, parse, authenticate, authorize, find the key, issue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from .batch import unix_seconds
from .callbacks import log_failure, released, wrong_answer
from .errors import ErrorCode, ErrorFormat, TokenRequestError
from .issue import BytesLike, Issuer, StoredKeys
from .response import METHODS, Response, error_response, method_not_allowed, not_found, token_response
from .spec import TokenSpec

FORM = "application/x-www-form-urlencoded"

Authenticated = bool | str | None
"""True, or the customer's name: accept. False or None: reject."""
Authenticate = Callable[[str], Authenticated]
"""Called with the customerAuthenticator."""
Authorize = Callable[[TokenSpec, str | None], None]
"""Called with the request and the customer's name. Raises a `TokenRequestError` to refuse."""
StoredKey = Callable[[TokenSpec, str | None], BytesLike | None]
"""Called with the request and the customer's name. Returns the stored key."""


class TokenEndpoint:
    """Serves the token API on one path of an HTTP server.

    Args:
        issuer: issues the tokens.
        authenticate: called with the request's customerAuthenticator. It returns True or the customer's name (1 to 64
            printable ASCII characters, stored in the token) to accept, and False or None to reject (-2018). Anything
            else, including a coroutine, gives -7008. None for an async server, which calls only `receive`.
        authorize: called with the `TokenSpec` and the customer's name (None if `authenticate` returned True). It raises
            a `TokenRequestError` to refuse. Any result but None gives -7008. Without it, a customer can send another
            customer's kid with a content key of its own.
        stored_key: called with the `TokenSpec` and the customer's name for an authorized request without a key. It
            returns 16 bytes for a request without `kek`, 24 wrapped bytes for one with `kek`, or None if no key is
            stored (-4019, status 400). Any bytes-like object is a key. Anything else gives -4019, status 500.
        path: must match exactly; a trailing slash makes another path.

    Raises:
        ValueError: the path does not begin with a slash.
        TypeError: an argument has a wrong type.

    A callback may raise a `TokenRequestError`; it is the response (-2019, -2030, -2031 and -7011 exist for this). Any
    other exception in a callback gives -7008, or -4019 in `stored_key`, with status 500 and no text of the exception.
    It is logged with its traceback under the logger "wvtoken".
    """

    __slots__ = ("_authenticate", "_authorize", "_issuer", "_path", "_stored_key")

    def __init__(
        self,
        issuer: Issuer,
        authenticate: Authenticate | None,
        *,
        authorize: Authorize | None = None,
        stored_key: StoredKey | None = None,
        path: str = "/hms/wv/token",
    ) -> None:
        if not isinstance(issuer, Issuer):
            raise TypeError(f"issuer must be an Issuer, not {type(issuer).__name__}")
        callbacks = {"authenticate": authenticate, "authorize": authorize, "stored_key": stored_key}
        for name, callback in callbacks.items():
            if callback is not None and not callable(callback):
                raise TypeError(f"{name} must be callable, not {type(callback).__name__}")
        _check_str("path", path)
        if not path.startswith("/"):
            raise ValueError("path must begin with a slash")
        self._issuer = issuer
        self._authenticate = authenticate
        self._authorize = authorize
        self._stored_key = stored_key
        self._path = path

    def respond(
        self,
        method: str,
        path: str,
        query: str | bytes = "",
        body: str | bytes = b"",
        content_type: str | None = None,
        *,
        now: float | None = None,
    ) -> Response:
        """Return the response to a request.

        Args:
            method: "GET" or "POST". Any other method, including HEAD and OPTIONS, gives 405.
            path: the decoded path, without the query.
            query: everything after the `?`, not decoded.
            body: the body of the request, not decoded. A GET may have one too.
            content_type: the Content-Type header. With a body, it must be "application/x-www-form-urlencoded" with any
                parameters, else -1. Without a body, it is ignored.
            now: UNIX seconds; None is the wall clock.

        Raises:
            TypeError: an argument has a wrong type, or the endpoint has no `authenticate`.
            ValueError: `now` is out of bounds.
        """
        if self._authenticate is None:
            raise TypeError("an endpoint without authenticate has only receive")
        now = None if now is None else unix_seconds(now)
        pending = self.receive(method, path, query, body, content_type)
        if isinstance(pending, Response):
            return pending
        authenticated: object
        try:
            authenticated = self._authenticate(pending.spec.customer_authenticator)
        except Exception as error:
            authenticated = error
        return pending._finish(authenticated, self._stored_key, now)

    def receive(
        self,
        method: str,
        path: str,
        query: str | bytes = "",
        body: str | bytes = b"",
        content_type: str | None = None,
    ) -> Pending | Response:
        """Parse a request. Return the response to an invalid one, else the request, not yet authenticated.

        The arguments are those of `respond`. No callback is called.

        Raises:
            TypeError: an argument has a wrong type.
        """
        _check_str("method", method)
        _check_str("path", path)
        if content_type is not None:
            _check_str("content_type", content_type)
        # Parsed first: the other errors are rendered in the format that the request asks for.
        request = self._issuer._parsed(query, body)
        if path != self._path:
            return not_found(request.error_format)
        if method not in METHODS:
            return method_not_allowed(request.error_format)
        if body and not _is_form(content_type):
            error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, f"the content type of a body must be {FORM}")
            return error_response(error, request.error_format)
        if isinstance(request, TokenRequestError):
            return error_response(request)
        return Pending(request, self._issuer, self._authorize)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A parsed request, not yet authenticated.

    Attributes:
        spec: the request. Authenticate `spec.customer_authenticator`.
    """

    spec: TokenSpec
    _issuer: Issuer = field(repr=False)
    _authorize: Authorize | None = field(repr=False)

    @property
    def needs_stored_key(self) -> bool:
        """Whether the request has no key, so that `respond` needs a stored one."""
        return self.spec.needs_stored_key

    def respond(
        self,
        authenticated: Authenticated | Exception,
        stored_key: BytesLike | Exception | None = None,
        *,
        now: float | None = None,
    ) -> Response:
        """Finish the request with the results of authentication and key lookup.

        Args:
            authenticated: the result of `TokenEndpoint`'s `authenticate`, or the exception that it raised.
            stored_key: the result of its `stored_key`, or the exception. Ignored unless `needs_stored_key`.
            now: UNIX seconds; None is the wall clock.

        The endpoint's `authorize`, if it has one, is called. To authorize the request yourself, pass the
        `TokenRequestError` that refuses it as `authenticated`.
        """
        now = None if now is None else unix_seconds(now)
        return self._finish(authenticated, {self.spec.kid: stored_key}, now)

    def _finish(
        self, authenticated: object, stored: StoredKey | dict[bytes, object] | None, now: float | None
    ) -> Response:
        try:
            customer = _customer(authenticated)
            if self._authorize is not None:
                _check_authorized(self._authorize(self.spec, customer))
            keys = stored if stored is None or isinstance(stored, dict) else lambda spec: stored(spec, customer)
            url = self._issuer.issue(self.spec, customer=customer, stored_keys=cast(StoredKeys, keys), now=now)
        except Exception as error:
            return _refused(error, self.spec.error_format)
        return token_response(url)


def _customer(authenticated: object) -> str | None:
    """Return the customer's name, or None if it has none. Raise the error of a customer who is not accepted.

    Only True itself accepts: a truthy accident must not authenticate anyone.
    """
    if isinstance(authenticated, Exception):
        raise authenticated
    if authenticated is True:
        return None
    if authenticated is False or authenticated is None:
        raise TokenRequestError(
            ErrorCode.INVALID_AUTHENTICATOR, "customerAuthenticator", "the service does not accept it"
        )
    if not isinstance(authenticated, str):
        raise wrong_answer("authenticate must return True, a customer's name, False or None", authenticated)
    return authenticated  # the Issuer checks its characters


def _check_authorized(answer: object) -> None:
    if answer is not None:
        raise wrong_answer("authorize must return None or raise a TokenRequestError", answer)


def _refused(error: Exception, error_format: ErrorFormat) -> Response:
    """Return the response for an error of a callback or of issuing. Log all but a TokenRequestError."""
    try:
        if isinstance(error, TokenRequestError):
            return error_response(released(error), error_format)
    except Exception as failure:  # the callback's error cannot be rendered
        error = failure
    log_failure("a license token request failed", error)
    failed = TokenRequestError(ErrorCode.LICENSE_GENERATION_FAILED, None, "the server failed: try again later")
    return error_response(failed, error_format)


def _is_form(content_type: str | None) -> bool:
    return content_type is not None and content_type.partition(";")[0].strip().lower() == FORM


def _check_str(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
