"""Compare two versions of wvtoken, row by row. Fail if the new version is slower than a bound.

python -m benchmarks.compare OLD_PYTHON NEW_PYTHON [--bound 1.25] [--laps 3] [--github]

Each Python has its own wvtoken. Both run the benchmarks of this checkout, in turns. The times of the alternatives show
how much the machine itself changed between the runs; the ratios are corrected by that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 if a row is slower than the bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("old", help="Python with the old version")
    parser.add_argument("new", help="Python with the new version")
    parser.add_argument("--bound", type=float, default=1.25, metavar="RATIO", help="allowed slowdown (default 1.25)")
    parser.add_argument("--laps", type=int, default=3, metavar="N", help="runs of each version (default 3)")
    parser.add_argument("--github", action="store_true", help="write GitHub annotations and a summary")
    given = parser.parse_args(arguments)
    laps: dict[str, list[list[dict[str, Any]]]] = {given.old: [], given.new: []}
    for lap in range(given.laps):
        for python in (given.old, given.new) if lap % 2 else (given.new, given.old):
            laps[python].append(_run(python))
    ratios = slowdowns(laps[given.old], laps[given.new])
    slower = {name: ratio for name, ratio in ratios.items() if ratio > given.bound}
    lines = (f"| {name} | {ratio:.2f} |" for name, ratio in ratios.items())
    table = "\n".join(["| job | new ÷ old |", "| --- | --: |", *lines])
    print(table)
    if given.github:
        for name, ratio in slower.items():
            print(f"::error title=Slower than the last release::{name}: {ratio:.2f} times the time")
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a", encoding="utf-8") as file:
                print(table, file=file)
    return int(bool(slower))


def _run(python: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        command = [python, "-m", "benchmarks", "--rounds", "2", "--only", ": ", "--keep", str(results)]
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        return list(json.loads(results.read_text(encoding="utf-8")))


def slowdowns(old: Sequence[Sequence[dict[str, Any]]], new: Sequence[Sequence[dict[str, Any]]]) -> dict[str, float]:
    """Return the new time divided by the old time for each row that both versions have.

    Raises:
        ValueError: they have no row in common.
    """
    before, after = _best(old, "own"), _best(new, "own")
    before_others, after_others = _best(old, "other"), _best(new, "other")
    drift = median([after_others[name] / before_others[name] for name in after_others if name in before_others] or [1])
    ratios = {name: after[name] / before[name] / drift for name in after if name in before}
    if not ratios:
        raise ValueError("the old results and the new results have no row in common")
    return ratios


def _best(laps: Sequence[Sequence[dict[str, Any]]], key: str) -> dict[str, float]:
    best: dict[str, float] = {}
    for result in (result for lap in laps for result in lap if result["section"] != "Two threads"):
        name = result["name"]
        best[name] = min(best.get(name, result[key]), result[key])
    return best


if __name__ == "__main__":
    sys.exit(main())
