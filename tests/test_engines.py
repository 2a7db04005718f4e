"""AES-256-GCM-SIV on every engine: published answers, engine against engine, and what must be refused."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wvtoken import EngineUnavailable, base64url, engine, engine_name
from wvtoken.engine import Engine, load

from .conftest import ENGINES, has_aes, native_only
from .published import GCM_SIV_FILES, RFC8452, gcm_siv

KEY, NONCE, AAD = bytes(range(32)), bytes(range(12)), b"\x01audience"
LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 62, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 1000, 4095, 8192]


def test_the_native_engine_is_among_them(without_extension: bool) -> None:
    """On a machine whose CPU can do it, a run without the native engine would prove nothing about it."""
    assert ENGINES[-1] == "openssl"
    assert (len(ENGINES) > 1) == (has_aes() and not without_extension)


@pytest.mark.parametrize(("key", "nonce", "aad", "plaintext", "sealed"), RFC8452)
def test_rfc8452(any_engine: Engine, key: str, nonce: str, aad: str, plaintext: str, sealed: str) -> None:
    arguments = bytes.fromhex(key), bytes.fromhex(aad), bytes.fromhex(nonce)
    assert any_engine.seal(*arguments, [bytes.fromhex(plaintext)]) == [bytes.fromhex(sealed)]
    assert any_engine.open(*arguments, [bytes.fromhex(sealed)]) == [bytes.fromhex(plaintext)]


@pytest.mark.parametrize("name", sorted(GCM_SIV_FILES))
def test_the_package_of_vectors(any_engine: Engine, name: str) -> None:
    cases = gcm_siv(name)
    assert len(cases) == GCM_SIV_FILES[name]
    ours = [case for case in cases if len(case.key) == 32]
    assert len(ours) == {"openssl.txt": 24}.get(name, 0)
    for case in ours:
        assert any_engine.seal(case.key, case.aad, case.nonce, [case.plaintext]) == [case.sealed]
        assert any_engine.open(case.key, case.aad, case.nonce, [case.sealed]) == [case.plaintext]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 63, 65, 1023, 1024, 1025, 2100])
def test_batches_of_any_size(any_engine: Engine, count: int) -> None:
    """Messages of one length, and of mixed lengths, against the reference."""
    rng = random.Random(count)
    nonces = rng.randbytes(12 * count)
    reference = load("openssl")
    for lengths in ([62] * count, [rng.choice(LENGTHS[:20]) for _ in range(count)]):
        messages = [rng.randbytes(length) for length in lengths]
        sealed = any_engine.seal(KEY, AAD, nonces, messages)
        assert sealed == reference.seal(KEY, AAD, nonces, messages)
        assert any_engine.open(KEY, AAD, nonces, sealed) == messages


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("aad", [b"", b"a", bytes(16), bytes(17), bytes(69), bytes(1000)])
def test_lengths_at_the_edges(any_engine: Engine, length: int, aad: bytes) -> None:
    message = random.Random(length).randbytes(length)
    sealed = any_engine.seal(KEY, aad, NONCE * 3, [message, message, b""])
    assert sealed == load("openssl").seal(KEY, aad, NONCE * 3, [message, message, b""])
    assert any_engine.open(KEY, aad, NONCE * 3, sealed) == [message, message, b""]


@given(
    st.lists(st.tuples(st.binary(min_size=12, max_size=12), st.binary(max_size=300)), max_size=50),
    st.binary(max_size=80),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_engine_against_engine(any_engine: Engine, items: list[tuple[bytes, bytes]], aad: bytes) -> None:
    nonces, messages = b"".join(nonce for nonce, _ in items), [message for _, message in items]
    sealed = any_engine.seal(KEY, aad, nonces, messages)
    for other in ENGINES:
        assert load(other).seal(KEY, aad, nonces, messages) == sealed
        assert load(other).open(KEY, aad, nonces, sealed) == messages


def test_every_bit_and_every_truncation(any_engine: Engine) -> None:
    """Of one sealed message among many good ones: only it is refused."""
    message = bytes(range(62))
    [sealed] = any_engine.seal(KEY, AAD, NONCE, [message])
    bits = len(sealed) * 8
    broken = [(int.from_bytes(sealed) ^ 1 << bit).to_bytes(len(sealed)) for bit in range(bits)]
    broken += [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]
    mixed = [item for pair in zip(broken, [sealed] * len(broken), strict=True) for item in pair]
    assert any_engine.open(KEY, AAD, NONCE * len(mixed), mixed) == [None, message] * len(broken)


def test_another_key_nonce_or_aad_opens_nothing(any_engine: Engine) -> None:
    [sealed] = any_engine.seal(KEY, AAD, NONCE, [b"message"])
    assert any_engine.open(KEY[::-1], AAD, NONCE, [sealed]) == [None]
    assert any_engine.open(KEY, AAD[:-1], NONCE, [sealed]) == [None]
    assert any_engine.open(KEY, AAD, NONCE[::-1], [sealed]) == [None]


@pytest.mark.parametrize("count", [0, 1, 3, 17, 512, 1025])
def test_tokens_are_the_same_bytes(any_engine: Engine, count: int) -> None:
    """The same nonce gives the same text on each engine, and each opens the others' tokens."""
    rng = random.Random(count)
    header, audience = b"\x01\0\0\0\x07", b"test"
    payloads = [rng.randbytes(rng.choice([54, 62, 63, 64, 200, 8192])) for _ in range(count)]
    nonces = rng.randbytes(12 * count)
    texts = any_engine.seal_tokens(KEY, header, audience, nonces, payloads)
    sealed = load("openssl").seal(KEY, header + audience, nonces, payloads)
    assert texts == [
        base64url.encode(header + nonces[12 * place : 12 * place + 12] + item) for place, item in enumerate(sealed)
    ]
    url = "https://wv.example.com/?ExpressPlayToken="
    prefixed = any_engine.seal_tokens(KEY, header, audience, nonces, payloads, url)
    assert prefixed == [url + text for text in texts]
    opened = [nonces[12 * place : 12 * place + 12] + payload for place, payload in enumerate(payloads)]
    for other in ENGINES:
        keys = [(b"\x01\0\0\0\x08", bytes(32)), (header, KEY)]
        assert load(other).open_tokens(keys, audience, texts) == opened


def test_texts_that_are_no_tokens(any_engine: Engine) -> None:
    """Short, long, of another alphabet: refused without a word, and their neighbour opens."""
    header = b"\x01\0\0\0\x07"
    [good] = any_engine.seal_tokens(KEY, header, b"", NONCE, [bytes(54)])
    bad = ["", "A", "AQ", "AQAAAAc", "AQAAAAc" * 9, "\0" * 100, "\x7f" * 200, "+" * 116, good + "=", "A" * 20000]
    mixed = [item for pair in zip(bad, [good] * len(bad), strict=True) for item in pair]
    assert any_engine.open_tokens([(header, KEY)], b"", mixed) == [None, NONCE + bytes(54)] * len(bad)


@native_only
def test_c_is_told_no_wrong_length() -> None:
    """It cannot see how long keys, headers and nonces are."""
    native = load("native")
    header = bytes(5)
    calls: list[Callable[[bytes, bytes], object]] = [
        lambda key, nonces: native.seal(key, b"", nonces, [b"x"] * 3),
        lambda key, nonces: native.open(key, b"", nonces, [bytes(16)] * 3),
        lambda key, nonces: native.seal_tokens(key, header, b"", nonces, [b"x"] * 3),
    ]
    for call in calls:
        call(KEY, bytes(36))
        for key, nonces in ((KEY, bytes(24)), (KEY, bytes(37)), (KEY[1:], bytes(36)), (KEY[:16], bytes(36))):
            with pytest.raises(ValueError, match="32 bytes"):
                call(key, nonces)
    for key, head in ((KEY[1:], header), (KEY, header[1:])):
        with pytest.raises(ValueError, match="bytes"):
            native.open_tokens([(head, key)], b"", ["A" * 200])
    with pytest.raises(ValueError, match="5 bytes"):
        native.seal_tokens(KEY, bytes(4), b"", bytes(12), [b"x"])


# The choice.


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_importing_loads_no_engine() -> None:
    code = "import sys, wvtoken; print({'_cffi_backend', 'cryptography', 'wvtoken.engine.native'} & {*sys.modules})"
    result = run(code)
    assert (result.stdout, result.stderr) == ("set()\n", "")


@pytest.mark.parametrize("name", ENGINES)
def test_the_variable_chooses(name: str) -> None:
    assert run("import wvtoken; print(wvtoken.engine_name())", WVTOKEN_ENGINE=name).stdout == f"{name}\n"


def test_native_is_the_widest(any_engine: Engine) -> None:
    """And what is chosen when nothing is said."""
    engine.current.cache_clear()
    assert run("import wvtoken; print(wvtoken.engine_name())", WVTOKEN_ENGINE="").stdout == f"{ENGINES[0]}\n"


def test_unknown_engines() -> None:
    result = run("import wvtoken; wvtoken.engine_name()", WVTOKEN_ENGINE="enigma")
    assert "EngineUnavailable" in result.stderr
    assert result.returncode == 1


def test_no_engine_names_the_extra() -> None:
    code = """if True:
        import sys, wvtoken
        sys.modules["wvtoken.engine._native"] = sys.modules["cryptography"] = None
        wvtoken.parse("kid=1")
    """
    assert "TokenRequestError" in run(code, WVTOKEN_ENGINE="").stderr
    code = code.replace('wvtoken.parse("kid=1")', "wvtoken.wrap_key(bytes(16), bytes(16))")
    stderr = run(code, WVTOKEN_ENGINE="").stderr
    assert "wvtoken.errors.EngineUnavailable" in stderr
    assert "wvtoken[openssl]" in stderr
    assert "the C extension is not installed" in stderr


@native_only
def test_why_there_is_no_native_engine(tmp_path: Path) -> None:
    """Something else that is missing is named, and what an extension that does not load says is told."""
    code = "import sys; sys.modules['_cffi_backend'] = None; from wvtoken.engine import load; load('native')"
    assert "EngineUnavailable: _cffi_backend is not installed" in run(code).stderr
    (tmp_path / "broken.so").write_bytes(b"no library")
    code = f"""if True:
        import importlib.machinery, importlib.util, sys, wvtoken.engine

        class Finder:
            @staticmethod
            def find_spec(name, path, target=None):
                if name == "wvtoken.engine._native":
                    loader = importlib.machinery.ExtensionFileLoader(name, {str(tmp_path / "broken.so")!r})
                    return importlib.util.spec_from_loader(name, loader)

        sys.meta_path.insert(0, Finder)
        wvtoken.engine.load("native")
    """
    assert "EngineUnavailable: the C extension does not load: " in run(code).stderr


def test_the_engine_is_kept(any_engine: Engine) -> None:
    assert engine.current() is any_engine
    assert engine_name() == any_engine.name
    with pytest.raises(EngineUnavailable):
        load("enigma")
