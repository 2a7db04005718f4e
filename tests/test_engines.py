"""Sealed tokens on every engine, engine against engine, and the choice of an engine. The C tests have the vectors."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from wvtoken import EngineUnavailable, Grant, InvalidToken, Issuer, KeyRing, Redeemer, base64url, engine, engine_name
from wvtoken import payload as payloads_module
from wvtoken.engine import Engine, KeyTable, load
from wvtoken.token_text import HEADER

from .conftest import ENGINES, native_only, variants_of_cpu

KEY, NONCE = bytes(range(32)), bytes(range(12))
HEADERS = [b"\x01\0\0\0\x07", b"\x01\0\0\x01\x00", b"\x01\xff\xff\xff\xff", b"\x02\0\0\0\x07"]
TABLE = KeyTable({header: bytes([place]) * 32 for place, header in reversed([*enumerate(HEADERS)])})


def test_tests_run_on_every_simd_variant_of_the_cpu(without_extension: bool) -> None:
    assert ENGINES[-1] == "openssl"
    variants = [] if without_extension else variants_of_cpu()
    assert variants in (None, ENGINES[:-1])


@pytest.mark.parametrize("count", [0, 1, 3, 17, 255, 256, 257, 1025])
def test_engines_write_the_same_tokens_and_open_each_others(any_engine: Engine, count: int) -> None:
    """The lengths of the payloads are equal, then different."""
    rng = random.Random(count)
    reference, audience, url = load("openssl"), b"test", "https://wv.example.com/?ExpressPlayToken="
    nonces = rng.randbytes(12 * count)
    for lengths in ([62], [0, 54, 62, 63, 64, 200, 8192]):
        payloads = [rng.randbytes(rng.choice(lengths)) for _ in range(count)]
        texts = any_engine.seal_tokens(TABLE, HEADERS[0], audience, nonces, payloads)
        assert texts == reference.seal_tokens(TABLE, HEADERS[0], audience, nonces, payloads)
        prefixed = any_engine.seal_tokens(TABLE, HEADERS[0], audience, nonces, payloads, url)
        assert prefixed == [url + text for text in texts]
        opened = [HEADERS[0] + nonces[12 * at : 12 * at + 12] + payload for at, payload in enumerate(payloads)]
        assert any_engine.open_tokens(TABLE, audience, texts) == opened
        assert reference.open_tokens(TABLE, audience, texts) == opened
        assert any_engine.open_tokens(TABLE, b"other", texts) == ["not genuine"] * count


def test_tokens_of_several_keys_open_in_one_call(any_engine: Engine) -> None:
    rng = random.Random(0)
    expected, texts = [], []
    for _ in range(600):
        header, payload = rng.choice(HEADERS), rng.randbytes(rng.choice([54, 62, 300]))
        texts += any_engine.seal_tokens(TABLE, header, b"", NONCE, [payload])
        expected.append(header + NONCE + payload)
    assert any_engine.open_tokens(TABLE, b"", texts) == expected


def test_refused_texts_say_why_and_spare_their_neighbours(any_engine: Engine) -> None:
    [good] = any_engine.seal_tokens(TABLE, HEADERS[0], b"", NONCE, [bytes(54)])
    [unknown] = any_engine.seal_tokens(KeyTable({b"\x01\0\0\0\x08": KEY}), b"\x01\0\0\0\x08", b"", NONCE, [bytes(54)])
    altered = good[:60] + ("A" if good[60] != "A" else "B") + good[61:]
    malformed = ["", "A", "AQ", "AQAAAAc" * 6, "\0" * 100, "\x7f" * 200, "+" * 116, good + "="]
    [other] = any_engine.seal_tokens(TABLE, HEADERS[0], b"", NONCE, [bytes(55)])
    malformed += ["A" * 10968, "A" * 20000, other[:-1] + chr(ord(other[-1]) + 1)]  # the last one has a stray bit
    bad = [*malformed, unknown, altered, good[:-4]]
    reasons = ["malformed"] * len(malformed) + ["unknown key", "not genuine", "not genuine"]
    mixed = [text for pair in zip(bad, [good] * len(bad), strict=True) for text in pair]
    opened = HEADERS[0] + NONCE + bytes(54)
    assert any_engine.open_tokens(TABLE, b"", mixed) == [item for reason in reasons for item in (reason, opened)]


def test_openssl_makes_the_cipher_of_a_key_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening with a ring of 1,000 keys makes the ciphers of the used keys only."""
    from wvtoken.engine import openssl

    made, cipher = [], vars(openssl)["AESGCMSIV"]

    def counted(key: bytes) -> Any:
        made.append(key)
        return cipher(key)

    monkeypatch.setattr(openssl, "AESGCMSIV", counted)
    table = KeyTable({HEADER.pack(1, key_id): key_id.to_bytes(32) for key_id in range(1000)})
    one = openssl.OpenSSLEngine()
    made.clear()
    texts = one.seal_tokens(table, HEADER.pack(1, 7), b"", NONCE * 3, [b"payload"] * 3)
    for _ in range(3):
        assert one.open_tokens(table, b"", texts) == [HEADER.pack(1, 7) + NONCE + b"payload"] * 3
    assert made == [(7).to_bytes(32)]


def test_a_ring_makes_its_key_table_once(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing({key_id: bytes([key_id % 256]) * 32 for key_id in range(1000)}, 7)
    issuer, redeemer = Issuer(ring, "https://localhost/"), Redeemer(ring)
    request = "customerAuthenticator=a&kid=^k&securityLevel=1&hdcpOutputControl=0&contentKey=" + "0" * 32
    url = issuer.issue(request)
    monkeypatch.setattr("wvtoken.sealing.KeyTable", None)
    assert isinstance(redeemer.redeem(url), Grant)


def test_a_later_version_can_be_added(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toy version 2, whose payload has one byte more: both versions open, and issuers still write version 1."""

    def decode_2(opened: bytes) -> Grant | None:
        return payloads_module.decode(opened[:-1]) if opened[-1:] == b"2" else None

    monkeypatch.setitem(payloads_module.DECODERS, 2, decode_2)
    ring = KeyRing({7: KEY}, 7)
    issuer, redeemer = Issuer(ring, "https://localhost/"), Redeemer(ring)
    request = "customerAuthenticator=a&kid=^k&securityLevel=1&hdcpOutputControl=0&contentKey=" + "0" * 32
    url = issuer.issue(request)
    text = url.partition("=")[2]
    [opened] = any_engine.open_tokens(KeyTable({HEADER.pack(1, 7): KEY}), b"", [text])
    assert isinstance(opened, bytes)
    both = KeyTable({HEADER.pack(version, 7): KEY for version in (1, 2)})
    good, bad = any_engine.seal_tokens(both, HEADER.pack(2, 7), b"", NONCE * 2, [opened[17:] + b"2", opened[17:]])
    assert base64url.decode(text)[:1] == b"\1"  # type: ignore[index]
    old, new, refused = redeemer.redeem_many([url, good, bad])
    assert isinstance(old, Grant)
    assert new == old._replace(token_id=NONCE)
    assert type(refused) is InvalidToken
    monkeypatch.undo()
    with pytest.raises(InvalidToken):
        Redeemer(KeyRing({7: KEY}, 7)).redeem(good)


@native_only
def test_native_refuses_lengths_that_c_cannot_see() -> None:
    native = load("native")
    with pytest.raises(ValueError, match="24 bytes of nonces for 3"):
        native.seal_tokens(TABLE, HEADERS[0], b"", bytes(24), [b"x"] * 3)
    with pytest.raises(ValueError, match="limits"):
        native.seal_tokens(TABLE, HEADERS[0], b"", NONCE, [bytes(8193)])
    with pytest.raises(ValueError, match="limits"):
        native.open_tokens(TABLE, bytes(65), ["A"])
    with pytest.raises(ValueError, match="different lengths"):
        native.wrap(bytes(16), [bytes(24), bytes(16)])

    class Longer(bytes):
        def __len__(self) -> int:
            return super().__len__() + 8

    class LongerText(str):
        __slots__ = ()

        def __len__(self) -> int:
            return super().__len__() + 1000

    for call in (
        lambda: native.wrap(bytes(16), [Longer(16)]),
        lambda: native.seal_tokens(TABLE, HEADERS[0], b"", NONCE, [Longer(16)]),
        lambda: native.open_tokens(TABLE, b"", [LongerText("A")]),
    ):
        with pytest.raises(ValueError, match="lengths"):
            call()


# The choice of the engine.


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )


def test_import_loads_no_engine() -> None:
    code = "import sys, wvtoken; print({'_cffi_backend', 'cryptography', 'wvtoken.engine.native'} & {*sys.modules})"
    result = run(code)
    assert (result.stdout, result.stderr) == ("set()\n", "")


@pytest.mark.parametrize("name", ["", *ENGINES])
def test_the_variable_selects_the_engine(name: str) -> None:
    """Without it, the fastest is selected."""
    result = run("import wvtoken; print(wvtoken.engine_name())", WVTOKEN_ENGINE=name)
    assert result.stdout == f"{name or ENGINES[0]}\n"


def test_an_unknown_engine_lists_the_names() -> None:
    with pytest.raises(EngineUnavailable, match="unknown engine 'enigma': must be native, openssl, x86-vaes512, "):
        load("enigma")
    result = run("import wvtoken; wvtoken.engine_name()", WVTOKEN_ENGINE="enigma")
    assert "EngineUnavailable" in result.stderr
    assert result.returncode == 1


def test_no_engine_names_the_extra() -> None:
    code = """if True:
        import sys, wvtoken
        sys.modules["wvtoken.engine._native"] = sys.modules["cryptography"] = None
        wvtoken.wrap_key(bytes(16), bytes(16))
    """
    stderr = run(code, WVTOKEN_ENGINE="").stderr
    assert "wvtoken.errors.EngineUnavailable" in stderr
    assert "wvtoken[openssl]" in stderr
    assert "the C extension is not installed" in stderr
    assert "is not installed; needed is cryptography 44 or newer" in stderr


FAILING = """if True:
    import importlib.abc, sys
    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name == {module!r}:
                raise ImportError("module {module} does not support loading in subinterpreters", name=name)
    sys.meta_path.insert(0, Finder())
    from wvtoken.engine import load
    load({engine!r})
"""


@pytest.mark.parametrize(
    ("engine_", "module"), [("native", "_cffi_backend"), ("openssl", "cryptography.hazmat.bindings._rust")]
)
def test_the_reason_of_a_failing_import_is_shown(engine_: str, module: str, without_extension: bool) -> None:
    if engine_ == "native" and without_extension:
        pytest.skip("there is no extension")
    missing = f"import sys; sys.modules[{module!r}] = None; from wvtoken.engine import load; load({engine_!r})"
    assert f"EngineUnavailable: {module} is not installed" in run(missing).stderr
    stderr = run(FAILING.format(module=module, engine=engine_)).stderr
    assert re.search(r"EngineUnavailable: .* does not load: module .* does not support loading in subinter", stderr)


def test_the_engine_and_the_extra_need_the_same_cryptography() -> None:
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = (root / "src" / "wvtoken" / "engine" / "openssl.py").read_text(encoding="utf-8")
    [version] = re.findall(r"cryptography (\d+) or newer", source)
    assert f"cryptography>={version}" in project["optional-dependencies"]["openssl"]


def test_the_engine_is_kept(any_engine: Engine) -> None:
    assert engine.current() is any_engine
    assert engine_name() == any_engine.name
