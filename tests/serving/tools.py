"""Programs and packages that the tests drive but the library does not need.

Where one is missing, its tests are skipped and say so; in CI they fail.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest


def program(name: str) -> str:
    """The path of an installed program."""
    path = shutil.which(name)
    if path is None:
        _missing(f"the program {name} is not installed")
    return path


def need_packages(*names: str) -> None:
    """Go on only with these packages of the extra serve-test."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            _missing(f"the package {name} is not installed; the extra serve-test has it")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)
