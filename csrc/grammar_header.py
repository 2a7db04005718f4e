"""Generates wvt_grammar.h and wvt_grammar_table.h from the rows of parameters.py."""

import re
from collections.abc import Iterable, Iterator, Sequence

from wvtoken.parameters import GRAMMAR, Parameter

NO_ROW = 255
"""WVT_NO_ROW of request.h."""


def constants() -> str:
    """Return the text of wvt_grammar.h: the number of each row, and sets of rows."""
    return _header("WVT_GRAMMAR_H", _constants(GRAMMAR))


def table() -> str:
    """Return the text of wvt_grammar_table.h: the rows."""
    return _header("WVT_GRAMMAR_TABLE_H", _table(GRAMMAR))


def _header(guard: str, lines: Iterable[str]) -> str:
    start = ["/* Generated from parameters.py. */", f"#ifndef {guard}", f"#define {guard}", ""]
    return "\n".join([*start, *lines, "", "#endif", ""])


def _constants(rows: Sequence[Parameter]) -> Iterator[str]:
    yield f"#define WVT_PARAMETERS {len(rows)}u"
    yield f"#define WVT_NAME_MAX {max(len(row.name) for row in rows)}u"
    yield f"#define WVT_REQUIRED {_bits(row.missing is not None for row in rows)}"
    yield f"#define WVT_REPEATABLE {_bits(row.many for row in rows)}"
    for place, row in enumerate(rows):
        yield f"#define WVT_ROW_{_constant(row.name)} {place}u"


def _bits(flags: Iterable[bool]) -> str:
    return f"0x{sum(flag << place for place, flag in enumerate(flags)):x}u"


def _constant(name: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _table(rows: Sequence[Parameter]) -> Iterator[str]:
    lengths = [len(row.name) for row in rows]
    first = [_place(lengths, length, 0) for length in range(max(lengths) + 1)]
    yield f"static const uint8_t first_of_length[] = {{{', '.join(map(str, first))}}};"
    for place, row in enumerate(rows):
        if words := _words(row):
            yield f"static const struct wvt_word words_{place}[] = {{{words}}};"
    yield "static const struct wvt_parameter grammar[] = {"
    for place, row in enumerate(rows):
        kind, hex_bytes, most = _kind(row)
        words = f"words_{place}, sizeof words_{place} / sizeof words_{place}[0]" if _words(row) else "NULL, 0"
        following = _place(lengths, len(row.name), place + 1)
        hex_list = ", ".join(map(str, hex_bytes)) or "0"
        yield f'    {{"{row.name}", {words}, {most}u, WVT_{kind}, {following}, {{{hex_list}}}}},'
    yield "};"


def _place(lengths: Sequence[int], length: int, start: int) -> int:
    return next((place for place in range(start, len(lengths)) if lengths[place] == length), NO_ROW)


def _kind(row: Parameter) -> tuple[str, tuple[int, ...], int]:
    """Return the name of a row's kind in request.h, the lengths in bytes of hexadecimal digits, and the bound."""
    match [(kind.name, kind.bounds) for kind in row.fields.values()]:
        case [("choice", _)]:
            return "CHOICE", (), 0
        case [("hex", lengths)]:
            return "HEX", lengths, 0
        case [("printable", (most, ""))] | [("text", most)]:
            return "PRINTABLE", (), most
        case [("decimal", (most, ""))]:
            return "NUMBER", (), most
        case [("hex", lengths), ("printable", (most, "^"))]:
            return "KID", lengths, most
        case [("decimal", (most, "+")), ("time", _)]:
            return "TIME", (), most
        case [("extension", _)]:
            return "EXTENSION", (), 0
    return "UNSUPPORTED", (), 0


def _words(row: Parameter) -> str:
    """Return the words of a choice, each with its number: its value, or its place if its value is not a number."""
    match [(kind.name, kind.bounds) for kind in row.fields.values()]:
        case [("choice", choices)]:
            return ", ".join(
                f'{{"{text}", {len(text)}, {value if isinstance(value, int) else place}}}'
                for place, (text, value) in enumerate(choices.items())
            )
    return ""
