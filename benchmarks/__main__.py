"""Measure every row; write `benchmarks/README.md`, the plot and the ratios in the project's README.

python -m benchmarks [--quick] [--rounds N] [--only TEXT] [--keep FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wvtoken import engine
from wvtoken.errors import EngineUnavailable

from . import alternatives, measure, report, rows
from .report import Result

HERE = Path(__file__).parent
PLOT = "time-per-item.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small batches, one round; print only, write no report")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds per row (default 5)")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="measure the rows whose section or name has TEXT; print only"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="also write the results as JSON")
    given = parser.parse_args(arguments)
    batch, rounds, seconds = (64, 1, 0.0005) if given.quick else (rows.BATCH, given.rounds, 0.1)
    chosen = [row for row in rows.all_rows(batch) if given.only in row.section or given.only in row.name]
    results = [result for row in chosen for result in _measured(row, rounds, seconds)]
    if given.keep is not None:
        given.keep.write_text(json.dumps([result._asdict() for result in results], indent=1), encoding="utf-8")
    if not given.only:
        stream = 2000 if given.quick else 1_000_000
        context: dict[str, Any] = report.machine() | {
            "engine": engine.current().name,
            "batch": batch,
            "rounds": rounds,
            "engines": _engines(batch, rounds, seconds),
            "lengths": alternatives.lengths(),
            "stream": stream,
            "memory": measure.stream_memory(stream),
        }
        text = report.document(results, context, PLOT)
        if given.quick:
            print(text)
        else:
            (HERE / "README.md").write_text(text, encoding="utf-8")
            readme = HERE.parent / "README.md"
            readme.write_text(report.with_summary(readme.read_text(encoding="utf-8"), text), encoding="utf-8")
            report.draw(_lines(seconds), HERE / PLOT)
    return int(not given.quick and any("missed" in result.verdict for result in results))


def _measured(row: rows.Row, rounds: int, seconds: float) -> Iterator[Result]:
    per_item = 1e9 / row.items
    own, *others = measure.fastest([row.job, *row.alternatives.values()], rounds, seconds)
    for place, (name, other) in enumerate(zip(row.alternatives, others, strict=True)):
        target = row.target if place == 0 else None
        own_time, other_time = own * per_item, other * per_item
        result = Result(row.section, row.name, row.subject, own_time, name, other_time, target)
        print(f"{result.ratio:8.2f} {result.name} / {name} {result.verdict}", file=sys.stderr, flush=True)
        yield result


def engine_names() -> list[str]:
    try:
        from wvtoken.engine.native import lane_names  # noqa: PLC0415  # the extension is optional
    except EngineUnavailable:
        return ["openssl"]
    return [*lane_names(), "openssl"]


def _engines(batch: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    times = {}
    before = os.environ.get(engine.VARIABLE)
    for name in engine_names():
        os.environ[engine.VARIABLE] = name
        engine.current.cache_clear()
        jobs = {row.name: row.job for row in rows.named_rows(batch, *rows.ON_EACH_ENGINE)}
        best = measure.fastest(list(jobs.values()), rounds, seconds)
        times[name] = {job: 1e9 * spent / batch for job, spent in zip(jobs, best, strict=True)}
    del os.environ[engine.VARIABLE]
    if before is not None:
        os.environ[engine.VARIABLE] = before
    engine.current.cache_clear()
    return times


def _lines(seconds: float) -> dict[str, dict[str, list[tuple[int, float]]]]:
    lines: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for size in rows.SIZES:
        for row in rows.named_rows(size, *rows.PLOTTED):
            jobs = [row.job, *row.alternatives.values()]
            for entrant, spent in zip(("wvtoken", *row.alternatives), measure.fastest(jobs, 3, seconds), strict=True):
                lines.setdefault(row.name, {}).setdefault(entrant, []).append((size, 1e9 * spent / size))
    return lines


if __name__ == "__main__":
    sys.exit(main())
