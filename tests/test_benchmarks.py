"""Smoke test of the benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .processes import require

pytestmark = [pytest.mark.slow, pytest.mark.benchmarks]
require("fast_paseto", "jwt", "matplotlib", "pydantic")

ROOT = Path(__file__).parents[1]


def test_quick_run_measures_every_row() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for section in ("Batches", "Single calls", "Parsing in Python", "Cryptography", "Two threads", "Engines"):
        assert f"\n## {section}\n" in run.stdout
    assert run.stdout.count("\n| ") > 50
