"""The README's recipe for partitions: as a file, with requests for it, and with a worker that is killed in its middle.

`python -m tests.partitions FOLDER working|writing` issues what is in the folder, kills a worker that has work, or one
in the middle of a file, and tells of it in JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
NAME = "issue_partitions"
KEYRING, SOURCE, TARGET = "keyring.json", "requests", "urls"
SECONDS = 60

_SECTION = re.compile(r"<!-- partitions: begin -->\n(.*)<!-- partitions: end -->", re.DOTALL)


def blocks(language: str) -> list[str]:
    """The section's blocks in this language."""
    section = _SECTION.search(README.read_text(encoding="utf-8"))
    assert section, "no section on partitions"
    return re.findall(rf"^```{language}\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE)


def save_recipe(folder: Path) -> None:
    """The recipe under the name in its first line."""
    [text] = blocks("python")
    assert text.startswith(f"# {NAME}.py\n")
    (folder / f"{NAME}.py").write_text(text, encoding="utf-8")


def save_requests(folder: Path, queries: list[str | None], files: int) -> None:
    """The queries, numbered from 0, in so many Parquet files of one length."""
    import pandas as pd

    folder.mkdir()
    length = -(-len(queries) // files)
    for number in range(files):
        part = range(number * length, min((number + 1) * length, len(queries)))
        frame = pd.DataFrame({"id": list(part), "query": [queries[item] for item in part]})
        frame.to_parquet(folder / f"{number:04}.parquet", index=False)


def _kill_a_worker(client: Any, target: Path, told: dict[str, Any]) -> None:
    """The first that has work when some files are written, and not all."""
    workers: dict[str, int] = client.run(os.getpid)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        written = len(list(target.glob("*.parquet")))
        for address, process in workers.items() if written else ():
            os.kill(process, signal.SIGSTOP)
            tasks = client.processing().get(address)
            if tasks:
                os.kill(process, signal.SIGKILL)
                told |= {"written": written, "tasks": len(tasks), "killed": process}
                return
            os.kill(process, signal.SIGCONT)
        time.sleep(0.001)


def _linger() -> None:
    """Makes every file take so long that none of them is all there is to see of a run."""
    import pyarrow.parquet as parquet

    close = parquet.ParquetWriter.close

    def slowly(writer: Any) -> None:
        time.sleep(0.1)
        close(writer)

    parquet.ParquetWriter.close = slowly


def _die_writing(told: Path) -> None:
    """Lets the first worker that comes to the end of a file die before it, and tell what is in the file."""
    import pyarrow.parquet as parquet

    close = parquet.ParquetWriter.close

    def die(writer: Any) -> None:
        try:
            stream = told.open("x")
        except FileExistsError:
            close(writer)
            return
        writer.where.flush()
        file = Path(writer.where.name)
        half = file.read_bytes()
        with stream:
            json.dump({"file": file.name, "bytes": len(half), "end": half[-4:].hex(), "killed": os.getpid()}, stream)
        os.kill(os.getpid(), signal.SIGKILL)

    parquet.ParquetWriter.close = die


def main(folder: Path, when: str) -> None:
    """Issues, while one of two workers is killed."""
    from distributed import Client, LocalCluster

    recipe = importlib.import_module(NAME)
    told: dict[str, Any] = {}
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        paths = [str(folder / name) for name in (KEYRING, SOURCE, TARGET)]
        if when == "writing":
            half = folder / "half.json"
            client.run(_die_writing, half)
            recipe.issue_all(*paths)
            told |= json.loads(half.read_text())
        else:
            client.run(_linger)
            killer = threading.Thread(target=_kill_a_worker, args=(client, folder / TARGET, told))
            killer.start()
            recipe.issue_all(*paths)
            killer.join()
        told["workers"] = list(client.run(os.getpid).values())
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
