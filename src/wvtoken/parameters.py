"""The grammar: one row per request parameter, and the readers of their values.

`GRAMMAR` is to be held against Tables 13 to 16 of the interface. Its rows stand in the order in which faults are
reported: of several, the first is raised. What the interface leaves open is this project's reading; where one code was
chosen without the interface saying so, `errors.py` says it beside the code.

A reader gets a decoded value and puts what it says into the fields of the `TokenSpec`, or returns the fault: the
"otherwise" of its row. No fault repeats what was sent, save those of `errorFormat` and `expirationTime`.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha1
from itertools import islice
from typing import Any, NamedTuple

from .errors import ErrorCode as E
from .errors import ErrorFormat, TokenRequestError
from .query import Pair
from .values import (
    AUTHENTICATOR_MAX,
    CONTENT_ID_MAX,
    CONTENT_KEY_BYTES,
    COOKIE_MAX,
    CUSTOMER_MAX,
    EXTENSION_TYPE_BYTES,
    KEK_BYTES,
    KID_BYTES,
    KID_NAME_MAX,
    LICENSE_DURATION_MAX,
    LIFETIME_MAX,
    PAYLOAD_BYTES_MAX,
    PAYLOAD_FIELD_BYTES,
    WRAPPED_KEY_BYTES,
    Extension,
    HdcpOutputControl,
    SecurityLevel,
    is_extension_type,
    is_printable,
    is_text,
    payload_bytes,
)

Fields = dict[str, Any]
"""Fields of a TokenSpec by name. A field that the request does not set is not there."""
Fault = TokenRequestError
Reader = Callable[[str, Fields], Fault | None]


def kid_of_name(name: str) -> bytes:
    """The KID (16 bytes) of the request's `^name`: the first 16 bytes of the SHA-1 of its ASCII characters."""
    return sha1(name.encode("ascii"), usedforsecurity=False).digest()[:KID_BYTES]


# Readers of one value each.


def _error_format(value: str, fields: Fields) -> Fault | None:
    if value not in ("html", "json"):
        return Fault(E.INVALID_ERROR_FORMAT, "errorFormat", _echo(value))
    fields["error_format"] = ErrorFormat(value)
    return None


def _customer_authenticator(value: str, fields: Fields) -> Fault | None:
    if not is_printable(value, AUTHENTICATOR_MAX):
        details = f"must be 1 to {AUTHENTICATOR_MAX} printable ASCII characters"
        return Fault(E.INVALID_AUTHENTICATOR, "customerAuthenticator", details)
    fields["customer_authenticator"] = value
    return None


def _general_flags(value: str, fields: Fields) -> Fault | None:
    if value != "0000":
        return Fault(E.INVALID_GENERAL_FLAGS, "generalFlags")
    fields["general_flags"] = 0
    return None


def _kid(value: str, fields: Fields) -> Fault | None:
    if value[0] == "^":
        name = value[1:]
        if len(name) > KID_NAME_MAX:
            return Fault(E.KID_NAME_LENGTH, "kid")
        if not is_printable(name, KID_NAME_MAX):
            return Fault(E.INVALID_KID, "kid")
        fields["kid"] = kid_of_name(name)
        fields["kid_name"] = name
        return None
    kid = _unhex(value)
    if len(kid) != KID_BYTES:
        return Fault(E.KID_LENGTH, "kid")
    fields["kid"] = kid
    return None


def _kek(value: str, fields: Fields) -> Fault | None:
    kek = _unhex(value)
    if len(kek) not in KEK_BYTES:
        return Fault(E.INVALID_ENCRYPTED_KEY, "kek")
    fields["kek"] = kek
    return None


def _ek(value: str, fields: Fields) -> Fault | None:
    ek = _unhex(value)
    if len(ek) != WRAPPED_KEY_BYTES:
        return Fault(E.INVALID_ENCRYPTED_KEY, "ek")
    fields["ek"] = ek
    return None


def _content_key(value: str, fields: Fields) -> Fault | None:
    if len(value) != 2 * CONTENT_KEY_BYTES:
        return Fault(E.CONTENT_KEY_LENGTH, "contentKey")
    content_key = _unhex(value)
    if not content_key:
        return Fault(E.INVALID_CONTENT_KEY, "contentKey", "not hexadecimal")
    fields["content_key"] = content_key
    return None


def _content_id(value: str, fields: Fields) -> Fault | None:
    if not is_text(value, CONTENT_ID_MAX):
        details = f"contentId must be 1 to {CONTENT_ID_MAX} characters, none of them a control character"
        return Fault(E.MALFORMED_REQUEST, "contentId", details)
    fields["content_id"] = value
    return None


def _security_level(value: str, fields: Fields) -> Fault | None:
    level = _SECURITY_LEVELS.get(value)
    if level is None:
        return Fault(E.INVALID_SECURITY_LEVEL, "securityLevel")
    fields["security_level"] = level
    return None


def _hdcp_output_control(value: str, fields: Fields) -> Fault | None:
    control = _HDCP_OUTPUT_CONTROLS.get(value)
    if control is None:
        if value.isascii() and value.isdigit():
            return Fault(E.OUTPUT_CONTROL_OUT_OF_RANGE, "hdcpOutputControl")
        return Fault(E.INVALID_OUTPUT_CONTROL_FLAGS, "hdcpOutputControl", "must be 0, 1 or 2")
    fields["hdcp_output_control"] = control
    return None


def _license_duration(value: str, fields: Fields) -> Fault | None:
    duration = _number(value, LICENSE_DURATION_MAX)
    if duration is None:
        return Fault(E.INVALID_LICENSE_DURATION, "licenseDuration")
    fields["license_duration"] = duration
    return None


def _wv_extension(value: str, fields: Fields) -> Fault | None:
    type_, comma, payload = value.partition(",")
    if not comma:
        return Fault(E.INVALID_EXTENSION, "wvExtension")
    extension = _extension(type_, payload, "wvExtension", "wvExtension")
    if isinstance(extension, Fault):
        return extension
    fields.setdefault("extensions", []).append(extension)
    return None


def _expiration_time(value: str, fields: Fields) -> Fault | None:
    # In a form, the + of an unescaped +60 is a space.
    if value[:1] in ("+", " "):
        seconds = _number(value[1:], LIFETIME_MAX)
        if seconds is None:
            return _invalid_time(value, f"is not + and 1 to {LIFETIME_MAX} seconds")
        fields["expires_in"] = seconds
        return None
    if _RFC3339.fullmatch(value) is None:
        return _invalid_time(value, "is neither + and seconds nor an RFC 3339 time that ends in Z")
    moment = _unix_time(value)
    if moment is None:
        return _invalid_time(value, "is not in the calendar")
    fields["expires_at"] = moment
    return None


def _cookie(value: str, fields: Fields) -> Fault | None:
    if not is_text(value, COOKIE_MAX):
        return Fault(E.INVALID_COOKIE, "cookie")
    fields["cookie"] = value
    return None


def _device_id(value: str, fields: Fields) -> Fault | None:
    return Fault(E.DEVICE_BINDING_UNSUPPORTED, "deviceId")


# The table.


class Parameter(NamedTuple):
    """A row of the grammar.

    `missing` is the fault of a required parameter that is absent, `repeated` that of one given twice or not in UTF-8.
    An `empty` value is "missing", or "absent" as if it were not there, or "invalid", which its reader says. `many` may be
    given any number of times. The two halves of an extension have no reader: `_long_forms` reads them together.
    """

    name: str
    read: Reader | None
    missing: E | None
    empty: str
    repeated: E
    many: bool = False


# fmt: off
GRAMMAR = (
    #         parameter                reads it                 missing                    empty      twice, not UTF-8
    Parameter("errorFormat",           _error_format,           None,                      "invalid", E.INVALID_ERROR_FORMAT),
    Parameter("customerAuthenticator", _customer_authenticator, E.MISSING_AUTHENTICATOR,   "missing", E.INVALID_AUTHENTICATOR),
    Parameter("generalFlags",          _general_flags,          None,                      "invalid", E.INVALID_GENERAL_FLAGS),
    Parameter("kid",                   _kid,                    E.MISSING_KID,             "missing", E.INVALID_KID),
    Parameter("kek",                   _kek,                    None,                      "invalid", E.INVALID_ENCRYPTED_KEY),
    Parameter("ek",                    _ek,                     None,                      "invalid", E.INVALID_ENCRYPTED_KEY),
    Parameter("contentKey",            _content_key,            None,                      "invalid", E.INVALID_KEY_DATA),
    Parameter("contentId",             _content_id,             None,                      "absent",  E.MALFORMED_REQUEST),
    Parameter("securityLevel",         _security_level,         E.MISSING_SECURITY_LEVEL,  "missing", E.INVALID_SECURITY_LEVEL),
    Parameter("hdcpOutputControl",     _hdcp_output_control,    E.MISSING_OUTPUT_CONTROL,  "missing", E.INVALID_OUTPUT_CONTROL_FLAGS),
    Parameter("licenseDuration",       _license_duration,       None,                      "invalid", E.INVALID_LICENSE_DURATION),
    Parameter("wvExtension",           _wv_extension,           None,                      "invalid", E.INVALID_EXTENSION, many=True),
    Parameter("extensionType",         None,                    None,                      "invalid", E.INVALID_EXTENSION, many=True),
    Parameter("extensionPayload",      None,                    None,                      "invalid", E.INVALID_EXTENSION, many=True),
    Parameter("expirationTime",        _expiration_time,        None,                      "invalid", E.INVALID_EXPIRATION_TIME),
    Parameter("cookie",                _cookie,                 None,                      "absent",  E.INVALID_COOKIE),
    Parameter("deviceId",              _device_id,              None,                      "invalid", E.DEVICE_BINDING_UNSUPPORTED),
)
# fmt: on

_ROWS = {row.name: row for row in GRAMMAR}
_READERS = {row.name: row.read for row in GRAMMAR if row.read is not None}
_REQUIRED = {row.name: row.missing for row in GRAMMAR if row.missing is not None}


def read(pairs: Sequence[Pair], fields: Fields) -> None:
    """Put what a request says into `fields`, which are empty before.

    Raises:
        TokenRequestError: the first fault in the order of the table, with the `error_format` that the request asks for.
    """
    given: dict[str, Fault | None] = {}
    faulty = False
    others: list[str] = []
    for name, equals, value in pairs:
        reader = _READERS.get(name)
        if reader is None:
            if name or equals:
                others.append(name)
            continue
        fault = reader(value, fields) if value and name not in given else _read_unusual(name, value, given, fields)
        given[name] = fault
        if fault is not None:
            faulty = True
    if others:
        fields["unknown"] = tuple([name for name in others if name not in _ROWS])
    if "extensions" in fields or others:
        fault = _finish_extensions(pairs, fields)
        if fault is not None:
            given[fault.parameter or ""] = given.get(fault.parameter or "") or fault
            faulty = True
    if faulty or not given.keys() >= _REQUIRED.keys() or not _keys_fit(fields):
        raise _first_fault(given, fields)


def _read_unusual(name: str, value: str | None, given: dict[str, Fault | None], fields: Fields) -> Fault | None:
    """A value that is empty, not UTF-8, or not the first of its parameter."""
    row = _ROWS[name]
    if name in given:
        if not row.many:
            return Fault(row.repeated, name, f"{name} is given more than once")
        if given[name] is not None:
            return given[name]
    if value is None:
        return Fault(row.repeated, name, f"{name} is not UTF-8")
    if value or row.empty == "invalid":
        return _READERS[name](value, fields)
    return None if row.missing is None else Fault(row.missing, name)


def _keys_fit(fields: Fields) -> bool:
    """Whether the parameters with a key may stand together: contentKey alone, or kek, or kek and ek."""
    if "kek" in fields:
        return "content_key" not in fields
    return "ek" not in fields


def _first_fault(given: dict[str, Fault | None], fields: Fields) -> Fault:
    """The first in the order of the table, of what is wrong by itself, is missing, or may not stand with another."""
    if "ek" in fields and "kek" not in fields:
        given["ek"] = Fault(E.INVALID_ENCRYPTED_KEY, "ek")
    if "content_key" in fields and ("kek" in fields or "ek" in fields):
        given["contentKey"] = Fault(E.INVALID_KEY_DATA, "contentKey")
    for name, missing in _REQUIRED.items():
        if name not in given:
            given[name] = Fault(missing, name)
    faults = [fault for fault in given.values() if fault is not None]
    first = faults[0] if len(faults) == 1 else next(fault for row in GRAMMAR if (fault := given.get(row.name)))
    if given.get("errorFormat") is None:
        first.error_format = fields.get("error_format", ErrorFormat.HTML)
    return first


# Extensions: three parameters that make one field, in the order of the request.


def _finish_extensions(pairs: Sequence[Pair], fields: Fields) -> Fault | None:
    """Make one field of what the short forms have left in `fields` and of the long forms, if there are any."""
    extensions: list[Extension] = fields.get("extensions", [])
    types = [value for name, _, value in pairs if name == "extensionType"]
    payloads = [value for name, _, value in pairs if name == "extensionPayload"]
    if types or payloads:
        long = _long_forms(types, payloads)
        if isinstance(long, Fault):
            return long
        sources = {"wvExtension": iter(extensions), "extensionType": iter(long)}
        extensions = [extension for name, _, _ in pairs if name in sources for extension in islice(sources[name], 1)]
    if extensions:
        fields["extensions"] = tuple(extensions)
    if not _fit(extensions, fields):
        return Fault(E.INVALID_EXTENSION, next(name for name, _, _ in pairs if name in _EXTENSION_PARAMETERS))
    return None


_EXTENSION_PARAMETERS = {row.name for row in GRAMMAR if row.many}
_EXTENSION_HEAD = PAYLOAD_FIELD_BYTES + EXTENSION_TYPE_BYTES
_LONGEST_TEXTS = ("\U0010ffff" * CONTENT_ID_MAX, "\U0010ffff" * COOKIE_MAX)
_SURELY_FITS = PAYLOAD_BYTES_MAX - payload_bytes(*_LONGEST_TEXTS, (), CUSTOMER_MAX)


def _fit(extensions: list[Extension], fields: Fields) -> bool:
    """Whether a payload can hold them beside the texts of the request and a customer."""
    if sum([len(extension.payload) + _EXTENSION_HEAD for extension in extensions]) <= _SURELY_FITS:
        return True
    texts = fields.get("content_id"), fields.get("cookie")
    return payload_bytes(*texts, extensions, CUSTOMER_MAX) <= PAYLOAD_BYTES_MAX


def _long_forms(types: list[str | None], payloads: list[str | None]) -> list[Extension] | Fault:
    """The n-th type goes with the n-th payload."""
    if len(types) != len(payloads):
        lonely = "extensionType" if len(types) > len(payloads) else "extensionPayload"
        return Fault(E.NO_CORRESPONDING_VALUE, lonely)
    extensions = []
    for type_, payload in zip(types, payloads, strict=True):
        if type_ is None or payload is None:
            return Fault(E.INVALID_EXTENSION, "extensionType" if type_ is None else "extensionPayload")
        extension = _extension(type_, payload, "extensionType", "extensionPayload")
        if isinstance(extension, Fault):
            return extension
        extensions.append(extension)
    return extensions


def _extension(type_: str, payload: str, type_from: str, payload_from: str) -> Extension | Fault:
    if not is_extension_type(type_):
        return Fault(E.EXTENSION_TYPE_LENGTH, type_from)
    if not payload:
        return Fault(E.NO_CORRESPONDING_VALUE, payload_from)
    # In a form, the + of an unescaped payload is a space.
    if " " in payload:
        payload = payload.replace(" ", "+")
    decoded = _unbase64(payload)
    if decoded is None:
        return Fault(E.EXTENSION_PAYLOAD_NOT_BASE64, payload_from)
    return Extension(type_.encode(), decoded)


# Values. Each returns None for a text that is not exactly right, so that no exception keeps the text.


def _unhex(text: str) -> bytes:
    """What the hex digits say; nothing, which no parameter may be, for a text that is not hex digits."""
    try:
        return unhexlify(text)
    except ValueError:
        return b""


def _unbase64(text: str) -> bytes | None:
    """Strict: only what encodes back to the same text."""
    try:
        decoded = a2b_base64(text)
    except ValueError:
        return None
    return decoded if b2a_base64(decoded, newline=False).decode("ascii") == text else None


def _number(text: str, most: int) -> int | None:
    """A decimal number from 1 to `most`, in ASCII digits without a leading zero."""
    if not (text.isascii() and text.isdigit()) or text[0] == "0" or len(text) > _DIGITS_MAX:
        return None
    number = int(text)
    return number if number <= most else None


_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?[Zz]",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)


def _unix_time(text: str) -> int | None:
    """The UNIX seconds of an RFC 3339 time, its fraction dropped; None when the calendar does not have it.

    A leap second may stand where one can be inserted, at the end of a month's last day (RFC 3339, 5.7). It is the same
    UNIX second as the one after it, so that the last of the year 9999 is none.
    """
    leap = text[17:19] == "60"
    try:
        moment = datetime.fromisoformat(text[:17] + "59" if leap else text[:19])
        if leap:
            moment += _SECOND
    except (ValueError, OverflowError):
        return None
    if leap and (moment.day, moment.hour, moment.minute) != (1, 0, 0):
        return None
    return (moment - _EPOCH) // _SECOND


def _invalid_time(value: str, what: str) -> Fault:
    return Fault(E.INVALID_EXPIRATION_TIME, "expirationTime", f"'{_echo(value)}' {what}")


def _echo(value: str) -> str:
    """At most 64 characters of what was sent, everything unprintable escaped."""
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in value[:_ECHO_MAX]
    )
    return escaped[:_ECHO_MAX]


_ECHO_MAX = 64
_DIGITS_MAX = 10
_SECURITY_LEVELS = {str(level.value): level for level in SecurityLevel}
_HDCP_OUTPUT_CONTROLS = {str(control.value): control for control in HdcpOutputControl}
