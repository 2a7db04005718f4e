"""Compares results of two versions of wvtoken, job by job, and fails where the new one is slower than a bound.

    python -m benchmarks.compare OLD NEW [--bound 1.25] [--github]
    python -m benchmarks.compare --run OLD_PYTHON NEW_PYTHON --keep FOLDER [--laps N] [--bound 1.25] [--github]

OLD and NEW are folders of results that `python -m benchmarks --keep` left. With --run they are two Pythons, each with
its own wvtoken installed: this checkout's suites are run by both, lap by lap in turns, so that the machine is the same
to both. What runs beside them and is no part of wvtoken tells how far it was not, and that is taken off.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from . import report, suites
from .report import Time

AGAIN = 2
"""Suites with a job that seems slower are measured so many times more: noise goes away, and what is slower stays so."""

LEFT_OUT = "test_threads"
"""Says how busy the other cores were, rather than how fast wvtoken is."""


class Job(NamedTuple):
    """What is measured in both versions."""

    group: str
    subject: str
    engine: str | None
    items: int

    def __str__(self) -> str:
        engine = f", {self.engine}" if self.engine else ""
        return f"{self.group}: {self.subject}{engine}, {self.items:,} at a time"


class Change(NamedTuple):
    """A job with its nanoseconds per item in the old version and the new one."""

    job: Job
    old: float
    new: float

    def ratio(self, drift: float) -> float:
        """How many times as long it takes now. Over 1 is slower."""
        return self.new / self.old / drift


class Comparison(NamedTuple):
    """Changes of wvtoken's own times; `drift` is how many times as long all else took in the new results."""

    changes: list[Change]
    drift: float
    gone: list[Job]

    def slower(self, bound: float) -> list[Change]:
        """Those over the bound, the worst first."""
        found = [change for change in self.changes if change.ratio(self.drift) > bound]
        return sorted(found, key=lambda change: -change.ratio(self.drift))


def compare(old: Sequence[Time], new: Sequence[Time]) -> Comparison:
    """ValueError when the two have no job in common: nothing would be compared, and nothing found."""
    before, now = _by_job(old, peer=False), _by_job(new, peer=False)
    changes = [Change(job, before[job], now[job]) for job in now if job in before]
    if not changes:
        raise ValueError("the old results and the new ones have no job in common")
    controls, others = _by_job(old, peer=True), _by_job(new, peer=True)
    drifts = [others[job] / controls[job] for job in others if job in controls]
    return Comparison(changes, median(drifts) if drifts else 1.0, [job for job in before if job not in now])


def _by_job(measured: Iterable[Time], *, peer: bool) -> dict[Job, float]:
    return {
        Job(time.group, time.subject, time.engine, time.items): time.nanoseconds
        for time in measured
        if time.peer is peer
    }


def table(comparison: Comparison, bound: float) -> str:
    """In Markdown, with a mark at what is over the bound."""
    lines = ["| job | old, ns | new, ns | ratio | |", "| --- | --: | --: | --: | --- |"]
    for change in comparison.changes:
        ratio = change.ratio(comparison.drift)
        mark = "slower" if ratio > bound else "faster" if ratio < 1 / bound else ""
        lines.append(f"| {change.job} | {change.old:.1f} | {change.new:.1f} | {ratio:.2f} | {mark} |")
    lines += ["", f"All else took {comparison.drift:.2f} times as long, which the ratios leave out."]
    lines += [f"No longer measured: {job}" for job in comparison.gone]
    return "\n".join(lines)


def read(folder: Path) -> list[Time]:
    """The results of a folder. ValueError when there are none."""
    measured = report.times(report.read(path) for path in sorted(folder.glob("*.json")) if path.name != "context.json")
    if not measured:
        raise ValueError(f"{folder} has no results")
    return measured


def run(old: str, new: str, folder: Path, measured: Iterable[Path], laps: range) -> tuple[Path, Path]:
    """Measures both, in turns. What of the old version a suite cannot measure is said, and left out."""
    folders = folder / "old", folder / "new"
    for made in folders:
        made.mkdir(parents=True, exist_ok=True)
    for suite in measured:
        for lap in laps:
            turns = [(old, folders[0]), (new, folders[1])]
            for python, results in reversed(turns) if lap % 2 else turns:  # who goes first changes with the lap
                path = results / f"{suite.stem}-{lap}.json"
                if not suites.run(suite, path, quick=True, python=python, check=python == new):
                    print(f"{suite.name}: not all of it can be measured in the old version", file=sys.stderr)
                if path.exists() and not path.stat().st_size:
                    path.unlink()
    return folders


def run_until_sure(old: str, new: str, folder: Path, laps: int, bound: float) -> Comparison:
    """Measures all suites, and those again of which a job is over the bound."""
    measured = [suite for suite in suites.all_suites() if suite.stem != LEFT_OUT]
    for first in range(0, laps * (1 + AGAIN), laps):
        before, now = run(old, new, folder, measured, range(first, first + laps))
        comparison = compare(read(before), read(now))
        suspects = {change.job for change in comparison.slower(bound)}
        measured = [suite for suite in measured if suspects & _jobs(now, suite)]
        if not measured:
            break
    return comparison


def _jobs(folder: Path, suite: Path) -> set[Job]:
    laps = [report.read(path) for path in folder.glob(f"{suite.stem}-*.json")]
    return set(_by_job(report.times(laps), peer=False))


def announce(comparison: Comparison, bound: float) -> None:
    """For GitHub: an annotation for each job that is slower, and the table on the page of the run."""
    for change in comparison.slower(bound):
        times = f"{change.ratio(comparison.drift):.2f} times as long"
        print(f"::error title=Slower than the last release::{change.job}: {times}")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            print(table(comparison, bound), file=file)


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 when a job takes more than `bound` times as long as it did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("old", help="results of the old version, or with --run its Python")
    parser.add_argument("new", help="the same of the new one")
    parser.add_argument("--bound", type=float, default=1.25, metavar="RATIO", help="how much slower is too slow (1.25)")
    parser.add_argument("--github", action="store_true", help="annotate what is slower, as GitHub reads it")
    parser.add_argument("--run", action="store_true", help="measure first")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where --run leaves the results")
    parser.add_argument("--laps", type=int, default=3, metavar="N", help="of --run (3)")
    given = parser.parse_args(arguments)
    if given.bound < 1 or given.laps < 1 or given.run is (given.keep is None):
        parser.error("--bound and --laps are at least 1, and --run and --keep go together")
    if given.run:
        comparison = run_until_sure(given.old, given.new, given.keep.absolute(), given.laps, given.bound)
    else:
        comparison = compare(read(Path(given.old)), read(Path(given.new)))
    print(table(comparison, given.bound))
    if given.github:
        announce(comparison, given.bound)
    return 1 if comparison.slower(given.bound) else 0


if __name__ == "__main__":
    sys.exit(main())
