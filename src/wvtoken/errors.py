"""The catalogue of error codes, and the exceptions that have a code.

The interface reports each error with a code of its Table 18 ("Event Error Codes"). `ErrorCode` has one row per code,
with the interface's wording. Other modules raise errors by code; only this module makes the message.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Any, Final, Literal


class ErrorFormat(StrEnum):
    """The format of error responses: the request parameter `errorFormat`."""

    HTML = "html"
    JSON = "json"


class RaisedBy(StrEnum):
    """What raises a code: this library, the embedding server, or nothing (the code belongs to another interface)."""

    KERNEL = "library"
    SERVER = "server"
    NOBODY = "nobody"


_KERNEL, _SERVER, _NOBODY = RaisedBy


class ErrorCode(IntEnum):
    """The codes of the interface's Table 18, and -1, which is this project's own.

    Attributes:
        template: the interface's wording. Angle brackets mark a placeholder.
        status: the default HTTP status.
        raised_by: what raises the code. A server's callbacks may raise the library's codes too.
    """

    template: str
    status: int
    raised_by: RaisedBy

    # The defaults are for type checkers: they read `ErrorCode(-1)` as a call of this function.
    def __new__(cls, code: int, template: str = "", status: int = 400, raised_by: RaisedBy = _NOBODY) -> ErrorCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.template = template
        member.status = status
        member.raised_by = raised_by
        return member

    # This project's own code, for errors that Table 18 does not have: size, number of parameters, names, contentId.
    MALFORMED_REQUEST = -1, "Malformed request: <details>", 400, _KERNEL

    INVALID_EXPIRATION_TIME = -2002, "Invalid token expiration time: <details>", 400, _KERNEL
    INVALID_IP_ADDRESS = -2003, "Invalid IP address", 400, _SERVER
    INVALID_CONTENT_KEY = -2005, "Invalid content encryption key: <details>", 400, _KERNEL
    INVALID_OUTPUT_CONTROL_FLAGS = -2008, "Invalid output control flags specified: <details>", 400, _KERNEL
    MISSING_AUTHENTICATOR = -2017, "Authentication token must be supplied", 401, _KERNEL
    INVALID_AUTHENTICATOR = -2018, "Authentication token invalid: <details>", 401, _KERNEL
    # The interface names no status for -2019. 401 is this project's interpretation.
    INSUFFICIENT_TOKENS = -2019, "Insufficient tokens available", 401, _SERVER
    MISSING_RENTAL_PERIOD_END_TIME = -2022, "Missing rental period end time", 400, _NOBODY
    MISSING_RENTAL_PLAY_DURATION = -2023, "Missing rental play duration", 400, _NOBODY
    INVALID_RENTAL_PLAY_DURATION = -2025, "Invalid rental play duration", 400, _NOBODY
    CONTENT_KEY_LENGTH = -2027, "Content encryption key must be 32-hexadecimal digits long", 400, _KERNEL
    ADMIN_ERROR = -2030, "ExpressPlay Admin error: <details>", 500, _SERVER
    SERVICE_ACCOUNT_DISABLED = -2031, "Service Account Disabled", 401, _SERVER
    INVALID_COOKIE = -2033, "Invalid cookie", 400, _KERNEL
    OUTPUT_CONTROL_OUT_OF_RANGE = -2034, "Invalid Output Control, values out of specified range", 400, _KERNEL
    NO_CORRESPONDING_VALUE = -2035, "No corresponding value specified", 400, _KERNEL
    EXTENSION_TYPE_LENGTH = -2036, "Extension type should be 4 characters", 400, _KERNEL
    EXTENSION_PAYLOAD_NOT_BASE64 = -2037, "Extension payload should be Base64 encoded", 400, _KERNEL
    OUTPUT_CONTROL_FLAG_LENGTH = -2040, "OutputControlFlag must be encode 4 bytes", 400, _NOBODY
    INVALID_ERROR_FORMAT = -3004, "Invalid error format specified: <format>", 400, _KERNEL
    DEVICE_NOT_AUTHENTICATED = -4001, "Device could not be authenticated", 401, _SERVER
    INVALID_TOKEN = -4010, "Invalid token", 400, _KERNEL
    MISSING_KID = -4018, "Missing kid", 400, _KERNEL
    KEY_STORAGE_FAILED = -4019, "Failed to get content key from key storage service", 500, _KERNEL
    KID_LENGTH = -4020, "kid must be 32 hexadecimal characters long", 400, _KERNEL
    KID_NAME_LENGTH = -4021, "kid must be 64 characters long after the '^'", 400, _KERNEL
    INVALID_KID = -4022, "Invalid kid", 400, _KERNEL
    INVALID_ENCRYPTED_KEY = -4024, "Invalid encrypted key or kek", 400, _KERNEL
    INVALID_GENERAL_FLAGS = -5003, "Invalid general flags", 400, _KERNEL
    # For contentKey with kek or ek. This use of the code is this project's interpretation.
    INVALID_KEY_DATA = -6005, "Invalid key data specified", 400, _KERNEL
    INVALID_RENTAL_DURATION = -6007, "Invalid rental duration specified", 400, _NOBODY
    # For deviceId with any value. This use of the code is this project's interpretation.
    DEVICE_BINDING_UNSUPPORTED = -7002, "Device ID binding is not supported for Widevine", 400, _KERNEL
    MISSING_SECURITY_LEVEL = -7003, "Missing security level value", 400, _KERNEL
    INVALID_SECURITY_LEVEL = -7004, "Invalid security level value", 400, _KERNEL
    MISSING_OUTPUT_CONTROL = -7006, "Missing HDCP output control value", 400, _KERNEL
    INVALID_LICENSE_DURATION = -7007, "Invalid license duration specified", 400, _KERNEL
    LICENSE_GENERATION_FAILED = -7008, "Failed to generate Widevine license", 500, _KERNEL
    INVALID_EXTENSION = -7009, "Invalid WVExtension parameters specified", 400, _KERNEL
    # The interface names no status for -7011. 401 is this project's interpretation.
    WIDEVINE_DISABLED = -7011, "Widevine option disabled", 401, _SERVER


class TokenRequestError(Exception):
    """An error in a request or a token, identified by its code.

    Args:
        code: an `ErrorCode`, or its number.
        parameter: the interface's name of the request parameter at fault.
        details: what would be right. `message` contains them if the catalogue's wording has a place for them.
        status: the HTTP status, 400 to 599. The default is the status of the code.

    Raises:
        ValueError: the catalogue does not have the code, or the status is out of bounds.
        TypeError: an argument has a wrong type.

    Attributes:
        error_format: the format that the request asks for, by default `ErrorFormat.HTML`.
        unknown: the names of the request's unknown parameters. Only names of 1 to 32 ASCII letters are included,
            because others may contain a key.
    """

    error_format: ErrorFormat = ErrorFormat.HTML
    _echo: str | None = None  # the rejected errorFormat, which fills the placeholder of -3004
    _suggest: Callable[[], str | None] | None = None  # returns better details; called on first use, because it is slow
    unknown: tuple[str, ...] = ()

    def __init__(
        self,
        code: ErrorCode | int,
        parameter: str | None = None,
        details: str | None = None,
        *,
        status: int | None = None,
    ) -> None:
        if type(code) is not ErrorCode:
            code = ErrorCode(_plain_int("code", code))
        self.code: ErrorCode = code
        self.parameter: str | None = _plain_str("parameter", parameter)
        self._details = _plain_str("details", details)
        self.status: int = code.status if status is None else _checked_status(status)

    @property
    def details(self) -> str | None:
        """What would be right, or None."""
        suggest = self._suggest
        if suggest is not None:
            self._details = suggest() or self._details
            self._suggest = None
        return self._details

    @property
    def message(self) -> str:
        """The catalogue's wording. The details replace its placeholder, but -3004 shows the rejected value."""
        wording, _, placeholder = self.code.template.partition(": <")
        filling = self.details if self._echo is None else self._echo
        return f"{wording}: {filling}" if placeholder and filling else wording

    def __str__(self) -> str:
        text = f"{self.code:d}: {self.message}"
        return f"{text} ({self.details})" if self.details and self.details not in text else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code:d}, {self.parameter!r}, {self.details!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by __init__: its arguments may have been given by keyword, and `args` has only positional ones.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(type_: type[TokenRequestError], arguments: tuple[Any, ...]) -> TokenRequestError:
    return type_.__new__(type_, *arguments)


def _plain_int(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    return int.__int__(value)


def _plain_str(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be str or None, not {type(value).__name__}")
    return None if value is None else str.__str__(value)


def _checked_status(value: object) -> int:
    status = _plain_int("status", value)
    if not 400 <= status <= 599:
        raise ValueError("status must be 400 to 599")
    return status


class KeyUnwrapError(TokenRequestError):
    """-4024: a wrapped key does not unwrap. The KEK, the bytes or the length are wrong."""

    def __init__(self, parameter: str | None = None, details: str | None = None) -> None:
        super().__init__(ErrorCode.INVALID_ENCRYPTED_KEY, parameter, details)
        self.args: tuple[Any, ...] = (parameter, details)


Refusal = Literal["malformed", "unknown key", "not genuine"]
"""Why a token does not open: it is not the text of a token; its key is not in the ring; or it was altered, sealed with
another key, or sealed for another audience."""
MALFORMED: Final = "malformed"
UNKNOWN_KEY: Final = "unknown key"
NOT_GENUINE: Final = "not genuine"

InvalidReason = Literal["malformed", "unknown key", "not genuine", "expired"]
"""The values of `InvalidToken.reason`."""


class InvalidToken(TokenRequestError):
    """-4010: a token does not open.

    The message, the repr and the response are the same for every reason, to reveal nothing to the caller.

    Attributes:
        reason: for logs and metrics. "malformed": not a token of this version. "unknown key": the key ring does not
            have its key. "not genuine": altered, or sealed for another audience. "expired": see `TokenExpired`.
    """

    def __init__(self, reason: InvalidReason = "not genuine") -> None:
        super().__init__(ErrorCode.INVALID_TOKEN)
        self.args: tuple[Any, ...] = (reason,)
        self.reason: InvalidReason = reason


class TokenExpired(InvalidToken):
    """-4010: a genuine token that has expired. The details contain the time of expiry.

    Attributes:
        token_id: the token's id (12 bytes).
        expires_at: UNIX seconds.
    """

    def __init__(self, token_id: bytes, expires_at: int) -> None:
        super().__init__("expired")
        self.args: tuple[Any, ...] = (token_id, expires_at)
        self.token_id = token_id
        self.expires_at = expires_at
        self._details = time.strftime("the token expired at %Y-%m-%dT%H:%M:%SZ", time.gmtime(expires_at))

    def __repr__(self) -> str:
        return f"TokenExpired({self.token_id!r}, {self.expires_at})"


def error_fields(error: TokenRequestError) -> dict[str, object]:
    """Return the error as members of a JSON object, for responses and for the command line."""
    fields: dict[str, object] = {
        "code": int(error.code),
        "message": error.message,
        "parameter": error.parameter,
        "details": error.details,
    }
    if isinstance(error, TokenExpired):
        fields |= {"expired": True, "token_id": error.token_id.hex(), "expires_at": error.expires_at}
    return fields


class EngineUnavailable(RuntimeError):
    """No engine works on this machine, or the engine that `WVTOKEN_ENGINE` names does not."""
