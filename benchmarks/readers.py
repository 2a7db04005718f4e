"""Readers of requests that somebody might assemble instead, from packages that many use.

Each takes a query and checks what `wvtoken.parse` checks of the parameters that these benchmarks send: names given
twice, lengths, alphabets, bounds, the calendar, strict base64, and which keys may stand together. A fault is a
ValueError (which pydantic's and msgspec's own are), without the interface's numbers.
"""

import re
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha1
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from .contest import Run

PARSE_QSL = "`parse_qsl` alone, which checks nothing"
PYDANTIC = "`parse_qsl` and pydantic"
FAST_MSGSPEC = "fast-query-parsers and msgspec"
OWN_MSGSPEC = "a split of one's own and msgspec"

LIFETIME = 30 * 24 * 60 * 60
MANY = "wvExtension"

Values = dict[str, Any]
_PRINTABLE = r"^[ -~]{1,256}\Z"
_TEXT = r"^[^\x00-\x1f\x7f-\x9f]{1,%d}\Z"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?[Zz]", re.ASCII)


class Asked(NamedTuple):
    """What a request asks for, as far as these benchmarks need it."""

    kid: bytes
    content_key: bytes | None
    kek: bytes | None
    ek: bytes | None
    security_level: int
    hdcp_output_control: int
    license_duration: int
    expires_in: int
    expires_at: int | None
    extensions: tuple[tuple[bytes, bytes], ...]
    cookie: str | None


def once(pairs: Iterable[tuple[str, str]]) -> Values:
    """By name; only extensions may be given more than once."""
    values: Values = {}
    for name, value in pairs:
        if name == MANY:
            values.setdefault(MANY, []).append(value)
        elif name in values:
            raise ValueError("given twice")
        else:
            values[name] = value
    return values


def kid(value: str) -> bytes:
    if value.startswith("^"):
        if not (2 <= len(value) <= 65 and value.isascii() and value.isprintable()):
            raise ValueError("kid")
        return sha1(value[1:].encode()).digest()[:16]
    return key(value, 16)


def key(value: str, *lengths: int) -> bytes:
    found = unhexlify(value)
    if len(found) not in lengths:
        raise ValueError("length")
    return found


def number(value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit()) or value[0] == "0" or int(value[:11]) > most:
        raise ValueError("number")
    return int(value)


def expiry(value: str) -> tuple[int, int | None]:
    """Seconds from now, and the absolute time, if it is one."""
    if value[:1] in ("+", " "):
        return number(value[1:], LIFETIME), None
    if _RFC3339.fullmatch(value) is None:
        raise ValueError("time")
    moment = datetime.fromisoformat(value[:19]).replace(tzinfo=UTC)
    return LIFETIME, int(moment.timestamp())


def extension(value: str) -> tuple[bytes, bytes]:
    kind, comma, text = value.partition(",")
    text = text.replace(" ", "+")
    payload = a2b_base64(text)
    if not comma or len(kind) != 4 or not (kind.isascii() and kind.isprintable()):
        raise ValueError("extension")
    if not payload or b2a_base64(payload, newline=False).decode() != text:
        raise ValueError("base64")
    return kind.encode(), payload


def together(kek: bytes | None, ek: bytes | None, content_key: bytes | None) -> None:
    if content_key is not None and (kek is not None or ek is not None):
        raise ValueError("keys")
    if ek is not None and kek is None:
        raise ValueError("ek without kek")


def pydantic_reader(run: Run) -> Callable[[str], Asked]:
    pydantic = run.module("pydantic")
    before, text = pydantic.BeforeValidator, pydantic.StringConstraints

    class Model(pydantic.BaseModel):  # type: ignore[name-defined,misc]
        customerAuthenticator: Annotated[str, text(pattern=r"^[ -~]{1,256}$")]
        kid: Annotated[bytes, before(kid)]
        kek: Annotated[bytes | None, before(lambda value: key(value, 16, 24, 32))] = None
        ek: Annotated[bytes | None, before(lambda value: key(value, 24))] = None
        contentKey: Annotated[bytes | None, before(lambda value: key(value, 16))] = None
        securityLevel: Literal["1", "2", "3", "4", "5"]
        hdcpOutputControl: Literal["0", "1", "2"]
        licenseDuration: Annotated[int, before(lambda value: number(value, 2**32 - 1))] = 0
        expirationTime: Annotated[tuple[int, int | None], before(expiry)] = (LIFETIME, None)
        wvExtension: tuple[Annotated[tuple[bytes, bytes], before(extension)], ...] = ()
        cookie: Annotated[str, text(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,32}$")] | None = None

    def read(query: str) -> Asked:
        model = Model(**once(parse_qsl(query, keep_blank_values=True, max_num_fields=2000)))
        together(model.kek, model.ek, model.contentKey)
        return Asked(
            model.kid,
            model.contentKey,
            model.kek,
            model.ek,
            int(model.securityLevel),
            int(model.hdcpOutputControl),
            model.licenseDuration,
            *model.expirationTime,
            model.wvExtension,
            model.cookie,
        )

    return read


def fast_msgspec_reader(run: Run) -> Callable[[str], Asked]:
    parse = run.module("fast_query_parsers").parse_query_string
    check = _msgspec(run)
    return lambda query: check(once(parse(query.encode(), "&")))


def own_msgspec_reader(run: Run) -> Callable[[str], Asked]:
    check = _msgspec(run)
    return lambda query: check(_split(query))


def _split(query: str) -> Values:
    """`once` of the pairs; names are taken as they stand."""
    if len(query) > 65_536:
        raise ValueError("length")
    values: Values = {}
    for piece in query.replace("+", " ").split("&"):
        name, _, value = piece.partition("=")
        if "%" in value:
            value = unquote(value, errors="strict")
        if name == MANY:
            values.setdefault(MANY, []).append(value)
        elif name in values:
            raise ValueError("given twice")
        else:
            values[name] = value
    return values


def _msgspec(run: Run) -> Callable[[Mapping[str, Any]], Asked]:
    """Checks by msgspec where it is the faster; bytes and times are read beside it."""
    msgspec = run.module("msgspec")
    meta, convert = msgspec.Meta, msgspec.convert

    class Struct(msgspec.Struct):  # type: ignore[name-defined,misc]
        customerAuthenticator: Annotated[str, meta(pattern=_PRINTABLE)]
        kid: str
        securityLevel: Literal["1", "2", "3", "4", "5"]
        hdcpOutputControl: Literal["0", "1", "2"]
        kek: str | None = None
        ek: str | None = None
        contentKey: str | None = None
        licenseDuration: str | None = None
        expirationTime: str | None = None
        wvExtension: list[str] = []  # noqa: RUF012  # msgspec copies it
        cookie: Annotated[str, meta(pattern=_TEXT % 32)] | None = None

    def check(values: Mapping[str, Any]) -> Asked:
        found = convert(values, Struct)
        kek = None if found.kek is None else key(found.kek, 16, 24, 32)
        ek = None if found.ek is None else key(found.ek, 24)
        content_key = None if found.contentKey is None else key(found.contentKey, 16)
        together(kek, ek, content_key)
        return Asked(
            kid(found.kid),
            content_key,
            kek,
            ek,
            int(found.securityLevel),
            int(found.hdcpOutputControl),
            0 if found.licenseDuration is None else number(found.licenseDuration, 2**32 - 1),
            *((LIFETIME, None) if found.expirationTime is None else expiry(found.expirationTime)),
            tuple([extension(value) for value in found.wvExtension]),
            found.cookie,
        )

    return check


READERS: dict[str, Callable[[Run], Callable[[str], Asked]]] = {
    PYDANTIC: pydantic_reader,
    FAST_MSGSPEC: fast_msgspec_reader,
    OWN_MSGSPEC: own_msgspec_reader,
}
