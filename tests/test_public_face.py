"""The public API as a user meets it: documented, typed, and fast to import."""

from __future__ import annotations

import ast
import doctest
import inspect
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import metadata
from pathlib import Path

import pytest

import wvtoken

from . import typing_usage

PUBLIC = {name: getattr(wvtoken, name) for name in wvtoken.__all__}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
DOCUMENTED = CLASSES | {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}


def members(cls: type) -> Iterator[str]:
    """Yield the public methods, properties and fields that a class defines."""
    if not issubclass(cls, Enum):
        fields = inspect.get_annotations(cls).keys()
        yield from sorted(name for name in {*vars(cls), *fields} if not name.startswith("_"))


MEMBERS = [(name, member) for name, cls in CLASSES.items() for member in members(cls)]


def test_all_lists_every_public_name_once_in_order() -> None:
    names = {name for name in vars(wvtoken) if not name.startswith("_")}
    modules = {name for name in names if inspect.ismodule(getattr(wvtoken, name))}
    assert names - modules - {"annotations"} == PUBLIC.keys()
    assert sorted(PUBLIC) == wvtoken.__all__
    assert len(MEMBERS) >= 58


@pytest.mark.parametrize("name", DOCUMENTED)
def test_public_name_has_a_docstring(name: str) -> None:
    own = vars(DOCUMENTED[name])["__doc__"] if inspect.isclass(DOCUMENTED[name]) else DOCUMENTED[name].__doc__
    assert own
    assert not own.startswith(f"{name}(")  # the default docstring of dataclass and NamedTuple
    assert len(own.splitlines()) <= 40


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_member_is_documented(name: str, member: str) -> None:
    """A method or a property has a docstring. The docstring of the class describes a field."""
    value = inspect.getattr_static(CLASSES[name], member, None)
    if isinstance(value, (property, classmethod, staticmethod)) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
    else:
        doc = CLASSES[name].__doc__ or ""
        assert f"{member}:" in doc or f"`{member}`" in doc


def test_help_of_the_package_has_a_working_session() -> None:
    failed, attempted = doctest.testmod(wvtoken)
    assert attempted >= 5
    assert not failed
    manual = pydoc.plain(pydoc.render_doc(wvtoken)).partition("PACKAGE CONTENTS")[0]
    assert 30 <= len(manual.splitlines()) <= 120


def test_typing_usage_uses_every_public_name() -> None:
    tree = ast.parse(Path(typing_usage.__file__).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert PUBLIC.keys() <= names
    assert {member for _, member in MEMBERS} <= attributes
    typing_usage.main()


def test_import_loads_nothing_that_only_some_calls_need() -> None:
    unwanted = {"argparse", "cffi", "_cffi_backend", "cryptography", "difflib", "hashlib", "hmac", "html", "http"}
    unwanted |= {"json", "logging", "urllib.parse", "wvtoken.cli", "wvtoken.engine.native", "wvtoken.engine.openssl"}
    # Without site-packages, where other packages may load modules at the start.
    code = "import sys; sys.path.insert(0, sys.argv[1]); import wvtoken; print(*sys.modules)"
    source = Path(wvtoken.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-S", "-c", code, source], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "wvtoken.engine" in loaded
    assert not loaded & unwanted


def test_version_is_that_of_the_distribution() -> None:
    assert wvtoken.__version__ == metadata.version("wvtoken")


def test_package_is_marked_as_typed() -> None:
    assert (Path(wvtoken.__file__).parent / "py.typed").exists()


@pytest.mark.skipif(getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has its GIL")
def test_extension_does_not_re_enable_the_gil() -> None:
    assert wvtoken.engine_name()
    assert not sys._is_gil_enabled()  # type: ignore[attr-defined,unused-ignore]
