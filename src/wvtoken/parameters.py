"""The grammar: one row per request parameter, in the order in which errors are reported.

Compare `GRAMMAR` with Tables 13 to 16 of the interface. A row names the fields of `TokenSpec` that the parameter sets,
and for each field a kind of value with its bounds. A kind parses the text of a request, validates the value of a
`TokenSpec`, and writes the text. So `parse`, `TokenSpec(...)` and `to_query` use the same rows. The rules that involve
several parameters follow the table. `errors.py` marks the codes that are this project's interpretation.

No error repeats input, except for `errorFormat`, `expirationTime` and unknown names of 1 to 32 ASCII letters.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Callable, Container, Iterable, Iterator, KeysView, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple

from . import values as v
from .errors import ErrorFormat
from .errors import TokenRequestError as Fault
from .payload import payload_bytes
from .query import Pair, is_utf8
from .values import Extension, HdcpOutputControl, SecurityLevel

Fields = dict[str, Any]  # fields of a TokenSpec by name
_ECHO_MAX, _SHOWN_NAME_MAX, _SUGGESTIONS_MAX = 64, 32, 8


# Kinds of values. The bounds are plain data.


class Kind(NamedTuple):
    """A kind of value. `parse` and `check` return None if the value is invalid. `write` also writes invalid values."""

    name: str
    bounds: Any  # plain data: the arguments of the function that made this kind
    base: type  # of a value in a TokenSpec
    expected: str  # the description of a valid text, for the details of errors
    parse: Callable[[str], Any]  # from text to the value of a TokenSpec
    check: Callable[[Any], Any]  # from a value of type `base` to the value that a TokenSpec stores
    write: Callable[[Any], str]  # from a value of type `base` to text


def hex_digits(*lengths: int) -> Kind:
    """Return the kind for hexadecimal digits. `lengths` are in bytes."""

    def parse(text: str) -> bytes | None:
        try:
            return unhexlify(text) if len(text) / 2 in lengths else None
        except ValueError:
            return None

    def check(value: bytes) -> bytes | None:
        return value if len(value) in lengths else None

    digits = _listed([2 * length for length in lengths])
    return Kind("hex", lengths, bytes, f"{digits} hexadecimal digits", parse, check, bytes.hex)


def choice(choices: Mapping[str, Any], base: type = int) -> Kind:
    """Return the kind for one of these texts, each with its value."""
    texts = {value: text for text, value in choices.items()}
    members = {value: value for value in choices.values()}

    def write(value: Any) -> str:
        return texts[value] if value in texts else value if base is str else _digits(value)

    return Kind("choice", choices, base, _listed(choices), choices.get, members.get, write)


def printable(most: int, prefix: str = "") -> Kind:
    """Return the kind for the prefix, then 1 to `most` printable ASCII characters."""

    def check(value: str) -> str | None:
        return value if v.is_printable(value, most) else None

    def parse(text: str) -> str | None:
        return check(text[len(prefix) :]) if text.startswith(prefix) else None

    expected = f"{prefix} followed by " * bool(prefix) + f"1 to {most} printable ASCII characters"
    return Kind("printable", (most, prefix), str, expected, parse, check, prefix.__add__)


def text_of(most: int) -> Kind:
    """Return the kind for 1 to `most` characters without control characters."""

    def check(value: str) -> str | None:
        return value if v.is_text(value, most) else None

    return Kind("text", most, str, f"1 to {most} characters without control characters", check, check, str)


def decimal(most: int, prefix: Literal["", "+"] = "") -> Kind:
    """Return the kind for the prefix, then a decimal number from 1 to `most` without leading zeros.

    Form decoding turns a `+` into a space, so a space counts as the prefix `+`.
    """
    match = re.compile(f"{'[+ ]' if prefix else ''}([1-9][0-9]{{0,20}})").fullmatch  # int() limits the digits

    def check(value: int) -> int | None:
        return value if 1 <= value <= most else None

    def parse(text: str) -> int | None:
        found = match(text)
        return check(int(found[1])) if found else None

    expected = f"{prefix} followed by " * bool(prefix) + f"a decimal number from 1 to {most} without leading zeros"
    return Kind("decimal", (most, prefix), int, expected, parse, check, lambda value: prefix + _digits(value))


def time() -> Kind:
    """Return the kind for an RFC 3339 time in UTC. Its value is in UNIX seconds; a fraction is dropped."""

    def check(value: int) -> int | None:
        return value if v.TIME_MIN <= value <= v.TIME_MAX else None

    def write(value: int) -> str:
        return _digits(value) if check(value) is None else f"{(_EPOCH + value * _SECOND).isoformat()}Z"

    def parse(text: str) -> int | None:
        if _RFC3339(text) is None:
            return None
        leap = text[17:19] == "60"
        try:
            moment = datetime.fromisoformat(text[:17] + "59" if leap else text[:19])
        except ValueError:
            return None
        seconds = (moment - _EPOCH) // _SECOND + leap
        # A leap second ends the last day of a month (RFC 3339, section 5.7). Its UNIX time is that of the next second.
        return None if leap and write(seconds)[8:] != "01T00:00:00Z" else seconds

    return Kind("time", None, int, "an RFC 3339 time that ends in Z", parse, check, write)


def short_extension() -> Kind:
    """Return the kind for the type of an extension, a comma, and its payload in base64."""

    def check(value: Extension) -> Extension | None:
        return value if value.payload and v.is_extension_type(value.type.decode("latin-1")) else None

    def write(value: Extension) -> str:
        return f"{value.type.decode('latin-1')},{b2a_base64(value.payload, newline=False).decode()}"

    expected = "a type of 4 printable ASCII characters, a comma and a payload in base64"
    return Kind("extension", None, tuple, expected, lambda text: _extension(*text.partition(",")[::2]), check, write)


def _listed(values: Iterable[object]) -> str:
    *others, last = map(str, values)
    return f"{', '.join(others)} or {last}" if others else last


def _digits(number: int) -> str:
    """Return the decimal digits of a number, limited to 21: Python refuses to convert very large numbers."""
    return str(max(-(10**20), min(number, 10**20)))


def _extension(type_: str, payload: str) -> Extension | None:
    decoded = _unbase64(payload)
    return Extension(type_.encode(), decoded) if decoded and v.is_extension_type(type_) else None


def _unbase64(text: str) -> bytes:
    """Return the decoded text, or b"" if the text is not the one canonical encoding (RFC 4648)."""
    text = text.replace(" ", "+")  # form decoding turns a + into a space
    try:
        decoded = a2b_base64(text)
    except ValueError:
        return b""
    return decoded if b2a_base64(decoded, newline=False).decode() == text else b""


_RFC3339 = re.compile(r"(?a)\d{4}(-\d\d){2}[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?[Zz]").fullmatch
_EPOCH, _SECOND = datetime(1970, 1, 1), timedelta(seconds=1)


# Invalid values. Each function is for a parameter whose code or details depend on the value.


def invalid_error_format(text: str) -> Fault:
    fault = Fault(-3004, "errorFormat", _MUST_BE["errorFormat"])
    fault._echo = _echo(text)
    return fault


def invalid_kid(text: str) -> Fault:
    name_code = -4022 if len(text) <= 1 + v.KID_NAME_MAX else -4021
    return Fault(name_code if text.startswith("^") else -4020, "kid", _MUST_BE["kid"])


def invalid_content_key(text: str) -> Fault:
    code = -2005 if len(text) == 2 * v.CONTENT_KEY_BYTES else -2027
    return Fault(code, "contentKey", _MUST_BE["contentKey"])


def invalid_output_control(text: str) -> Fault:
    code = -2034 if text.isascii() and text.isdigit() else -2008
    return Fault(code, "hdcpOutputControl", _MUST_BE["hdcpOutputControl"])


def invalid_expiration_time(text: str) -> Fault:
    if _RFC3339(text):
        return Fault(-2002, "expirationTime", f"'{_echo(text)}' is not in the calendar")
    return Fault(-2002, "expirationTime", f"{_MUST_BE['expirationTime']}, not '{_echo(text)}'")


def _echo(text: str) -> str:
    """Return at most 64 characters of the input. What is not printable is escaped."""
    shown = [part if part.isprintable() else part.encode("unicode_escape").decode() for part in text[:_ECHO_MAX]]
    return "".join(shown)[:_ECHO_MAX]


# The table.


class Parameter(NamedTuple):
    """A row of the grammar."""

    name: str
    fields: Mapping[str, Kind]  # the fields that it can set; the first kind that accepts the value is used
    missing: int | None  # the code if it is missing; None: it is optional
    invalid: int | Callable[[str], Fault]  # the code for an invalid value, or a function that returns the error
    repeated: int  # the code if it is repeated, or not UTF-8
    empty: Literal["missing", "invalid", "absent"]  # the meaning of an empty value
    many: bool = False  # it may be repeated


_FORMATS = {str(member.value): member for member in ErrorFormat}
_LEVELS = {str(member.value): member for member in SecurityLevel}
_CONTROLS = {str(member.value): member for member in HdcpOutputControl}

# fmt: off
GRAMMAR = (
    #         parameter                fields                       missing invalid                  repeated empty
    Parameter("errorFormat",           {"error_format": choice(_FORMATS, str)},
                                                                None, invalid_error_format,    -3004, "invalid"),
    Parameter("customerAuthenticator", {"customer_authenticator": printable(v.AUTHENTICATOR_MAX)},
                                                               -2017, -2018,                   -2018, "missing"),
    Parameter("generalFlags",          {"general_flags": choice({"0000": 0})},
                                                                None, -5003,                   -5003, "invalid"),
    Parameter("kid",                   {"kid": hex_digits(v.KID_BYTES), "kid_name": printable(v.KID_NAME_MAX, "^")},
                                                               -4018, invalid_kid,             -4022, "missing"),
    Parameter("kek",                   {"kek": hex_digits(*v.KEK_BYTES)},
                                                                None, -4024,                   -4024, "invalid"),
    Parameter("ek",                    {"ek": hex_digits(v.WRAPPED_KEY_BYTES)},
                                                                None, -4024,                   -4024, "invalid"),
    Parameter("contentKey",            {"content_key": hex_digits(v.CONTENT_KEY_BYTES)},
                                                                None, invalid_content_key,     -6005, "invalid"),
    Parameter("contentId",             {"content_id": text_of(v.CONTENT_ID_MAX)},
                                                                None, -1,                      -1,    "absent"),
    Parameter("securityLevel",         {"security_level": choice(_LEVELS)},
                                                               -7003, -7004,                   -7004, "missing"),
    Parameter("hdcpOutputControl",     {"hdcp_output_control": choice(_CONTROLS)},
                                                               -7006, invalid_output_control,  -2008, "missing"),
    Parameter("licenseDuration",       {"license_duration": decimal(v.LICENSE_DURATION_MAX)},
                                                                None, -7007,                   -7007, "invalid"),
    Parameter("wvExtension",           {"extensions": short_extension()},
                                                                None, -7009,                   -7009, "invalid", True),
    Parameter("extensionType",         {},                      None, -7009,                   -7009, "invalid", True),
    Parameter("extensionPayload",      {},                      None, -7009,                   -7009, "invalid", True),
    Parameter("expirationTime",        {"expires_in": decimal(v.LIFETIME_MAX, "+"), "expires_at": time()},
                                                                None, invalid_expiration_time, -2002, "invalid"),
    Parameter("cookie",                {"cookie": text_of(v.COOKIE_MAX)},
                                                                None, -2033,                   -2033, "absent"),
    Parameter("deviceId",              {},                      None, -7002,                   -7002, "invalid"),
)
# fmt: on

ROWS = {row.name: row for row in GRAMMAR}
KINDS = {field: (row, kind) for row in GRAMMAR for field, kind in row.fields.items()}
_EXPECTED = {row.name: ", or ".join([kind.expected for kind in row.fields.values()]) or "left out" for row in GRAMMAR}
_MUST_BE = {name: f"{name} must be {expected}" for name, expected in _EXPECTED.items()}


# Rules that involve several parameters. `RULES` apply to accepted values. `given` contains the names of a request.


def ek_needs_kek(given: Container[str]) -> Fault | None:
    return None if "kek" in given else Fault(-4024, "ek", "ek needs kek")


def content_key_is_alone(given: Container[str]) -> Fault | None:
    together = "kek" in given or "ek" in given
    return Fault(-6005, "contentKey", "contentKey must be sent without kek and ek") if together else None


RULES = {"ek": ek_needs_kek, "contentKey": content_key_is_alone}


def kid_is_of_its_name(kid: bytes, name: str) -> Fault | None:
    """A `TokenSpec` may have both, if they agree."""
    details = "kid must be the first 16 bytes of the SHA-1 of kid_name, or left out"
    return None if kid in (b"", v.kid_of_name(name)) else Fault(-4022, "kid", details)


def payload_fits(fields: Fields, parameter: str) -> Fault | None:
    """The payload with the longest name of a customer must not exceed its bound."""
    excess = payload_bytes(fields.get("cookie"), fields.get("content_id"), fields["extensions"]) - v.PAYLOAD_BYTES_MAX
    return Fault(-7009, parameter, f"the extensions must be {excess} bytes shorter") if excess > 0 else None


def read_extensions(pairs: Sequence[Pair]) -> tuple[list[Extension], list[Fault]]:
    """Return the extensions in order, and the first error of each form. The n-th type belongs to the n-th payload."""
    types = [name for name, _ in pairs].count("extensionType")
    payloads = [text for name, text in pairs if name == "extensionPayload"]
    faults, extensions, numbers = {}, [], {"wvExtension": 0, "extensionType": 0}
    if types != len(payloads):
        lonely = "extensionType" if types > len(payloads) else "extensionPayload"
        details = f"each extensionType needs one extensionPayload: there are {types} and {len(payloads)}"
        faults["extensionType"] = Fault(-2035, lonely, details)
    for name, text in pairs:
        if name == "wvExtension":
            type_, comma, payload = text.partition(",")
        elif name == "extensionType" and types == len(payloads):
            type_, comma, payload = text, ",", payloads[numbers[name]]
        else:
            continue
        extension = _extension(type_, payload)
        if extension is None:
            faults.setdefault(name, _invalid_extension(name, numbers[name], type_, comma, payload))
        else:
            extensions.append(extension)
        numbers[name] += 1
    return extensions, list(faults.values())


def _invalid_extension(name: str, number: int, type_: str, comma: str, payload: str) -> Fault:
    """Return the error of an invalid extension. In a spec, a payload is invalid only if it is empty."""
    of_payload = "extensionPayload" if name == "extensionType" else name
    for parameter, text in ((name, type_), (of_payload, payload)):
        if not is_utf8(text):
            return Fault(-7009, parameter, f"{parameter} must be valid UTF-8")
    ordinals = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    numbered = f"the {ordinals[number]} {name}" if number < len(ordinals) else f"{name} number {number + 1}"
    if not comma:
        return Fault(-7009, name, f"{numbered} has no comma")
    if not v.is_extension_type(type_):
        return Fault(-2036, name, f"the type of {numbered} must be 4 printable ASCII characters without a comma")
    if not payload:
        return Fault(-2035, of_payload, f"the payload of {numbered} must not be empty")
    return Fault(-2037, of_payload, f"the payload of {numbered} must be base64 with padding (RFC 4648)")


# Running the table.

Found = KeysView[str] | set[str]  # the parameters with an accepted value
_PARSERS = {row.name: [(field, kind.parse) for field, kind in row.fields.items()] for row in GRAMMAR if not row.many}
_CHECKS = {field: (row.name, kind.check) for field, (row, kind) in KINDS.items() if not row.many}
_REQUIRED = {row.name for row in GRAMMAR if row.missing is not None}
_MANY = {row.name for row in GRAMMAR if row.many}


def read(pairs: Sequence[Pair], first: bool = False) -> tuple[Fields, list[Fault]]:
    """Return the fields of a request, and its errors in the order of the table, or only the first error."""
    found: dict[str, tuple[str, Any]] = {}  # by parameter: the field that its value sets, and the value
    rest: list[Pair] = []  # unknown parameters, extensions, and values that no kind accepts
    for name, text in pairs:
        for field, parse in _PARSERS.get(name, ()):
            value = parse(text)
            if value is not None:
                found[name] = field, value
                break
        else:
            rest.append((name, text))
    fields = dict(found.values())
    if "kid_name" in fields:
        fields["kid"] = v.kid_of_name(fields["kid_name"])
    faults = _read_rest(rest, fields) if rest else []
    once = len(found) + len(rest) == len(pairs)
    if once and not any(faults) and _is_complete(found.keys()) and not [name for name, _ in rest if name in _PARSERS]:
        return fields, []
    every = _all_faults(pairs, found.keys(), faults, fields)
    return fields, list(islice(every, 1) if first else every)


def check(fields: Fields) -> tuple[Fields, list[Fault]]:
    """Return the fields of a spec as it stores them, and its errors. None of the fields is None."""
    kid = fields.pop("kid") if "kid_name" in fields else b""
    checked = dict(fields)
    found: set[str] = set()
    for field, value in fields.items():
        if field in _CHECKS:
            name, check_value = _CHECKS[field]
            checked[field] = check_value(value)
            if checked[field] is not None:
                found.add(name)
    faults = [_fault_of_extensions(checked)] if fields["extensions"] else []
    if checked.get("kid_name") is not None:
        checked["kid"] = v.kid_of_name(checked["kid_name"])
        faults.append(kid_is_of_its_name(kid, checked["kid_name"]))
    if len(found) == len(fields) - len(("extensions", "unknown")) and not any(faults) and _is_complete(found):
        return checked, []
    return checked, list(_all_faults(list(write(fields)), found, faults, checked))


def _fault_of_extensions(fields: Fields) -> Fault | None:
    for number, extension in enumerate(fields["extensions"]):
        if KINDS["extensions"][1].check(extension) is None:
            return _invalid_extension("wvExtension", number, extension.type.decode("latin-1"), ",", "")
    return payload_fits(fields, "wvExtension")


def write(fields: Fields) -> Iterator[Pair]:
    """Yield the parameters of a spec in the order of the table. None of the fields is None."""
    for row in GRAMMAR:
        for field, kind in row.fields.items():
            if field in fields and not (field == "kid" and "kid_name" in fields):
                value = fields[field]
                yield from [(row.name, kind.write(item)) for item in (value if row.many else [value])]


def unknown_faults(names: Sequence[str], error_format: ErrorFormat) -> Iterator[Fault]:
    """Yield an error for each unknown name, and one for all names that must not be shown."""
    shown = tuple(filter(may_be_shown, names))
    details: dict[str | None, str] = {}
    for name in dict.fromkeys(shown):
        close = _closest(name, ROWS) if len(details) < _SUGGESTIONS_MAX else None
        details[name] = f"unknown parameter '{name}'" + (f": did you mean '{close}'?" if close else "")
    if len(shown) < len(names):
        start = _start_hint(names[0])
        details[None] = start or "unknown parameter: its name is not 1 to 32 ASCII letters, so it is not shown"
    for parameter, text in details.items():
        fault = Fault(-1, parameter, text)
        fault.unknown, fault.error_format = shown, error_format
        yield fault


def may_be_shown(name: str) -> bool:
    """Return whether an unknown name may be repeated in an error. Other names may contain a key."""
    return name.isascii() and name.isalpha() and len(name) <= _SHOWN_NAME_MAX


def _read_rest(rest: Sequence[Pair], fields: Fields) -> Sequence[Fault | None]:
    """Put the extensions and the unknown names into fields. Return the errors of extensions."""
    unknown = tuple([name for name, _ in rest if name not in ROWS])
    if unknown:
        fields["unknown"] = unknown
    of_extensions = [pair for pair in rest if pair[0] in _MANY]
    extensions, faults = read_extensions(of_extensions) if of_extensions else ([], [])
    if not extensions or faults:
        return faults
    fields["extensions"] = tuple(extensions)
    return [payload_fits(fields, of_extensions[0][0])]


def _is_complete(found: Found) -> bool:
    """Return whether the required parameters are there and the rules hold."""
    return found >= _REQUIRED and not [name for name, rule in RULES.items() if name in found and rule(found)]


def _all_faults(pairs: Sequence[Pair], found: Found, others: Iterable[Fault | None], fields: Fields) -> Iterator[Fault]:
    """Yield every error, at most one per parameter. `others` are the errors of rules that were already applied."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    by_rule = {fault.parameter: fault for fault in others if fault}
    shown = tuple(filter(may_be_shown, fields.get("unknown", ())))
    error_format = fields.get("error_format") if len(texts.get("errorFormat", ())) == 1 else None
    for row in GRAMMAR:
        name = row.name
        fault = by_rule.get(name)
        if name in texts:
            if name not in found or name in RULES or len(texts[name]) > 1:
                fault = _fault_of_value(row, texts, name in found) or fault
        elif row.missing is not None:
            fault = _missing(row.missing, name, pairs, shown)
        if fault is not None:
            fault.unknown = shown
            fault.error_format = error_format or ErrorFormat.HTML
            yield fault


def _fault_of_value(row: Parameter, texts: Mapping[str, Sequence[str]], accepted: bool) -> Fault | None:
    """Return the error of a parameter that is given. `texts` contains the values of all parameters."""
    if row.many:
        return None  # see read_extensions
    text, *others = texts[row.name]
    if others:
        return Fault(row.repeated, row.name, f"{row.name} is given more than once")
    if accepted or (not text and row.empty == "absent"):
        return RULES[row.name](texts) if row.name in RULES else None
    if not text and row.missing is not None:
        return Fault(row.missing, row.name, f"{row.name} is empty; it must be {_EXPECTED[row.name]}")
    if not is_utf8(text):
        return Fault(row.repeated, row.name, f"{row.name} must be valid UTF-8")
    return Fault(row.invalid, row.name, _MUST_BE[row.name]) if isinstance(row.invalid, int) else row.invalid(text)


def _missing(code: int, name: str, pairs: Sequence[Pair], shown: Sequence[str]) -> Fault:
    start = _start_hint(pairs[0][0]) if pairs else None
    fault = Fault(code, name, f"{name} is missing; {start or f'it must be {_EXPECTED[name]}'}")
    fault._suggest = partial(_misspelt, name, shown) if shown and not start else None
    return fault


def _misspelt(name: str, shown: Sequence[str]) -> str | None:
    close = _closest(name, list(dict.fromkeys(shown))[:_SUGGESTIONS_MAX])
    return f"{name} is missing; the request has the unknown parameter '{close}'" if close else None


def _start_hint(name: str) -> str | None:
    """Return a hint if the first name shows that the request starts with a `?`, a byte order mark or a URL."""
    lower = name.lower()
    starts = [described for start, described in _STARTS.items() if lower.startswith(start)]
    return f"the request starts with {starts[0]}: pass only what follows it" if starts else None


_STARTS = {"?": "'?'", "\ufeff": "a byte order mark", "http:": "a URL and '?'", "https:": "a URL and '?'"}


def _closest(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of the names, regardless of case."""
    by_lower = {other.lower(): other for other in names}
    from difflib import get_close_matches  # noqa: PLC0415  # needed only for an unknown name

    return next((by_lower[close] for close in get_close_matches(name.lower(), by_lower)), None)
