"""The catalogue of error codes, and the exceptions that carry one.

The interface answers every fault with a number from its Table 18 ("Event Error Codes"). `ErrorCode` holds that table, a
row per code, with the interface's own wording. Faults are raised by code; the text is made from the catalogue, here
alone.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any


class ErrorFormat(StrEnum):
    """How the caller wants errors rendered: the request parameter `errorFormat`."""

    HTML = "html"
    JSON = "json"


class RaisedBy(StrEnum):
    """Who finds a fault: this library, the server that embeds it, or nobody (the code belongs to a sister
    interface).
    """

    KERNEL = "kernel"
    SERVER = "server"
    NOBODY = "nobody"


_KERNEL, _SERVER, _NOBODY = RaisedBy


class ErrorCode(IntEnum):
    """Table 18 of the interface, and -1, which is this project's own.

    Each member knows its `template` (the interface's wording, a value to be filled in between angle brackets), its HTTP
    `status`, and who it is `raised_by`. The server may raise the kernel's codes too, from its own callbacks.
    """

    template: str
    status: int
    raised_by: RaisedBy

    def __new__(cls, code: int, template: str, status: int, raised_by: RaisedBy) -> ErrorCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.template = template
        member.status = status
        member.raised_by = raised_by
        return member

    # This project's own, for faults that Table 18 has no code for: size, number of parameters, names, contentId.
    MALFORMED_REQUEST = -1, "Malformed request: <details>", 400, _KERNEL

    INVALID_EXPIRATION_TIME = -2002, "Invalid token expiration time: <details>", 400, _KERNEL
    INVALID_IP_ADDRESS = -2003, "Invalid IP address", 400, _SERVER
    INVALID_CONTENT_KEY = -2005, "Invalid content encryption key: <details>", 400, _KERNEL
    INVALID_OUTPUT_CONTROL_FLAGS = -2008, "Invalid output control flags specified: <details>", 400, _KERNEL
    MISSING_AUTHENTICATOR = -2017, "Authentication token must be supplied", 401, _KERNEL
    INVALID_AUTHENTICATOR = -2018, "Authentication token invalid: <details>", 401, _KERNEL
    # The interface names no status for -2019: with the authenticator known and its account empty, 401 is our reading.
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
    # For a contentKey beside kek or ek; that this is the code for it is our reading.
    INVALID_KEY_DATA = -6005, "Invalid key data specified", 400, _KERNEL
    INVALID_RENTAL_DURATION = -6007, "Invalid rental duration specified", 400, _NOBODY
    # For deviceId, whatever its value; that this is the code for it is our reading.
    DEVICE_BINDING_UNSUPPORTED = -7002, "Device ID binding is not supported for Widevine", 400, _KERNEL
    MISSING_SECURITY_LEVEL = -7003, "Missing security level value", 400, _KERNEL
    INVALID_SECURITY_LEVEL = -7004, "Invalid security level value", 400, _KERNEL
    MISSING_OUTPUT_CONTROL = -7006, "Missing HDCP output control value", 400, _KERNEL
    INVALID_LICENSE_DURATION = -7007, "Invalid license duration specified", 400, _KERNEL
    LICENSE_GENERATION_FAILED = -7008, "Failed to generate Widevine license", 500, _KERNEL
    INVALID_EXTENSION = -7009, "Invalid WVExtension parameters specified", 400, _KERNEL
    # The interface names no status for -7011: an account without the right to this DRM is 401 in our reading.
    WIDEVINE_DISABLED = -7011, "Widevine option disabled", 401, _SERVER


class TokenRequestError(Exception):
    """A fault in a request or a token, by its number.

    Args:
        code: an `ErrorCode`, or its number.
        parameter: the request parameter at fault, by its name in the interface, where there is one.
        details: what would be right. `message` contains them if the catalogue's wording has a place for them.

    Raises:
        ValueError: the number is not in the catalogue.

    Attributes:
        error_format: the format that the request asks for, by default `ErrorFormat.HTML`.
        unknown: the names of the request's unknown parameters. Only names of 1 to 32 ASCII letters are included,
            because others may contain a key.
    """

    error_format: ErrorFormat = ErrorFormat.HTML
    _echo: str | None = None  # the rejected errorFormat, which fills the placeholder of -3004
    unknown: tuple[str, ...] = ()

    def __init__(self, code: ErrorCode | int, parameter: str | None = None, details: str | None = None) -> None:
        self.code: ErrorCode = code if isinstance(code, ErrorCode) else ErrorCode(code)  # type: ignore[call-arg]
        self.parameter = parameter
        self.details = details

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return self.code.status

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
        # Not by __init__, whose arguments may have come by name.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(type_: type[TokenRequestError], arguments: tuple[Any, ...]) -> TokenRequestError:
    return type_.__new__(type_, *arguments)


class KeyUnwrapError(TokenRequestError):
    """-4024: a wrapped key does not unwrap: another KEK wrapped it, or its bytes or its length are wrong."""

    def __init__(self, parameter: str | None = None, details: str | None = None) -> None:
        super().__init__(ErrorCode.INVALID_ENCRYPTED_KEY, parameter, details)
        self.args: tuple[Any, ...] = (parameter, details)


class InvalidToken(TokenRequestError):
    """-4010: a token does not open.

    Forged, truncated, sealed under a key that is not in the ring, of another version or for another audience: one error
    without details, so that nobody learns which.
    """

    def __init__(self) -> None:
        super().__init__(ErrorCode.INVALID_TOKEN)
        self.args: tuple[Any, ...] = ()


class TokenExpired(InvalidToken):
    """-4010: a genuine token whose time is over.

    `token_id` (12 bytes) and `expires_at` (UNIX seconds) say which and when, for logs; the message does not.
    """

    def __init__(self, token_id: bytes, expires_at: int) -> None:
        super().__init__()
        self.args: tuple[Any, ...] = (token_id, expires_at)
        self.token_id = token_id
        self.expires_at = expires_at

    def __repr__(self) -> str:
        return f"TokenExpired({self.token_id!r}, {self.expires_at})"


class EngineUnavailable(RuntimeError):
    """No engine can do the cryptography here, or the one that `WVTOKEN_ENGINE` names cannot."""
