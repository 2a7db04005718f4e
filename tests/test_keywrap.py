"""AES Key Wrap on every engine: published vectors, batches and types. `keywrap.json` has wrong lengths."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wvtoken import KeyUnwrapError, unwrap_key, unwrap_keys, wrap_key, wrap_keys
from wvtoken.engine import Engine, load

from .published import NIST_KEY_WRAP, NIST_KEY_WRAP_FILES, NIST_KEY_WRAP_REFUSED, RFC3394, nist_key_wrap

pytestmark = pytest.mark.usefixtures("any_engine")

SKM = [
    # KEK, content key, wrapped key: the examples of the Simple Key Management API.
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


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 16, 17, 31, 64, 1025, 4097])
@pytest.mark.parametrize("kek_bytes", [16, 24, 32])
def test_batches_of_any_size(count: int, kek_bytes: int) -> None:
    """With one KEK for all, and with one each."""
    rng = random.Random(count * 100 + kek_bytes)
    keys = [rng.randbytes(16) for _ in range(count)]
    keks = [rng.randbytes(kek_bytes) for _ in range(count)]
    reference = load("openssl")
    each = wrap_keys(keks, keys)
    assert each == [*reference.wrap(keks, keys)]
    assert unwrap_keys(keks, each) == keys
    one = rng.randbytes(kek_bytes)
    assert wrap_keys(one, keys) == [*reference.wrap(one, keys)]
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


def test_every_bit_matters() -> None:
    wrapped = wrap_key(bytes(16), bytes(16))
    flipped = [(int.from_bytes(wrapped) ^ 1 << bit).to_bytes(24) for bit in range(192)]
    assert all(isinstance(result, KeyUnwrapError) for result in unwrap_keys(bytes(16), flipped))


class Shorter(bytes):
    """A subclass of bytes whose own methods are wrong."""

    def __len__(self) -> int:
        return 8

    def __bytes__(self) -> bytes:
        return bytes(8)


@pytest.mark.parametrize(
    "like",
    [
        bytearray,
        memoryview,
        Shorter,
        lambda data: array("B", data),
        lambda data: array("H", data),
        lambda data: memoryview(bytes(byte for pair in zip(data, data, strict=True) for byte in pair))[::2],
    ],
)
def test_bytes_like_objects_are_accepted(any_engine: Engine, like: Callable[[bytes], Any]) -> None:
    """Also alone, among others, and as the one KEK for all. Methods of a subclass of bytes have no effect."""
    kek, key = bytes(range(100, 116)), bytes(range(16))
    wrapped = wrap_key(kek, key)
    assert wrap_key(like(kek), like(key)) == wrapped
    assert unwrap_key(like(kek), like(wrapped)) == key
    assert wrap_keys(like(kek), [like(key)]) == wrap_keys([like(kek)], [like(key)]) == [wrapped]
    assert wrap_keys([like(kek), kek], [like(key), key]) == [wrapped] * 2
    assert wrap_keys([kek, like(kek)], [key, like(key)]) == [wrapped] * 2
    assert wrap_keys(kek, [bytes(24), like(key)])[1] == wrapped
    assert unwrap_keys(kek, [wrapped, like(wrapped)]) == unwrap_keys([like(kek)] * 2, [like(wrapped)] * 2) == [key] * 2
    assert unwrap_keys(kek, [like(wrapped), bytes(1)])[0] == key


def test_keys_of_other_lengths_are_found_among_equal_ones(any_engine: Engine) -> None:
    """Also if the lengths of all keys together are right, and all bytes are zero."""
    assert wrap_keys(bytes(16), [bytes(16), bytes(24)]) == [wrap_key(bytes(16), bytes(n)) for n in (16, 24)]
    assert wrap_keys([bytes(16), bytes(24)], [bytes(24)] * 2) == [wrap_key(bytes(n), bytes(24)) for n in (16, 24)]
    with pytest.raises(ValueError, match="not 8 bytes"):
        wrap_keys(bytes(16), [bytes(16), bytes(8), bytes(24)])
    with pytest.raises(ValueError, match="not 8"):
        wrap_keys([bytes(16), bytes(8), bytes(24)], [bytes(16)] * 3)
    assert wrap_keys(bytes(16), [bytes(256), bytes(512)]) == [wrap_key(bytes(16), bytes(n)) for n in (256, 512)]


@pytest.mark.slow
def test_the_longest_key(any_engine: Engine) -> None:
    """16 MiB and no block more."""
    longest = bytes(2**24)
    wrapped = wrap_key(bytes(16), longest)
    assert unwrap_key(bytes(16), wrapped) == longest
    assert unwrap_keys(bytes(16), [wrapped, bytes(24)])[0] == longest
    with pytest.raises(ValueError, match="16 MiB"):
        wrap_key(bytes(16), longest + bytes(8))
    with pytest.raises(KeyUnwrapError):
        unwrap_key(bytes(16), wrapped + bytes(8))


def test_wrong_types_and_numbers_of_keks_are_errors_of_the_call() -> None:
    with pytest.raises(TypeError):
        wrap_key("00" * 16, bytes(16))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        wrap_key([bytes(16)], bytes(16))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        wrap_keys(bytes(16), bytes(16))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        unwrap_keys(bytes(16), [24])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        wrap_keys([bytes(16), 1.5], [bytes(16)] * 2)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="2 KEKs for 1"):
        wrap_keys([bytes(16)] * 2, [bytes(16)])
