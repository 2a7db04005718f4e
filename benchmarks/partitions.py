"""Requests a second through the README's recipe for partitions: `python -m benchmarks.partitions [--rows N]`.

With one worker and with two, each after a run that warms them up, and beside them `issue_many` over the same queries in
this process, which reads and writes nothing. Needs dask[dataframe], distributed and pyarrow.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import partitions

from . import data

FILES = 16


def seconds(job: Callable[[], object]) -> float:
    """The shorter of two runs, behind one that is not counted."""
    job()
    best = float("inf")
    for _ in range(2):
        start = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - start)
    return best


def measure(folder: Path, rows: int) -> None:
    """Prints the rows a second of each, and what a worker has of what a process alone does."""
    from distributed import Client, LocalCluster  # noqa: PLC0415

    recipe = importlib.import_module(partitions.NAME)
    queries = data.queries(rows)
    partitions.save_requests(folder / partitions.SOURCE, list(queries), FILES)
    keyring = folder / partitions.KEYRING
    keyring.write_text(data.KEYRING.to_jwks())
    paths = [str(keyring), str(folder / partitions.SOURCE), str(folder / partitions.TARGET)]
    issuer = recipe.issuer(paths[0])
    alone = rows / seconds(lambda: issuer.issue_many(queries))
    print(f"{alone:9,.0f} a second by issue_many in one process")
    for workers in (1, 2):
        with LocalCluster(n_workers=workers, threads_per_worker=1) as cluster, Client(cluster):
            rate = rows / seconds(lambda: recipe.issue_all(*paths))
        print(f"{rate:9,.0f} a second by {workers} workers, each {rate / workers / alone:.2f} of that")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.partitions", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=400_000, metavar="N", help="requests in all (400,000)")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        sys.path.insert(0, name)  # which the workers take over
        partitions.save_recipe(Path(name))
        measure(Path(name), rows)


if __name__ == "__main__":
    main()
