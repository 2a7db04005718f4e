"""`Issuer`: requests to license acquisition URLs. Composition only: parse, find the key, encode, seal."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from itertools import chain

from . import payload, sealing, values
from .batch import chunks, unix_seconds
from .errors import ErrorCode, TokenRequestError
from .keyring import KeyRing
from .keywrap import unwrap_keys
from .log import log_failure
from .spec import TokenSpec, read
from .token_text import PARAMETER

Request = TokenSpec | str | bytes
StoredKeys = Mapping[bytes, bytes] | Callable[[TokenSpec], bytes | None]
Lookup = Callable[[TokenSpec], bytes | None]

_LATEST_ISSUE = values.TIME_MAX - values.LIFETIME_MAX
"""Up to then, whatever a request says, its token expires before the calendar ends."""


class Issuer:
    """Issues tokens: a request in, a license acquisition URL out.

    Args:
        keyring: its active key seals.
        rights_url: where players redeem tokens: an http or https URL without query and fragment.
        audience: 0 to 64 printable ASCII characters that the redeemer must name too, such as "production".

    Raises:
        ValueError, TypeError: an argument is not that.

    The methods' keyword arguments:
        customer: the embedding server's name for whom the tokens are, 1 to 64 printable ASCII characters, carried in
            them.
        stored_keys: what the key storage holds: a mapping from kid, or a callable of the `TokenSpec`, that gives 16
            bytes in the clear to a request without `kek`, 24 wrapped bytes to one with it, and None for no key. It is
            asked only for requests that bring no key themselves.
        now: UNIX seconds; the wall clock when None.
    """

    __slots__ = ("_audience", "_keyring", "_prefix")

    def __init__(self, keyring: KeyRing, rights_url: str, *, audience: str = "") -> None:
        if not isinstance(keyring, KeyRing):
            raise TypeError(f"keyring must be a KeyRing, not {type(keyring).__name__}")
        self._keyring = keyring
        self._prefix = f"{_checked_url(rights_url)}?{PARAMETER}="
        self._audience = sealing.audience_bytes(audience)

    def issue(
        self,
        request: Request,
        *,
        customer: str | None = None,
        stored_keys: StoredKeys | None = None,
        now: float | None = None,
    ) -> str:
        """The URL for one request.

        Raises:
            TokenRequestError: what is wrong with the request.
            ValueError, TypeError: an argument is not what it has to be.
        """
        result = self.issue_many([request], customer=customer, stored_keys=stored_keys, now=now)[0]
        if isinstance(result, TokenRequestError):
            raise result
        return result

    def issue_many(
        self,
        requests: Iterable[Request],
        *,
        customer: str | None = None,
        stored_keys: StoredKeys | None = None,
        now: float | None = None,
    ) -> list[str | TokenRequestError]:
        """The URL, or what is wrong, for each request, in their order.

        Raises:
            ValueError, TypeError: an argument is not what it has to be; nothing has been issued then.
        """
        requests = list(requests)
        _check_requests(requests)
        moment = unix_seconds(now)
        return list(self.issue_iter(requests, customer=customer, stored_keys=stored_keys, now=moment))

    def issue_iter(
        self,
        requests: Iterable[Request],
        *,
        customer: str | None = None,
        stored_keys: StoredKeys | None = None,
        now: float | None = None,
    ) -> Iterator[str | TokenRequestError]:
        """The same, for streams: a chunk of requests at a time is taken and issued. The wall clock is read for each
        chunk.
        """
        _check_customer(customer)
        lookup = _lookup(stored_keys)
        fixed_now = None if now is None else unix_seconds(now)
        return chain.from_iterable(self._chunks(requests, customer, lookup, fixed_now))

    def _chunks(
        self, requests: Iterable[Request], customer: str | None, lookup: Lookup, now: int | None
    ) -> Iterator[list[str | TokenRequestError]]:
        for chunk in chunks(requests):
            yield self._issue_chunk(chunk, customer, lookup, unix_seconds(now))

    def _issue_chunk(
        self, requests: list[Request], customer: str | None, lookup: Lookup, now: int
    ) -> list[str | TokenRequestError]:
        payloads: list[bytes | TokenRequestError] = []
        encode, far = payload.encode, now > _LATEST_ISSUE
        wrapped: list[tuple[int, TokenSpec, bytes]] = []
        for request in requests:
            spec = request if isinstance(request, TokenSpec) else read(request)
            if isinstance(spec, TokenRequestError):
                payloads.append(spec)
                continue
            own = spec.content_key
            if own is not None and spec.expires_at is None and not far:
                # What most requests are, without another call.
                payloads.append(encode(spec, own, now, now + (spec.expires_in or values.LIFETIME_MAX), customer))
                continue
            key = own or _key_as_given(spec, lookup, now)
            if isinstance(key, bytes):
                if spec.kek is None:
                    key = _payload(spec, key, customer, now)
                else:
                    wrapped.append((len(payloads), spec, key))
            payloads.append(key)
        for place, spec, unwrapped in _unwrap(wrapped):
            payloads[place] = _payload(spec, unwrapped, customer, now) if isinstance(unwrapped, bytes) else unwrapped
        good = [item for item in payloads if isinstance(item, bytes)]
        urls = sealing.seal(self._keyring, self._audience, good, self._prefix)
        if len(urls) == len(payloads):
            return list(urls)
        rest = iter(urls)
        return [next(rest) if isinstance(item, bytes) else item for item in payloads]


# The steps of a chunk. An item that went wrong is its error from there on, and the later steps let it pass.


def _unwrap(wrapped: list[tuple[int, TokenSpec, bytes]]) -> Iterator[tuple[int, TokenSpec, bytes | TokenRequestError]]:
    keys = unwrap_keys([spec.kek or b"" for _, spec, _ in wrapped], [key for _, _, key in wrapped])
    for (place, spec, _), key in zip(wrapped, keys, strict=True):
        good = isinstance(key, bytes)
        yield place, spec, key if good else _fault(spec, ErrorCode.INVALID_ENCRYPTED_KEY, _key_parameter(spec))


def _key_as_given(spec: TokenSpec, lookup: Lookup, now: int) -> bytes | TokenRequestError:
    """The key of a request without contentKey; wrapped, when there is a kek."""
    if spec.ek is not None:
        return spec.ek
    expires_at = _expires_at(spec, now)
    if isinstance(expires_at, TokenRequestError):
        return expires_at  # before the key storage is asked for nothing
    try:
        return _stored_key(spec, lookup)
    except TokenRequestError as error:
        return _as_asked(spec, error.with_traceback(None))


def _as_asked(spec: TokenSpec, error: TokenRequestError) -> TokenRequestError:
    """The error, rendered as this request asks; another one if it differs, for a storage may keep one for all."""
    if error.error_format == spec.error_format:
        return error
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__, error_format=spec.error_format)
    own.__cause__ = error.__cause__
    return own


def _stored_key(spec: TokenSpec, lookup: Lookup) -> bytes:
    failure = None
    try:
        key = lookup(spec)
    except TokenRequestError:
        raise
    except Exception as error:
        failure = error
    else:
        if isinstance(key, Coroutine):
            key.close()  # it is no answer, and nobody is going to await it
        if key is not None and not isinstance(key, bytes):
            failure = TypeError(f"a stored key must be bytes or None, not {type(key).__name__}")
    if failure is not None:
        log_failure("the key storage failed", failure)
        raise TokenRequestError(ErrorCode.KEY_STORAGE_FAILED, "kid") from failure
    if key is None:
        raise TokenRequestError(ErrorCode.KEY_STORAGE_FAILED, "kid")
    if len(key) != (values.CONTENT_KEY_BYTES if spec.kek is None else values.WRAPPED_KEY_BYTES):
        raise TokenRequestError(ErrorCode.INVALID_ENCRYPTED_KEY, _key_parameter(spec))
    return key


def _payload(spec: TokenSpec, key: bytes, customer: str | None, now: int) -> bytes | TokenRequestError:
    expires_at = _expires_at(spec, now)
    if isinstance(expires_at, TokenRequestError):
        return expires_at
    return payload.encode(spec, key, now, expires_at, customer)


def _expires_at(spec: TokenSpec, now: int) -> int | TokenRequestError:
    if spec.expires_at is None:
        expires_at = now + (spec.expires_in or values.LIFETIME_MAX)
        return expires_at if expires_at <= values.TIME_MAX else _invalid_time(spec, "lies after the year 9999")
    if spec.expires_at <= now:
        return _invalid_time(spec, "has passed")
    if spec.expires_at - now > values.LIFETIME_MAX:
        return _invalid_time(spec, "lies more than 30 days ahead")
    return spec.expires_at


def _invalid_time(spec: TokenSpec, details: str) -> TokenRequestError:
    return _fault(spec, ErrorCode.INVALID_EXPIRATION_TIME, "expirationTime", details)


def _fault(spec: TokenSpec, code: ErrorCode, parameter: str, details: str | None = None) -> TokenRequestError:
    error = TokenRequestError(code, parameter, details)
    error.error_format = spec.error_format
    return error


def _key_parameter(spec: TokenSpec) -> str:
    """Which parameter is at fault when a key does not unwrap: of a stored key, only the kek came with the request."""
    return "kek" if spec.ek is None else "ek"


# Arguments.


def _check_requests(requests: list[Request]) -> None:
    for type_ in set(map(type, requests)):
        if not issubclass(type_, (TokenSpec, str, bytes)):
            raise TypeError(f"a request is a TokenSpec, str or bytes, not {type_.__name__}")


def _check_customer(customer: str | None) -> None:
    if customer is None:
        return
    if not isinstance(customer, str):
        raise TypeError(f"customer must be str, not {type(customer).__name__}")
    if not values.is_printable(customer, values.CUSTOMER_MAX):
        raise ValueError(f"a customer is 1 to {values.CUSTOMER_MAX} printable ASCII characters")


def _lookup(stored_keys: StoredKeys | None) -> Lookup:
    if stored_keys is None:
        return lambda spec: None
    if isinstance(stored_keys, Mapping):
        return lambda spec: stored_keys.get(spec.kid)
    if callable(stored_keys):
        return stored_keys
    raise TypeError(f"stored_keys must be a mapping or a callable, not {type(stored_keys).__name__}")


def _checked_url(url: str) -> str:
    if not isinstance(url, str):
        raise TypeError(f"rights_url must be str, not {type(url).__name__}")
    if not _is_rights_url(url):
        raise ValueError("rights_url must be an http or https URL without query and fragment")
    return url


def _is_rights_url(url: str) -> bool:
    if not values.is_printable(url, len(url)) or set(url) & set(' ?#"<>\\^`{|}'):
        return False
    try:
        from urllib.parse import urlsplit  # noqa: PLC0415

        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
