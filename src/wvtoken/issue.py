"""`Issuer`: requests to license acquisition URLs. It connects the steps: parse, find the key, encode, seal.

The fast path in C handles valid requests in their usual form. All others are handed back to the reference in Python,
which defines every result and every error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from . import contents, payload, sealing, values
from .batch import CHUNK, checked, chunks, source, unix_seconds
from .callbacks import log_failure, released, wrong_answer
from .errors import ErrorCode, TokenRequestError
from .keyring import KeyRing, checked_keyring
from .keywrap import unwrap_keys
from .parameters import may_be_shown
from .parsed import from_parsed
from .spec import TokenSpec, check_unknown, read, unknown_error
from .token_text import PARAMETER

if TYPE_CHECKING:
    from .engine.issuing import FastIssuer

BytesLike = bytes | bytearray | memoryview
Request = TokenSpec | str | bytes
"""A request, as the client sent it or as a `TokenSpec`."""
StoredKeys = Mapping[bytes, BytesLike] | Callable[[TokenSpec], BytesLike | None]
"""The key storage: a mapping from kid, or a callable of the `TokenSpec`."""
Lookup = Callable[[TokenSpec], object]

_KINDS = (TokenSpec, str, bytes)
_FAST_NOW_MAX = values.TIME_MAX - values.LIFETIME_MAX
"""Up to this time, every relative expiry is before the year 10000."""


class _Common(NamedTuple):
    """The arguments that all requests of a call share."""

    customer: str | None
    lookup: Lookup
    keys_by_kid: Mapping[bytes, BytesLike] | None

    @property
    def customer_bytes(self) -> bytes:
        return b"" if self.customer is None else self.customer.encode()


class Issuer:
    """Issues tokens: returns a license acquisition URL for each request.

    Args:
        keyring: its active key seals.
        rights_url: where players redeem tokens: an http or https URL without query and fragment.
        audience: 0 to 64 printable ASCII characters, such as "production". The redeemer must use the same audience.
        unknown: "forbid" makes an unknown parameter error -1, after all other errors of the request. Its details
            suggest the closest known name. "ignore" accepts unknown parameters.

    Raises:
        ValueError: `rights_url`, `audience` or `unknown` is invalid.
        TypeError: an argument has a wrong type.
        EngineUnavailable: no engine works on this machine.

    The methods have these keyword arguments:
        customer: your name for the customer, 1 to 64 printable ASCII characters, stored in the token.
        stored_keys: the key storage, for requests with neither contentKey nor ek. It is a mapping from kid, or a
            callable of the `TokenSpec`. It returns 16 bytes for a request without `kek`, 24 wrapped bytes for one with
            `kek`, or None if no key is stored (-4019, status 400). Any bytes-like object is a key. A mapping does not
            look at the caller: every caller gets every key. Use a callable to limit a customer to its own keys.
        now: UNIX seconds; None is the wall clock.
    """

    __slots__ = ("_audience", "_fast", "_forbids_unknown", "_keyring", "_prefix")

    def __init__(
        self, keyring: KeyRing, rights_url: str, *, audience: str = "", unknown: Literal["ignore", "forbid"] = "ignore"
    ) -> None:
        self._keyring = checked_keyring(keyring)
        self._prefix = f"{_checked_url(rights_url)}?{PARAMETER}="
        self._audience = sealing.audience_bytes(audience)
        check_unknown(unknown)
        self._forbids_unknown = unknown == "forbid"
        self._fast = sealing.fast_issuer(self._keyring, self._audience, self._prefix, self._forbids_unknown)

    def issue(
        self,
        request: Request,
        *,
        customer: str | None = None,
        stored_keys: StoredKeys | None = None,
        now: float | None = None,
    ) -> str:
        """Return the URL for one request.

        Raises:
            TokenRequestError: the request is invalid, or its key was not found.
            ValueError, TypeError: an argument is invalid.
        """
        common = _common(customer, stored_keys)
        moment = unix_seconds(now)
        if type(request) not in _KINDS:
            (request,) = checked("requests", [request], _KINDS)
        url = self._issue_fast(request, common, moment)
        if url is not None:
            return url
        (result,) = self._issue_chunk([request], common, moment)
        if isinstance(result, TokenRequestError):
            try:
                raise result
            finally:
                del result  # the traceback refers to this frame: no reference cycle
        return result

    def issue_many(
        self,
        requests: Iterable[Request],
        *,
        customer: str | None = None,
        stored_keys: StoredKeys | None = None,
        now: float | None = None,
    ) -> list[str | TokenRequestError]:
        """Return the URL or the error of each request, in the same order.

        Raises:
            ValueError, TypeError: an argument or the type of a request is invalid. No token has been issued then.
        """
        items = checked("requests", list(source("requests", requests)), _KINDS)
        moment, common = unix_seconds(now), _common(customer, stored_keys)
        results: list[str | TokenRequestError] = []
        for start in range(0, len(items), CHUNK):
            results += self._issue_chunk(items[start : start + CHUNK], common, moment)
        return results

    def issue_iter(
        self,
        requests: Iterable[Request],
        *,
        customer: str | None = None,
        stored_keys: StoredKeys | None = None,
        now: float | None = None,
    ) -> Iterator[str | TokenRequestError]:
        """Lazy version of `issue_many`: reads and issues requests in chunks.

        Without `now`, the clock is read for each chunk.
        """
        common = _common(customer, stored_keys)
        fixed_now = None if now is None else unix_seconds(now)
        return self._issued(source("requests", requests), common, fixed_now)

    def _issued(
        self, requests: Iterator[Request], common: _Common, now: int | None
    ) -> Iterator[str | TokenRequestError]:
        # A generator, not chain.from_iterable: CPython frees chain's generator while it runs if an item is requested
        # during its own computation.
        for chunk in chunks("requests", requests, _KINDS):
            yield from self._issue_chunk(chunk, common, unix_seconds(now))

    def _issue_fast(self, request: Request, common: _Common, now: int) -> str | None:
        """Return the URL of one request by the fast path, or None if the request is handed back."""
        if self._fast is None:
            return None
        if not isinstance(request, TokenSpec):
            text = request if isinstance(request, bytes) else request.encode() if request.isascii() else b""
            return self._fast.issue(text, now, common.customer_bytes)
        key = request.content_key
        forbidden = self._forbids_unknown and request.unknown
        if key is None or request.expires_at is not None or now > _FAST_NOW_MAX or forbidden:
            return None
        expires_at = now + (request.expires_in or values.LIFETIME_MAX)
        return self._fast.seal(payload.encode(request, key, now, expires_at, common.customer))

    def _issue_chunk(self, requests: list[Request], common: _Common, now: int) -> list[str | TokenRequestError]:
        results = self._issue_chunk_fast(requests, common, now)
        if set(map(type, results)) != {str}:
            places = [place for place, result in enumerate(results) if type(result) is not str]
            rest = self._issue_by_reference([requests[place] for place in places], common, now)
            for place, result in zip(places, rest, strict=True):
                results[place] = result
        return cast(list[str | TokenRequestError], results)

    def _issue_chunk_fast(self, requests: list[Request], common: _Common, now: int) -> list[Any]:
        """Return the URLs of the requests that the fast path handles, and None or a kid for the others."""
        if self._fast is None:
            return [None] * len(requests)
        kinds = set(map(type, requests))
        if TokenSpec not in kinds:
            return _issue_texts_fast(self._fast, cast(list[str | bytes], requests), common, now)
        if kinds == {TokenSpec}:
            return self._issue_specs_fast(self._fast, cast(list[TokenSpec], requests), common, now)
        return [self._issue_fast(request, common, now) for request in requests]

    def _issue_specs_fast(
        self, path: FastIssuer, specs: list[TokenSpec], common: _Common, now: int
    ) -> list[str | None]:
        """Return the URLs of specs, and None for those that are handed back."""
        forbids, in_time = self._forbids_unknown, now <= _FAST_NOW_MAX
        usual = [
            spec.content_key is not None and spec.expires_at is None and in_time and not (forbids and spec.unknown)
            for spec in specs
        ]
        some = specs if all(usual) else [spec for spec, is_usual in zip(specs, usual, strict=True) if is_usual]
        urls = path.seal_many(contents.of_specs(some, now, common.customer)) if some else []
        if len(urls) == len(specs):
            return cast(list[str | None], urls)
        rest = iter(urls)
        return [next(rest) if is_usual else None for is_usual in usual]

    def _issue_by_reference(self, requests: list[Request], common: _Common, now: int) -> list[str | TokenRequestError]:
        payloads: list[bytes | TokenRequestError] = []
        wrapped: list[tuple[int, TokenSpec, bytes]] = []
        for request in requests:
            spec = self._allowed(request if isinstance(request, TokenSpec) else read(request))
            if isinstance(spec, TokenRequestError):
                payloads.append(spec)
                continue
            key = spec.content_key or _key_as_given(spec, common.lookup, now)
            if isinstance(key, bytes):
                if spec.kek is None:
                    key = _payload(spec, key, common.customer, now)
                else:
                    wrapped.append((len(payloads), spec, key))
            payloads.append(key)
        for place, spec, unwrapped in _unwrap(wrapped):
            if isinstance(unwrapped, bytes):
                payloads[place] = _payload(spec, unwrapped, common.customer, now)
            else:
                payloads[place] = unwrapped
        return cast(list[str | TokenRequestError], self._sealed(payloads))

    def _parsed(self, query: str | bytes, body: str | bytes) -> TokenSpec | TokenRequestError:
        """Parse a request, by the fast path if it is a usual one."""
        text = _joined(query, body)
        parsed = None if self._fast is None or text is None else self._fast.parse(text)
        return self._allowed(read(query, body)) if parsed is None else from_parsed(*parsed)

    def _allowed(self, spec: TokenSpec | TokenRequestError) -> TokenSpec | TokenRequestError:
        """Return the spec, or the error of its unknown parameters if this issuer forbids them."""
        if self._forbids_unknown and isinstance(spec, TokenSpec) and spec.unknown:
            return unknown_error(spec)
        return spec

    def _sealed(self, payloads: Sequence[bytes | TokenRequestError | None]) -> list[Any]:
        """Replace each payload by its URL. Other items remain."""
        good = [item for item in payloads if type(item) is bytes]
        urls = sealing.seal(self._keyring, self._audience, good, self._prefix)
        if len(urls) == len(payloads):
            return urls
        rest = iter(urls)
        return [next(rest) if type(item) is bytes else item for item in payloads]


def _issue_texts_fast(
    path: FastIssuer, texts: list[str | bytes], common: _Common, now: int
) -> list[str | bytes | None]:
    """Return the URL of each request, the kid of a request that needs a stored key, or None if it is handed back."""
    found = path.issue_many(texts, now, common.customer_bytes)
    if common.keys_by_kid is not None and bytes in set(map(type, found)):
        places, keys = _stored_keys(found, common.keys_by_kid)
        some = [texts[place] for place in places]
        for place, url in zip(places, path.issue_many(some, now, common.customer_bytes, keys), strict=True):
            found[place] = url
    return found


def _stored_keys(
    found: list[str | bytes | None], keys_by_kid: Mapping[bytes, BytesLike]
) -> tuple[list[int], list[bytes]]:
    """Return the places of kids whose stored key can be used as it is, and these keys."""
    places, keys = [], []
    for place, kid in enumerate(found):
        if isinstance(kid, bytes):
            try:
                key = keys_by_kid.get(kid)
            except Exception:  # noqa: S112  # the reference asks again, and logs the failure
                continue
            if type(key) is bytes and len(key) in (values.CONTENT_KEY_BYTES, values.WRAPPED_KEY_BYTES):
                places.append(place)
                keys.append(key)
    return places, keys


def _joined(query: str | bytes, body: str | bytes) -> bytes | None:
    """Return a request as one list of parameters, or None if it is not ASCII or has another type."""
    if type(body) is bytes and not query and isinstance(query, (str, bytes)):
        return body  # the usual POST
    parts = []
    for part in (query, body):
        if type(part) is str and part.isascii():
            parts.append(part.encode())
        elif type(part) is bytes:
            parts.append(part)
        else:
            return None
    return b"&".join(filter(None, parts))


# The steps of a chunk. An item with an error is replaced by its error, and later steps skip it.


def _unwrap(wrapped: list[tuple[int, TokenSpec, bytes]]) -> Iterator[tuple[int, TokenSpec, bytes | TokenRequestError]]:
    keys = unwrap_keys([spec.kek or b"" for _, spec, _ in wrapped], [key for _, _, key in wrapped])
    for (place, spec, _), key in zip(wrapped, keys, strict=True):
        yield place, spec, key if isinstance(key, bytes) else _not_unwrapped(spec)


def _not_unwrapped(spec: TokenSpec) -> TokenRequestError:
    if spec.ek is None:
        return _fault(spec, ErrorCode.INVALID_ENCRYPTED_KEY, "kek", "kek must be the key that wrapped the stored key")
    return _fault(spec, ErrorCode.INVALID_ENCRYPTED_KEY, "ek", "ek must be a key wrapped with kek (RFC 3394)")


def _key_as_given(spec: TokenSpec, lookup: Lookup, now: int) -> bytes | TokenRequestError:
    """Return the key of a request without contentKey. It is wrapped if the request has a kek."""
    if spec.ek is not None:
        return spec.ek
    expires_at = _expires_at(spec, now)
    if isinstance(expires_at, TokenRequestError):
        return expires_at  # without a needless query of the key storage
    try:
        answer = lookup(spec)
    except Exception as error:  # any failure of the storage is this item's error
        answer = error
    return _stored_key(spec, answer)


def _stored_key(spec: TokenSpec, answer: object) -> bytes | TokenRequestError:
    """Return the stored key, or the error for what the key storage returned or raised."""
    if isinstance(answer, TokenRequestError):
        return _for_request(spec, released(answer))
    if answer is None:
        details = "no key is stored for this kid"
        return _for_request(spec, TokenRequestError(ErrorCode.KEY_STORAGE_FAILED, "kid", details, status=400))
    key = _bytes_of(answer)
    if isinstance(key, Exception):
        log_failure("the key storage failed", key)
        error = _fault(spec, ErrorCode.KEY_STORAGE_FAILED, "kid", "the key storage failed: try again later")
        error.__cause__ = key
        return error
    if spec.kek is None and len(key) != values.CONTENT_KEY_BYTES:
        return _fault(spec, ErrorCode.INVALID_ENCRYPTED_KEY, "kek", "the stored key is wrapped: send its kek")
    if spec.kek is not None and len(key) != values.WRAPPED_KEY_BYTES:
        return _fault(spec, ErrorCode.INVALID_ENCRYPTED_KEY, "kek", "the stored key is not wrapped: send no kek")
    return key


def _bytes_of(answer: object) -> bytes | Exception:
    """Return the key in a bytes-like object, or the failure of the key storage."""
    if isinstance(answer, Exception):
        return answer
    try:
        key = bytes(memoryview(answer))  # type: ignore[arg-type]
    except TypeError:
        return wrong_answer("a stored key must be bytes-like or None", answer)
    except Exception as error:  # a view of the storage's memory may be invalid
        return error
    if len(key) in (values.CONTENT_KEY_BYTES, values.WRAPPED_KEY_BYTES):
        return key
    return ValueError(f"a stored key must have 16 bytes, or 24 if it is wrapped, not {len(key)}")


def _payload(spec: TokenSpec, key: bytes, customer: str | None, now: int) -> bytes | TokenRequestError:
    expires_at = _expires_at(spec, now)
    if isinstance(expires_at, TokenRequestError):
        return expires_at
    return payload.encode(spec, key, now, expires_at, customer)


def _expires_at(spec: TokenSpec, now: int) -> int | TokenRequestError:
    if spec.expires_at is None:
        expires_at = now + (spec.expires_in or values.LIFETIME_MAX)
        if expires_at > values.TIME_MAX:
            return _invalid_time(spec, "the token must expire before the year 10000")
        return expires_at
    if spec.expires_at <= now:
        return _invalid_time(spec, "the time must be in the future")
    if spec.expires_at - now > values.LIFETIME_MAX:
        return _invalid_time(spec, "the time must be at most 30 days in the future")
    return spec.expires_at


def _invalid_time(spec: TokenSpec, details: str) -> TokenRequestError:
    return _fault(spec, ErrorCode.INVALID_EXPIRATION_TIME, "expirationTime", details)


def _fault(spec: TokenSpec, code: ErrorCode, parameter: str, details: str) -> TokenRequestError:
    return _for_request(spec, TokenRequestError(code, parameter, details))


def _for_request(spec: TokenSpec, error: TokenRequestError) -> TokenRequestError:
    """Return the error with the format and the unknown names of its request.

    A key storage may raise one error for all requests. So the error is copied instead of changed.
    """
    unknown = tuple(filter(may_be_shown, spec.unknown))
    if (error.error_format, error.unknown) == (spec.error_format, unknown):
        return error
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__, error_format=spec.error_format, unknown=unknown)
    own.__cause__ = error.__cause__
    return own


# Arguments.


def _common(customer: str | None, stored_keys: StoredKeys | None) -> _Common:
    if customer is None and stored_keys is None:
        return _NOTHING_GIVEN
    return _Common(_checked_customer(customer), *_storage(stored_keys))


def _checked_customer(customer: str | None) -> str | None:
    if customer is None:
        return None
    if not isinstance(customer, str):
        raise TypeError(f"customer must be str, not {type(customer).__name__}")
    customer = values.exact(customer)
    if not values.is_printable(customer, values.CUSTOMER_MAX):
        raise ValueError(f"customer must be 1 to {values.CUSTOMER_MAX} printable ASCII characters")
    return customer


def _storage(stored_keys: StoredKeys | None) -> tuple[Lookup, Mapping[bytes, BytesLike] | None]:
    """Return the key storage as a callable, and as a mapping if it is one."""
    if stored_keys is None:
        return _no_key, None
    if isinstance(stored_keys, Mapping):
        return (lambda spec: stored_keys.get(spec.kid)), stored_keys
    if not callable(stored_keys):
        raise TypeError(f"stored_keys must be a mapping or a callable, not {type(stored_keys).__name__}")
    if iscoroutinefunction(stored_keys) or iscoroutinefunction(type(stored_keys).__call__):
        raise TypeError("stored_keys must not be an async function: look the keys up first and pass a mapping")
    return stored_keys, None


def _no_key(_: TokenSpec) -> None:
    return None


_NOTHING_GIVEN = _Common(None, _no_key, None)


def _checked_url(url: str) -> str:
    if not isinstance(url, str):
        raise TypeError(f"rights_url must be str, not {type(url).__name__}")
    url = values.exact(url)
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
