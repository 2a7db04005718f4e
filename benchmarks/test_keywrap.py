"""Wrapping and unwrapping keys of 16 bytes under KEKs of 16 bytes."""

from __future__ import annotations

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

import wvtoken

from . import data
from .contest import Run, contest

WRAP_LOOP = "a loop of cryptography's `aes_key_wrap`"
UNWRAP_LOOP = "a loop of cryptography's `aes_key_unwrap`"
PYCRYPTODOME = "a loop of PyCryptodome's `MODE_KW`"


@contest("wrap keys, one KEK for all", "`wrap_keys`", WRAP_LOOP, PYCRYPTODOME, wanted=20)
def test_wrap_under_one_kek(run: Run) -> None:
    kek = data.keks(1)[0]
    _wrap(run, kek, [kek] * run.items)


@contest("wrap keys, a KEK each", "`wrap_keys`", WRAP_LOOP, PYCRYPTODOME, wanted=15)
def test_wrap_under_a_kek_each(run: Run) -> None:
    _wrap(run, data.keks(run.items), data.keks(run.items))


@contest("unwrap keys, one KEK for all", "`unwrap_keys`", UNWRAP_LOOP, PYCRYPTODOME, wanted=20)
def test_unwrap_under_one_kek(run: Run) -> None:
    kek = data.keks(1)[0]
    _unwrap(run, kek, [kek] * run.items)


@contest("unwrap keys, a KEK each", "`unwrap_keys`", UNWRAP_LOOP, PYCRYPTODOME, wanted=15)
def test_unwrap_under_a_kek_each(run: Run) -> None:
    _unwrap(run, data.keks(run.items), data.keks(run.items))


def _wrap(run: Run, given: bytes | list[bytes], keks: list[bytes]) -> None:
    keys = data.keys(run.items)
    if run.entrant == WRAP_LOOP:
        wrapped = run(lambda: [aes_key_wrap(kek, key) for kek, key in zip(keks, keys, strict=True)])
    elif run.entrant == PYCRYPTODOME:
        aes = run.module("Crypto.Cipher.AES")
        wrapped = run(lambda: [aes.new(kek, aes.MODE_KW).seal(key) for kek, key in zip(keks, keys, strict=True)])
    else:
        wrapped = run(lambda: wvtoken.wrap_keys(given, keys))
    assert wrapped[-1] == aes_key_wrap(keks[-1], keys[-1])


def _unwrap(run: Run, given: bytes | list[bytes], keks: list[bytes]) -> None:
    keys = data.keys(run.items)
    eks = wvtoken.wrap_keys(keks, keys)
    unwrapped: object
    if run.entrant == UNWRAP_LOOP:
        unwrapped = run(lambda: [aes_key_unwrap(kek, ek) for kek, ek in zip(keks, eks, strict=True)])
    elif run.entrant == PYCRYPTODOME:
        aes = run.module("Crypto.Cipher.AES")
        unwrapped = run(lambda: [aes.new(kek, aes.MODE_KW).unseal(ek) for kek, ek in zip(keks, eks, strict=True)])
    else:
        unwrapped = run(lambda: wvtoken.unwrap_keys(given, eks))
    assert unwrapped == keys
