"""`KeyRing`: construction, rotation, and the JWK set form."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from enum import Enum, IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import KeyRing, base64url

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
RING = KeyRing({1: KEY}, 1)
BOTH = KeyRing({1: KEY, 2: OTHER}, 1)

keys = st.dictionaries(st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32), min_size=1, max_size=5)


class Key(IntEnum):
    OLD = 1
    NEW = 2


class MixedKey(int, Enum):
    OLD = 1
    NEW = 2


class Ring(KeyRing):
    """A user's subclass."""


class ShortBytes(bytes):
    """Reports a length that its buffer does not have."""

    def __len__(self) -> int:
        return 32


MISUSE: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: KeyRing({}, 1), ValueError, "active must be the id of a key in the ring, not 1"),
    (lambda: KeyRing({1: KEY}, 2), ValueError, "active must be the id of a key in the ring, not 2"),
    (lambda: KeyRing({1: KEY[1:]}, 1), ValueError, "a sealing key must have 32 bytes; key 1 has 31"),
    (lambda: KeyRing({1: KEY + b"\0"}, 1), ValueError, "a sealing key must have 32 bytes; key 1 has 33"),
    (lambda: KeyRing({1: ShortBytes(b"abc")}, 1), ValueError, "a sealing key must have 32 bytes; key 1 has 3"),
    (lambda: KeyRing({-1: KEY}, -1), ValueError, "a key id must be 0 to 4294967295, not -1"),
    (lambda: KeyRing({2**32: KEY}, 2**32), ValueError, "a key id must be 0 to 4294967295, not 4294967296"),
    (lambda: KeyRing({"1": KEY}, 1), TypeError, "a key id must be int, not str"),  # type: ignore[dict-item]
    (lambda: KeyRing({True: KEY}, 1), TypeError, "a key id must be int, not bool"),
    (lambda: KeyRing({1: KEY.hex()}, 1), TypeError, "a sealing key must be bytes, not str"),  # type: ignore[dict-item]
    (lambda: KeyRing({1: bytearray(KEY)}, 1), TypeError, "a sealing key must be bytes, not bytearray"),  # type: ignore[dict-item]
    (lambda: KeyRing({1: KEY}, True), TypeError, "active must be int, not bool"),
    (lambda: RING.activating(1.0), TypeError, "active must be int, not float"),  # type: ignore[arg-type]
    (lambda: RING.activating(2), ValueError, "active must be the id of a key in the ring, not 2"),
    (lambda: RING.adding(2, OTHER.hex()), TypeError, "a sealing key must be bytes, not str"),  # type: ignore[arg-type]
    (lambda: RING.adding(1, OTHER), ValueError, "the ring has another key with id 1"),
    (lambda: RING | KeyRing({1: OTHER}, 1), ValueError, "the ring has another key with id 1"),
    (lambda: RING.without(3), ValueError, "the ring has no key 3"),
    (lambda: BOTH.without(1), ValueError, "key 1 is active: activate another key before you remove it"),
    (lambda: setattr(RING, "active", 2), AttributeError, "a KeyRing is immutable"),
    (lambda: setattr(RING, "_keys", {}), AttributeError, "a KeyRing is immutable"),
    (lambda: delattr(RING, "_keys"), AttributeError, "a KeyRing is immutable"),
    (lambda: KeyRing.from_jwks({"keys": []}), TypeError, "a JWK set must be str or bytes, not dict"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "type_", "message"), MISUSE)
def test_misuse_raises_with_a_message(call: Callable[[], object], type_: type[Exception], message: str) -> None:
    with pytest.raises(type_) as raised:
        call()
    assert str(raised.value) == message


def test_rotation_steps_return_new_rings() -> None:
    added = RING.adding(2, OTHER)
    activated = added.activating(2)
    assert (RING.active, added.active, activated.active) == (1, 1, 2)
    rings = (RING, added, activated, activated.without(1))
    assert [ring.key_ids for ring in rings] == [(1,), (1, 2), (2, 1), (2,)]
    assert RING.adding(1, KEY) == RING


def test_union_keeps_the_active_key_of_the_left_ring() -> None:
    other = KeyRing({1: KEY, 2: OTHER}, 2)
    assert RING | other == BOTH
    assert (other | RING) == other
    with pytest.raises(TypeError):
        RING | {2: OTHER}  # type: ignore[operator]


def test_subclasses_return_their_own_class() -> None:
    ring = Ring({1: KEY}, 1)
    both = ring.adding(2, OTHER)
    made = (Ring.generate(), Ring.from_jwks(BOTH.to_jwks()), both, both.activating(2), both.without(2), ring | BOTH)
    assert {type(ring) for ring in made} == {Ring}


@pytest.mark.parametrize("ids", [Key, MixedKey])
def test_enum_ids_become_their_values(ids: type[Key] | type[MixedKey]) -> None:
    ring = KeyRing({ids.OLD: KEY}, ids.OLD).adding(ids.NEW, OTHER).activating(ids.NEW)
    assert {type(key_id) for key_id in ring.key_ids} == {int}
    assert KeyRing.from_jwks(ring.to_jwks()) == ring == BOTH.activating(2)
    assert repr(ring) == "KeyRing(active=2, key_ids=(2, 1))"


def test_rings_are_immutable_values() -> None:
    given = {1: KEY, 2: OTHER}
    ring = KeyRing(given, 1)
    given[3] = KEY
    assert ring.key_ids == (1, 2)
    swapped = KeyRing({2: OTHER, 1: KEY}, 1)
    assert (ring, hash(ring)) == (swapped, hash(swapped))
    assert all(ring != other for other in (ring.activating(2), KeyRing({1: KEY, 2: KEY}, 1), RING, "ring"))
    assert hash(ring) != hash(ring.activating(2))
    assert copy.copy(ring) is copy.deepcopy(ring) is ring
    assert KeyRing.generate() != KeyRing.generate()
    assert (KeyRing.generate().key_ids, KeyRing.generate(7).key_ids) == ((1,), (7,))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_rings_refuse_pickling(protocol: int) -> None:
    with pytest.raises(TypeError, match="a KeyRing cannot be pickled; use to_jwks and from_jwks"):
        pickle.dumps(RING, protocol)


@given(keys, st.data())
def test_jwks_round_trip(keys: dict[int, bytes], data: st.DataObject) -> None:
    ring = KeyRing(keys, data.draw(st.sampled_from(sorted(keys))))
    text = ring.to_jwks()
    assert KeyRing.from_jwks(text) == ring == KeyRing.from_jwks(text.encode())


def test_jwks_text() -> None:
    assert RING.to_jwks() == (
        '{\n  "keys": [\n    {\n      "kty": "oct",\n      "kid": "1",\n'
        '      "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"\n    }\n  ]\n}'
    )


def jwk(**changes: object) -> dict[str, object]:
    return {"kty": "oct", "kid": "1", "k": base64url.encode(KEY)} | changes


def test_jwks_ignores_members_of_key_management() -> None:
    entry = jwk(iat=1_800_000_000, retired=None, alg="A256GCM", key_ops=["encrypt"], use="enc")
    assert KeyRing.from_jwks(json.dumps({"keys": [entry]})) == RING


BAD_JWKS: dict[str, str | bytes] = {
    "not JSON": "{",
    "not UTF-8": b'{"keys": "\xff"}',
    "deep nesting": "[" * 100_000,
    "a list": "[]",
    "no keys": "{}",
    "keys is an object": json.dumps({"keys": {}}),
    "empty": json.dumps({"keys": []}),
    "unknown member of the set": json.dumps({"keys": [jwk()], "more": 1}),
    "repeated member": json.dumps({"keys": [jwk()]}).replace('"kid"', '"kid": "2", "kid"'),
    "repeated kid": json.dumps({"keys": [jwk(), jwk(k=base64url.encode(OTHER))]}),
}
BAD_JWK: dict[str, object] = {
    "a key that is a number": 1,
    "no kty": {"kid": "1", "k": base64url.encode(KEY)},
    "another kty": jwk(kty="RSA"),
    "unknown member": jwk(x5c=[]),
    "use is sig": jwk(use="sig"),
    "kid is a number": jwk(kid=1),
    "kid is empty": jwk(kid=""),
    "kid is hexadecimal": jwk(kid="0x1"),
    "kid has a leading zero": jwk(kid="01"),
    "kid has a sign": jwk(kid="+1"),
    "kid has a space": jwk(kid=" 1"),
    "kid has other digits": jwk(kid="\u0661"),
    "kid is too large": jwk(kid=str(2**32)),
    "kid has many digits": jwk(kid="1" * 5000),
    "k is short": jwk(k=base64url.encode(KEY[:-1])),
    "k is padded": jwk(k=base64url.encode(KEY) + "="),
    "k has another alphabet": jwk(k="+" * 43),
    "k has stray bits": jwk(k=base64url.encode(KEY)[:-1] + "9"),
    "k is a number": jwk(k=1),
}
BAD_JWKS |= {name: json.dumps({"keys": [entry]}) for name, entry in BAD_JWK.items()}


@pytest.mark.parametrize("name", BAD_JWKS)
def test_bad_jwks_raises_without_showing_the_text(name: str) -> None:
    with pytest.raises(ValueError, match=r"key|JSON|JWK") as raised:
        KeyRing.from_jwks(BAD_JWKS[name])
    assert raised.value.__context__ is None
    assert base64url.encode(KEY)[:20] not in "".join(traceback.format_exception(raised.value))
