"""Tokens and payloads are the same bytes on every machine: no number is packed in the machine's own order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import wvtoken

SOURCES = sorted(Path(wvtoken.__file__).parent.rglob("*.py"))
STRUCT = {"Struct", "pack", "unpack", "pack_into", "unpack_from", "calcsize", "iter_unpack"}


def calls(source: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def text_of(node: ast.expr) -> str:
    """What a format begins with, as far as it stands there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left)
    return "{}" if isinstance(node, ast.FormattedValue) else ""


def native_order(source: str) -> list[str]:
    """Calls whose numbers would depend on the machine."""
    found = []
    for call in calls(source):
        name, owner = name_of(call), getattr(getattr(call.func, "value", None), "id", "struct")
        if name == "Struct" or (name in STRUCT and owner == "struct" and isinstance(call.func, ast.Attribute)):
            form = text_of(call.args[0])
            # Bytes alone ("16s") have no order.
            # So are those of a length that is put in, and "{}" at the front is the order of another format.
            if not form.startswith((">", "{}")) and set(form) - set("0123456789sx"):
                found.append(ast.unparse(call))
        elif name in ("to_bytes", "from_bytes"):
            orders = [*call.args, *(keyword.value for keyword in call.keywords)]
            if any(isinstance(order, ast.Constant) and order.value == "little" for order in orders) or any(
                "byteorder" in ast.unparse(order) for order in orders
            ):
                found.append(ast.unparse(call))
    return found


def test_every_number_is_packed_big_endian() -> None:
    formats = 0
    for path in SOURCES:
        source = path.read_text(encoding="utf-8")
        assert native_order(source) == [], path.name
        formats += sum(name_of(call) == "Struct" for call in calls(source))
    assert formats >= 4


def test_a_native_format_is_found() -> None:
    for line in ("Struct('BI')", "struct.pack('<I', 1)", "struct.unpack('=QQ', b)", "Struct('@H' + rest)"):
        assert native_order(line) == [ast.unparse(ast.parse(line).body[0])]
    for line in ("n.to_bytes(4, 'little')", "int.from_bytes(b, sys.byteorder)"):
        assert native_order(line)
    for line in ("Struct('>BI')", "Struct(f'{length}s' * count)", "n.to_bytes(4)", "_FIELD.pack(1, 2)"):
        assert not native_order(line)
