"""The public face as a user meets it: documented, typed, and light to import."""

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


def members(cls: type) -> Iterator[str]:
    """What a class of the public face has of its own: methods, properties and fields."""
    if issubclass(cls, Enum):
        return
    fields = inspect.get_annotations(cls).keys()
    yield from sorted(name for name in {*vars(cls), *fields} if not name.startswith("_"))


CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
MEMBERS = [(name, member) for name, cls in CLASSES.items() for member in members(cls)]


def test_there_is_a_public_face() -> None:
    assert len(PUBLIC) >= 27
    assert len(MEMBERS) >= 58
    assert sorted(wvtoken.__all__) == list(wvtoken.__all__)


def test_nothing_public_is_left_out() -> None:
    """What the package's module imports from its own, and what users may name, are the same."""
    names = {name for name in vars(wvtoken) if not name.startswith("_")}
    modules = {name for name in names if inspect.ismodule(getattr(wvtoken, name))}
    assert names - modules - {"annotations"} == PUBLIC.keys()


@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_a_docstring_of_its_own(name: str) -> None:
    own = vars(PUBLIC[name]).get("__doc__") if inspect.isclass(PUBLIC[name]) else PUBLIC[name].__doc__
    assert own
    assert len(own.split()) >= 3
    # What dataclass and NamedTuple write where there is none.
    assert not own.startswith(f"{name}(")


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_every_member_is_documented(name: str, member: str) -> None:
    """A method or a property by its docstring; a field by its name in that of its class."""
    value = inspect.getattr_static(CLASSES[name], member, None)
    if isinstance(value, (property, classmethod, staticmethod)) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
    else:
        doc = CLASSES[name].__doc__ or ""
        assert f"{member}:" in doc or f"`{member}`" in doc


def test_help_is_a_short_manual() -> None:
    """`help(wvtoken)` begins with what it is, how it is used, the keys, and what is promised."""
    text = pydoc.plain(pydoc.render_doc(wvtoken))
    manual = text.partition("PACKAGE CONTENTS")[0]
    for said in (
        "KeyRing",
        "Issuer",
        "Redeemer",
        "TokenRequestError",
        "audience",
        "rotate",
        "version",
        "WVTOKEN_ENGINE",
    ):
        assert said in manual, said
    assert 30 <= len(manual.splitlines()) <= 120


def test_the_session_in_the_manual() -> None:
    failed, attempted = doctest.testmod(wvtoken)
    assert attempted >= 5
    assert not failed


def test_the_typed_module_uses_all_of_it() -> None:
    tree = ast.parse(Path(typing_usage.__file__).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert PUBLIC.keys() <= names
    # A code's `raised_by` is for servers that print the catalogue.
    assert {member for _, member in MEMBERS} <= attributes


def test_the_typed_module_runs() -> None:
    typing_usage.main()


def test_import_loads_nothing_that_only_some_calls_need() -> None:
    unwanted = {
        "argparse",
        "cffi",
        "_cffi_backend",
        "cryptography",
        "hashlib",
        "hmac",
        "html",
        "http",
        "json",
        "logging",
        "urllib.parse",
        "wvtoken.cli",
        "wvtoken.engine.native",
        "wvtoken.engine.openssl",
    }
    # Without site-packages, where other packages may load modules at the start.
    code = "import sys; sys.path.insert(0, sys.argv[1]); import wvtoken; print(*sys.modules)"
    source = Path(wvtoken.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-S", "-c", code, source], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "wvtoken.engine" in loaded
    assert not loaded & unwanted


def test_version_is_that_of_the_distribution() -> None:
    assert wvtoken.__version__ == metadata.version("wvtoken")


def test_it_is_typed() -> None:
    assert (Path(wvtoken.__file__).parent / "py.typed").exists()


@pytest.mark.skipif(getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has its GIL")
def test_the_extension_leaves_the_gil_off() -> None:
    """On a free-threaded build; a module that does not declare it would switch the GIL on for all."""
    assert wvtoken.engine_name()
    assert not sys._is_gil_enabled()  # type: ignore[attr-defined,unused-ignore]
