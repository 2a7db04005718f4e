"""Runs every suite, prints the table of ratios, and writes the README's section and its plot.

    python -m benchmarks [--quick] [--laps N] [--keep FOLDER | --from FOLDER]

What is compared is in one suite, and measured at nearly the same time. In a lap all suites have their turn, one after
the other, and of each time the shortest of all laps counts: what disturbs the machine for a minute disturbs one lap.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import data, memory, plot, report, suites

HERE = Path(__file__).parent
ROOT = HERE.parent
README = ROOT / "README.md"
PLOT = HERE / "time-per-item.svg"

PACKAGES = (
    "cryptography",
    "PyNaCl",
    "joserfc",
    "pyseto",
    "fast-paseto",
    "pycryptodome",
    "PyJWT",
    "pydantic",
    "msgspec",
    "fast-query-parsers",
)
"""Whose versions the section tells."""


def main() -> None:
    arguments = _arguments()
    if arguments.from_ is not None:
        _finish(arguments.from_, quick=False)
    elif arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        _run(arguments.keep, arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _run(Path(folder), arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few sizes, one lap, and nothing is written")
    parser.add_argument("--laps", type=int, default=3, metavar="N", help="how often each suite is run (3)")
    results = parser.add_mutually_exclusive_group()
    results.add_argument("--keep", type=Path, metavar="FOLDER", help="where the results are kept as JSON")
    results.add_argument("--from", type=Path, metavar="FOLDER", dest="from_", help="write from results that were kept")
    return parser.parse_args()


def _run(folder: Path, arguments: argparse.Namespace) -> None:
    laps = 1 if arguments.quick else arguments.laps
    for lap in range(laps):
        for suite in suites.all_suites():
            print(f"{suite.stem}, lap {lap + 1} of {laps}", file=sys.stderr, flush=True)
            suites.run(suite, folder / f"{suite.stem}-{lap}.json", quick=arguments.quick)
    print("memory", file=sys.stderr, flush=True)
    context = {
        "laps": laps,
        "packages": dict(_versions()),
        "payload_bytes": data.PAYLOAD_BYTES,
        "payload_bytes_max": data.PAYLOAD_BYTES_MAX,
        "memory": [str(peak) for peak in memory.peaks(20_000 if arguments.quick else memory.ITEMS)],
    }
    (folder / "context.json").write_text(json.dumps(context), encoding="utf-8")
    _finish(folder, quick=arguments.quick)


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def _finish(folder: Path, *, quick: bool) -> None:
    laps = [report.read(path) for suite in suites.all_suites() for path in sorted(folder.glob(f"{suite.stem}-*.json"))]
    context: dict[str, Any] = json.loads((folder / "context.json").read_text(encoding="utf-8"))
    measured = report.times(laps)
    print(report.comparison(measured), report.engines(measured), *context["memory"], sep="\n\n")
    if not quick:
        plot.draw(measured, PLOT)
        report.write_section(README, report.section(measured, laps, context, PLOT.relative_to(ROOT).as_posix()))


if __name__ == "__main__":
    main()
