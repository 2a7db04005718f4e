"""AES Key Wrap against published answers, on every engine."""

from __future__ import annotations

import pickle
import random
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wvtoken import ErrorCode, KeyUnwrapError, unwrap_key, unwrap_keys, wrap_key, wrap_keys
from wvtoken.engine import Engine, load

from .conftest import ENGINES
from .published import NIST_KEY_WRAP, NIST_KEY_WRAP_FILES, NIST_KEY_WRAP_REFUSED, RFC3394, nist_key_wrap

pytestmark = pytest.mark.usefixtures("any_engine")

SKM = [
    # kek, content key, ek: the Simple Key Management API's own examples.
    (
        "000102030405060708090a0b0c0d0e0f",
        "a9b9033df0b9ca5447839e3d074817a0",
        "5dbd06c0056b42fe0b8cf406679620c31bd619732730433d",
    ),
    (
        "000102030405060708090a0b0c0d0e0f",
        "d4783a651c96a872daa145ce1a378153",
        "b6862c586af0d70fdc594deb7b254bb38937113dbc6411ea",
    ),
]


@pytest.mark.parametrize(("kek", "key", "wrapped"), RFC3394 + SKM)
def test_known_answers(kek: str, key: str, wrapped: str) -> None:
    assert wrap_key(bytes.fromhex(kek), bytes.fromhex(key)).hex() == wrapped
    assert unwrap_key(bytes.fromhex(kek), bytes.fromhex(wrapped)).hex() == key


@pytest.mark.parametrize("name", NIST_KEY_WRAP_FILES)
def test_nist(name: str) -> None:
    """Each file of NIST's key wrap vectors, one by one and as one batch."""
    cases = nist_key_wrap(name)
    assert len(cases) == NIST_KEY_WRAP[name]
    for case in cases:
        if case.key is None:
            with pytest.raises(KeyUnwrapError):
                unwrap_key(case.kek, case.wrapped)
        else:
            assert unwrap_key(case.kek, case.wrapped) == case.key
            assert wrap_key(case.kek, case.key) == case.wrapped
    good = [case for case in cases if case.key is not None]
    assert len(cases) - len(good) == NIST_KEY_WRAP_REFUSED.get(name, 0)
    assert wrap_keys([case.kek for case in good], [case.key or b"" for case in good]) == [case.wrapped for case in good]
    results = unwrap_keys([case.kek for case in cases], [case.wrapped for case in cases])
    assert [None if isinstance(result, KeyUnwrapError) else result for result in results] == [
        case.key for case in cases
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 64, 1023, 1024, 1025, 2500])
@pytest.mark.parametrize("kek_bytes", [16, 24, 32])
def test_batches_of_any_size(count: int, kek_bytes: int) -> None:
    """A batch is what its items are one by one, with one KEK for all and with one each."""
    rng = random.Random(count * 100 + kek_bytes)
    keys = [rng.randbytes(16) for _ in range(count)]
    keks = [rng.randbytes(kek_bytes) for _ in range(count)]
    reference = load("openssl")
    each = wrap_keys(keks, keys)
    assert each == (reference.wrap(keks, keys) or [])
    assert unwrap_keys(keks, each) == keys
    one = rng.randbytes(kek_bytes)
    assert wrap_keys(one, keys) == (reference.wrap(one, keys) or [])
    assert unwrap_keys(one, wrap_keys(one, keys)) == keys


@given(data=st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mixed_lengths(data: st.DataObject) -> None:
    """KEKs and keys of every length in one batch, against the reference."""
    keys = data.draw(
        st.lists(st.integers(2, 12).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n)), max_size=40)
    )
    kek = st.sampled_from([16, 24, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n))
    keks = data.draw(st.lists(kek, min_size=len(keys), max_size=len(keys)))
    wrapped = wrap_keys(keks, keys)
    assert wrapped == [wrap_key(kek, key) for kek, key in zip(keks, keys, strict=True)]
    assert unwrap_keys(keks, wrapped) == keys


@pytest.mark.parametrize(
    "wrong", [[], ["16 bytes of text"], [16], [bytes(16), bytes(24)], [bytes(20)], [bytes(8)], [b""]]
)
def test_an_engine_takes_only_what_is_alike(any_engine: Engine, wrong: list[bytes]) -> None:
    """And says None to everything else, for the caller to look at."""
    count = len(wrong) or 1
    assert any_engine.wrap(bytes(16), wrong) is None
    assert any_engine.wrap([bytes(16)] * len(wrong), wrong) is None
    assert any_engine.wrap(wrong if wrong != [bytes(16), bytes(24)] else [*wrong, b""], [bytes(16)] * count) is None
    assert any_engine.unwrap(bytes(16), wrong if wrong != [bytes(16), bytes(24)] else [bytes(24), bytes(32)]) is None
    assert any_engine.wrap([bytes(16)], [bytes(16)] * 2) is None
    assert any_engine.wrap(bytes(17), [bytes(16)]) is None


@pytest.mark.parametrize("place", range(37))
def test_a_bad_item_costs_only_itself(place: int) -> None:
    rng = random.Random(place)
    keys = [rng.randbytes(16) for _ in range(37)]
    wrapped = wrap_keys(bytes(16), keys)
    wrapped[place] = bytes([wrapped[place][0] ^ 1]) + wrapped[place][1:]
    results = unwrap_keys(bytes(16), wrapped)
    bad = results.pop(place)
    assert isinstance(bad, KeyUnwrapError)
    assert bad.code is ErrorCode.INVALID_ENCRYPTED_KEY
    assert bad.__traceback__ is None
    assert repr(pickle.loads(pickle.dumps(bad))) == repr(bad)
    assert results == keys[:place] + keys[place + 1 :]


def test_every_bit_matters() -> None:
    wrapped = wrap_key(bytes(16), bytes(16))
    flipped = [(int.from_bytes(wrapped) ^ 1 << bit).to_bytes(24) for bit in range(192)]
    assert all(isinstance(result, KeyUnwrapError) for result in unwrap_keys(bytes(16), flipped))


@pytest.mark.parametrize("length", [*range(24), 25, 31, 33])
def test_no_wrapped_key_has_this_length(length: int) -> None:
    """It is that item's error, like any other wrong data."""
    good = wrap_key(bytes(16), bytes(16))
    bad, fine = unwrap_keys(bytes(16), [bytes(length), good])
    assert isinstance(bad, KeyUnwrapError)
    assert fine == bytes(16)
    with pytest.raises(KeyUnwrapError):
        unwrap_key(bytes(16), bytes(length))


@pytest.mark.parametrize("length", [0, 8, 15, 17, 23, 25, 31])
def test_no_key_has_this_length(length: int) -> None:
    with pytest.raises(ValueError, match="8"):
        wrap_key(bytes(16), bytes(length))


@pytest.mark.parametrize("length", [0, 15, 17, 23, 31, 33, 64])
def test_no_kek_has_this_length(length: int) -> None:
    for call in (wrap_key, unwrap_key):
        with pytest.raises(ValueError, match="KEK"):
            call(bytes(length), bytes(24))
    with pytest.raises(ValueError, match="KEK"):
        unwrap_keys([bytes(16), bytes(length)], [bytes(24)] * 2)


class OtherBytes(bytes):
    pass


@pytest.mark.parametrize(
    "like",
    [
        bytearray,
        memoryview,
        OtherBytes,
        lambda data: array("B", data),
        lambda data: array("H", data),
        lambda data: memoryview(bytes(byte for pair in zip(data, data, strict=True) for byte in pair))[::2],
    ],
)
def test_what_is_like_bytes_is_taken_as_bytes(any_engine: Engine, like: Callable[[bytes], Any]) -> None:
    """On every engine, alone and among others."""
    kek, key = bytes(range(100, 116)), bytes(range(16))
    wrapped = wrap_key(kek, key)
    assert wrap_keys(kek, [like(key)]) == wrap_keys([like(kek)], [like(key)]) == [wrapped]
    assert wrap_keys([like(kek), kek], [like(key), key]) == [wrapped] * 2
    assert wrap_keys(kek, [bytes(24), like(key)])[1] == wrapped
    assert unwrap_keys(kek, [like(wrapped)]) == unwrap_keys([like(kek)], [like(wrapped)]) == [key]
    assert unwrap_keys(kek, [like(wrapped), bytes(1)])[0] == key
    assert wrap_key(OtherBytes(kek), key) == wrapped
    assert unwrap_key(OtherBytes(kek), wrapped) == key


@pytest.mark.slow
def test_the_longest_key(any_engine: Engine) -> None:
    """16 MiB and not a block more, on every engine, alone and among others."""
    longest = bytes(2**24)
    wrapped = wrap_key(bytes(16), longest)
    assert unwrap_key(bytes(16), wrapped) == longest
    assert unwrap_keys(bytes(16), [wrapped, bytes(24)])[0] == longest
    with pytest.raises(ValueError, match="16 MiB"):
        wrap_key(bytes(16), longest + bytes(8))
    with pytest.raises(KeyUnwrapError):
        unwrap_key(bytes(16), wrapped + bytes(8))


def test_misuse() -> None:
    """Wrong types, and KEKs that are not as many as the keys, are the program's mistake."""
    with pytest.raises(TypeError):
        wrap_key("00" * 16, bytes(16))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        wrap_keys(bytes(16), bytes(16))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        unwrap_keys(bytes(16), [24])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        wrap_keys([bytes(16), 1.5], [bytes(16)] * 2)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="2 KEKs for 1"):
        wrap_keys([bytes(16)] * 2, [bytes(16)])


@pytest.mark.parametrize("kek_bytes", [16, 24, 32])
@pytest.mark.parametrize("key_bytes", [16, 24, 32, 40, 64, 72, 128, 1024])
def test_engine_against_engine(any_engine: Engine, kek_bytes: int, key_bytes: int) -> None:
    """What one engine wraps, every other unwraps."""
    rng = random.Random(kek_bytes * key_bytes)
    keks = [rng.randbytes(kek_bytes) for _ in range(67)]
    keys = [rng.randbytes(key_bytes) for _ in range(67)]
    wrapped = any_engine.wrap(keks, keys)
    assert wrapped is not None
    for other in ENGINES:
        assert load(other).wrap(keks, keys) == wrapped
        assert load(other).unwrap(keks, wrapped) == keys
        refused = load(other).unwrap(keks[1:] + keks[:1], wrapped)
        assert {type(result) for result in refused or []} == {KeyUnwrapError}
