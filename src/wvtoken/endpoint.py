"""`TokenEndpoint`: method, path, query and body in, `Response` out. No sockets: servers embed it.

A server with blocking callbacks calls `respond`. An async server calls `receive`, asks its own storage, and hands what
it heard to `Pending.respond`. Both go the same way: route, parse, authenticate, find the key, issue.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from .errors import ErrorCode, TokenRequestError
from .issue import Issuer
from .log import log_failure
from .response import METHODS, Response, error_response, method_not_allowed, not_found, token_response
from .spec import TokenSpec, parse

FORM = "application/x-www-form-urlencoded"

Authenticated = bool | str | None
"""True, or the customer's name: yes. False or None: no."""
Authenticate = Callable[[str], Authenticated]
StoredKey = Callable[[TokenSpec], bytes | None]

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class TokenEndpoint:
    """The interface behind one path of an HTTP server.

    Args:
        issuer: issues the tokens.
        authenticate: is called with the request's customerAuthenticator. True, or the customer's name (1 to 64
            printable ASCII characters, carried in the token), lets the caller in; False or None is -2018. A
            `TokenRequestError` that it raises is the answer as it stands (-2019, -2030, -2031, -7011 are for it to
            raise). Any other exception, and any other answer, a coroutine above all, lets nobody in: -7008. None for an
            async server, which calls `receive` only.
        stored_key: is called with the `TokenSpec` of an authenticated request that brings no key itself, and gives what
            the key storage holds: 16 bytes in the clear to a request without `kek`, 24 wrapped bytes to one with it,
            None for no key (-4019). A `TokenRequestError` that it raises stands; any other exception, and any other
            answer, is -4019.
        path: where the interface is. It has to match exactly; a trailing slash is another path.

    Raises:
        TypeError: an argument is not that. ValueError: the path does not begin with a slash.

    What the server's own code did wrong, and anything that fails in issuing (-7008), is status 500 for the caller, who
    sees nothing of it, and is logged with its traceback under the logger "wvtoken".
    """

    __slots__ = ("_authenticate", "_issuer", "_path", "_stored_key")

    def __init__(
        self,
        issuer: Issuer,
        authenticate: Authenticate | None,
        *,
        stored_key: StoredKey | None = None,
        path: str = "/hms/wv/token",
    ) -> None:
        if not isinstance(issuer, Issuer):
            raise TypeError(f"issuer must be an Issuer, not {type(issuer).__name__}")
        for name, callback in (("authenticate", authenticate), ("stored_key", stored_key)):
            if callback is not None and not callable(callback):
                raise TypeError(f"{name} must be callable, not {type(callback).__name__}")
        _check_str("path", path)
        if not path.startswith("/"):
            raise ValueError("path must begin with a slash")
        self._issuer = issuer
        self._authenticate = None if authenticate is None else _closing(authenticate)
        self._stored_key = None if stored_key is None else _closing(stored_key)
        self._path = path

    def respond(
        self,
        method: str,
        path: str,
        query: str | bytes = "",
        body: str | bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """The response to a request.

        Args:
            method: "GET" or "POST", and any other for a 405; HEAD and OPTIONS too.
            path: as the server decoded it, without the query.
            query: what follows the `?`, as it was sent.
            body: the entity body, as it was sent; a GET may have one too.
            content_type: the Content-Type header. A body needs "application/x-www-form-urlencoded", whatever its
                parameters, or is -1; without a body it is not looked at.

        Raises:
            TypeError: an argument is of another type, or the endpoint has no `authenticate`.
        """
        if self._authenticate is None:
            raise TypeError("an endpoint without authenticate has receive only")
        pending = self.receive(method, path, query, body, content_type)
        if isinstance(pending, Response):
            return pending
        return pending._answer(self._authenticate, self._stored_key)

    def receive(
        self,
        method: str,
        path: str,
        query: str | bytes = "",
        body: str | bytes = b"",
        content_type: str | None = None,
    ) -> Pending | Response:
        """The first half of `respond`, with its arguments: the response where there is one already, else a request that
        waits to hear who sent it. No callback is called.

        Raises:
            TypeError: an argument is of another type.
        """
        _check_str("method", method)
        _check_str("path", path)
        if content_type is not None:
            _check_str("content_type", content_type)
        # Read before anything is refused, for the format in which to refuse it.
        request = _read(query, body)
        if path != self._path:
            return not_found(request.error_format)
        if method not in METHODS:
            return method_not_allowed(request.error_format)
        if body and not _is_form(content_type):
            error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, f"the content type of a body must be {FORM}")
            return error_response(error, request.error_format)
        if isinstance(request, TokenRequestError):
            return error_response(request)
        return Pending(request, self._issuer)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A request that was understood and waits for what the server knows: who sent it, and perhaps a key.

    Attributes:
        spec: the request. `spec.customer_authenticator` is whom to authenticate.
    """

    spec: TokenSpec
    _issuer: Issuer = field(repr=False)

    @property
    def needs_stored_key(self) -> bool:
        """Whether the key has to come from the key storage: the request brings none."""
        return self.spec.content_key is None and self.spec.ek is None

    def respond(
        self, authenticated: Authenticated | Exception, stored_key: bytes | Exception | None = None
    ) -> Response:
        """The response, now that this is known.

        Args:
            authenticated: what `TokenEndpoint`'s `authenticate` would have returned, or the exception that it would
                have raised.
            stored_key: the same for its `stored_key`; looked at when `needs_stored_key`.
        """
        return self._answer(_giving(authenticated), _giving(stored_key))

    def _answer(self, authenticate: Authenticate, stored_key: StoredKey | None) -> Response:
        try:
            customer = _customer(authenticate(self.spec.customer_authenticator))
            url = self._issuer.issue(self.spec, customer=customer, stored_keys=stored_key)
        except TokenRequestError as error:
            # Without its traceback: a server may keep one exception for all requests, which must not keep theirs.
            return error_response(error.with_traceback(None), self.spec.error_format)
        except Exception as failure:
            log_failure("a license token request failed", failure)
            return error_response(TokenRequestError(ErrorCode.LICENSE_GENERATION_FAILED), self.spec.error_format)
        return token_response(url)


def _customer(authenticated: object) -> str | None:
    """The customer's name, None when it has none, of an answer that is yes.

    By identity: nobody gets in by a truthy accident.
    """
    if authenticated is True:
        return None
    if authenticated is False or authenticated is None:
        raise TokenRequestError(ErrorCode.INVALID_AUTHENTICATOR, "customerAuthenticator")
    if not isinstance(authenticated, str):
        answer = type(authenticated).__name__
        raise TypeError(f"authenticate must give True, a customer's name, False or None, not {answer}")
    return authenticated  # whether it can be a name, the Issuer says


def _read(query: str | bytes, body: str | bytes) -> TokenSpec | TokenRequestError:
    try:
        return parse(query, body)
    except TokenRequestError as error:
        return error.with_traceback(None)


def _is_form(content_type: str | None) -> bool:
    return content_type is not None and content_type.partition(";")[0].strip().lower() == FORM


def _check_str(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")


# Answers of callbacks. A coroutine is none, and is closed: it is refused, and Python does not warn that nobody awaited
# it.


def _closing(callback: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
    """The callback, with a coroutine that it answers closed."""

    def closing(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
        answer = callback(*args, **kwargs)
        _close(answer)
        return answer

    return closing


def _giving(answer: _Answer | Exception) -> Callable[[object], _Answer]:
    """A callback that gives this answer, or raises it."""
    _close(answer)

    def giving(_: object) -> _Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return giving


def _close(answer: object) -> None:
    if isinstance(answer, Coroutine):
        answer.close()
