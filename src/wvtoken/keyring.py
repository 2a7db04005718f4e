"""`KeyRing`: the sealing keys, their JWK set form, and key rotation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NoReturn, Self

from . import base64url
from .values import exact

KEY_BYTES = 32
KEY_ID_MAX = 2**32 - 1

_JWK_IGNORED = frozenset({"iat", "retired", "alg", "key_ops", "use"})
"""JWK members that `from_jwks` accepts and ignores, unless "use" is "sig"."""


class KeyRing:
    """Sealing keys by id. Every key opens tokens; only the active key seals.

    Args:
        keys: maps each key id (0 to 4294967295) to its key (32 bytes). At least one.
        active: the id of the key that seals.

    Raises:
        ValueError: a key or an id is out of these bounds.
        TypeError: a key or an id has a wrong type.

    A ring is immutable: `adding`, `activating`, `without` and `|` return new rings. To rotate keys, add the new key to
    the ring of every redeemer, then activate it at the issuers. Remove the old key 30 days later, when its last token
    has expired. The repr shows no key. A ring refuses pickling; store it with `to_jwks`.
    """

    __slots__ = ("_active", "_keys", "_table")
    _active: int
    _keys: dict[int, bytes]
    _table: object

    def __init__(self, keys: Mapping[int, bytes], active: int) -> None:
        checked = {_key_id(key_id): _key(key) for key_id, key in dict(keys).items()}
        for key_id, key in checked.items():
            if not 0 <= key_id <= KEY_ID_MAX:
                raise ValueError(f"a key id must be 0 to {KEY_ID_MAX}, not {key_id}")
            if len(key) != KEY_BYTES:
                raise ValueError(f"a sealing key must have {KEY_BYTES} bytes; key {key_id} has {len(key)}")
        active = _key_id(active, "active")
        if active not in checked:
            raise ValueError(f"active must be the id of a key in the ring, not {active}")
        object.__setattr__(self, "_keys", checked)
        object.__setattr__(self, "_active", active)
        object.__setattr__(self, "_table", None)  # see sealing.py

    @classmethod
    def generate(cls, key_id: int = 1) -> Self:
        """Return a ring with one new random key."""
        return cls({key_id: os.urandom(KEY_BYTES)}, key_id)

    @property
    def active(self) -> int:
        """The id of the key that seals."""
        return self._active

    @property
    def key_ids(self) -> tuple[int, ...]:
        """The ids of all keys, the active one first."""
        return (self._active, *(key_id for key_id in self._keys if key_id != self._active))

    def adding(self, key_id: int, key: bytes) -> Self:
        """Return a ring that also opens tokens with `key` (32 bytes).

        Raises:
            ValueError: the ring has another key with this id.
        """
        return self | KeyRing({key_id: key}, key_id)

    def activating(self, key_id: int) -> Self:
        """Return a ring that seals with another of its keys. ValueError if it has no key with this id."""
        return type(self)(self._keys, key_id)

    def without(self, key_id: int) -> Self:
        """Return a ring without this key. ValueError if it is the active key or not in the ring."""
        if key_id not in self._keys:
            raise ValueError(f"the ring has no key {key_id!r}")
        if key_id == self._active:
            raise ValueError(f"key {key_id} is active: activate another key before you remove it")
        return type(self)({other: key for other, key in self._keys.items() if other != key_id}, self._active)

    def __or__(self, other: KeyRing) -> Self:
        """Return a ring with the keys of both. The active key is the left ring's.

        Raises:
            ValueError: both rings have a key with the same id, and the keys differ.
        """
        from hmac import compare_digest  # noqa: PLC0415  # loads OpenSSL

        if not isinstance(other, KeyRing):
            return NotImplemented
        for key_id in self._keys.keys() & other._keys.keys():
            if not compare_digest(self._keys[key_id], other._keys[key_id]):
                raise ValueError(f"the ring has another key with id {key_id}")
        return type(self)(self._keys | other._keys, self._active)

    @classmethod
    def from_jwks(cls, text: str | bytes) -> Self:
        """Read a ring from a JWK set (RFC 7517) of symmetric keys. The first key is the active one.

        A key has the members "kty" ("oct"), "kid" (the id in decimal) and "k". The members "iat", "retired", "alg",
        "key_ops" and "use" are ignored, but "use" must not be "sig".

        Raises:
            ValueError: the text has another form. The message shows nothing of the text.
        """
        jwks = _read_json(text)
        entries = jwks["keys"] if isinstance(jwks, dict) and jwks.keys() == {"keys"} else None
        if not isinstance(entries, list) or not entries:
            raise ValueError('a JWK set must be {"keys": [...]} with at least one key')
        keys: dict[int, bytes] = {}
        for entry in entries:
            key_id, key = _read_jwk(entry)
            if key_id in keys:
                raise ValueError(f"two keys have the kid {key_id}")
            keys[key_id] = key
        return cls(keys, next(iter(keys)))

    def to_jwks(self) -> str:
        """Return the ring as a JWK set, the active key first. The text contains the keys unencrypted."""
        import json  # noqa: PLC0415  # not needed to issue and redeem

        keys = [
            {"kty": "oct", "kid": str(key_id), "k": base64url.encode(self._keys[key_id])} for key_id in self.key_ids
        ]
        return json.dumps({"keys": keys}, indent=2)

    def __eq__(self, other: object) -> bool:
        from hmac import compare_digest  # noqa: PLC0415  # loads OpenSSL

        if not isinstance(other, KeyRing):
            return NotImplemented
        return (
            self._active == other._active
            and self._keys.keys() == other._keys.keys()
            and compare_digest(self._joined(), other._joined())
        )

    def __hash__(self) -> int:
        return hash((self._active, frozenset(self._keys)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(active={self._active}, key_ids={self.key_ids})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a KeyRing is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a KeyRing is immutable")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KeyRing cannot be pickled; use to_jwks and from_jwks")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def _joined(self) -> bytes:
        return b"".join(self._keys[key_id] for key_id in sorted(self._keys))


def checked_keyring(keyring: KeyRing) -> KeyRing:
    """Return `keyring`. TypeError if it is not a KeyRing."""
    if not isinstance(keyring, KeyRing):
        raise TypeError(f"keyring must be a KeyRing, not {type(keyring).__name__}")
    return keyring


def _key_id(value: int, name: str = "a key id") -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    plain: int = exact(value)
    return plain


def _key(value: bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"a sealing key must be bytes, not {type(value).__name__}")
    plain: bytes = exact(value)
    return plain


def _read_jwk(entry: object) -> tuple[int, bytes]:
    if not isinstance(entry, dict) or entry.keys() - _JWK_IGNORED != {"kty", "kid", "k"} or entry["kty"] != "oct":
        raise ValueError('a sealing key must be a JWK with "kty": "oct", "kid" and "k"')
    if entry.get("use") == "sig":
        raise ValueError('a sealing key must not have "use": "sig"')
    kid, k = entry["kid"], entry["k"]
    if not isinstance(kid, str) or not kid.isascii() or not kid.isdigit() or len(kid) > 10 or str(int(kid)) != kid:
        raise ValueError("the kid of a sealing key must be a decimal number in a string")
    key = base64url.decode(k) if isinstance(k, str) else None
    if key is None:
        raise ValueError("the k of a sealing key must be base64url without padding")
    return int(kid), key


def _read_json(text: str | bytes) -> Any:
    """Parse JSON. A repeated member name is an error. An error shows nothing of the text, which contains keys."""
    if not isinstance(text, (str, bytes)):
        raise TypeError(f"a JWK set must be str or bytes, not {type(text).__name__}")
    import json  # noqa: PLC0415  # not needed to issue and redeem

    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        # Not chained: a JSONDecodeError carries the text.
        pass
    raise ValueError("the text must be JSON without repeated member names")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found
