"""The grammar: one row per request parameter, and the readers of their values.

`GRAMMAR` is to be held against Tables 13 to 16 of the interface. Its rows stand in the order in which faults are
reported: of several, the first is raised. What the interface leaves open is this project's reading; where one code was
chosen without the interface saying so, `errors.py` says it beside the code.

Reading puts what the values say into the fields of the `TokenSpec`; the fault of a value that is not accepted, the
"otherwise" of its row, is made only when it is the one to be raised. No fault repeats what was sent, save those of
`errorFormat` and `expirationTime`.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, repeat
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
    is_text,
    payload_bytes,
)

Fields = dict[str, Any]
"""Fields of a TokenSpec by name. A field that the request does not set is not there."""
Fault = TokenRequestError


def kid_of_name(name: str) -> bytes:
    """The KID (16 bytes) of the request's `^name`: the first 16 bytes of the SHA-1 of its ASCII characters."""
    from hashlib import sha1  # noqa: PLC0415  # loads OpenSSL

    return sha1(name.encode("ascii"), usedforsecurity=False).digest()[:KID_BYTES]


# What a value may be.


class Accepted(NamedTuple):
    """The values that a parameter may have; never the empty one. All None: it may have none.

    They are hex digits, as many as one of `digits`; or a key of `choices`, which says what it means; or 1 to `longest`
    printable ASCII characters; or a decimal number from 1 to `most`; or an `extension`. `reader` gets what is none of
    these, and the fields: it sets them itself, and returns whether it took the value.
    """

    digits: tuple[int, ...] | None = None
    choices: Mapping[str, Any] | None = None
    longest: int | None = None
    most: int | None = None
    extension: bool | None = None
    reader: Callable[[str, Fields], bool] | None = None


# The readers.


def _kid_name(value: str, fields: Fields) -> bool:
    """`^` and a name."""
    name = value[1:]
    if value[:1] == "^" and 0 < len(name) <= KID_NAME_MAX and name.isascii() and name.isprintable():
        fields["kid"] = kid_of_name(name)
        fields["kid_name"] = name
        return True
    return False


def _text(field: str, longest: int, value: str, fields: Fields) -> bool:
    """1 to `longest` characters of any language."""
    if is_text(value, longest):
        fields[field] = value
        return True
    return False


_content_id = partial(_text, "content_id", CONTENT_ID_MAX)
_cookie = partial(_text, "cookie", COOKIE_MAX)


def _expiration_time(value: str, fields: Fields) -> bool:
    """`+` and seconds, or an RFC 3339 time."""
    sign = value[:1]
    # In a form, the + of an unescaped +60 is a space.
    if sign == " " or sign == "+":  # noqa: PLR1714
        digits = value[1:]
        if digits.isdigit() and digits.isascii() and digits[0] != "0" and len(digits) <= _DIGITS_MAX:
            seconds = int(digits)
            if seconds <= LIFETIME_MAX:
                fields["expires_in"] = seconds
                return True
        return False
    if _RFC3339(value) is None:
        return False
    try:
        moment = datetime.fromisoformat(value[:19])
    except ValueError:
        after = _after_leap_second(value)
        if after is None:
            return False
        moment = after
    since = moment - _EPOCH
    fields["expires_at"] = since.days * _DAY + since.seconds
    return True


_DIGITS_MAX = 10


def _digits(*lengths: int) -> tuple[int, ...]:
    """Hex digits of so many bytes."""
    return tuple(2 * length for length in lengths)


# The faults of values that are refused, where the code of the row does not say all.


def _no_error_format(value: str) -> Fault:
    return Fault(E.INVALID_ERROR_FORMAT, "errorFormat", _echo(value))


def _no_authenticator(value: str) -> Fault:
    details = f"must be 1 to {AUTHENTICATOR_MAX} printable ASCII characters"
    return Fault(E.INVALID_AUTHENTICATOR, "customerAuthenticator", details)


def _no_kid(value: str) -> Fault:
    if value[:1] != "^":
        return Fault(E.KID_LENGTH, "kid")
    return Fault(E.INVALID_KID if len(value) <= 1 + KID_NAME_MAX else E.KID_NAME_LENGTH, "kid")


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


def _no_extension(value: str) -> Fault:
    type_, comma, payload = value.partition(",")
    code = _extension_fault(type_, payload) if comma else None
    return Fault(code or E.INVALID_EXTENSION, "wvExtension")


def _no_expiration_time(value: str) -> Fault:
    if value[:1] in (" ", "+"):
        what = f"is not + and 1 to {LIFETIME_MAX} seconds"
    elif _RFC3339(value) is None:
        what = "is neither + and seconds nor an RFC 3339 time that ends in Z"
    else:
        what = "is not in the calendar"
    return Fault(E.INVALID_EXPIRATION_TIME, "expirationTime", f"'{_echo(value)}' {what}")


# The table.


class Parameter(NamedTuple):
    """A row of the grammar.

    `field` is what the parameter sets of a TokenSpec, or the first of two. `missing` is the fault of a required
    parameter that is absent, `otherwise` that of one with a value that is not accepted, `repeated` that of one given
    twice or not in UTF-8. An `empty` value is "missing", or "absent" as if it were not there, or "invalid" like others.
    `many` may be given any number of times. The two halves of an extension are read together, by `_long_forms`.
    """

    name: str
    field: str
    accepted: Accepted | None
    missing: E | None
    empty: str
    otherwise: E | Callable[[str], Fault]
    repeated: E
    many: bool = False


_LEVELS = {str(level.value): level for level in SecurityLevel}
_CONTROLS = {str(control.value): control for control in HdcpOutputControl}
_FORMATS = {format_.value: format_ for format_ in ErrorFormat}

# fmt: off
GRAMMAR = (
    #         parameter                field                     accepted                                               missing                   empty      otherwise                     twice, not UTF-8
    Parameter("errorFormat",           "error_format",           Accepted(choices=_FORMATS),                            None,                     "invalid", _no_error_format,             E.INVALID_ERROR_FORMAT),
    Parameter("customerAuthenticator", "customer_authenticator", Accepted(longest=AUTHENTICATOR_MAX),                   E.MISSING_AUTHENTICATOR,  "missing", _no_authenticator,            E.INVALID_AUTHENTICATOR),
    Parameter("generalFlags",          "general_flags",          Accepted(choices={"0000": 0}),                         None,                     "invalid", E.INVALID_GENERAL_FLAGS,      E.INVALID_GENERAL_FLAGS),
    Parameter("kid",                   "kid, kid_name",          Accepted(digits=_digits(KID_BYTES), reader=_kid_name), E.MISSING_KID,            "missing", _no_kid,                      E.INVALID_KID),
    Parameter("kek",                   "kek",                    Accepted(digits=_digits(*KEK_BYTES)),                  None,                     "invalid", E.INVALID_ENCRYPTED_KEY,      E.INVALID_ENCRYPTED_KEY),
    Parameter("ek",                    "ek",                     Accepted(digits=_digits(WRAPPED_KEY_BYTES)),           None,                     "invalid", E.INVALID_ENCRYPTED_KEY,      E.INVALID_ENCRYPTED_KEY),
    Parameter("contentKey",            "content_key",            Accepted(digits=_digits(CONTENT_KEY_BYTES)),           None,                     "invalid", _no_content_key,              E.INVALID_KEY_DATA),
    Parameter("contentId",             "content_id",             Accepted(longest=CONTENT_ID_MAX, reader=_content_id),  None,                     "absent",  _no_content_id,               E.MALFORMED_REQUEST),
    Parameter("securityLevel",         "security_level",         Accepted(choices=_LEVELS),                             E.MISSING_SECURITY_LEVEL, "missing", E.INVALID_SECURITY_LEVEL,     E.INVALID_SECURITY_LEVEL),
    Parameter("hdcpOutputControl",     "hdcp_output_control",    Accepted(choices=_CONTROLS),                           E.MISSING_OUTPUT_CONTROL, "missing", _no_output_control,           E.INVALID_OUTPUT_CONTROL_FLAGS),
    Parameter("licenseDuration",       "license_duration",       Accepted(most=LICENSE_DURATION_MAX),                   None,                     "invalid", E.INVALID_LICENSE_DURATION,   E.INVALID_LICENSE_DURATION),
    Parameter("wvExtension",           "extensions",             Accepted(extension=True),                              None,                     "invalid", _no_extension,                E.INVALID_EXTENSION, many=True),
    Parameter("extensionType",         "extensions",             None,                                                  None,                     "invalid", E.INVALID_EXTENSION,          E.INVALID_EXTENSION, many=True),
    Parameter("extensionPayload",      "extensions",             None,                                                  None,                     "invalid", E.INVALID_EXTENSION,          E.INVALID_EXTENSION, many=True),
    Parameter("expirationTime",        "expires_at, expires_in", Accepted(reader=_expiration_time),                     None,                     "invalid", _no_expiration_time,          E.INVALID_EXPIRATION_TIME),
    Parameter("cookie",                "cookie",                 Accepted(longest=COOKIE_MAX, reader=_cookie),          None,                     "absent",  E.INVALID_COOKIE,             E.INVALID_COOKIE),
    Parameter("deviceId",              "",                       Accepted(),                                            None,                     "invalid", E.DEVICE_BINDING_UNSUPPORTED, E.DEVICE_BINDING_UNSUPPORTED),
)
# fmt: on

_ROWS = {row.name: row for row in GRAMMAR}
_ORDER = {row.name: place for place, row in enumerate(GRAMMAR)}
_FIELDS = {row.name: row.field.split(", ") for row in GRAMMAR}
_ACCEPTED = {row.name: (*row.accepted, _FIELDS[row.name][0]) for row in GRAMMAR if row.accepted is not None}
_REQUIRED = [(place, _FIELDS[row.name][0]) for place, row in enumerate(GRAMMAR) if row.missing is not None]

Refused = tuple[str, str, Fault | None]
"""A parameter, its value, and the fault, where that is not the row's to say."""


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
    extensions: list[Extension] = []
    blank = 0
    for piece in pieces:
        name, _, value = piece.partition("=")
        try:
            digits, choices, longest, most, is_extension, reader, field = _ACCEPTED[name]
        except KeyError:
            if piece:
                unread.append(name)
            else:
                blank += 1
            continue
        if digits:
            if len(value) in digits:
                try:
                    fields[field] = unhexlify(value)
                    continue
                except ValueError:
                    pass
        elif choices:
            if value in choices:
                fields[field] = choices[value]
                continue
        elif longest:
            if 0 < len(value) <= longest and value.isascii() and value.isprintable():
                fields[field] = value
                continue
        elif most:
            if value.isdigit() and value.isascii() and value[0] != "0" and len(value) <= _DIGITS_MAX:
                number = int(value)
                if number <= most:
                    fields[field] = number
                    continue
        elif is_extension:
            extension = _extension(value)
            if extension is not None:
                extensions.append(extension)
                continue
        if not (reader and reader(value, fields)) and (value or _ROWS[name].empty != "absent"):
            refused.append((name, value, None))
    complete = (
        "customer_authenticator" in fields
        and "kid" in fields
        and "security_level" in fields
        and "hdcp_output_control" in fields
        and ("content_key" not in fields if "kek" in fields else "ek" not in fields)
        and not ("expires_in" in fields and "expires_at" in fields)
    )
    told = len(fields) - ("kid_name" in fields) + len(extensions)
    if extensions:
        fields["extensions"] = tuple(extensions)
    if complete and told == len(pieces) and (not extensions or _fit(extensions, fields)):
        return None  # as most requests are: every piece said something, and none what another had said
    if unread:
        fields["unknown"] = tuple([written_name(name) for name in unread if name not in _ROWS])
    once = told == len(pieces) - blank - len(unread) - len(refused)
    fault = _finish_extensions(pieces, unread, extensions, fields) if unread or extensions else None
    if fault is not None:
        refused.append((fault.parameter or "", "", fault))
    return None if complete and once and not refused else _first_fault(pieces, fields, refused, once)


def _first_fault(pieces: Sequence[str], fields: Fields, refused: list[Refused], once: bool) -> Fault | None:
    """The first in the order of the table, of what is refused by itself, is missing, is repeated, or may not stand with
    another. With `once`, nothing that was accepted was accepted twice.
    """
    first = len(GRAMMAR)
    if "expires_in" in fields and "expires_at" in fields:
        once = False
    for name, _, _ in refused:
        first = min(first, _ORDER[name])
        for field in _FIELDS[name]:
            if field in fields:
                once = False  # there is another, which was accepted
    for place, field in _REQUIRED:
        if place >= first:
            break
        if field not in fields:
            first = place
    if "content_key" in fields and ("kek" in fields or "ek" in fields):
        first = min(first, _ORDER["contentKey"])
    if "ek" in fields and "kek" not in fields:
        first = min(first, _ORDER["ek"])
    repeated: list[int] = []
    if not once or len(refused) > 1:
        repeated = _repeated(pieces)
        first = min(first, *repeated) if repeated else first
    if first == len(GRAMMAR):
        return None
    name = GRAMMAR[first].name
    fault = _repeated_fault(name) if first in repeated else _fault_of(name, refused)
    if "error_format" in fields and name != "errorFormat":
        fault.error_format = fields["error_format"]
    return fault


def _repeated(pieces: Sequence[str]) -> list[int]:
    """The places in the table of what is given more than once, and may not be."""
    seen: set[str] = set()
    places = []
    for piece in pieces:
        name = piece.partition("=")[0]
        if name in seen and name in _ROWS and not _ROWS[name].many:
            places.append(_ORDER[name])
        seen.add(name)
    return places


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
            if fault is not None:
                return fault
            return Fault(row.otherwise, name) if isinstance(row.otherwise, E) else row.otherwise(value)
    # It is not there, or may not be beside another.
    return Fault(row.repeated if row.missing is None else row.missing, name)


def _not_utf8(name: str) -> Fault:
    return Fault(_ROWS[name].repeated, name, f"{name} is not UTF-8")


# Extensions: three parameters that make one field, in the order of the request.


def _extension(value: str) -> Extension | None:
    """The short form: type, comma, payload."""
    type_, _, text = value.partition(",")
    payload = _unbase64(text)
    if not payload or len(type_) != EXTENSION_TYPE_BYTES or not (type_.isascii() and type_.isprintable()):
        return None
    return tuple.__new__(Extension, (type_.encode(), payload))  # half the time of Extension(...)


def _finish_extensions(
    pieces: Sequence[str], unread: list[str], extensions: list[Extension], fields: Fields
) -> Fault | None:
    """Put those of the long form among those of the short form, if there are any; and see whether all fit."""
    if "extensionType" in unread or "extensionPayload" in unread:
        pairs = [(name, value) for name, _, value in _parted(pieces)]
        long = _long_forms(
            [value for name, value in pairs if name == "extensionType"],
            [value for name, value in pairs if name == "extensionPayload"],
        )
        if isinstance(long, Fault):
            return long
        sources = {"wvExtension": iter(extensions), "extensionType": iter(long)}
        extensions = [extension for name, _ in pairs if name in sources for extension in islice(sources[name], 1)]
        fields["extensions"] = tuple(extensions)
    if not extensions or _fit(extensions, fields):
        return None
    name = next(name for name, _, _ in _parted(pieces) if name in _EXTENSION_PARAMETERS)
    return Fault(E.INVALID_EXTENSION, name)


def _parted(pieces: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Name, equals sign and value of each."""
    return map(str.partition, pieces, repeat("="))


_EXTENSION_PARAMETERS = {row.name for row in GRAMMAR if row.many}
_LONGEST_TEXTS = ("\U0010ffff" * CONTENT_ID_MAX, "\U0010ffff" * COOKIE_MAX)
_SURELY_FITS = PAYLOAD_BYTES_MAX - payload_bytes(*_LONGEST_TEXTS, [Extension(b"....", b"")], CUSTOMER_MAX)
"""Bytes of the payload of an only extension."""


def _fit(extensions: list[Extension], fields: Fields) -> bool:
    """Whether a payload can hold them beside the texts of the request and a customer."""
    if len(extensions) == 1 and len(extensions[0].payload) <= _SURELY_FITS:
        return True
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
    text = text.replace(" ", "+")
    try:
        decoded = a2b_base64(text)
    except ValueError:
        return b""
    return decoded if b2a_base64(decoded, newline=False).decode() == text else b""


_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?[Zz]",
    re.ASCII,
).fullmatch
_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_DAY = 24 * 60 * 60


def _after_leap_second(text: str) -> datetime | None:
    """The moment of an RFC 3339 time with a second 60; None when the calendar does not have it, or it is another time.

    A leap second may stand where one can be inserted, at the end of a month's last day (RFC 3339, 5.7). It is the same
    UNIX second as the one after it, so that the last of the year 9999 is none.
    """
    if text[17:19] != "60":
        return None
    try:
        moment = datetime.fromisoformat(text[:17] + "59") + _SECOND
    except (ValueError, OverflowError):
        return None
    return moment if (moment.day, moment.hour, moment.minute) == (1, 0, 0) else None


def _echo(value: str) -> str:
    """At most 64 characters of what was sent, everything unprintable escaped."""
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in value[:_ECHO_MAX]
    )
    return escaped[:_ECHO_MAX]


_ECHO_MAX = 64
