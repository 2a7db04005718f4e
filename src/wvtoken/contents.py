"""Convert the contents of tokens between columns (csrc/contents.c) and Python objects.

payload.py is the reference. It does the same for one token at a time. Here, zip and map loop over the tokens where
possible, because they are faster than Python loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise, repeat
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from . import values
from .payload import OPENED, Grant
from .values import Extension, HdcpOutputControl, SecurityLevel

if TYPE_CHECKING:
    from .spec import TokenSpec


class Contents(NamedTuple):
    """The contents of tokens, in the order of the tokens: struct wvt_contents of csrc/wvtoken.h.

    Attributes:
        records: id (12 bytes), fixed part of the payload (54) and number of extensions (4) of each token.
        texts: three lines for each token: cookie, content id, customer. A missing text is an empty line.
        types: for each extension its type (4 bytes).
        payloads: for each extension its payload.
        ends: for each extension the offset in `payloads` where its payload ends.
    """

    records: bytes
    texts: bytes
    types: bytes
    payloads: bytes
    ends: Sequence[int]

    def __repr__(self) -> str:
        return "Contents(<secret>)"


_RECORD = Struct(f"{OPENED.format}I")
_TYPE = Struct(f"{values.EXTENSION_TYPE_BYTES}s")
_SECURITY_LEVELS = {level.value: level for level in SecurityLevel}
_HDCP_OUTPUT_CONTROLS = {control.value: control for control in HdcpOutputControl}
_new = tuple.__new__  # takes half the time of calling the class


def of_specs(specs: Sequence[TokenSpec], issued_at: int, customer: str | None) -> Contents:
    """Return the contents of the tokens of specs that have a content key and no absolute expiry."""
    pack, longest = _RECORD.pack, values.LIFETIME_MAX
    records = [
        pack(
            b"",  # 12 zero bytes: C writes the id
            issued_at,
            issued_at + (spec.expires_in or longest),
            spec.kid,
            spec.content_key,
            spec.security_level,
            spec.hdcp_output_control,
            spec.license_duration or 0,
            len(spec.extensions),
        )
        for spec in specs
    ]
    lines = [customer or ""] * (3 * len(specs)) + [""]
    lines[0:-1:3] = [spec.cookie or "" for spec in specs]
    lines[1:-1:3] = [spec.content_id or "" for spec in specs]
    texts = "\n".join(lines).encode()
    if texts.count(b"\n") != 3 * len(specs):
        raise ValueError("a text of a spec contains a line feed")
    extensions = [extension for spec in specs for extension in spec.extensions]
    types, payloads = b"".join([type_ for type_, _ in extensions]), [payload for _, payload in extensions]
    return Contents(b"".join(records), texts, types, b"".join(payloads), list(accumulate(map(len, payloads))))


def read_one(contents: Contents) -> Grant:
    """Return the grant of one opened token."""
    token_id, issued_at, expires_at, kid, content_key, level, control, duration, _ = _RECORD.unpack(contents.records)
    cookie, content_id, customer, _ = contents.texts.decode().split("\n")
    fields = (
        token_id,
        issued_at,
        expires_at,
        kid,
        content_key,
        _SECURITY_LEVELS[level],
        _HDCP_OUTPUT_CONTROLS[control],
        duration or None,
        _extensions(contents) if contents.types else (),
        content_id or None,
        cookie or None,
        customer or None,
    )
    return _new(Grant, fields)


def read_many(contents: Contents) -> list[Grant]:
    """Return the grants of opened tokens. There must be at least one token."""
    records = zip(*_RECORD.iter_unpack(contents.records), strict=True)
    ids, issued_at, expires_at, kids, content_keys, levels, controls, durations, counts = records
    texts = [text or None for text in contents.texts.decode().split("\n")][:-1]
    extensions: Iterable[tuple[Extension, ...]] = repeat((), len(ids))
    if contents.types:
        flat = _extensions(contents)
        extensions = [flat[start:end] for start, end in pairwise(accumulate(counts, initial=0))]
    columns = (
        ids,
        issued_at,
        expires_at,
        kids,
        content_keys,
        map(_SECURITY_LEVELS.__getitem__, levels),
        map(_HDCP_OUTPUT_CONTROLS.__getitem__, controls),
        [duration or None for duration in durations],
        extensions,
        texts[1::3],
        texts[0::3],
        texts[2::3],
    )
    return list(map(_new, repeat(Grant), zip(*columns, strict=True)))


def _extensions(contents: Contents) -> tuple[Extension, ...]:
    """Return all extensions of opened tokens. There must be at least one extension."""
    data, ends = contents.payloads, contents.ends
    if len(ends) == 1:
        return (_new(Extension, (contents.types, data)),)
    types = [type_ for (type_,) in _TYPE.iter_unpack(contents.types)]
    payloads = [data[start:end] for start, end in pairwise((0, *ends))]
    return tuple(map(_new, repeat(Extension), zip(types, payloads, strict=True)))
