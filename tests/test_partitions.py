"""Run the Dask recipe of batches.md, also with a worker that is killed and with remote workers."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from wvtoken import Grant, KeyRing, Redeemer

from .grammar import AUTHENTICATOR, CONTENT_KEY, escaped, pairs
from .pages import DOCS, save_files, shell_lines
from .processes import SECONDS, environment, require, run, started

pytestmark = [pytest.mark.slow, pytest.mark.partitions]
# Do not import distributed here: it changes how exceptions of its process are pickled.
require("dask", "distributed", "pandas", "pyarrow")

PAGE = DOCS / "batches.md"
COMMAND = shell_lines(PAGE, "On many machines")[-1]
RING = KeyRing.generate()
FILES, ROWS = 8, 4_000
GOOD = escaped(pairs({"contentKey": (CONTENT_KEY,)}))
BAD: dict[str | None, int] = {
    None: -2017,
    "": -2017,
    escaped(pairs({"kid": ("Secret.Kid",)})): -4020,
    "%FF": -1,
    escaped(pairs({})): -4019,
    f"{GOOD}&expirationTime=2006-04-14T12:01:10Z": -2002,
}
SECRETS = [CONTENT_KEY.encode(), AUTHENTICATOR[7:].encode(), b"Secret.Kid"]


def query(number: int) -> str | None:
    """Return a request. Every 51st is one of the bad ones in turn."""
    return f"{GOOD}&cookie=n{number}" if number % 51 else list(BAD)[number // 51 % len(BAD)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the recipe, the key ring and the requests."""
    import pandas as pd

    save_files(PAGE, tmp_path)
    (tmp_path / "keyring.json").write_text(RING.to_jwks())
    (tmp_path / "requests").mkdir()
    for number in range(FILES):
        part = range(number * ROWS // FILES, (number + 1) * ROWS // FILES)
        frame = pd.DataFrame({"id": list(part), "query": [query(item) for item in part]})
        frame.to_parquet(tmp_path / "requests" / f"{number}.parquet", index=False)
    return tmp_path


def check_result(folder: Path) -> None:
    """Check that each request has one row: a URL that redeems to it, or its error."""
    import pandas as pd

    answers = pd.concat([pd.read_parquet(file) for file in sorted((folder / "urls").iterdir())])
    assert list(answers.columns) == ["id", "url", "code", "parameter", "message"]
    assert sorted(answers["id"]) == list(range(ROWS))
    good = answers[answers["url"].notna()]
    grants = Redeemer(RING, audience="production").redeem_many(good["url"].tolist())
    assert [grant.cookie if isinstance(grant, Grant) else None for grant in grants] == [f"n{id}" for id in good["id"]]
    bad = answers[answers["url"].isna()].sort_values("id")
    assert bad["id"].tolist() == list(range(0, ROWS, 51))
    assert bad["code"].tolist() == [BAD[query(number)] for number in bad["id"]]
    text = answers.drop(columns="url").to_csv().encode()
    assert [secret for secret in SECRETS if secret in text] == []


def run_script(folder: Path, script: str, **settings: str) -> str:
    (folder / "script.py").write_text(script)
    return run("python script.py", folder, environment(folder, **settings), 5 * SECONDS)


def test_command_of_the_page(folder: Path) -> None:
    """The second run needs --overwrite and replaces the files of the first."""
    run(COMMAND, folder, seconds=5 * SECONDS)
    check_result(folder)
    (folder / "urls" / "part.999.parquet").write_bytes(b"of an earlier run")
    with pytest.raises(AssertionError, match="use --overwrite"):
        run(COMMAND, folder)
    run(f"{COMMAND} --overwrite", folder, seconds=5 * SECONDS)
    check_result(folder)


@pytest.mark.parametrize("target", ["requests", "requests/../requests", "requests/urls", ".", "/", "link"])
def test_target_that_would_delete_the_source_is_refused(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(folder / "requests")
    with pytest.raises(AssertionError, match="the target must not be the source"):
        run(f"python issue_partitions.py keyring.json requests {target} --overwrite", folder)
    assert len(list((folder / "requests").iterdir())) == FILES


LISTENERS = """
import runpy, sys, distributed, psutil

class Client(distributed.Client):
    def upload_file(self, name):
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        print({c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == "LISTEN"})
        return super().upload_file(name)

if __name__ == "__main__":
    distributed.Client = Client
    sys.argv = ["issue_partitions.py", "keyring.json", "requests", "urls"]
    runpy.run_path("issue_partitions.py", run_name="__main__")
"""


def test_local_cluster_listens_on_the_loopback_interface_only(folder: Path) -> None:
    assert "{'127.0.0.1'}" in run_script(folder, LISTENERS).splitlines()


KILL = """
import os, signal
from pathlib import Path
from distributed import Client
import issue_partitions as recipe

def die_once():  # runs in each worker process
    import issue_partitions
    issue = issue_partitions.issue

    def dying(requests, keyring):
        calls = Path("calls")
        calls.open("a").write("x")
        if calls.stat().st_size > 3:
            try:
                Path("killed").open("x").write(str(os.getpid()))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return issue(requests, keyring)

    issue_partitions.issue = dying

if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as client:
        client.run(die_once)
        recipe.issue_all("keyring.json", "requests", "urls")
        assert int(Path("killed").read_text()) not in client.run(os.getpid).values()
"""


def test_partitions_of_a_killed_worker_are_redone(folder: Path) -> None:
    run_script(folder, KILL, PYTHONPATH=f"{folder}:{environment(folder)['PYTHONPATH']}")
    check_result(folder)


CLUSTER = """
import time
from pathlib import Path
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        Path("address.new").write_text(cluster.scheduler_address)
        Path("address.new").rename("address")
        time.sleep(600)
"""


def test_workers_in_another_folder_get_the_recipe(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "cluster.py").write_text(CLUSTER)
    command = [sys.executable, "cluster.py"]
    with started(command, other, other / "log", environment(other)) as process:
        deadline = time.monotonic() + SECONDS
        while not (other / "address").exists():
            assert process.poll() is None, (other / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        paths = " ".join(str(folder / name) for name in ("keyring.json", "requests", "urls"))
        address = (other / "address").read_text()
        run(f"python issue_partitions.py {paths} --scheduler {address}", folder, seconds=5 * SECONDS)
    check_result(folder)
