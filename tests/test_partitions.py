"""The README's recipe for partitions, run as it stands, and with a worker killed in its middle."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import wvtoken
from wvtoken import Grant, KeyRing, Redeemer

from . import partitions
from .grammar import AUTHENTICATOR, CONTENT_KEY, escaped, pairs

pytestmark = pytest.mark.slow
# Not imported here: distributed changes how every exception of its process is pickled.
for package in ("dask", "distributed", "pandas", "pyarrow"):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

KEY = bytes(range(32))
RING = KeyRing({1: KEY}, 1)
FILES, ROWS = 24, 120_000
GOOD = escaped(pairs({"contentKey": (CONTENT_KEY,)}))
BAD: dict[str | None, int] = {
    None: -2017,
    "": -2017,
    escaped(pairs({"kid": ("Secret.Kid",)})): -4020,
    "%FF": -1,
    escaped(pairs({})): -4019,
    f"{GOOD}&expirationTime=2006-04-14T12:01:10Z": -2002,
}
ASKED_IN_SECRET = [CONTENT_KEY.encode(), bytes.fromhex(CONTENT_KEY), AUTHENTICATOR[7:].encode(), b"Secret.Kid"]
SECRETS = [KEY, KEY.hex().encode(), base64.urlsafe_b64encode(KEY)[:40], *ASKED_IN_SECRET]
SECONDS, SECONDS_TO_STOP = 300, 60


def query(number: int) -> str | None:
    """Every 51st is one of the bad ones in turn."""
    return f"{GOOD}&cookie=n{number}" if number % 51 else list(BAD)[number // 51 % len(BAD)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe, the key ring and the requests."""
    folder = tmp_path_factory.mktemp("partitions")
    partitions.save_recipe(folder)
    partitions.save_requests(folder / partitions.SOURCE, list(map(query, range(ROWS))), FILES)
    (folder / partitions.KEYRING).write_text(RING.to_jwks())
    return folder


def run(folder: Path, *command: str, **settings: str) -> bytes:
    """What the command says, in the folder, with the recipe and these tests where they can be imported."""
    paths = [str(folder), str(Path(__file__).parents[1]), str(Path(wvtoken.__file__).parents[1])]
    environment = {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:].decode()
    return done.stdout


def check(folder: Path) -> None:
    """Each row of the requests once, and what it has to be: a URL of its own, or its error."""
    import pandas as pd

    target = folder / partitions.TARGET
    answers = pd.concat([pd.read_parquet(file) for file in sorted(target.iterdir())])
    assert list(answers.columns) == ["id", "url", "code", "parameter", "message"]
    assert sorted(answers["id"]) == list(range(ROWS))
    good = answers[answers["url"].notna()]
    grants = Redeemer(RING).redeem_many(good["url"].tolist())
    assert [grant.cookie if isinstance(grant, Grant) else None for grant in grants] == [f"n{id}" for id in good["id"]]
    assert len({grant.token_id for grant in grants if isinstance(grant, Grant)}) == len(good)
    assert good[["code", "parameter", "message"]].isna().all(axis=None)
    bad = answers[answers["url"].isna()].sort_values("id")
    assert bad["id"].tolist() == list(range(0, ROWS, 51))
    assert bad["code"].tolist() == [BAD[query(number)] for number in bad["id"]]
    assert bad["message"].notna().all()
    said = answers.drop(columns="url").to_csv().encode()
    assert [secret for secret in ASKED_IN_SECRET if secret in said] == []


def test_the_recipe(source: Path) -> None:
    """Twice, as the second run replaces the first."""
    [command] = partitions.blocks("sh")
    program, *words = command.split()
    assert program == "python"
    assert words == [f"{partitions.NAME}.py", partitions.KEYRING, partitions.SOURCE, partitions.TARGET]
    (source / partitions.TARGET).mkdir()
    (source / partitions.TARGET / "part.999.parquet").write_bytes(b"of a run that was cut")
    for _ in range(2):
        run(source, *words)
        check(source)


def emptied(source: Path) -> Path:
    for file in (source / partitions.TARGET).glob("*"):
        file.unlink()
    return source


def test_a_killed_worker_loses_nothing(source: Path) -> None:
    """It had work, some files were written and not all, and another process took its place."""
    told: dict[str, Any] = json.loads(run(emptied(source), "-m", "tests.partitions", str(source), "working"))
    assert 0 < told["written"] < FILES
    assert told["tasks"] >= 1
    assert told["killed"] not in told["workers"]
    check(source)


def test_half_a_file_is_written_again(source: Path) -> None:
    """The worker was killed where most of a file was on the disk, and not its end."""
    told: dict[str, Any] = json.loads(run(emptied(source), "-m", "tests.partitions", str(source), "writing"))
    whole = (source / partitions.TARGET / told["file"]).read_bytes()
    assert len(whole) / 2 < told["bytes"] < len(whole)
    assert whole[-4:] == b"PAR1" != bytes.fromhex(told["end"])
    assert told["killed"] not in told["workers"]
    check(source)


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address of a scheduler with two workers, which know nothing of the recipe."""
    library = {"PYTHONPATH": str(Path(wvtoken.__file__).parents[1])}
    file, output = folder / "scheduler.json", folder / "output"
    programs = (["scheduler", "--port", "0", "--no-dashboard"], ["worker", "--nworkers", "2", "--nthreads", "1"])
    started = []
    with output.open("wb") as stream:
        for program in programs:
            command = [sys.executable, "-m", "dask", *program, "--scheduler-file", str(file)]
            process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **library}, stdout=stream, stderr=stream, start_new_session=True
            )
            started.append(process)
    try:
        end = time.monotonic() + SECONDS
        while not file.exists():
            assert time.monotonic() < end
            assert [process.poll() for process in started] == [None, None], output.read_text()
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def test_workers_of_elsewhere(source: Path, tmp_path: Path) -> None:
    """They run in another folder, and get the recipe by the way."""
    paths = [str(emptied(source) / name) for name in (partitions.KEYRING, partitions.SOURCE, partitions.TARGET)]
    with cluster(tmp_path) as address:
        run(source, f"{partitions.NAME}.py", *paths, address)
    check(source)


TRAFFIC = """if True:
    import os
    import sys
    import distributed.comm.tcp as tcp
    from distributed import Client
    import issue_partitions as recipe

    sent, received = tcp.to_frames, tcp.from_frames

    def seen(frames):
        with open(f"{os.getpid()}.traffic", "ab") as file:
            file.writelines(map(bytes, frames))
        return frames

    async def to_frames(*args, **settings):
        return seen(await sent(*args, **settings))

    async def from_frames(frames, *args, **settings):
        return await received(seen(frames), *args, **settings)

    tcp.to_frames, tcp.from_frames = to_frames, from_frames  # of the workers too, which import this
    if __name__ == "__main__":
        with Client(n_workers=2, threads_per_worker=1):
            assert recipe.issuer(sys.argv[1]) is recipe.issuer(sys.argv[1])
            recipe.issue_all(*sys.argv[1:])
"""


def test_no_secret_travels(source: Path) -> None:
    """What client, scheduler and workers tell each other has the path of the key ring, and no key and no request."""
    (source / "traffic.py").write_text(TRAFFIC)
    paths = (partitions.KEYRING, partitions.SOURCE, partitions.TARGET)
    run(emptied(source), "traffic.py", *paths, DASK_DISTRIBUTED__COMM__COMPRESSION="null")
    check(source)
    processes = [file.read_bytes() for file in source.glob("*.traffic")]
    assert len(processes) >= 3
    for traffic in processes:
        assert partitions.NAME.encode() in traffic
        assert partitions.KEYRING.encode() in traffic
        assert [secret for secret in SECRETS if secret in traffic] == []
    assert base64.urlsafe_b64encode(KEY)[:40] in (source / partitions.KEYRING).read_bytes()
    assert all(secret.decode() in GOOD for secret in (ASKED_IN_SECRET[0], ASKED_IN_SECRET[2]))
