"""`TokenSpec`, the immutable result of reading a request; `parse` makes one, `to_query` writes one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from . import parameters
from .errors import ErrorFormat, TokenRequestError
from .query import pieces
from .values import TIME_MAX, TIME_MIN, Extension, HdcpOutputControl, SecurityLevel


@dataclass(frozen=True, kw_only=True, repr=False)
class TokenSpec:
    """What a license token request asks for.

    Immutable, hashable and comparable (by everything but `unknown`). Building one by keyword checks it by the same
    grammar that reads requests, and `dataclasses.replace` does so too. The repr shows neither key nor authenticator.

    Attributes:
        customer_authenticator: the caller's API key, 1 to 256 printable ASCII characters.
        kid: the key id, 16 bytes. May be left out beside `kid_name`.
        kid_name: the string after `^` that the kid was made from, 1 to 64 printable ASCII characters.
        content_key: the content key itself, 16 bytes.
        kek: the key encryption key, 16, 24 or 32 bytes.
        ek: the content key wrapped with `kek` (RFC 3394), 24 bytes.
        content_id: 1 to 1024 characters.
        general_flags: 0, the only value there is.
        security_level: the robustness that the player must have.
        hdcp_output_control: the HDCP that the output must have.
        license_duration: seconds from the start of playback, 1 to 4294967295; None is unlimited.
        extensions: in the order of the request.
        expires_at: when the token expires, in UNIX seconds.
        expires_in: the same, in seconds from issuance, 1 to 2592000. With neither, 30 days.
        cookie: 1 to 32 characters, carried in the token for logs.
        error_format: how errors are to be rendered.
        unknown: names of parameters that were ignored.

    Raises:
        TokenRequestError: a value is not one that a request may have; with the code that the request would get.
        TypeError: a value is of another type.
    """

    customer_authenticator: str
    error_format: ErrorFormat = ErrorFormat.HTML
    general_flags: int = 0
    kid: bytes = b""
    kid_name: str | None = None
    kek: bytes | None = None
    ek: bytes | None = None
    content_key: bytes | None = None
    content_id: str | None = None
    security_level: SecurityLevel
    hdcp_output_control: HdcpOutputControl
    license_duration: int | None = None
    extensions: tuple[Extension, ...] = ()
    expires_at: int | None = None
    expires_in: int | None = None
    cookie: str | None = None
    unknown: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        _check_types(self)
        # What a spec may hold is what the grammar reads: written as a request would write it, and read again.
        fields: dict[str, object] = {}
        fault = parameters.read([f"{name}={value}" for name, value in _pairs(self)], fields)
        if fault is not None:
            raise fault
        object.__setattr__(self, "__dict__", fields | {"unknown": self.unknown})

    def to_query(self) -> str:
        """The canonical query of a request for this spec: `parse(spec.to_query()) == spec`.

        It holds the authenticator and the keys.
        """
        from urllib.parse import quote, urlencode  # noqa: PLC0415

        return urlencode(list(_pairs(self)), quote_via=quote)

    def __repr__(self) -> str:
        shown = (
            f"{name}={_shown(name, getattr(self, name))}"
            for name in self.__dataclass_fields__
            if name not in _DEFAULTS or getattr(self, name) != _DEFAULTS[name]
        )
        return f"TokenSpec({', '.join(shown)})"


def parse(query: str | bytes = "", body: str | bytes = "") -> TokenSpec:
    """Read a request: its query (what follows the `?`) and its form-urlencoded body, as one list of parameters.

    Raises:
        TokenRequestError: the first fault in the order of the grammar. Its `error_format` is what the request asked
        for. TypeError: neither str nor bytes.
    """
    # Made without __init__, which would check again what the grammar has just read. A field that the request does not
    # set has its default from the class.
    spec = object.__new__(TokenSpec)
    fault = parameters.read(pieces(query, body), spec.__dict__)
    if fault is not None:
        raise fault
    return spec


def read(query: str | bytes) -> TokenSpec | TokenRequestError:
    """`parse`, for batches: what it would raise is the result."""
    spec = object.__new__(TokenSpec)
    try:
        fault = parameters.read(pieces(query, ""), spec.__dict__)
    except TokenRequestError as error:
        return error.with_traceback(None)
    return spec if fault is None else fault


_DEFAULTS = {entry.name: entry.default for entry in fields(TokenSpec) if entry.default not in (MISSING, b"")}
_SECRETS = {"customer_authenticator", "kek", "ek", "content_key"}
_TYPES: dict[type, tuple[str, ...]] = {
    str: ("customer_authenticator", "error_format", "kid_name", "content_id", "cookie"),
    bytes: ("kid", "kek", "ek", "content_key"),
    int: ("general_flags", "security_level", "hdcp_output_control", "license_duration", "expires_at", "expires_in"),
    tuple: ("extensions", "unknown"),
}
_EPOCH = datetime(1970, 1, 1)


def _check_types(spec: TokenSpec) -> None:
    for expected, names in _TYPES.items():
        for name in names:
            value = getattr(spec, name)
            if value is None and _DEFAULTS.get(name, ...) is None:
                continue
            if not isinstance(value, expected) or isinstance(value, bool):
                raise TypeError(f"{name} must be {expected.__name__}, not {type(value).__name__}")
    for extension in spec.extensions:
        if not (isinstance(extension, Extension) and isinstance(extension.type, bytes)):
            raise TypeError("extensions must be Extension(type: bytes, payload: bytes)")
        if not isinstance(extension.payload, bytes):
            raise TypeError("an extension's payload must be bytes")
    if not all(isinstance(name, str) for name in spec.unknown):
        raise TypeError("unknown must be names")


def _pairs(spec: TokenSpec) -> Iterator[tuple[str, str]]:
    """The request for a spec, in the order of the grammar, without what is the default."""
    if spec.error_format != ErrorFormat.HTML:
        yield "errorFormat", spec.error_format
    yield "customerAuthenticator", spec.customer_authenticator
    if spec.general_flags != 0:
        yield "generalFlags", _decimal(spec.general_flags)
    yield "kid", _kid(spec)
    if spec.kek is not None:
        yield "kek", spec.kek.hex()
    if spec.ek is not None:
        yield "ek", spec.ek.hex()
    if spec.content_key is not None:
        yield "contentKey", spec.content_key.hex()
    if spec.content_id is not None:
        yield "contentId", spec.content_id
    yield "securityLevel", _decimal(spec.security_level)
    yield "hdcpOutputControl", _decimal(spec.hdcp_output_control)
    if spec.license_duration is not None:
        yield "licenseDuration", _decimal(spec.license_duration)
    for extension in spec.extensions:
        # A comma, which no type may have, must not end it before it is refused.
        type_ = extension.type.decode("latin-1").replace(",", "\0")
        yield "wvExtension", f"{type_},{b64encode(extension.payload).decode('ascii')}"
    if spec.expires_at is not None:
        yield "expirationTime", _rfc3339(spec.expires_at)
    if spec.expires_in is not None:
        yield "expirationTime", f"+{_decimal(spec.expires_in)}"
    if spec.cookie is not None:
        yield "cookie", spec.cookie


# What a spec under construction has wrong is written as a text that the grammar refuses for the same reason.


def _kid(spec: TokenSpec) -> str:
    if spec.kid_name is None:
        return spec.kid.hex()
    named = spec.kid_name.isascii() and parameters.kid_of_name(spec.kid_name)
    return f"^{spec.kid_name}" if not spec.kid or not named or spec.kid == named else "^"


def _decimal(number: int) -> str:
    return f"{number:d}" if abs(number) < 10**20 else "too many digits"


def _rfc3339(seconds: int) -> str:
    if not TIME_MIN <= seconds <= TIME_MAX:
        return _decimal(seconds)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()}Z"


def _shown(name: str, value: Any) -> str:
    if name in _SECRETS:
        return "<secret>"
    if name == "unknown":
        return f"<{len(value)} names>"
    return value.hex() if isinstance(value, bytes) else repr(value)
