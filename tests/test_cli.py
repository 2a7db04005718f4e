"""The command line, in its own process and in this one."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import pytest

import wvtoken
from wvtoken import ErrorCode, Issuer, KeyRing, Redeemer, TokenSpec, parse
from wvtoken.batch import CHUNK
from wvtoken.cli import main
from wvtoken.terminal import Output

from .grammar import AUTHENTICATOR, CONTENT_KEY, EK, FULL, KEK, KID, escaped, pairs

KEY = "a9b9033df0b9ca5447839e3d074817a0"
RING = KeyRing({1: bytes(range(32))}, 1)
RIGHTS_URL = "https://localhost/hms/wv/rights/"
GOOD = escaped(pairs({"contentKey": (CONTENT_KEY,)}))
WRAPPED = escaped(pairs({"kek": (KEK,), "ek": (EK,)}))
BAD = escaped(pairs({"kid": ("Secret.Kid",)}))
SECONDS = 60

POSIX = pytest.mark.skipif(
    os.name != "posix", reason="modes, bytes as arguments and broken pipes are as POSIX has them"
)


def request(number: int) -> str:
    return f"{GOOD}&cookie=n{number}"


# In this process.


class Said:
    """What the command line said: its status, and the lines of standard output and standard error."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out.splitlines()
        self.err = err.splitlines()
        assert "Traceback" not in out + err

    @property
    def all(self) -> str:
        return "\n".join([*self.out, *self.err])


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`main` with these arguments, and these bytes on standard input; with a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(*arguments: str | Path, stdin: str | bytes = b"") -> Said:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse
            status = stop.code if isinstance(stop.code, int) else -1
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with a key ring."""
    path = tmp_path / "keys.json"
    path.write_text(RING.to_jwks())
    return path


def redeemed(url: str, audience: str = "") -> wvtoken.Grant:
    return Redeemer(RING, audience=audience).redeem(url)


def test_issue_from_arguments(run: Run, keys: Path) -> None:
    said = run("issue", "--keys", keys, request(1), WRAPPED, request(3))
    assert (said.status, said.err) == (0, [])
    grants = [redeemed(url) for url in said.out]
    assert [grant.cookie for grant in grants] == ["n1", None, "n3"]
    assert grants[0].content_key.hex() == CONTENT_KEY
    assert grants[1].content_key.hex() == KEY
    assert all(url.startswith(f"{RIGHTS_URL}?ExpressPlayToken=") for url in said.out)


@pytest.mark.parametrize("arguments", [(), ("-",)])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_issue_from_standard_input(run: Run, keys: Path, arguments: tuple[str, ...], end: str) -> None:
    lines = [request(number) for number in range(5)]
    for stdin in (end.join(lines), end.join(lines) + end):
        said = run("issue", "--keys", keys, *arguments, stdin=stdin)
        assert (said.status, said.err) == (0, [])
        assert [redeemed(url).cookie for url in said.out] == ["n0", "n1", "n2", "n3", "n4"]


def test_arguments_and_standard_input_keep_their_order(run: Run, keys: Path) -> None:
    said = run("issue", "--keys", keys, request(1), "-", request(4), stdin=f"{request(2)}\n{request(3)}\n")
    assert [redeemed(url).cookie for url in said.out] == ["n1", "n2", "n3", "n4"]


def test_no_line_is_no_request(run: Run, keys: Path) -> None:
    said = run("issue", "--keys", keys, stdin="")
    assert (said.status, said.all) == (0, "")


def test_a_bad_line_is_told_and_the_rest_goes_on(run: Run, keys: Path) -> None:
    """One JSON object a line on standard error, with the number of the line, from 1."""
    lines = [request(1), BAD, request(3), "kid=%FF&\x00", request(5) + "&\udcff=1", request(6), "x" * 70000]
    said = run("issue", "--keys", keys, stdin="\n".join(lines).encode("utf-8", "surrogateescape"))
    assert said.status == 1
    assert [redeemed(url).cookie for url in said.out] == ["n1", "n3", "n6"]
    told = [json.loads(line) for line in said.err]
    assert [(one["line"], one["code"], one["parameter"]) for one in told] == [
        (2, -4020, "kid"),
        (4, -2017, "customerAuthenticator"),
        (5, -1, None),
        (7, -1, None),
    ]
    assert told[0]["message"] == "kid must be 32 hexadecimal characters long"
    assert "Secret" not in said.all


def test_a_bad_argument_is_told_by_its_place(run: Run, keys: Path) -> None:
    said = run("issue", "--keys", keys, request(1), BAD, request(3))
    assert said.status == 1
    assert [redeemed(url).cookie for url in said.out] == ["n1", "n3"]
    assert [json.loads(line)["line"] for line in said.err] == [2]


def test_what_is_found_at_issue_is_told_too(run: Run, keys: Path) -> None:
    """Keys that do not unwrap, keys that nobody has, times that are over."""
    requests = {
        escaped(pairs({"kek": (KEK,), "ek": (48 * "0",)})): -4024,
        escaped(pairs({})): -4019,
        f"{GOOD}&expirationTime=2006-04-14T12:01:10Z": -2002,
        f"{GOOD}&expirationTime=9999-12-31T23:59:59Z": -2002,
    }
    said = run("issue", "--keys", keys, *requests)
    assert (said.status, said.out) == (1, [])
    assert [json.loads(line)["code"] for line in said.err] == list(requests.values())
    assert not any(secret in said.all for secret in (AUTHENTICATOR, KEK, EK, CONTENT_KEY))


def test_the_rights_url(run: Run, keys: Path) -> None:
    said = run("issue", "--keys", keys, "--rights-url", "https://wv.example.com/rights/", GOOD)
    assert said.out[0].startswith("https://wv.example.com/rights/?ExpressPlayToken=")
    for wrong in ("ftp://wv.example.com/", "wv.example.com", "https://wv.example.com/?a=b", "https://a/#b", ""):
        said = run("issue", "--keys", keys, "--rights-url", wrong, GOOD)
        assert (said.status, said.out, len(said.err)) == (2, [], 1)


def test_the_audience(run: Run, keys: Path) -> None:
    [url] = run("issue", "--keys", keys, "--audience", "test", GOOD).out
    assert redeemed(url, "test").kid.hex() == KID
    assert run("redeem", "--keys", keys, "--audience", "test", url).status == 0
    for other in ((), ("--audience", "production")):
        said = run("redeem", "--keys", keys, *other, url)
        assert (said.status, said.out, json.loads(said.err[0])["code"]) == (1, [], -4010)
    for command in ("issue", "redeem"):
        for wrong in (65 * "a", "\u00e9", "\n"):
            said = run(command, "--keys", keys, "--audience", wrong, GOOD)
            assert (said.status, said.out, len(said.err)) == (2, [], 1)


def test_stored_keys(run: Run, keys: Path, tmp_path: Path) -> None:
    """Clear for requests without a kek, wrapped for those with one."""
    stored = tmp_path / "stored.json"
    named = parse(escaped(pairs({"kid": ("^kid1",)}))).kid.hex()
    stored.write_text(json.dumps({KID.upper(): KEY, named: EK.upper(), 32 * "0": 64 * "0"}))
    clear, wrapped = escaped(pairs({})), escaped(pairs({"kid": ("^kid1",), "kek": (KEK,)}))
    said = run("issue", "--keys", keys, "--stored-keys", stored, clear, wrapped, GOOD)
    assert said.status == 0
    assert [redeemed(url).content_key.hex() for url in said.out] == [KEY, KEY, CONTENT_KEY]
    bad = {
        escaped(pairs({"kek": (KEK,)})): -4024,  # clear, but a kek in the request
        escaped(pairs({"kid": ("^kid1",)})): -4024,  # wrapped, but none
        escaped(pairs({"kid": ("^kid1",), "kek": (KEK[::-1],)})): -4024,
        escaped(pairs({"kid": (32 * "0",)})): -4024,
        escaped(pairs({"kid": (32 * "1",)})): -4019,
    }
    said = run("issue", "--keys", keys, "--stored-keys", stored, *bad)
    assert (said.status, said.out) == (1, [])
    assert [json.loads(line)["code"] for line in said.err] == list(bad.values())


def test_redeem(run: Run, keys: Path) -> None:
    """A JSON object a line, from a URL or a token alone; the content key only when it is asked for."""
    query = escaped(pairs({"wvExtension": ("wudo,3q2+7w==",), "contentId": ("\u00e9",), "cookie": ("c",)}, FULL))
    url = Issuer(RING, RIGHTS_URL).issue(query, customer="customer")
    for token in (url, url.partition("=")[2]):
        said = run("redeem", "--keys", keys, token)
        assert (said.status, said.err, len(said.out)) == (0, [], 1)
        assert KEY not in said.all
        told = json.loads(said.out[0])
        grant = redeemed(url)
        assert bytes.fromhex(told["token_id"]) == grant.token_id
        assert bytes.fromhex(told["kid"]) == grant.kid
        assert (told["issued_at"], told["expires_at"]) == (grant.issued_at, grant.expires_at)
        assert (told["security_level"], told["hdcp_output_control"], told["license_duration"]) == (5, 2, 86400)
        assert (told["content_id"], told["cookie"], told["customer"]) == ("\u00e9", "c", "customer")
        assert [base64.b64decode(item["payload"]) for item in told["extensions"]] == [bytes.fromhex("deadbeef")] * 2
        assert [item["type"] for item in told["extensions"]] == ["wudo", "abcd"]
    said = run("redeem", "--keys", keys, "--show-key", url)
    assert json.loads(said.out[0])["content_key"] == KEY


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_redeem_from_standard_input(run: Run, keys: Path, arguments: tuple[str, ...]) -> None:
    issuer = Issuer(RING, RIGHTS_URL)
    good = [issuer.issue(request(number)) for number in range(4)]
    other = Issuer(KeyRing.generate(), RIGHTS_URL).issue(request(9))
    expired = issuer.issue(request(8), now=1000)
    lines = [good[0], good[1][:-1], good[2], other, "no token", expired, "\u00e9", good[3]]
    said = run("redeem", "--keys", keys, *arguments, stdin="\n".join(lines).encode() + b"\n\xff\xff")
    assert said.status == 1
    assert [json.loads(line)["cookie"] for line in said.out] == ["n0", "n2", "n3"]
    told = [json.loads(line) for line in said.err]
    assert [one["line"] for one in told] == [2, 4, 5, 6, 7, 9]
    assert {one["code"] for one in told} == {-4010}


def test_check_shows_no_secret(run: Run) -> None:
    secret = "900001,5ec4e7a0a0a0a0a05ec4e7a0a0a0a0a0"
    full = escaped(pairs({"customerAuthenticator": (secret,), "cookie": ("c00kie",), "contentId": ("Tatort",)}, FULL))
    clear = escaped(pairs({"customerAuthenticator": (secret,), "contentKey": (CONTENT_KEY,)}))
    for query in (f"{full}&strange=5ec4e7&", clear):
        for said in (run("check", query), run("check", "-", stdin=query), run("check", "-", stdin=query + "\r\n")):
            assert (said.status, said.err) == (0, [])
            for hidden in (secret, "5ec4e7", KEK, EK, CONTENT_KEY, "3q2+7w==", "deadbeef"):
                assert hidden not in said.all
            assert parse(query).kid.hex() in said.all
            assert len(said.out) >= 5
    said = run("check", full)
    for shown in ("CNN.2014.12.18", "Tatort", "c00kie", "86400", "HW_SECURE_ALL", "HDCP_V2", "wudo", "60"):
        assert shown in said.all


def test_check_tells_the_error(run: Run) -> None:
    for query, code in ((BAD, "-4020"), ("", "-2017"), ("%FF", "-1"), (f"{GOOD}&cookie=%00", "-2033")):
        for said in (run("check", query), run("check", "-", stdin=query)):
            assert (said.status, said.out) == (1, [])
            assert code in said.all
            assert "Secret" not in said.all
    assert run("check", "-", stdin=b"kid=\xff&\xff").status == 1
    assert run("check", "a=\udcff&\udcff").status == 1


def test_check_is_harmless_to_a_terminal(run: Run) -> None:
    said = run("check", f"{GOOD}&contentId=%E2%80%AEa&%1B[2J=1&%07")
    assert said.status == 0
    assert all(line.isprintable() for line in said.out)


def test_errors_lists_every_code(run: Run) -> None:
    said = run("errors")
    assert (said.status, said.err) == (0, [])
    for code in ErrorCode:
        rows = [line for line in said.out if re.search(rf"(^|\s){code:d}\s", line)]
        assert len(rows) == 1
        assert code.template in rows[0]
        assert str(code.status) in rows[0]
        assert code.name in rows[0]


def test_keygen(run: Run) -> None:
    """A new key each time, which `--keys` and `KeyRing.from_jwks` read."""
    rings = [KeyRing.from_jwks("\n".join(run("keygen").out)) for _ in range(3)]
    assert len({ring.to_jwks() for ring in rings}) == 3
    assert all(json.loads(ring.to_jwks())["keys"][0]["kid"] == "1" for ring in rings)
    for key_id in (0, 7, 4294967295):
        ring = KeyRing.from_jwks("\n".join(run("keygen", "--key-id", str(key_id)).out))
        assert json.loads(ring.to_jwks())["keys"][0]["kid"] == str(key_id)
    for wrong in ("-1", "4294967296", "x", "1.5", ""):
        said = run("keygen", f"--key-id={wrong}")
        assert (said.status, said.out) == (2, [])
        assert said.err


def test_a_key_ring_that_was_made_is_used(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    path.write_text("\n".join(run("keygen", "--key-id", "7").out))
    [url] = run("issue", "--keys", path, GOOD).out
    assert Redeemer(KeyRing.from_jwks(path.read_text())).redeem(url).content_key.hex() == CONTENT_KEY
    assert run("redeem", "--keys", path, url).status == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("unknown",),
        ("issue", "--unknown"),
        ("issue", "--key", "x"),
        ("issue", "--keys"),
        ("check",),
        ("check", "a", "b"),
        ("errors", "a"),
        ("keygen", "a"),
        ("redeem", "--show"),
        ("--keys", "x", "issue"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    said = run(*arguments)
    assert (said.status, said.out) == (2, [])
    assert said.err[0].startswith("usage: ")


def test_help(run: Run) -> None:
    """It says what the statuses mean."""
    for arguments in ((), ("issue",), ("redeem",), ("check",), ("errors",), ("keygen",)):
        said = run(*arguments, "--help")
        assert (said.status, said.err) == (0, [])
        assert said.out[0].startswith("usage: ")
        assert "exit status: 0," in said.all
        assert "130, interrupted" in " ".join(said.out)


def test_version(run: Run) -> None:
    """That of the package that is installed."""
    said = run("--version")
    assert (said.status, said.out, said.err) == (0, [f"wvtoken {version('wvtoken')}"], [])


# Bad files.

MARK = "SeCrEt-In-ThE-fIlE"
JWK = {"kty": "oct", "kid": "1", "k": base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()}


def ring_text(**changes: Any) -> bytes:
    return json.dumps({"keys": [{**JWK, **changes}]}).encode()


BAD_RINGS: dict[str, bytes] = {
    "empty": b"",
    "no JSON": MARK.encode(),
    "cut short": RING.to_jwks()[:-20].encode() + MARK.encode(),
    "not UTF-8": b'{"keys": "\xff' + MARK.encode() + b'"}',
    "a number": b"1",
    "a list": json.dumps([MARK]).encode(),
    "no keys": b'{"keys": []}',
    "keys of another kind": json.dumps({"keys": [MARK]}).encode(),
    "another member": json.dumps({"keys": [JWK], MARK: 1}).encode(),
    "a short key": ring_text(k=MARK),
    "a long key": ring_text(k=str(JWK["k"]) + MARK),
    "a key in other letters": ring_text(k="!" + str(JWK["k"])[1:]),
    "a key that is no text": ring_text(k=[MARK]),
    "a kid that is no number": ring_text(kid=MARK),
    "a kid with a sign": ring_text(kid="+1"),
    "a kid with a zero": ring_text(kid="01"),
    "a kid too large": ring_text(kid="4294967296"),
    "a kid of many digits": ring_text(kid=5000 * "9"),
    "a kid in other digits": ring_text(kid="\u0661"),
    "a number of many digits": b'{"keys": ' + 5000 * b"9" + b"}",
    "another type of key": ring_text(kty=MARK),
    "one kid twice": json.dumps({"keys": [JWK, JWK]}).encode(),
    "very deep": 100_000 * b"[",
    "very deep objects": 100_000 * b'{"keys":',
    "NUL": b"\0" * 100,
}
BAD_STORES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": MARK.encode(),
    "not UTF-8": b'{"\xff' + MARK.encode() + b'": ""}',
    "a list": json.dumps([MARK]).encode(),
    "a number": b"1",
    "a kid that is not hex": json.dumps({MARK: KEY}).encode(),
    "a key that is not hex": json.dumps({KID: MARK}).encode(),
    "a key that is a number": json.dumps({KID: 1}).encode(),
    "a key that is nothing": json.dumps({KID: None}).encode(),
    "a key that is a list": json.dumps({KID: [MARK]}).encode(),
    "a key in other digits": json.dumps({KID: "\uff10" * 32}).encode(),
    "a number of many digits": b'{"' + KID.encode() + b'": ' + 5000 * b"9" + b"}",
    "very deep": 100_000 * b"[",
    "very deep objects": 100_000 * b'{"a":',
}


def refused(said: Said, path: Path) -> None:
    """Status 2, and one line that names the file and shows nothing of what is in it."""
    assert (said.status, said.out, len(said.err)) == (2, [], 1)
    assert said.err[0].startswith("wvtoken: ")
    assert str(path) in said.err[0]
    rest = said.err[0].replace(str(path), "")
    assert not any(part in rest for part in (MARK, str(JWK["k"])[:8], "99999", KID))
    assert len(rest) < 200


@pytest.mark.parametrize("content", BAD_RINGS.values(), ids=BAD_RINGS)
def test_a_bad_key_ring(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ring"
    path.write_bytes(content)
    for command in ("issue", "redeem"):
        refused(run(command, "--keys", path, GOOD), path)
    own = tmp_path / "state" / "wvtoken" / "keys.json"
    own.parent.mkdir(parents=True)
    own.write_bytes(content)
    refused(run("issue", GOOD), own)
    assert own.read_bytes() == content


@pytest.mark.parametrize("content", BAD_STORES.values(), ids=BAD_STORES)
def test_bad_stored_keys(run: Run, keys: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    refused(run("issue", "--keys", keys, "--stored-keys", path, GOOD), path)


def test_files_that_cannot_be_read(run: Run, keys: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, keys / "below a file", tmp_path / ("long" * 100)):
        refused(run("issue", "--keys", path, GOOD), path)
        refused(run("redeem", "--keys", path, GOOD), path)
        refused(run("issue", "--keys", keys, "--stored-keys", path, GOOD), path)
    said = run("issue", "--keys", "a\0b", GOOD)
    assert (said.status, said.out, len(said.err)) == (2, [], 1)


# The key ring of one's own.


@POSIX
def test_the_default_key_ring_is_made_once(run: Run, tmp_path: Path) -> None:
    """At the first use, and said so; readable by nobody else."""
    path = tmp_path / "state" / "wvtoken" / "keys.json"
    first = run("issue", GOOD)
    assert (first.status, len(first.out), len(first.err)) == (0, 1, 1)
    assert str(path) in first.err[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    made = path.read_bytes()
    assert str(json.loads(made)["keys"][0]["k"]) not in first.all
    second = run("issue", GOOD)
    assert (second.status, len(second.out), second.err) == (0, 1, [])
    for url in (*first.out, *second.out):
        said = run("redeem", "--show-key", url)
        assert (said.status, json.loads(said.out[0])["content_key"]) == (0, CONTENT_KEY)
    assert path.read_bytes() == made
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@POSIX
def test_the_default_key_ring_is_made_whatever_the_umask(run: Run, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        run("issue", GOOD)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state" / "wvtoken" / "keys.json").stat().st_mode) == 0o600


def test_nothing_is_made_where_keys_are_given_or_none_are_needed(run: Run, keys: Path, tmp_path: Path) -> None:
    for arguments in (("issue", "--keys", keys, GOOD), ("check", GOOD), ("errors",), ("keygen",)):
        assert run(*arguments).status == 0
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="Windows and macOS have another place for state")
def test_without_a_state_folder_it_is_in_the_home_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number, value in enumerate((None, "")):
        home = tmp_path / f"home{number}"
        monkeypatch.setenv("HOME", str(home))
        if value is None:
            monkeypatch.delenv("XDG_STATE_HOME")
        else:
            monkeypatch.setenv("XDG_STATE_HOME", value)
        assert run("issue", GOOD).status == 0
        assert (home / ".local" / "state" / "wvtoken" / "keys.json").exists()


@POSIX
def test_a_state_folder_that_cannot_be_made(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "wvtoken").write_text("")
    for folder in (file, tmp_path / "held", Path("/proc/none")):
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        said = run("issue", GOOD)
        assert (said.status, said.out, len(said.err)) == (2, [], 1)
        assert said.err[0].startswith("wvtoken: ")


# In its own process.


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    package = str(Path(wvtoken.__file__).parents[1])
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path / "home")}
    return {**os.environ, "PYTHONPATH": package, "PYTHONWARNINGS": "error", **state, **more}


Process = subprocess.Popen[bytes]


def start(tmp_path: Path, *arguments: str | Path, env: dict[str, str] | None = None, **options: Any) -> Process:
    command = [sys.executable, "-m", "wvtoken", *map(str, arguments)]
    return subprocess.Popen(command, env=env or environment(tmp_path), **options)


def call(
    tmp_path: Path, *arguments: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "wvtoken", *map(str, arguments)]
    done = subprocess.run(
        command, input=stdin, env=env or environment(tmp_path), capture_output=True, timeout=SECONDS, check=False
    )
    assert b"Traceback" not in done.stderr + done.stdout
    return done


def test_as_a_module(tmp_path: Path, keys: Path) -> None:
    done = call(tmp_path, "issue", "--keys", keys, stdin=f"{request(1)}\n{BAD}\n{request(3)}".encode())
    assert done.returncode == 1
    assert [redeemed(url).cookie for url in done.stdout.decode().splitlines()] == ["n1", "n3"]
    assert json.loads(done.stderr)["line"] == 2
    assert call(tmp_path, "redeem", "--keys", keys, stdin=done.stdout).returncode == 0


def test_reading_needs_no_engine(tmp_path: Path) -> None:
    """What does no cryptography works without; what does says what is missing."""
    env = environment(tmp_path, WVTOKEN_ENGINE="none")
    for arguments in (("check", GOOD), ("errors",), ("keygen",), ("--help",)):
        assert call(tmp_path, *arguments, env=env).returncode == 0
    done = call(tmp_path, "issue", GOOD, env=env)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.splitlines()[-1].startswith(b"wvtoken: ")


@pytest.mark.slow
def test_concurrent_first_uses_agree_on_one_key_ring(tmp_path: Path) -> None:
    running = [
        start(tmp_path, "issue", request(number), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for number in range(8)
    ]
    results = [process.communicate(timeout=SECONDS) for process in running]
    assert {process.returncode for process in running} == {0}
    folder = tmp_path / "state" / "wvtoken"
    ring = KeyRing.from_jwks((folder / "keys.json").read_text())
    cookies = [Redeemer(ring).redeem(out.decode().strip()).cookie for out, _ in results]
    assert cookies == [f"n{number}" for number in range(8)]
    assert len([err for _, err in results if err]) == 1
    assert [entry.name for entry in folder.iterdir()] == ["keys.json"]


def measured(tmp_path: Path, keys: Path, count: int) -> tuple[int, int, Path, Path]:
    """Status and highest memory (KiB) of a process that issues so many, every hundredth bad; and what it wrote."""
    source, out, err = (tmp_path / f"{name}{count}" for name in ("in", "out", "err"))
    with source.open("w") as file:
        for number in range(count):
            file.write(f"{request(number) if number % 100 != 50 else BAD}\n")
    with source.open("rb") as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
        process = start(tmp_path, "issue", "--keys", keys, stdin=stdin, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss, out, err


def lines(path: Path) -> Iterator[str]:
    with path.open() as file:
        yield from (line.rstrip("\n") for line in file)


@POSIX
@pytest.mark.slow
def test_a_hundred_thousand_requests(tmp_path: Path, keys: Path) -> None:
    """99,000 URLs in order, 1,000 lines for the bad ones, and no more memory than for a tenth of them."""
    _, less, _, _ = measured(tmp_path, keys, 10_000)
    status, more, out, err = measured(tmp_path, keys, 100_000)
    assert status == 1
    assert more < less + 4096
    told = [json.loads(line) for line in lines(err)]
    assert [one["line"] for one in told] == list(range(51, 100_001, 100))
    assert {one["code"] for one in told} == {-4020}
    expected = [f"n{number}" for number in range(100_000) if number % 100 != 50]
    urls = list(lines(out))
    assert len(urls) == len(expected) == 99_000
    assert len(set(urls)) == 99_000
    grants = Redeemer(RING).redeem_many(urls)
    assert [grant.cookie for grant in grants if isinstance(grant, wvtoken.Grant)] == expected


@POSIX
def test_nobody_reads_on(tmp_path: Path, keys: Path) -> None:
    """Standard output is closed early, as by `head`: no traceback, and no waiting."""
    source = tmp_path / "source"
    source.write_text(f"{GOOD}\n" * 20_000)
    with source.open("rb") as stdin:
        process = start(tmp_path, "issue", "--keys", keys, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(RIGHTS_URL.encode())
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(SECONDS) > 0


@pytest.mark.parametrize("arguments", [("issue", GOOD), ("redeem", "x"), ("check", GOOD), ("errors",), ("keygen",)])
def test_nobody_reads_at_all(tmp_path: Path, keys: Path, arguments: tuple[str, ...]) -> None:
    """Little output meets the closed end only when it is flushed at last."""
    options = ("--keys", keys) if arguments[0] in ("issue", "redeem") else ()
    reader, writer = os.pipe()
    os.close(reader)
    process = start(tmp_path, *arguments, *options, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode > 0
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [("issue", GOOD), ("errors",), ("keygen",)])
def test_a_full_disk(tmp_path: Path, keys: Path, arguments: tuple[str, ...]) -> None:
    """Told in one line, with a status that says so."""
    options = ("--keys", keys) if arguments[0] == "issue" else ()
    with open("/dev/full", "wb") as full:
        process = start(tmp_path, *arguments, *options, stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode > 0
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err
    assert err.startswith(b"wvtoken: ")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_check_on_any_terminal(tmp_path: Path, encoding: str) -> None:
    """What the terminal's encoding has no place for is escaped, not a failure."""
    query = escaped(pairs({"contentId": ("\u00e9 \u4e2d \U0001f3ac",), "cookie": ("\u00e9",)})) + "&%E4%B8%AD=1"
    env = environment(tmp_path, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    for argument, stdin in ((query, b""), ("-", query.encode())):
        done = call(tmp_path, "check", argument, stdin=stdin, env=env)
        assert done.returncode == 0
        assert KID.encode() in done.stdout


@POSIX
def test_requests_that_are_not_text(tmp_path: Path, keys: Path) -> None:
    """Arguments are bytes to the system: those that are not UTF-8 are the request's fault."""
    command = [sys.executable, "-m", "wvtoken"]
    for arguments in ([b"issue", b"--keys", os.fsencode(keys)], [b"check"], [b"redeem", b"--keys", os.fsencode(keys)]):
        done = subprocess.run(
            [*command, *arguments, b"cookie=\xff&\xff"],
            env=environment(tmp_path),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"Traceback" not in done.stderr
        assert b"-1" in done.stderr or b"-4010" in done.stderr


def test_the_spec_of_a_request_is_what_check_says(run: Run) -> None:
    """Everything of it that is no secret, whatever it holds."""
    spec = TokenSpec(
        customer_authenticator="a",
        kid=bytes(range(16)),
        security_level=wvtoken.SecurityLevel.HW_SECURE_DECODE,
        hdcp_output_control=wvtoken.HdcpOutputControl.HDCP_V1,
        expires_at=253402300799,
        content_id="Tatort",
    )
    said = run("check", spec.to_query())
    for shown in (spec.kid.hex(), "HW_SECURE_DECODE", "HDCP_V1", "253402300799", "Tatort"):
        assert shown in said.all


# On a terminal.


class Screen:
    """A terminal that somebody looks on: what is written to it, and what `start` needs to write there."""

    def __init__(self) -> None:
        import fcntl
        import pty
        import termios

        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, b"\x18\x00\x78\x00" + bytes(4))  # 24 rows, 120 columns
        self.shown = b""

    def read(self, process: Process) -> str:
        """Everything until the process has ended."""
        os.close(self.slave)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                block = os.read(self._master, 65536)
            except OSError:  # as Linux says that nobody has it open for writing
                break
            if not block:
                break
            self.shown += block
        process.wait(SECONDS)
        os.close(self._master)
        text = self.shown.decode()
        assert "Traceback" not in text
        return text


COLOUR = "\x1b[31m"
PLAIN = {"NO_COLOR": {"NO_COLOR": "1"}, "a teletype": {"TERM": "dumb"}}


def terminal(tmp_path: Path, **more: str) -> dict[str, str]:
    """The environment of a terminal with colours, whatever this process has."""
    kept = {name: value for name, value in environment(tmp_path).items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {**kept, "TERM": "xterm-256color", **more}


def without(tmp_path: Path, *packages: str) -> str:
    """A path on which these packages cannot be imported."""
    folder = tmp_path / "without"
    folder.mkdir()
    for package in packages:
        (folder / f"{package}.py").write_text("raise ImportError\n")
    return os.pathsep.join([str(folder), environment(tmp_path)["PYTHONPATH"]])


@POSIX
def test_tables_and_errors_have_colour_on_a_terminal(tmp_path: Path) -> None:
    """Nothing of a table is left out, however narrow; no text of a request is taken for a style."""
    screen = Screen()
    text = screen.read(start(tmp_path, "errors", env=terminal(tmp_path), stdout=screen.slave))
    assert "\x1b[1m" in text
    for code in ErrorCode:
        assert f"{code:d}" in text
        assert code.name in text
    screen = Screen()
    query = f"{GOOD}&contentId=[red]a[/red]:smile:"
    text = screen.read(start(tmp_path, "check", query, env=terminal(tmp_path), stdout=screen.slave))
    assert "\x1b[1;36mkid" in text
    assert "[red]a[/red]:smile:" in text
    screen = Screen()
    text = screen.read(start(tmp_path, "check", BAD, env=terminal(tmp_path), stderr=screen.slave))
    assert text.startswith(f"{COLOUR}wvtoken: -4020: kid must be")


@POSIX
@pytest.mark.parametrize("plain", PLAIN.values(), ids=PLAIN)
def test_no_colour_where_none_is_wanted(tmp_path: Path, plain: dict[str, str]) -> None:
    for arguments in (("errors",), ("check", GOOD), ("check", BAD)):
        screen = Screen()
        env = terminal(tmp_path, **plain)
        process = start(tmp_path, *arguments, env=env, stdout=screen.slave, stderr=screen.slave)
        text = screen.read(process)
        assert len(text.splitlines()) >= 1
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


@POSIX
def test_a_pipe_has_neither_colour_nor_progress(tmp_path: Path) -> None:
    for arguments in (("errors",), ("check", GOOD), ("issue", GOOD)):
        done = call(tmp_path, *arguments, env=terminal(tmp_path))
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"\r" not in done.stdout + done.stderr


@POSIX
def test_without_the_extra_a_terminal_is_as_a_pipe(tmp_path: Path, keys: Path) -> None:
    env = terminal(tmp_path, PYTHONPATH=without(tmp_path, "rich", "tqdm"))
    piped = call(tmp_path, "errors", env=env).stdout
    screen = Screen()
    assert screen.read(start(tmp_path, "errors", env=env, stdout=screen.slave)).encode() == piped.replace(
        b"\n", b"\r\n"
    )
    status, shown, out = slowly(tmp_path, keys, env)
    assert status == 1
    assert len(out) == 1200
    assert json.loads(shown)["line"] == 601


def slowly(tmp_path: Path, keys: Path, env: dict[str, str]) -> tuple[int, str, list[str]]:
    """Issues 1,200 tokens and refuses one in the middle, with a pause that makes it long; what the terminal showed."""
    screen = Screen()
    out = tmp_path / "slowly"
    with out.open("wb") as stdout:
        process = start(
            tmp_path, "issue", "--keys", keys, env=env, stdin=subprocess.PIPE, stdout=stdout, stderr=screen.slave
        )
    assert process.stdin is not None
    half = "".join(f"{request(number)}\n" for number in range(600))
    process.stdin.write(half.encode())
    process.stdin.flush()
    wait_for_lines(out, CHUNK)
    time.sleep(1.5)
    process.stdin.write(f"{BAD}\n{half}".encode())
    process.stdin.close()
    shown = screen.read(process)
    return process.returncode, shown, out.read_text().splitlines()


@POSIX
@pytest.mark.slow
def test_a_long_run_shows_its_progress(tmp_path: Path, keys: Path) -> None:
    """On the terminal of standard error, where a refused line has a line to itself; and nothing of it in the output."""
    status, shown, out = slowly(tmp_path, keys, terminal(tmp_path))
    assert status == 1
    assert len(out) == 1200
    assert all(line.startswith(RIGHTS_URL) for line in out)
    drawn = re.split(r"[\r\n]+", shown)
    [refused] = [line for line in drawn if "-4020" in line]
    assert refused.startswith(COLOUR)
    assert json.loads(re.sub(r"\x1b\[[0-9;]*m", "", refused))["line"] == 601
    assert any(line.startswith("issue: ") for line in drawn)
    assert "1,200 done, 1 refused" in shown
    assert AUTHENTICATOR not in shown


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("what", ["stdin", "stdout"])
def test_no_bar_among_lines_on_the_same_terminal(tmp_path: Path, keys: Path, what: str) -> None:
    """Where URLs are shown, or requests are typed, a bar would be in their way."""
    screen = Screen()
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, what: screen.slave}
    process = start(tmp_path, "issue", "--keys", keys, env=terminal(tmp_path), stderr=screen.slave, **streams)
    time.sleep(1.5)
    if what == "stdin":
        os.write(screen._master, request(1).encode() + b"\n\x04")
    else:
        process.communicate(f"{GOOD}\n".encode(), SECONDS)
    assert "issue: " not in screen.read(process)
    assert process.returncode == 0


@POSIX
@pytest.mark.slow
def test_a_short_run_shows_no_progress(tmp_path: Path, keys: Path) -> None:
    screen = Screen()
    source = tmp_path / "source"
    source.write_text(f"{GOOD}\n" * 100)
    with source.open("rb") as stdin:
        process = start(
            tmp_path,
            "issue",
            "--keys",
            keys,
            env=terminal(tmp_path),
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=screen.slave,
        )
    assert screen.read(process).strip() == ""


# Ctrl-C.


def wait_for_lines(path: Path, count: int) -> None:
    end = time.monotonic() + SECONDS
    while path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end
        time.sleep(0.001)


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("refused", [False, True], ids=["issued", "refused"])
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.05, 0.1, 0.2])
def test_an_interrupt_leaves_whole_lines(tmp_path: Path, keys: Path, delay: float, refused: bool) -> None:
    """As many as it says, each of a request of its own; the status is 130, and there is no traceback."""
    out, err = tmp_path / "out", tmp_path / "err"
    requests = "".join(f"{BAD if refused and number % 2 else request(number)}\n" for number in range(400_000)).encode()

    def feed(stream: IO[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError):  # as there is more than is read before the interrupt
            stream.write(requests)

    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = start(tmp_path, "issue", "--keys", keys, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr)
        assert process.stdin is not None
        feeder = threading.Thread(target=feed, args=(process.stdin,), daemon=True)
        feeder.start()
        wait_for_lines(out, 1)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        feeder.join()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    written, told = out.read_text(), err.read_text()
    assert written.endswith("\n")
    assert told.endswith("\n")
    *failed, last = told.splitlines()
    count = int(last.removeprefix("wvtoken: interrupted after line "))
    assert 0 < count < 400_000
    assert [json.loads(line)["line"] for line in failed] == (list(range(2, count + 1, 2)) if refused else [])
    grants = Redeemer(RING).redeem_many(written.splitlines())
    cookies = [grant.cookie for grant in grants if isinstance(grant, wvtoken.Grant)]
    assert cookies == [f"n{number}" for number in range(count) if not (refused and number % 2)]


@POSIX
def test_an_interrupt_ends_the_wait_for_input(tmp_path: Path, keys: Path) -> None:
    """What was issued before is written."""
    out = tmp_path / "out"
    with out.open("wb") as stdout:
        process = start(tmp_path, "issue", "--keys", keys, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(f"{GOOD}\n".encode() * 520)  # a chunk, and less than another
    process.stdin.flush()
    wait_for_lines(out, CHUNK)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert out.read_bytes().count(b"\n") == CHUNK
    assert err == f"wvtoken: interrupted after line {CHUNK}\n".encode()


def wait_until_full(pipe: IO[bytes]) -> None:
    """Until what stands in it has not grown for a while."""
    import fcntl
    import termios

    sizes = [0]
    end = time.monotonic() + SECONDS
    while not sizes[-1] or sizes[-1] != sizes[0]:
        assert time.monotonic() < end
        time.sleep(0.1)
        size = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
        sizes = [*sizes[-5:], int.from_bytes(size, sys.byteorder)]


@POSIX
def test_a_second_interrupt_ends_what_nobody_reads(tmp_path: Path, keys: Path) -> None:
    """The first waits for the reader to take the line; the next does not."""
    process = start(tmp_path, "issue", "--keys", keys, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{GOOD}\n".encode() * (CHUNK + 8))  # a chunk of which fills the pipe
    process.stdin.flush()
    wait_until_full(process.stdout)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    end = time.monotonic() + SECONDS
    while process.poll() is None:  # again, should the system have made one of two
        assert time.monotonic() < end
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert process.returncode == -signal.SIGINT
    process.stdin.close()
    process.stdout.close()


class _Interrupting(io.StringIO):
    """A stream on which a Ctrl-C comes in the middle of the second line."""

    lines = 0

    def write(self, text: str) -> int:
        self.lines += 1
        middle = len(text) // 2
        super().write(text[:middle])
        if self.lines == 2:
            signal.raise_signal(signal.SIGINT)
        return middle + super().write(text[middle:])


def write_lines(items: list[str]) -> None:
    with Output("issue", reads_lines=False) as output:
        for item in output.items(iter(items)):
            output.write(item)


@pytest.mark.parametrize("items", [["first", "second", "third"], ["first", "second"]])
def test_an_interrupt_in_a_line_waits_for_its_end(monkeypatch: pytest.MonkeyPatch, items: list[str]) -> None:
    stream = _Interrupting()
    monkeypatch.setattr(sys, "stdout", stream)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        write_lines(items)
    assert stream.getvalue() == "first\nsecond\n"
    assert signal.getsignal(signal.SIGINT) is before


@POSIX
def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell has it for what it runs behind."""
    stream = _Interrupting()
    monkeypatch.setattr(sys, "stdout", stream)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        write_lines(["first", "second", "third"])
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert stream.getvalue() == "first\nsecond\nthird\n"
