"""Run the recipes of redeeming.md: one-time use, and the comparison of the kid."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wvtoken import Grant, Issuer, KeyRing

from .grammar import CONTENT_KEY, KID, escaped, pairs
from .pages import DOCS, check_session, save_files
from .processes import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the examples are for a POSIX shell")

PAGE = DOCS / "redeeming.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the page's files, a key ring, and tokens in urls.txt."""
    save_files(PAGE, tmp_path)
    keyring = KeyRing.generate()
    (tmp_path / "keyring.json").write_text(keyring.to_jwks())
    issuer = Issuer(keyring, "https://wv.example.com/hms/wv/rights/", audience="production")
    request = escaped(pairs({"contentKey": (CONTENT_KEY,)}))
    (tmp_path / "urls.txt").write_text("".join(f"{issuer.issue(request)}\n" for _ in range(20)))
    return tmp_path


def run_script(folder: Path, script: str) -> str:
    """Run a script that has `urls`, `KID` and the recipe's modules. Return its output."""
    head = (
        f"import asyncio, threading, time\nimport redeeming, async_redeeming, wvtoken\nKID = bytes.fromhex({KID!r})\n"
    )
    (folder / "script.py").write_text(f"{head}urls = open('urls.txt').read().splitlines()\n{script}")
    return run("python script.py", folder)


RACE = """
def attempt(url, start, used):
    start.wait()
    try:
        redeeming.redeem(url, KID)
        used.append(1)
    except wvtoken.TokenRequestError as error:
        assert (error.code, error.details) == (-4010, "the token was already used")
        used.append(0)

for url in urls:
    start, used = threading.Barrier(8), []
    threads = [threading.Thread(target=attempt, args=(url, start, used)) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(len(used), sum(used))
"""


def test_one_of_the_racing_threads_uses_the_token(folder: Path) -> None:
    assert run_script(folder, RACE) == 20 * "8 1\n"


RACE_OF_TASKS = """
async def attempts(url):
    results = await asyncio.gather(*(async_redeeming.redeem(url, KID) for _ in range(8)), return_exceptions=True)
    refused = [result.code for result in results if isinstance(result, wvtoken.TokenRequestError)]
    print(sum(isinstance(result, wvtoken.Grant) for result in results), set(map(int, refused)), len(refused))

for url in urls[:5]:
    asyncio.run(attempts(url))
"""


def test_one_of_the_racing_tasks_uses_the_token(folder: Path) -> None:
    assert run_script(folder, RACE_OF_TASKS) == 5 * "1 {-4010} 7\n"


OTHER_KID = """
for redeem in (redeeming.redeem, lambda url, kid: asyncio.run(async_redeeming.redeem(url, kid))):
    try:
        redeem(urls[0], bytes(16))
    except wvtoken.TokenRequestError as error:
        print(int(error.code), error.details)
print(redeeming.redeem(urls[0], KID).kid == KID)
"""


def test_token_for_another_kid_is_refused_and_not_used_up(folder: Path) -> None:
    assert run_script(folder, OTHER_KID) == 2 * "-4010 the token is for another kid\n" + "True\n"


EXPIRY = """
grant = redeeming.redeem(urls[0], KID)
print(redeeming.used_tokens.remove_expired(), redeeming.used_tokens.add(grant))
now = time.time
time.time = lambda: grant.expires_at + 3599
print(redeeming.used_tokens.remove_expired())
time.time = lambda: grant.expires_at + 3601
print(redeeming.used_tokens.remove_expired())
"""


def test_used_token_is_kept_until_it_has_expired(folder: Path) -> None:
    assert run_script(folder, EXPIRY) == "0 False\n0\n1\n"


def test_session_of_the_page(folder: Path) -> None:
    check_session(PAGE, "Open, compare, use once", folder)


def test_page_explains_every_field_of_a_grant() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## The fields of a grant")[2]
    missing = [field for field in Grant._fields if f"`{field}`" not in table]
    assert missing == []
