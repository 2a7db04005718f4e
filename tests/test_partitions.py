"""The README's recipe for partitions, run as it stands, and with a worker killed in its middle."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import wvtoken
from wvtoken import Grant, KeyRing, Redeemer

from . import partitions
from .grammar import CONTENT_KEY, escaped, pairs

pytestmark = pytest.mark.slow
# Not imported here: distributed changes how every exception of its process is pickled.
for package in ("dask", "distributed", "pandas", "pyarrow"):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

RING = KeyRing({1: bytes(range(32))}, 1)
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
SECONDS = 300


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


def run(folder: Path, *command: str) -> bytes:
    """What the command says, in the folder, with the recipe and these tests where they can be imported."""
    paths = [str(folder), str(Path(__file__).parents[1]), str(Path(wvtoken.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
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


def test_a_killed_worker_loses_nothing(source: Path) -> None:
    """It had work, some files were written and not all, and another process took its place."""
    for file in (source / partitions.TARGET).glob("*"):
        file.unlink()
    told: dict[str, Any] = json.loads(run(source, "-m", "tests.partitions", str(source)))
    assert 0 < told["written"] < FILES
    assert told["tasks"] >= 1
    assert told["killed"] not in told["workers"]
    check(source)


GRAPH = """if True:
    import sys
    import dask.dataframe as dd
    import issue_partitions as recipe
    from distributed.protocol.pickle import dumps

    path = sys.argv[1]
    assert recipe.issuer(path) is recipe.issuer(path)
    answers = dd.read_parquet("requests").map_partitions(recipe.issue, path, meta={"id": "int64", **recipe.ANSWER})
    sys.stdout.buffer.write(dumps(answers.__dask_graph__()))
"""


def test_no_key_is_in_what_goes_to_the_workers(source: Path) -> None:
    """The graph has the path of the key ring, and no key; also once the key ring has been read."""
    message = run(source, "-c", GRAPH, partitions.KEYRING)
    assert partitions.KEYRING.encode() in message
    key = bytes(range(32))
    for secret in (key, key.hex().encode(), base64.urlsafe_b64encode(key)[:40]):
        assert secret not in message
    assert base64.urlsafe_b64encode(key)[:40] in (source / partitions.KEYRING).read_bytes()
