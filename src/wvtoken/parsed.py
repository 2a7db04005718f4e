"""From a request that C has parsed to a `TokenSpec`. The rows of parameters.py say what each value is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import parameters
from .spec import TokenSpec, unchecked
from .values import EXTENSION_TYPE_BYTES, PAYLOAD_FIELD_BYTES, Extension


def from_parsed(given: int, values: Sequence[int], data: bytes) -> TokenSpec:
    """Return the spec of a request that C has parsed: the results of `wvt_parse` in csrc/wvtoken.h."""
    found: dict[str, Any] = {}
    for bit, place, read, name in _READERS:
        if given & bit:
            read(found, name, data, *values[place : place + 3])
    return unchecked(found)


# One function per kind of value: it reads the bytes of `data` from `at` on, or the number.


def _read_bytes(found: dict[str, Any], field: str, data: bytes, at: int, length: int, _: int) -> None:
    found[field] = data[at : at + length]


def _read_text(found: dict[str, Any], field: str, data: bytes, at: int, length: int, _: int) -> None:
    found[field] = data[at : at + length].decode()


def _read_number(found: dict[str, Any], field: str, data: bytes, at: int, length: int, number: int) -> None:
    found[field] = number


def _read_choice(found: dict[str, Any], field: str, data: bytes, at: int, length: int, number: int) -> None:
    found[field] = _MEMBERS[field][number]


def _read_kid(found: dict[str, Any], _: str, data: bytes, at: int, length: int, number: int) -> None:
    found["kid"] = data[at : at + length]
    if number:  # the length of the name
        found["kid_name"] = data[at + length : at + length + number].decode()


def _read_time(found: dict[str, Any], _: str, data: bytes, at: int, length: int, number: int) -> None:
    found["expires_in" if length else "expires_at"] = number  # length: 1 for a relative time, 0 for an absolute one


def _read_extensions(found: dict[str, Any], field: str, data: bytes, at: int, length: int, _: int) -> None:
    """The bytes are fields of a payload."""
    extensions, end = [], at + length
    while at < end:
        value = at + PAYLOAD_FIELD_BYTES
        payload, at = value + EXTENSION_TYPE_BYTES, value + (data[value - 2] << 8 | data[value - 1])
        extensions.append(_new(Extension, (data[value:payload], data[payload:at])))
    found[field] = tuple(extensions)


_new = tuple.__new__  # takes half the time of calling the class
_MEMBERS = {
    field: {member if isinstance(member, int) else place: member for place, member in enumerate(kind.bounds.values())}
    for field, (_, kind) in parameters.KINDS.items()
    if kind.name == "choice"
}
_READ = {
    ("choice",): _read_choice,
    ("hex",): _read_bytes,
    ("printable",): _read_text,
    ("text",): _read_text,
    ("decimal",): _read_number,
    ("hex", "printable"): _read_kid,
    ("decimal", "time"): _read_time,
    ("extension",): _read_extensions,
}
_READERS = [
    (1 << number, 3 * number, _READ[_kinds], next(iter(row.fields)))
    for number, row in enumerate(parameters.GRAMMAR)
    if (_kinds := tuple(kind.name for kind in row.fields.values())) in _READ
]
"""For each parameter: its bit, the place of its value, the function that reads the value, and the field."""
