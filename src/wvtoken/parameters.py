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
from .query import is_utf8, written_name
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


def kid_of_name(name: str) -> bytes:
    """The KID (16 bytes) of the request's `^name`: the first 16 bytes of the SHA-1 of its ASCII characters."""
    return sha1(name.encode("ascii"), usedforsecurity=False).digest()[:KID_BYTES]


# What a value may be.

HEX, CHOICE, NUMBER, PRINTABLE, TEXT, OTHER = "hex", "choice", "number", "printable", "text", "other"


class Accepted(NamedTuple):
    """The values that a parameter may have; never the empty one.

    `kind` and `bound`: HEX digits of as many bytes as one of bound; a CHOICE, a key of bound, and what that means; a
    decimal NUMBER from 1 to bound; 1 to bound PRINTABLE ASCII characters; TEXT of 1 to bound characters without control
    characters; or OTHER, for which bound is a reader: it sets the fields itself, or says what is wrong.
    """

    kind: str
    bound: Any


# The readers and the faults of the rows that need more than a bound and a code.


def _no_error_format(value: str) -> Fault:
    return Fault(E.INVALID_ERROR_FORMAT, "errorFormat", _echo(value))


def _no_authenticator(value: str) -> Fault:
    details = f"must be 1 to {AUTHENTICATOR_MAX} printable ASCII characters"
    return Fault(E.INVALID_AUTHENTICATOR, "customerAuthenticator", details)


def _kid(value: str, fields: Fields) -> Fault | None:
    if value[:1] == "^":
        name = value[1:]
        if len(name) > KID_NAME_MAX:
            return Fault(E.KID_NAME_LENGTH, "kid")
        if not is_printable(name, KID_NAME_MAX):
            return Fault(E.INVALID_KID, "kid")
        fields["kid"] = kid_of_name(name)
        fields["kid_name"] = name
        return None
    try:
        kid = unhexlify(value)
    except ValueError:
        kid = b""
    if len(kid) != KID_BYTES:
        return Fault(E.KID_LENGTH, "kid")
    fields["kid"] = kid
    fields["kid_name"] = None
    return None


def _no_content_key(value: str) -> Fault:
    if len(value) != 2 * CONTENT_KEY_BYTES:
        return Fault(E.CONTENT_KEY_LENGTH, "contentKey")
    return Fault(E.INVALID_CONTENT_KEY, "contentKey", "not hexadecimal")


def _no_content_id(value: str) -> Fault:
    details = f"contentId must be 1 to {CONTENT_ID_MAX} characters, none of them a control character"
    return Fault(E.MALFORMED_REQUEST, "contentId", details)


def _no_output_control(value: str) -> Fault:
    if value.isascii() and value.isdigit():
        return Fault(E.OUTPUT_CONTROL_OUT_OF_RANGE, "hdcpOutputControl")
    return Fault(E.INVALID_OUTPUT_CONTROL_FLAGS, "hdcpOutputControl", "must be 0, 1 or 2")


def _wv_extension(value: str, fields: Fields) -> Fault | None:
    type_, comma, payload = value.partition(",")
    decoded = _unbase64(payload)
    if not decoded or len(type_) != EXTENSION_TYPE_BYTES or not (type_.isascii() and type_.isprintable()):
        code = _extension_fault(type_, payload) if comma else None
        return Fault(code or E.INVALID_EXTENSION, "wvExtension")
    extension = tuple.__new__(Extension, (type_.encode(), decoded))  # half the time of Extension(...)
    if "extensions" in fields:
        fields["extensions"].append(extension)
    else:
        fields["extensions"] = [extension]
    return None


def _expiration_time(value: str, fields: Fields) -> Fault | None:
    # In a form, the + of an unescaped +60 is a space.
    if value[:1] == " " or value[:1] == "+":
        digits = value[1:]
        if digits.isdigit() and digits.isascii() and digits[0] != "0" and len(digits) <= _DIGITS_MAX:
            seconds = int(digits)
            if seconds <= LIFETIME_MAX:
                fields["expires_in"] = seconds
                return None
        return _invalid_time(value, f"is not + and 1 to {LIFETIME_MAX} seconds")
    if _RFC3339.fullmatch(value) is None:
        return _invalid_time(value, "is neither + and seconds nor an RFC 3339 time that ends in Z")
    moment = _unix_time(value)
    if moment is None:
        return _invalid_time(value, "is not in the calendar")
    fields["expires_at"] = moment
    return None


def _device_id(value: str, fields: Fields) -> Fault | None:
    return Fault(E.DEVICE_BINDING_UNSUPPORTED, "deviceId")


# The table.


class Parameter(NamedTuple):
    """A row of the grammar.

    `field` is what the parameter sets of a TokenSpec, where it is one field. `missing` is the fault of a required
    parameter that is absent, `otherwise` that of one with a value that is not accepted, `repeated` that of one given
    twice or not in UTF-8. An `empty` value is "missing", or "absent" as if it were not there, or "invalid" like others.
    `many` may be given any number of times. The two halves of an extension are read together, by `_long_forms`.
    """

    name: str
    field: str
    accepted: Accepted | None
    missing: E | None
    empty: str
    otherwise: E | Callable[[str], Fault] | None
    repeated: E
    many: bool = False


_LEVELS = {str(level.value): level for level in SecurityLevel}
_CONTROLS = {str(control.value): control for control in HdcpOutputControl}
_FORMATS = {format_.value: format_ for format_ in ErrorFormat}

# fmt: off
GRAMMAR = (
    #         parameter                field                     accepted                                missing                   empty      otherwise                   twice, not UTF-8
    Parameter("errorFormat",           "error_format",           Accepted(CHOICE, _FORMATS),             None,                     "invalid", _no_error_format,           E.INVALID_ERROR_FORMAT),
    Parameter("customerAuthenticator", "customer_authenticator", Accepted(PRINTABLE, AUTHENTICATOR_MAX), E.MISSING_AUTHENTICATOR,  "missing", _no_authenticator,          E.INVALID_AUTHENTICATOR),
    Parameter("generalFlags",          "general_flags",          Accepted(CHOICE, {"0000": 0}),          None,                     "invalid", E.INVALID_GENERAL_FLAGS,    E.INVALID_GENERAL_FLAGS),
    Parameter("kid",                   "kid, kid_name",          Accepted(OTHER, _kid),                  E.MISSING_KID,            "missing", None,                       E.INVALID_KID),
    Parameter("kek",                   "kek",                    Accepted(HEX, KEK_BYTES),               None,                     "invalid", E.INVALID_ENCRYPTED_KEY,    E.INVALID_ENCRYPTED_KEY),
    Parameter("ek",                    "ek",                     Accepted(HEX, (WRAPPED_KEY_BYTES,)),    None,                     "invalid", E.INVALID_ENCRYPTED_KEY,    E.INVALID_ENCRYPTED_KEY),
    Parameter("contentKey",            "content_key",            Accepted(HEX, (CONTENT_KEY_BYTES,)),    None,                     "invalid", _no_content_key,            E.INVALID_KEY_DATA),
    Parameter("contentId",             "content_id",             Accepted(TEXT, CONTENT_ID_MAX),         None,                     "absent",  _no_content_id,             E.MALFORMED_REQUEST),
    Parameter("securityLevel",         "security_level",         Accepted(CHOICE, _LEVELS),              E.MISSING_SECURITY_LEVEL, "missing", E.INVALID_SECURITY_LEVEL,   E.INVALID_SECURITY_LEVEL),
    Parameter("hdcpOutputControl",     "hdcp_output_control",    Accepted(CHOICE, _CONTROLS),            E.MISSING_OUTPUT_CONTROL, "missing", _no_output_control,         E.INVALID_OUTPUT_CONTROL_FLAGS),
    Parameter("licenseDuration",       "license_duration",       Accepted(NUMBER, LICENSE_DURATION_MAX), None,                     "invalid", E.INVALID_LICENSE_DURATION, E.INVALID_LICENSE_DURATION),
    Parameter("wvExtension",           "extensions",             Accepted(OTHER, _wv_extension),         None,                     "invalid", None,                       E.INVALID_EXTENSION, many=True),
    Parameter("extensionType",         "extensions",             None,                                   None,                     "invalid", None,                       E.INVALID_EXTENSION, many=True),
    Parameter("extensionPayload",      "extensions",             None,                                   None,                     "invalid", None,                       E.INVALID_EXTENSION, many=True),
    Parameter("expirationTime",        "expires_at, expires_in", Accepted(OTHER, _expiration_time),      None,                     "invalid", None,                       E.INVALID_EXPIRATION_TIME),
    Parameter("cookie",                "cookie",                 Accepted(TEXT, COOKIE_MAX),             None,                     "absent",  E.INVALID_COOKIE,           E.INVALID_COOKIE),
    Parameter("deviceId",              "",                       Accepted(OTHER, _device_id),            None,                     "invalid", None,                       E.DEVICE_BINDING_UNSUPPORTED),
)
# fmt: on

_ROWS = {row.name: row for row in GRAMMAR}
_ORDER = {row.name: place for place, row in enumerate(GRAMMAR)}
_ACCEPTED = {row.name: (*row.accepted, row.field) for row in GRAMMAR if row.accepted is not None}
_FIELDS = {row.name: row.field.split(", ") for row in GRAMMAR}
_REQUIRED = [(row.name, _FIELDS[row.name][0]) for row in GRAMMAR if row.missing is not None]

Refused = tuple[str, str, Fault | None]
"""A parameter, its value, and what its reader says is wrong; without a reader, the row says it."""


def read(pieces: Sequence[str], fields: Fields) -> Fault | None:  # noqa: PLR0912, PLR0915
    """Put what a request says into `fields`, which are empty before.

    Args:
        pieces: as `query.pieces` gives them.

    Returns:
        The first fault in the order of the table, with the `error_format` that the request asks for. The fields are of
        no use then.
    """
    unread: list[str] = []
    refused: list[Refused] = []
    blank = 0
    for piece in pieces:
        name, _, value = piece.partition("=")
        try:
            kind, bound, field = _ACCEPTED[name]
        except KeyError:
            if piece:
                unread.append(name)
            else:
                blank += 1
            continue
        fault = None
        if kind is HEX:
            try:
                decoded = unhexlify(value)
            except ValueError:
                decoded = b""
            if len(decoded) in bound:
                fields[field] = decoded
                continue
        elif kind is CHOICE:
            if value in bound:
                fields[field] = bound[value]
                continue
        elif kind is OTHER:
            fault = bound(value, fields)
            if fault is None:
                continue
        elif kind is PRINTABLE:
            if 0 < len(value) <= bound and value.isascii() and value.isprintable():
                fields[field] = value
                continue
        elif kind is TEXT:
            if 0 < len(value) <= bound and ((value.isascii() and value.isprintable()) or is_text(value, bound)):
                fields[field] = value
                continue
        elif value.isdigit() and value.isascii() and value[0] != "0" and len(value) <= _DIGITS_MAX:
            number = int(value)
            if number <= bound:
                fields[field] = number
                continue
        if value or _ROWS[name].empty != "absent":
            refused.append((name, value, fault))
    accepted = len(pieces) - blank - len(unread) - len(refused)
    told = len(fields) - ("kid" in fields)  # which sets two
    if unread or "extensions" in fields:
        told += len(fields.get("extensions", "1")) - 1
        fault = _finish_extensions(pieces, unread, fields)
        if fault is not None:
            refused.append((fault.parameter or "", "", fault))
        fields["unknown"] = tuple([written_name(name) for name in unread if name not in _ROWS])
    once = told == accepted and not ("expires_at" in fields and "expires_in" in fields)
    if (
        once
        and not refused
        and "customer_authenticator" in fields
        and "kid" in fields
        and "security_level" in fields
        and "hdcp_output_control" in fields
        and ("content_key" not in fields if "kek" in fields else "ek" not in fields)
    ):
        return None
    return _first_fault(pieces, fields, refused, once)


def _first_fault(pieces: Sequence[str], fields: Fields, refused: list[Refused], once: bool) -> Fault | None:
    """The first in the order of the table, of what is refused by itself, is missing, is repeated, or may not stand with
    another. With `once`, nothing that was accepted was accepted twice.
    """
    wrong = [name for name, _, _ in refused]
    repeated: list[str] = []
    if not once or len(wrong) > 1 or (wrong and any(field in fields for field in _FIELDS[wrong[0]])):
        repeated = _repeated(pieces)
    for name, field in _REQUIRED:
        if field not in fields and name not in wrong:
            wrong.append(name)
    if "content_key" in fields and ("kek" in fields or "ek" in fields):
        wrong.append("contentKey")
    if "ek" in fields and "kek" not in fields:
        wrong.append("ek")
    wrong += repeated
    if not wrong:
        return None
    name = wrong[0] if len(wrong) == 1 else min(wrong, key=_ORDER.__getitem__)
    fault = _repeated_fault(name) if name in repeated else _fault_of(name, refused)
    if "error_format" in fields and name != "errorFormat":
        fault.error_format = fields["error_format"]
    return fault


def _repeated(pieces: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    repeated = []
    for piece in pieces:
        name = piece.partition("=")[0]
        if name in seen and name in _ROWS and not _ROWS[name].many:
            repeated.append(name)
        seen.add(name)
    return repeated


def _repeated_fault(name: str) -> Fault:
    return Fault(_ROWS[name].repeated, name, f"{name} is given more than once")


def _fault_of(name: str, refused: list[Refused]) -> Fault:
    row = _ROWS[name]
    for refused_name, value, fault in refused:
        if refused_name == name:
            if not value and row.missing is not None:
                return Fault(row.missing, name)
            if not is_utf8(value):
                return _not_utf8(name)
            if fault is not None or row.otherwise is None:
                return fault or Fault(row.repeated, name)
            return Fault(row.otherwise, name) if isinstance(row.otherwise, E) else row.otherwise(value)
    # It is not there, or may not be beside another.
    return Fault(row.repeated if row.missing is None else row.missing, name)


def _not_utf8(name: str) -> Fault:
    return Fault(_ROWS[name].repeated, name, f"{name} is not UTF-8")


# Extensions: three parameters that make one field, in the order of the request.


def _finish_extensions(pieces: Sequence[str], unread: list[str], fields: Fields) -> Fault | None:
    """Make one field of what the short forms have left in `fields` and of the long forms, if there are any."""
    extensions: list[Extension] = fields.get("extensions", [])
    if "extensionType" in unread or "extensionPayload" in unread:
        pairs = [piece.partition("=") for piece in pieces]
        long = _long_forms(
            [value for name, _, value in pairs if name == "extensionType"],
            [value for name, _, value in pairs if name == "extensionPayload"],
        )
        if isinstance(long, Fault):
            return long
        sources = {"wvExtension": iter(extensions), "extensionType": iter(long)}
        extensions = [extension for name, _, _ in pairs if name in sources for extension in islice(sources[name], 1)]
    if not extensions:
        return None
    fields["extensions"] = tuple(extensions)
    if (len(extensions) > 1 or len(extensions[0].payload) > _SURELY_FITS) and not _fit(extensions, fields):
        names = [piece.partition("=")[0] for piece in pieces]
        return Fault(E.INVALID_EXTENSION, next(name for name in names if name in _EXTENSION_PARAMETERS))
    return None


_EXTENSION_PARAMETERS = {row.name for row in GRAMMAR if row.many}
_LONGEST_TEXTS = ("\U0010ffff" * CONTENT_ID_MAX, "\U0010ffff" * COOKIE_MAX)
_SURELY_FITS = PAYLOAD_BYTES_MAX - payload_bytes(*_LONGEST_TEXTS, [Extension(b"....", b"")], CUSTOMER_MAX)
"""Bytes of the payload of an only extension."""


def _fit(extensions: list[Extension], fields: Fields) -> bool:
    """Whether a payload can hold them beside the texts of the request and a customer."""
    texts = fields.get("content_id"), fields.get("cookie")
    return payload_bytes(*texts, extensions, CUSTOMER_MAX) <= PAYLOAD_BYTES_MAX


def _long_forms(types: list[str], payloads: list[str]) -> list[Extension] | Fault:
    """The n-th type goes with the n-th payload."""
    if len(types) != len(payloads):
        lonely = "extensionType" if len(types) > len(payloads) else "extensionPayload"
        return Fault(E.NO_CORRESPONDING_VALUE, lonely)
    extensions = []
    for type_, payload in zip(types, payloads, strict=True):
        if not (is_utf8(type_) and is_utf8(payload)):
            return _not_utf8("extensionPayload" if is_utf8(type_) else "extensionType")
        code = _extension_fault(type_, payload)
        if code is not None:
            return Fault(code, "extensionType" if code is E.EXTENSION_TYPE_LENGTH else "extensionPayload")
        extensions.append(Extension(type_.encode(), _unbase64(payload)))
    return extensions


def _extension_fault(type_: str, payload: str) -> E | None:
    if not is_extension_type(type_):
        return E.EXTENSION_TYPE_LENGTH
    if not payload:
        return E.NO_CORRESPONDING_VALUE
    return None if _unbase64(payload) else E.EXTENSION_PAYLOAD_NOT_BASE64


# Values. Each returns None for a text that is not exactly right, so that no exception keeps the text.


def _unbase64(text: str) -> bytes:
    """What the text encodes; nothing, if it is not the one text that does."""
    # In a form, the + of an unescaped payload is a space.
    if " " in text:
        text = text.replace(" ", "+")
    try:
        decoded = a2b_base64(text)
    except ValueError:
        return b""
    return decoded if b2a_base64(decoded, newline=False).decode() == text else b""


_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?[Zz]",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_DAY = 24 * 60 * 60


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
    since = moment - _EPOCH
    return since.days * _DAY + since.seconds


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
