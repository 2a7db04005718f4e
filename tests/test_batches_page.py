"""Run the examples of batches.md that need no other package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .pages import DOCS, check_session, shell_lines
from .processes import run

PAGE = DOCS / "batches.md"


@pytest.mark.skipif(os.name != "posix", reason="the lines are for a POSIX shell")
def test_lines_print_what_the_page_shows(tmp_path: Path) -> None:
    keygen = [line for line in shell_lines(PAGE, "Set up") if line.startswith("wvtoken keygen")]
    run("\n".join([*keygen, *shell_lines(PAGE, "Lines")]), tmp_path)
    check_session(PAGE, "Lines", tmp_path)
