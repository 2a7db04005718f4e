"""`TokenSpec`, an immutable valid request, and the functions `parse` and `find_errors`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, final

from . import parameters
from .errors import ErrorFormat, TokenRequestError
from .query import pairs, written
from .values import Extension, HdcpOutputControl, SecurityLevel, exact

Unknown = Literal["ignore", "forbid"]


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class TokenSpec:
    """A valid license token request.

    Immutable, hashable and comparable; `unknown` is not compared. `TokenSpec(...)` and `dataclasses.replace` validate
    by the same grammar as `parse`. The repr shows neither keys nor the authenticator. The class cannot be subclassed.

    Attributes:
        customer_authenticator: the caller's API key, 1 to 256 printable ASCII characters.
        kid: the key id, 16 bytes. Optional if `kid_name` is given.
        kid_name: the text after `^` from which the kid is made, 1 to 64 printable ASCII characters.
        content_key: the content key, 16 bytes.
        kek: the key encryption key, 16, 24 or 32 bytes.
        ek: the content key wrapped with `kek` (RFC 3394), 24 bytes.
        content_id: 1 to 1024 characters.
        general_flags: 0, the only valid value.
        security_level: the required robustness of the player.
        hdcp_output_control: the required HDCP version of the output.
        license_duration: seconds from the start of playback, 1 to 4294967295. None is unlimited.
        extensions: in the order of the request.
        expires_at: expiry of the token in UNIX seconds.
        expires_in: lifetime of the token in seconds, 1 to 2592000. The default is 30 days.
        cookie: 1 to 32 characters, carried in the token for logs.
        error_format: the format of error responses.
        unknown: names of ignored parameters.

    Raises:
        TokenRequestError: a value is invalid. The code is the same as `parse` gives.
        TypeError: a value has a wrong type.
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

    def __init_subclass__(cls) -> None:
        raise TypeError("TokenSpec cannot be subclassed")

    def __post_init__(self) -> None:
        given = vars(self)
        checked, faults = parameters.check(_exact_fields(given))
        if faults:
            raise faults.pop(0)  # no reference to it may remain, because its traceback refers to this frame
        for name, value in checked.items():
            if value is not given[name]:
                object.__setattr__(self, name, value)

    @property
    def needs_stored_key(self) -> bool:
        """Whether the content key must come from key storage, because the request has none."""
        return self.content_key is None and self.ek is None

    def to_query(self) -> str:
        """Return the canonical query: `parse(spec.to_query()) == spec`. It contains the authenticator and the keys."""
        return written(parameters.write(_changed(self)))

    def __repr__(self) -> str:
        shown = [f"{name}={_shown(name, value)}" for name, value in _changed(self).items()]
        return f"TokenSpec({', '.join(shown)})"


def parse(query: str | bytes = "", body: str | bytes = "") -> TokenSpec:
    """Parse a request: its query (what follows the `?`) and its form-urlencoded body, as one list of parameters.

    Raises:
        TokenRequestError: the first error in the order of the grammar. It has the `error_format` of the request.
        TypeError: an argument is neither str nor bytes.
    """
    found, faults = parameters.read(pairs(query, body), first=True)
    if faults:
        raise faults.pop(0)  # no reference to it may remain, because its traceback refers to this frame
    return unchecked(found)


def read(query: str | bytes, body: str | bytes = "") -> TokenSpec | TokenRequestError:
    """Parse a request, but return the error instead of raising it."""
    try:
        found, faults = parameters.read(pairs(query, body), first=True)
    except TokenRequestError as error:
        return error.with_traceback(None)
    return faults[0] if faults else unchecked(found)


def find_errors(
    query: str | bytes = "", body: str | bytes = "", *, unknown: Unknown = "ignore"
) -> tuple[TokenRequestError, ...]:
    """Return every error of a request in the order of the grammar, at most one per parameter. A valid one has none.

    A request with too many bytes or parameters, or with a name that is not UTF-8, has only this one error. With
    `unknown="forbid"`, the unknown parameters are errors too (-1), after all others. Raises what `parse` raises for
    arguments of a wrong type.
    """
    check_unknown(unknown)
    try:
        found, faults = parameters.read(pairs(query, body))
    except TokenRequestError as error:
        return (error.with_traceback(None),)
    if unknown == "forbid":
        asked = faults[0].error_format if faults else found.get("error_format", ErrorFormat.HTML)
        faults += parameters.unknown_faults(found.get("unknown", ()), asked)
    return tuple(faults)


def check_unknown(unknown: str) -> None:
    """Raise ValueError if `unknown` is neither "ignore" nor "forbid"."""
    if unknown not in ("ignore", "forbid"):
        raise ValueError('unknown must be "ignore" or "forbid"')


def unknown_error(spec: TokenSpec) -> TokenRequestError:
    """Return the error of a spec with unknown parameters, for `unknown="forbid"`."""
    return next(parameters.unknown_faults(spec.unknown, spec.error_format))


def unchecked(found: Mapping[str, Any]) -> TokenSpec:
    """Return a spec of fields that are already validated. The others have the defaults of the class."""
    spec, set_field = object.__new__(TokenSpec), object.__setattr__
    for name, value in found.items():
        set_field(spec, name, value)
    return spec


_DEFAULTS = {entry.name: entry.default for entry in fields(TokenSpec)}
_SECRETS = {"customer_authenticator", "kek", "ek", "content_key"}
_TYPES: dict[str, type] = {name: kind.base for name, (_, kind) in parameters.KINDS.items()} | {"unknown": tuple}


def _changed(spec: TokenSpec) -> dict[str, Any]:
    """Return the fields that do not have their default."""
    values = {name: getattr(spec, name) for name in _DEFAULTS}
    return {name: value for name, value in values.items() if value != _DEFAULTS[name]}


def _exact_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not None, each with its exact type. Raises TypeError."""
    found: dict[str, Any] = {}
    for name, base in _TYPES.items():
        value = given[name]
        if type(value) is base:
            found[name] = value
        elif value is not None or _DEFAULTS[name] is not None:
            found[name] = _exact(name, value, base)
    found["extensions"] = tuple(map(_exact_extension, tuple.__iter__(found["extensions"])))
    found["unknown"] = tuple([_exact("each unknown name", item, str) for item in tuple.__iter__(found["unknown"])])
    return found


def _exact(name: str, value: Any, base: type) -> Any:
    if not isinstance(value, base) or type(value) is bool:
        hint = ": pass the text after ^ as kid_name" if name == "kid" and isinstance(value, str) else ""
        raise TypeError(f"{name} must be {base.__name__}, not {type(value).__name__}{hint}")
    return exact(value) if isinstance(value, (str, bytes, int)) else value


def _exact_extension(extension: Any) -> Extension:
    if not isinstance(extension, Extension):
        raise TypeError("extensions must be Extension(type: bytes, payload: bytes)")
    type_, payload = tuple.__iter__(extension)
    if type(extension) is Extension and type(type_) is type(payload) is bytes:
        return extension
    return Extension(_exact("an extension's type", type_, bytes), _exact("an extension's payload", payload, bytes))


def _shown(name: str, value: Any) -> str:
    if name in _SECRETS:
        return "<secret>"
    if name == "unknown":
        return f"<{len(value)} names>"
    return value.hex() if isinstance(value, bytes) else repr(value)
