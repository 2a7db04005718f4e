"""The suites, and how one is run: by pytest in a process of its own, to a file of results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent

ORDER = (
    "test_pipeline",
    "test_parse",
    "test_tokens",
    "test_keywrap",
    "test_sealing",
    "test_base64url",
    "test_threads",
    "test_growth",
)
"""Of the suites in the tables; others follow."""

QUICK_SIZES = "1,64,4096"


def all_suites() -> list[Path]:
    """In the order of the tables."""
    return sorted(
        HERE.glob("test_*.py"),
        key=lambda path: (ORDER.index(path.stem) if path.stem in ORDER else len(ORDER), path.stem),
    )


def run(suite: Path, results: Path, *, quick: bool, python: str = sys.executable, check: bool = True) -> bool:
    """Measure one suite, with the wvtoken that this Python has. Whether it ended well; CalledProcessError if it did not
    and that is to be checked.
    """
    ran = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite)),
            f"--benchmark-json={results}",
            f"--benchmark-storage={(results.parent / 'storage').absolute().as_uri()}",
            f"--benchmark-max-time={0.05 if quick else 0.1}",
            "--benchmark-min-rounds=3",
            "--benchmark-disable-gc",
            "--benchmark-quiet",
        ],
        cwd=ROOT,
        env=os.environ | ({"WVTOKEN_BENCH_SIZES": QUICK_SIZES} if quick else {}),
        stdout=sys.stderr,
        check=check,
    )
    return ran.returncode == 0
