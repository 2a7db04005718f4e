"""The command line: `main` in this process, and `python -m wvtoken` where a behaviour needs a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import select
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import wvtoken
from wvtoken import ErrorCode, Grant, Issuer, KeyRing, Redeemer, parse
from wvtoken.cli import main

from .grammar import AUTHENTICATOR, CONTENT_KEY, EK, KEK, KID
from .pages import DOCS, blocks, exchanges_of

UNWRAPPED = "a9b9033df0b9ca5447839e3d074817a0"
"""The key in EK."""
RING = KeyRing({1: bytes(range(32))}, 1)
RIGHTS_URL = "https://wv.example.com/hms/wv/rights/"
SECONDS = 60
DAY = 86400

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes, pseudo-terminals or broken pipes")


def request(**changes: str) -> str:
    """Return a valid request with these parameters added or replaced, and without a key."""
    base = {"customerAuthenticator": AUTHENTICATOR, "kid": KID, "securityLevel": "1", "hdcpOutputControl": "0"}
    return urlencode({**base, **changes})


def numbered(number: int) -> str:
    """Return a request with a content key and the cookie n`number`."""
    return request(contentKey=CONTENT_KEY, cookie=f"n{number}")


GOOD = request(contentKey=CONTENT_KEY)
BAD = request(kid="Secret.Kid")


class Result:
    """The exit status, and the lines of standard output and standard error."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out.splitlines()
        self.err = err.splitlines()
        assert "Traceback" not in out + err
        assert "Exception ignored" not in err

    @property
    def all(self) -> str:
        return "\n".join([*self.out, *self.err])

    @property
    def refusal(self) -> str:
        """The only output of a command that could not be run: one line of standard error. The status is 2."""
        assert (self.status, self.out, len(self.err)) == (2, [], 1)
        return self.err[0]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The JSON objects on standard error that have a code."""
        objects = [json.loads(line) for line in self.err if line.startswith("{")]
        return [one for one in objects if "code" in one]


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `main` with these arguments and standard input, and with an empty state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(*arguments: str | Path, stdin: str | bytes = b"") -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A key ring file."""
    path = tmp_path / "keys.json"
    path.write_text(RING.to_jwks())
    path.chmod(0o600)
    return path


def issue_lines(keys: Path) -> tuple[str | Path, ...]:
    return ("issue", "--keys", keys, "--rights-url", RIGHTS_URL)


def redeemed(url: str, audience: str = "") -> Grant:
    return Redeemer(RING, audience=audience).redeem(url)


# issue


def test_issue_prints_one_url_per_argument(run: Run, keys: Path) -> None:
    result = run(*issue_lines(keys), numbered(1), request(kek=KEK, ek=EK), numbered(3))
    assert (result.status, result.err) == (0, [])
    grants = [redeemed(url) for url in result.out]
    assert [grant.cookie for grant in grants] == ["n1", None, "n3"]
    assert [grant.content_key.hex() for grant in grants] == [CONTENT_KEY, UNWRAPPED, CONTENT_KEY]
    assert all(url.startswith(f"{RIGHTS_URL}?ExpressPlayToken=") for url in result.out)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_issue_reads_lines_from_standard_input(run: Run, keys: Path, end: str) -> None:
    lines = end.join(numbered(number) for number in range(1, 4))
    for arguments, stdin, expected in (
        ((), lines, ["n1", "n2", "n3"]),
        (("-",), lines + end, ["n1", "n2", "n3"]),
        ((numbered(0), "-", numbered(4)), lines, ["n0", "n1", "n2", "n3", "n4"]),
        ((), "", []),
    ):
        result = run(*issue_lines(keys), *arguments, stdin=stdin)
        assert result.status == 0
        assert [redeemed(url).cookie for url in result.out] == expected


def test_issue_prints_one_line_for_each_line_and_a_summary(run: Run, keys: Path) -> None:
    lines = [numbered(1), BAD, "", numbered(4), "kid=%FF&\x00", " ", numbered(7) + "&\udcff=1", "x" * 70000, ""]
    result = run(*issue_lines(keys), stdin="\n".join([*lines, numbered(10)]).encode("utf-8", "surrogateescape"))
    assert result.status == 1
    assert [url and redeemed(url).cookie for url in result.out] == ["n1", "", "", "n4", "", "", "", "", "", "n10"]
    assert [(one["line"], one["code"], one["parameter"]) for one in result.errors] == [
        (2, -4020, "kid"),
        (5, -2017, "customerAuthenticator"),
        (7, -1, None),
        (8, -1, None),
    ]
    assert result.errors[0]["message"] == "kid must be 32 hexadecimal characters long"
    assert "Secret" not in result.all
    summary = json.loads(result.err[-1])
    assert summary.pop("seconds") >= 0
    assert summary == {"lines": 10, "issued": 3, "rejected": 4}


def test_issue_json_prints_one_object_per_line_for_both_outcomes(run: Run, keys: Path) -> None:
    result = run(*issue_lines(keys), "--json", stdin=f"{numbered(1)}\n{BAD}\n\n{numbered(4)}\n")
    first, bad, blank, last = map(json.loads, result.out)
    for one, number in ((first, 1), (last, 4)):
        assert one.keys() == {"line", "url", "token_id"}
        assert (one["line"], redeemed(one["url"]).cookie) == (number, f"n{number}")
        assert one["token_id"] == redeemed(one["url"]).token_id.hex()
    assert bad.keys() == {"line", "code", "message", "parameter", "details"}
    assert (bad["line"], bad["code"]) == (2, -4020)
    assert blank == {"line": 3, "token_id": None}
    assert (result.status, result.errors) == (1, [])


def test_issue_strict_rejects_unknown_parameters(run: Run, keys: Path) -> None:
    query = f"{GOOD}&expirationtime=%2B60"
    assert run(*issue_lines(keys), query).status == 0
    result = run(*issue_lines(keys), "--strict", query)
    assert (result.status, result.out) == (1, [""])
    assert (result.errors[0]["code"], result.errors[0]["parameter"]) == (-1, "expirationtime")
    assert "expirationTime" in result.errors[0]["details"]


def test_lines_require_keys_and_rights_url(run: Run, keys: Path, tmp_path: Path) -> None:
    for arguments in (
        ("issue", "--keys", keys),
        ("issue", "--rights-url", RIGHTS_URL),
        ("issue", "--keys", keys, GOOD, "-"),
        ("redeem",),
        ("redeem", "token"),
    ):
        assert " is required" in run(*arguments, stdin=GOOD).refusal
    assert not (tmp_path / "state").exists()


def test_audience_must_be_equal_for_issue_and_redeem(run: Run, keys: Path) -> None:
    [url] = run(*issue_lines(keys), "--audience", "test", GOOD).out
    assert redeemed(url, "test").kid.hex() == KID
    assert run("redeem", "--keys", keys, "--audience", "test", url).status == 0
    for other in ((), ("--audience", "production")):
        result = run("redeem", "--keys", keys, *other, url)
        assert (result.status, result.out, result.errors[0]["code"]) == (1, [""], -4010)
    for command in (issue_lines(keys), ("redeem", "--keys", keys)):
        assert "audience must be" in run(*command, "--audience", 65 * "a", GOOD).refusal


def test_issue_uses_stored_keys(run: Run, keys: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored.json"
    name = "^kid1"
    named = parse(request(kid=name)).kid.hex()
    stored.write_text(json.dumps({KID.upper(): UNWRAPPED, named: EK.upper()}))
    options = (*issue_lines(keys), "--stored-keys", stored)
    result = run(*options, request(), request(kid=name, kek=KEK), GOOD)
    assert result.status == 0
    assert [redeemed(url).content_key.hex() for url in result.out] == [UNWRAPPED, UNWRAPPED, CONTENT_KEY]
    result = run(*options, request(kek=KEK), request(kid=name), request(kid=32 * "1"))
    assert (result.status, set(result.out)) == (1, {""})
    assert [one["code"] for one in result.errors] == [-4024, -4024, -4019]
    assert not any(secret in result.all for secret in (AUTHENTICATOR, KEK, EK, UNWRAPPED))


# redeem


def test_redeem_prints_the_grant_and_the_key_only_on_request(run: Run, keys: Path) -> None:
    query = request(kek=KEK, ek=EK, wvExtension="wudo,3q2+7w==", contentId="\u00e9", licenseDuration="86400")
    url = Issuer(RING, RIGHTS_URL).issue(query, customer="customer")
    for token in (url, url.partition("=")[2]):
        result = run("redeem", "--keys", keys, token)
        assert (result.status, result.err) == (0, [])
        assert [json.loads(line) for line in result.out] == [redeemed(url).as_dict()]
        assert UNWRAPPED not in result.all
    result = run("redeem", "--keys", keys, "--show-key", url)
    assert json.loads(result.out[0]) == redeemed(url).as_dict(content_key=True)


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_redeem_aligns_its_output_with_the_lines(run: Run, keys: Path, json_option: tuple[str, ...]) -> None:
    issuer = Issuer(RING, RIGHTS_URL)
    good = [issuer.issue(numbered(number)) for number in range(3)]
    expired = issuer.issue(GOOD, now=1000)
    other = Issuer(KeyRing.generate(), RIGHTS_URL).issue(GOOD)
    lines = [good[0], good[1][:-1], "", other, "no token", "\u00e9", good[2], expired]
    result = run("redeem", "--keys", keys, *json_option, stdin="\n".join(lines).encode() + b"\n\xff\xff")
    assert result.status == 1
    assert len(result.out) == 9
    printed = {number: json.loads(line) for number, line in enumerate(result.out, 1) if line}
    if json_option:
        assert [printed[number]["line"] for number in printed] == list(range(1, 10))
    else:
        assert list(printed) == [1, 7]
    assert [printed[number]["cookie"] for number in (1, 7)] == ["n0", "n2"]
    errors = [one for one in printed.values() if "code" in one] if json_option else result.errors
    assert [(one["line"], one["code"]) for one in errors] == [(number, -4010) for number in (2, 4, 5, 6, 8, 9)]
    assert [one["line"] for one in errors if one.get("token_id") == wvtoken.token_id(expired).hex()] == [8]
    assert json.loads(result.err[-1])["redeemed"] == 2


# check, errors, docs


def test_check_prints_a_request_without_secrets(run: Run) -> None:
    secret = "900001,5ec4e7a0a0a0a0a05ec4e7a0a0a0a0a0"
    full = request(
        **{"customerAuthenticator": secret, "kid": "^CNN.2014.12.18", "kek": KEK, "ek": EK, "securityLevel": "5"},
        **{"contentId": "Tatort", "cookie": "c00kie", "licenseDuration": "86400", "expirationTime": "+60"},
        **{"wvExtension": "wudo,3q2+7w==", "hdcpOutputControl": "2"},
    )
    for query in (full, request(customerAuthenticator=secret, contentKey=CONTENT_KEY)):
        for result in (run("check", query), run("check", "-", stdin=query + "\r\n"), run("check", "--json", query)):
            assert (result.status, result.err) == (0, [])
            for hidden in (secret, KEK, EK, CONTENT_KEY, "3q2+7w==", "deadbeef"):
                assert hidden not in result.all
            assert parse(query).kid.hex() in result.all
    result = run("check", full)
    for shown in ("CNN.2014.12.18", "Tatort", "c00kie", "86400", "HW_SECURE_ALL", "HDCP_V2", "wudo", "60 seconds"):
        assert shown in result.all


def test_check_reports_every_error(run: Run) -> None:
    query = request(kid="Secret.Kid", cookie="\0", securityLevel="9")
    codes = ["-4020", "-7004", "-2033"]
    plain, as_json = run("check", query), run("check", "-", "--json", stdin=query)
    assert (plain.status, plain.out, as_json.status, as_json.err) == (1, [], 1, [])
    assert "Secret" not in plain.all + as_json.all
    assert run("check", "a=\udcff&\udcff").err[0].startswith("wvtoken: -1: ")  # Bytes that are not UTF-8.
    assert [re.findall("-[0-9]{4}", line)[0] for line in plain.err] == codes
    assert plain.err[0].endswith(
        "(kid must be 32 hexadecimal digits, or ^ followed by 1 to 64 printable ASCII characters)"
    )
    document = json.loads(as_json.out[0])
    assert [str(error["code"]) for error in document["errors"]] == codes
    assert document["errors"][1].keys() == {"code", "message", "parameter", "details"}
    assert document["request"] is None


def test_check_warns_about_ignored_parameters(run: Run) -> None:
    query = f"{GOOD}&contentId=%E2%80%AEa&expirationtime=%2B60&contentKey:{CONTENT_KEY}=1&%1B[2J"
    result, as_json = run("check", query), run("check", "--json", query)
    assert (result.status, as_json.status) == (0, 0)
    assert all(line.startswith("wvtoken: warning: ignored: ") for line in result.err)
    assert "did you mean 'expirationTime'?" in result.err[0]
    assert len(result.err) == len(json.loads(as_json.out[0])["warnings"]) == 2
    assert CONTENT_KEY not in result.all + as_json.all
    assert all(line.isprintable() for line in [*result.out, *result.err])
    strict = run("check", "--strict", query)
    assert (strict.status, strict.out) == (1, [])
    assert [line.startswith("wvtoken: -1: ") for line in strict.err] == [True, True]


def test_errors_lists_every_code(run: Run) -> None:
    result = run("errors")
    assert (result.status, result.err) == (0, [])
    for code in ErrorCode:
        [row] = [line for line in result.out if re.search(rf"(^|\s){code:d}\s", line)]
        assert all(text in row for text in (code.template, str(code.status), code.name))


def test_docs_lists_the_pages_and_prints_one(run: Run) -> None:
    result = run("docs")
    assert (result.status, result.err) == (0, [])
    names = [line.split()[0] for line in result.out]
    folder = Path(wvtoken.__file__).parent / "docs"
    assert names == sorted(path.stem for path in folder.glob("*.md"))
    for name in ("command-line", "command-line.md"):
        assert run("docs", name).out == (folder / "command-line.md").read_text(encoding="utf-8").splitlines()
    assert "command-line" in run("docs", "missing").refusal


# keygen, keys


def test_keygen_prints_a_new_key_with_a_random_id(run: Run) -> None:
    texts = ["\n".join(run("keygen").out) for _ in range(3)]
    assert len({KeyRing.from_jwks(text).active for text in texts}) == 3
    [entry] = json.loads(texts[0])["keys"]
    assert abs(entry["iat"] - time.time()) < SECONDS
    for key_id in (0, 7, 4294967295):
        assert KeyRing.from_jwks("\n".join(run("keygen", "--key-id", str(key_id)).out)).active == key_id
    for wrong in ("-1", "4294967296", "x", "1.5", ""):
        result = run("keygen", f"--key-id={wrong}")
        assert (result.status, result.out) == (2, [])
        assert result.err


def test_keygen_creates_a_private_file_and_never_overwrites(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    result = run("keygen", "--key-id", "7", "--output", path)
    assert (result.status, result.all) == (0, "")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = path.read_bytes()
    assert "File exists" in run("keygen", "--output", path).refusal
    assert path.read_bytes() == made
    [url] = run(*issue_lines(path), GOOD).out
    assert Redeemer(KeyRing.from_jwks(made)).redeem(url).content_key.hex() == CONTENT_KEY


def entries(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["keys"]
    return found


def write_entries(path: Path, found: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"keys": found}))


def test_keys_rotates_a_ring(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    run("keygen", "--key-id", "7", "--output", path)
    [old] = run(*issue_lines(path), GOOD).out
    result = run("keys", "add", path)
    assert (result.status, result.out, result.err) == (0, ["8"], [])
    assert KeyRing.from_jwks(path.read_text()).key_ids == (7, 8)
    for active, other in (("8", "7"), ("7", "8"), ("7", "8"), ("8", "7")):
        assert run("keys", "activate", path, active).status == 0
        assert [(entry["kid"], "retired" in entry) for entry in entries(path)] == [(active, False), (other, True)]
    assert abs(entries(path)[1]["retired"] - time.time()) < SECONDS
    [new] = run(*issue_lines(path), GOOD).out
    assert wvtoken.token_id(new) != wvtoken.token_id(old)
    assert run("redeem", "--keys", path, old, new).status == 0
    for command, reason in (
        (("remove", path, "8"), "key 8 is active"),
        (("remove", path, "8", "--force"), "key 8 is active"),
        (("remove", path, "7"), "key 7 retired less than 30 days ago"),
        (("remove", path, "9"), "no key 9"),
        (("activate", path, "9"), "no key 9"),
    ):
        assert reason in run("keys", *command).refusal
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("keys", "remove", path, "7", "--force").status == 0
    assert KeyRing.from_jwks(path.read_text()).key_ids == (8,)
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_keys_remove_keeps_a_key_whose_tokens_may_be_valid(run: Run, keys: Path) -> None:
    write_entries(keys, json.loads(RING.adding(2, bytes(32)).to_jwks())["keys"])
    assert "key 2 has no time of retirement" in run("keys", "remove", keys, "2").refusal
    first, second = entries(keys)
    now = int(time.time())
    for retired, status in ((now - 30 * DAY + SECONDS, 2), (now + DAY, 2), ("yesterday", 2), (now - 30 * DAY, 0)):
        write_entries(keys, [first, {**second, "retired": retired}])
        assert run("keys", "remove", keys, "2").status == status
    write_entries(keys, [first, {**second, "iat": now}])  # It was added and never activated.
    assert run("keys", "remove", keys, "2").status == 0


def test_keys_list_shows_ages_and_no_keys(run: Run, keys: Path) -> None:
    now = int(time.time())
    old = {**json.loads(KeyRing.generate(9).to_jwks())["keys"][0], "iat": now - 40 * DAY, "retired": now - DAY}
    write_entries(keys, [*entries(keys), old])
    result = run("keys", "list", keys)
    assert (result.status, len(result.out), result.err) == (0, 3, [])
    assert re.fullmatch(r"1 +active +- +-", result.out[1])
    assert re.fullmatch(r"9 +opens only +[-0-9]{10} \(40 days ago\) +[-0-9]{10} \(1 day ago\)", result.out[2])
    assert not any(str(entry["k"]) in result.all for entry in entries(keys))
    write_entries(keys, json.loads(KeyRing.generate(4294967295).to_jwks())["keys"])
    assert run("keys", "add", keys).out == ["0"]  # There is no higher id.


@POSIX
def test_keys_changes_the_file_behind_a_symbolic_link_and_keeps_its_owner(
    run: Run, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[int, ...]] = []
    monkeypatch.setattr("os.chown", lambda descriptor, *owner: owners.append(owner))
    before = keys.stat()
    link = tmp_path / "link"
    link.symlink_to(keys)
    assert run("keys", "add", link).status == 0
    assert link.is_symlink()
    assert len(entries(keys)) == 2
    assert owners == [(before.st_uid, before.st_gid)]


def test_keys_reports_a_lock_that_stays(run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wvtoken.keyfile.LOCK_SECONDS", 0.0)
    lock = keys.with_name("keys.json.lock")
    lock.touch()
    before = keys.read_bytes()
    assert str(lock) in run("keys", "add", keys).refusal
    assert (lock.exists(), keys.read_bytes()) == (True, before)


# Usage


WRONG_USAGE = """
unknown;issue --unknown;issue --key x;issue --keys;issue --keys '' x;issue --keys x --stored-keys '' x
redeem --keys '' x;check;check a b;errors a;keygen a;keygen --output '';keys;keys list;keys activate x y;--keys x issue
"""


@pytest.mark.parametrize("line", re.split("[;\n]", WRONG_USAGE))
def test_wrong_usage_has_status_2(run: Run, line: str) -> None:
    result = run(*shlex.split(line))
    assert (result.status, result.out) == (2, [])
    assert result.err[0].startswith("usage: ")


def test_version_and_help_with_the_exit_statuses(run: Run) -> None:
    assert run("--version").out == [f"wvtoken {wvtoken.__version__}"]
    for command in ((), ("issue",), ("redeem",), ("check",), ("errors",), ("docs",), ("keygen",), ("keys", "add")):
        result = run(*command, "--help")
        assert (result.status, result.err) == (0, [])
        assert result.out[0].startswith("usage: ")
        assert "exit status: 0," in result.all
        assert "130 or 143," in " ".join(result.out)


# Files

MARK = "SeCrEt-In-ThE-fIlE"
BAD_STORES = {
    "not JSON": MARK.encode(),
    "a list": json.dumps([[KID, UNWRAPPED]]).encode(),
    "kid is not hex": json.dumps({MARK: UNWRAPPED}).encode(),
    "short kid": json.dumps({KID[2:]: UNWRAPPED}).encode(),
    "key is not hex": json.dumps({KID: MARK}).encode(),
    "key with spaces": json.dumps({KID: f" {UNWRAPPED}"}).encode(),
    "32-byte key": json.dumps({KID: 2 * UNWRAPPED}).encode(),
    "repeated kid": f'{{"{KID}": "{UNWRAPPED}", "{KID}": "{UNWRAPPED}"}}'.encode(),
    "repeated kid in upper case": json.dumps({KID: UNWRAPPED, KID.upper(): UNWRAPPED}).encode(),
    "number with many digits": b'{"' + KID.encode() + b'": ' + 5000 * b"9" + b"}",
    "deep nesting": 100_000 * b'{"a":',
}


def assert_refused(result: Result, path: Path) -> None:
    """Assert status 2 and one line that names the file and shows nothing of its contents."""
    assert result.refusal.startswith("wvtoken: ")
    rest = result.refusal.replace(str(path), "")
    assert rest != result.refusal
    assert not any(part in rest for part in (MARK, "99999", KID, UNWRAPPED))
    assert len(rest) < 200


def test_an_invalid_key_ring_file_is_refused(run: Run, tmp_path: Path) -> None:
    """test_keyring has the files that are invalid."""
    path = tmp_path / "state" / "wvtoken" / "keys.json"
    path.parent.mkdir(parents=True)
    path.write_text(MARK)
    path.chmod(0o600)
    for arguments in (
        ("issue", "--keys", path, GOOD),
        ("issue", GOOD),
        ("redeem", "--keys", path, GOOD),
        ("keys", "add", path),
    ):
        assert_refused(run(*arguments), path)
    assert path.read_text() == MARK


@pytest.mark.parametrize("content", BAD_STORES.values(), ids=BAD_STORES)
def test_an_invalid_file_of_stored_keys_is_refused(run: Run, keys: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    assert_refused(run("issue", "--keys", keys, "--stored-keys", path, GOOD), path)


def test_a_file_that_cannot_be_read_is_refused(run: Run, keys: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, keys / "below a file", tmp_path / ("long" * 100)):
        assert_refused(run("issue", "--keys", path, GOOD), path)
        assert_refused(run("issue", "--keys", keys, "--stored-keys", path, GOOD), path)
    for arguments in (("issue", "--keys", "a\0b", GOOD), ("keys", "add", "a\0b"), ("keys", "add", tmp_path / "none")):
        assert run(*arguments).refusal


@POSIX
def test_a_key_ring_that_others_can_write_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "keys.json"
    path.parent.mkdir()
    path.write_text(RING.to_jwks())
    for file_mode, folder_mode, status, lines in (
        (0o600, 0o755, 0, 0),
        (0o644, 0o755, 0, 1),
        (0o620, 0o755, 2, 1),
        (0o602, 0o755, 2, 1),
        (0o600, 0o775, 2, 1),
        (0o600, 0o757, 2, 1),
        (0o600, 0o1777, 0, 0),
    ):
        path.chmod(file_mode)
        path.parent.chmod(folder_mode)
        result = run(*issue_lines(path), GOOD)
        assert (result.status, len(result.err)) == (status, lines), (oct(file_mode), oct(folder_mode))
    path.parent.chmod(0o700)


# The personal key ring


@POSIX
def test_issue_creates_the_personal_key_ring_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "state" / "wvtoken" / "keys.json"
    options = ("issue", "--rights-url", RIGHTS_URL, GOOD)
    before = os.umask(0)
    try:
        first = run(*options)
    finally:
        os.umask(before)
    assert (first.status, len(first.out), len(first.err)) == (0, 1, 1)
    assert str(path) in first.err[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    made = path.read_bytes()
    assert str(entries(path)[0]["k"]) not in first.all
    second = run(*options)
    assert (second.status, len(second.out), second.err) == (0, 1, [])
    result = run("redeem", "--keys", path, "--show-key", *first.out, *second.out)
    assert [json.loads(line)["content_key"] for line in result.out] == [CONTENT_KEY, CONTENT_KEY]
    assert path.read_bytes() == made
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_no_personal_key_ring_is_created_without_need(run: Run, keys: Path, tmp_path: Path) -> None:
    for arguments, status in (
        (("issue", BAD), 1),
        (("issue", "--audience", "\n", GOOD), 2),
        (("issue", "--rights-url", "ftp://wv.example.com/", GOOD), 2),
        (("issue", "--rights-url", "", GOOD), 2),
        (("check", GOOD), 0),
        (("keygen",), 0),
    ):
        assert run(*arguments).status == status
    result = run("issue", "--keys", keys, GOOD)
    assert result.out[0].startswith("https://localhost/hms/wv/rights/?ExpressPlayToken=")
    [note] = result.err
    assert "https://localhost/hms/wv/rights/" in note
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="Windows and macOS have other state folders")
@pytest.mark.parametrize("value", [None, "", "relative"])
def test_the_personal_key_ring_is_below_home_without_an_absolute_state_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if value is None:
        monkeypatch.delenv("XDG_STATE_HOME")
    else:
        monkeypatch.setenv("XDG_STATE_HOME", value)
    assert run("issue", GOOD).status == 0
    assert (tmp_path / "home" / ".local" / "state" / "wvtoken" / "keys.json").exists()
    assert not (tmp_path / "relative").exists()


@POSIX
def test_a_personal_key_ring_that_cannot_be_created_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", Path("/proc/none")):
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        assert str(folder) in run("issue", GOOD).refusal
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", dict[int, object]().__getitem__)  # No user has an entry.
    assert "--keys" in run("issue", GOOD).refusal


# In a process of its own

Process = subprocess.Popen[bytes]
Start = Callable[..., Process]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """Return this environment without Python's variables: PYTHONUNBUFFERED, for example, hides a missing flush."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    package = str(Path(wvtoken.__file__).parents[1])
    own = {"PYTHONPATH": package, "PYTHONWARNINGS": "error", "XDG_STATE_HOME": str(tmp_path / "state")}
    return {**kept, **own, "HOME": str(tmp_path / "home"), **more}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts `python -m wvtoken` in the folder of the test.

    Its argument `redirection` is for a POSIX shell. The fixture kills the processes that still run after the test.
    """
    started: list[Process] = []

    def start(*arguments: str | Path, redirection: str = "", env: dict[str, str] | None = None, **more: Any) -> Process:
        command = [sys.executable, "-m", "wvtoken", *map(str, arguments)]
        if redirection:
            command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command]
        process: Process = subprocess.Popen(command, cwd=tmp_path, env=env or environment(tmp_path), **more)
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(BrokenPipeError), process:
            process.kill()


def finish(process: Process, stdin: bytes | None = None) -> Result:
    out, err = process.communicate(stdin, timeout=SECONDS)
    return Result(process.returncode, (out or b"").decode(), (err or b"").decode())


PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def wait_for_lines(path: Path, count: int) -> None:
    end = time.monotonic() + SECONDS
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end
        time.sleep(0.001)


@POSIX
def test_each_request_is_answered_before_the_next_is_sent(start: Start, keys: Path) -> None:
    """The pipe is not blocking: that it is empty is not the end of the input."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = start(*issue_lines(keys), stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.close(reader)
    assert process.stdout is not None
    for number in range(3):
        os.write(writer, f"{numbered(number)}\n".encode())
        assert select.select([process.stdout], [], [], SECONDS)[0]
        assert redeemed(process.stdout.readline().decode().strip()).cookie == f"n{number}"
    os.close(writer)
    assert process.wait(SECONDS) == 0


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_input(start: Start, keys: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    process = start(*issue_lines(keys), redirection=">out", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(f"{GOOD}\n".encode() * 1030)
    process.stdin.flush()
    wait_for_lines(out, 1030)
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert out.read_bytes().count(b"\n") == 1030
    message, summary = err.decode().splitlines()
    assert message == "wvtoken: interrupted after line 1030"
    assert json.loads(summary)["issued"] == 1030


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "delay", "unbuffered"),
    [(signal.SIGINT, 0.0, ""), (signal.SIGTERM, 0.02, "1"), (signal.SIGTERM, 0.05, "")],
)
def test_a_signal_ends_a_run_at_a_complete_line(
    start: Start, keys: Path, tmp_path: Path, number: int, delay: float, unbuffered: str
) -> None:
    source, out, err = tmp_path / "source", tmp_path / "out", tmp_path / "err"
    source.write_text("".join(f"{BAD if number % 2 else numbered(number)}\n" for number in range(100_000)))
    env = environment(tmp_path, PYTHONUNBUFFERED=unbuffered)
    process = start(*issue_lines(keys), env=env, redirection="<source >out 2>err")
    wait_for_lines(out, 1)
    time.sleep(delay)
    process.send_signal(number)
    assert process.wait(SECONDS) == 128 + number
    written = out.read_text()
    assert written.endswith("\n")
    *errors, message, summary = err.read_text().splitlines()
    count = int(message.removeprefix("wvtoken: interrupted after line "))
    assert 0 < count < 100_000
    assert json.loads(summary)["lines"] == written.count("\n") == count
    assert [json.loads(line)["line"] for line in errors] == list(range(2, count + 1, 2))
    grants = Redeemer(RING).redeem_many([line for line in written.splitlines() if line])
    cookies = [grant.cookie for grant in grants if isinstance(grant, Grant)]
    assert cookies == [f"n{number}" for number in range(0, count, 2)]


@POSIX
def test_a_second_signal_ends_a_run_whose_output_is_not_read(start: Start, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_text(f"{GOOD}\n" * 2000)
    process = start(*issue_lines(keys), redirection="<source 2>/dev/null", stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # The pipe has no room for the other lines, which are written as one block.
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    end = time.monotonic() + SECONDS
    while process.poll() is None:  # The system may merge two signals into one.
        assert time.monotonic() < end
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    assert process.returncode == -signal.SIGTERM


@POSIX
def test_an_ignored_signal_stays_ignored(start: Start, keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # The child inherits this, as below nohup.
    try:
        process = start(*issue_lines(keys), redirection=">out", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdin is not None
    process.stdin.write(f"{GOOD}\n".encode())
    process.stdin.flush()
    wait_for_lines(out, 1)
    process.send_signal(signal.SIGINT)
    assert finish(process, f"{GOOD}\n".encode()).status == 0
    assert out.read_bytes().count(b"\n") == 2


@POSIX
def test_output_closed_by_its_reader_ends_a_run_silently(start: Start, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_text(f"{GOOD}\n" * 20_000)
    process = start(*issue_lines(keys), redirection="<source", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(RIGHTS_URL.encode())
    process.stdout.close()
    process.stdout = None
    result = finish(process)
    assert (result.status, result.err) == (1, [])


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


@FULL
@pytest.mark.parametrize("command", ["issue", "redeem", "check", "errors", "keygen"])
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "<&- >&-"])
def test_a_full_or_closed_standard_output_is_reported(start: Start, keys: Path, command: str, redirection: str) -> None:
    issue, redeem = issue_lines(keys), ("redeem", "--keys", keys)
    arguments = {"issue": (*issue, GOOD), "redeem": (*redeem, "x"), "check": ("check", GOOD)}.get(command, (command,))
    result = finish(start(*arguments, redirection=redirection, **PIPES))
    assert result.status == 1
    assert result.err[-1].startswith("wvtoken: standard output: ")


@FULL
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_a_full_or_closed_standard_error_does_not_stop_the_output(start: Start, keys: Path, redirection: str) -> None:
    requests = "".join(f"{numbered(number)}\n{BAD}\n" for number in range(3000))
    result = finish(start(*issue_lines(keys), redirection=redirection, **PIPES), requests.encode())
    assert result.status == 1
    assert [bool(line) for line in result.out] == [True, False] * 3000


@POSIX
@pytest.mark.parametrize("command", ["issue", "redeem", "check"])
def test_a_closed_standard_input_is_an_error(start: Start, keys: Path, command: str) -> None:
    arguments = {"issue": issue_lines(keys), "redeem": ("redeem", "--keys", keys), "check": ("check", "-")}[command]
    result = finish(start(*arguments, redirection="<&-", **PIPES))
    assert (result.status, result.out) == (2, [])
    assert "wvtoken: standard input is closed" in result.err


@POSIX
def test_keygen_warns_if_others_can_read_standard_output(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    for mode, lines in ((0o644, 1), (0o600, 0)):
        path.touch()
        path.chmod(mode)
        result = finish(start("keygen", redirection=">keys.json", stderr=subprocess.PIPE))
        assert (result.status, len(result.err)) == (0, lines)
        assert all("--output" in line for line in result.err)


def test_only_issue_and_redeem_need_an_engine(start: Start, keys: Path, tmp_path: Path) -> None:
    env = environment(tmp_path, WVTOKEN_ENGINE="none")
    for arguments in (("check", GOOD), ("errors",), ("keygen",), ("--help",)):
        assert finish(start(*arguments, env=env, **PIPES)).status == 0
    for command in (("issue", GOOD), ("redeem", "--keys", str(keys), "x")):
        assert "unknown engine" in finish(start(*command, env=env, **PIPES)).refusal
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_concurrent_first_issues_create_one_key_ring(start: Start, tmp_path: Path) -> None:
    running = [start("issue", "--rights-url", RIGHTS_URL, numbered(number), **PIPES) for number in range(8)]
    results = [finish(process) for process in running]
    assert {result.status for result in results} == {0}
    folder = tmp_path / "state" / "wvtoken"
    ring = KeyRing.from_jwks((folder / "keys.json").read_text())
    assert [Redeemer(ring).redeem(result.out[0]).cookie for result in results] == [f"n{number}" for number in range(8)]
    assert sum(len(result.err) for result in results) == 1
    assert [entry.name for entry in folder.iterdir()] == ["keys.json"]


@pytest.mark.slow
def test_concurrent_changes_of_a_key_ring_are_all_kept(start: Start, keys: Path) -> None:
    results = [finish(process) for process in [start("keys", "add", keys, **PIPES) for _ in range(8)]]
    assert sorted(int(line) for result in results for line in result.out) == list(range(2, 10))
    assert sorted(KeyRing.from_jwks(keys.read_text()).key_ids) == list(range(1, 10))


def test_check_escapes_what_the_output_encoding_lacks(start: Start, tmp_path: Path) -> None:
    env = environment(tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    result = finish(start("check", request(contentKey=CONTENT_KEY, contentId="\u4e2d"), env=env, **PIPES))
    assert result.status == 0
    assert "\\u4e2d" in result.all


@POSIX
@pytest.mark.slow
def test_the_examples_of_the_page_run_as_written(tmp_path: Path) -> None:
    """In the page, "..." stands for any text."""
    program = tmp_path / "bin" / "wvtoken"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wvtoken "$@"\n')
    program.chmod(0o755)
    env = environment(tmp_path, PATH=os.pathsep.join([str(program.parent), os.environ["PATH"]]))
    for block in blocks(DOCS / "command-line.md"):
        steps = [(block.text, "")] if block.language == "sh" else exchanges_of(block)
        for command, expected in steps:
            line = ["sh", "-c", f"exec 2>&1; {command}"]
            done = subprocess.run(line, stdout=subprocess.PIPE, cwd=tmp_path, env=env, timeout=SECONDS, check=False)
            output = done.stdout.decode()
            pattern = re.escape(expected).replace(re.escape("..."), ".*")
            assert re.fullmatch(pattern, output), (command, output)


# On a terminal


class Screen:
    """A pseudo-terminal."""

    def __init__(self) -> None:
        import fcntl
        import pty
        import termios

        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, b"\x18\x00\x78\x00" + bytes(4))  # 24 rows, 120 columns

    def read(self, process: Process) -> str:
        """Return all output until the process ends."""
        os.close(self.slave)
        shown = b""
        with suppress(OSError):  # Linux raises it when no process has the terminal open any more.
            while select.select([self.master], [], [], SECONDS)[0] and (block := os.read(self.master, 65536)):
                shown += block
        process.wait(SECONDS)
        os.close(self.master)
        assert b"Traceback" not in shown
        return shown.decode()


RED = "\x1b[31m"


def terminal(tmp_path: Path, **more: str) -> dict[str, str]:
    """Return the environment of a terminal with colours. pytest-xdist sets COLUMNS."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    kept = {name: value for name, value in environment(tmp_path).items() if name not in dropped}
    return {**kept, "TERM": "xterm-256color", **more}


@POSIX
def test_a_terminal_shows_colours_and_complete_tables(start: Start, tmp_path: Path) -> None:
    screen = Screen()
    text = screen.read(start("errors", env=terminal(tmp_path), stdout=screen.slave))
    assert "\x1b[1m" in text
    assert [code.name for code in ErrorCode if f"{code:d}" not in text or code.name not in text] == []
    screen = Screen()
    query = f"{GOOD}&contentId=[red]a[/red]:smile:"
    text = screen.read(start("check", query, env=terminal(tmp_path), stdout=screen.slave))
    assert "\x1b[1;36mkid" in text
    assert "[red]a[/red]:smile:" in text
    screen = Screen()
    text = screen.read(start("check", BAD, env=terminal(tmp_path), stderr=screen.slave))
    assert text.startswith(f"{RED}wvtoken: -4020: kid must be")


@POSIX
@pytest.mark.slow
def test_a_terminal_gets_plain_text_without_rich_or_colours(start: Start, tmp_path: Path) -> None:
    screen = Screen()
    text = screen.read(start("check", BAD, env=terminal(tmp_path, NO_COLOR="1"), stderr=screen.slave))
    assert text.startswith("wvtoken: -4020: ")
    piped = finish(start("errors", **PIPES))
    for term, has_rich in (("dumb", True), ("xterm", False)):
        if not has_rich:  # Python looks for modules in the current folder first.
            (tmp_path / "rich.py").write_text("raise ImportError\n")
        screen = Screen()
        text = screen.read(start("errors", env=terminal(tmp_path, TERM=term), stdout=screen.slave))
        assert text.splitlines() == piped.out


@POSIX
@pytest.mark.slow
def test_a_long_run_shows_its_progress(start: Start, keys: Path, tmp_path: Path) -> None:
    screen, path = Screen(), tmp_path / "out"
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": screen.slave}
    process = start(*issue_lines(keys), env=terminal(tmp_path), redirection=">out", **streams)
    assert process.stdin is not None
    process.stdin.write(f"{GOOD}\n".encode() * 600)
    process.stdin.flush()
    wait_for_lines(path, 600)
    time.sleep(1.5)  # The bar appears after one second.
    process.stdin.write(f"{BAD}\n{GOOD}\n".encode())
    process.stdin.close()
    process.stdin = None
    shown = screen.read(process)
    out = path.read_text().splitlines()
    assert (process.returncode, len(out)) == (1, 602)
    assert all(line.startswith(RIGHTS_URL) or not line for line in out)
    drawn = re.split(r"[\r\n]+", shown)
    [rejected] = [line for line in drawn if "-4020" in line]
    assert RED in rejected
    assert json.loads(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", rejected))["line"] == 601
    assert "issue:" in shown
    assert "1 rejected" in shown
    assert AUTHENTICATOR not in shown


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("what", ["stdin", "stdout"])
def test_no_progress_among_other_lines(start: Start, keys: Path, tmp_path: Path, what: str) -> None:
    screen = Screen()
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    streams[what] = screen.slave
    process = start(*issue_lines(keys), env=terminal(tmp_path), stderr=screen.slave, **streams)
    time.sleep(1.5)
    if what == "stdin":
        os.write(screen.master, GOOD.encode() + b"\n\x04")
    else:
        process.communicate(f"{GOOD}\n".encode(), SECONDS)
    assert "issue:" not in screen.read(process)
    assert process.returncode == 0
