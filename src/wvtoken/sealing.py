"""Sealing keys, and payloads to token texts and back.

Token, version 1, as text:

    base64url_nopad(0x01 || key_id (4 bytes, big-endian) || nonce (12, random) || AES-256-GCM-SIV(key, nonce, AAD,
    payload))

The AAD is the five bytes before the nonce and then the audience in UTF-8. Messages are sealed with random nonces in
batches, which is why this is AES-GCM-SIV (RFC 8452): a nonce that repeats costs no more than that equal payloads can be
seen to be equal. The nonce is the token's id.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, NoReturn, cast

from . import base64url, values
from .engine import current
from .errors import InvalidToken, TokenRequestError
from .query import pieces

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID_MAX = 2**32 - 1

_HEADER = Struct(">BI")
_TOKEN_BYTES_MIN = _HEADER.size + NONCE_BYTES + values.PAYLOAD_FIXED_BYTES + TAG_BYTES
_TOKEN_BYTES_MAX = _HEADER.size + NONCE_BYTES + values.PAYLOAD_BYTES_MAX + TAG_BYTES
_TEXT_MAX = (_TOKEN_BYTES_MAX * 4 + 2) // 3


class KeyRing:
    """Sealing keys by their id: all of them open tokens, the active one seals.

    Args:
        keys: key id (0 to 4294967295) to key (32 bytes); at least one.
        active: the id of the key that seals.

    Raises:
        ValueError: a key or an id is out of these bounds. TypeError: of another type.

    Immutable: `adding`, `activating` and `without` give new rings. To rotate, first give every redeemer the ring with
    the new key added, then activate it at the issuers, and take the old one out when its last token has expired, 30
    days later. A ring shows no key in its repr and refuses to be pickled; `to_jwks` is the way to store one.
    """

    __slots__ = ("_active", "_keys")
    _active: int
    _keys: dict[int, bytes]

    def __init__(self, keys: Mapping[int, bytes], active: int) -> None:
        copied = dict(keys)
        for key_id, key in copied.items():
            if not (_is_int(key_id) and isinstance(key, bytes)):
                raise TypeError("keys must map int to bytes")
            if not 0 <= key_id <= KEY_ID_MAX:
                raise ValueError(f"a key id is 0 to {KEY_ID_MAX}, not {key_id}")
            if len(key) != KEY_BYTES:
                raise ValueError(f"a sealing key has {KEY_BYTES} bytes; key {key_id} has {len(key)}")
        if not _is_int(active):
            raise TypeError(f"active must be int, not {type(active).__name__}")
        if active not in copied:
            raise ValueError(f"the active key, {active!r}, is not among the keys")
        object.__setattr__(self, "_keys", copied)
        object.__setattr__(self, "_active", active)

    @classmethod
    def generate(cls, key_id: int = 1) -> KeyRing:
        """A ring with one new random key."""
        return cls({key_id: os.urandom(KEY_BYTES)}, key_id)

    @property
    def active(self) -> int:
        """The id of the key that seals."""
        return self._active

    @property
    def key_ids(self) -> tuple[int, ...]:
        """The ids of all keys, the active one first."""
        return (self._active, *(key_id for key_id in self._keys if key_id != self._active))

    def adding(self, key_id: int, key: bytes) -> KeyRing:
        """A ring that also opens with this key (32 bytes). ValueError when the id is taken by another key."""
        if not isinstance(key, bytes):
            raise TypeError(f"a sealing key must be bytes, not {type(key).__name__}")
        if key_id in self._keys and not hmac.compare_digest(self._keys[key_id], key):
            raise ValueError(f"key {key_id} is another key already")
        return KeyRing({**self._keys, key_id: key}, self._active)

    def activating(self, key_id: int) -> KeyRing:
        """A ring that seals with another of its keys. ValueError when it has none of this id."""
        return KeyRing(self._keys, key_id)

    def without(self, key_id: int) -> KeyRing:
        """A ring without this key. ValueError when it is the active one, or none of the ring's."""
        if key_id not in self._keys:
            raise ValueError(f"there is no key {key_id!r}")
        return KeyRing({other: key for other, key in self._keys.items() if other != key_id}, self._active)

    @classmethod
    def from_jwks(cls, text: str | bytes) -> KeyRing:
        """Read a ring from a JWK set (RFC 7517): symmetric keys, `kid` the id in decimal, the active key first.

        Raises:
            ValueError: the text is anything but what `to_jwks` writes, white space and order within an object aside.
        """
        jwks = _read_json(text)
        entries = jwks["keys"] if isinstance(jwks, dict) and jwks.keys() == {"keys"} else None
        if not isinstance(entries, list) or not entries:
            raise ValueError('a JWK set is {"keys": [...]}, and here with at least one key')
        keys: dict[int, bytes] = {}
        for entry in entries:
            key_id, key = _read_jwk(entry)
            if key_id in keys:
                raise ValueError(f"two keys have the kid {key_id}")
            keys[key_id] = key
        return cls(keys, next(iter(keys)))

    def to_jwks(self) -> str:
        """The ring as a JWK set, the active key first. It holds the keys in the clear."""
        import json  # noqa: PLC0415  # not needed to issue and redeem

        keys = [
            {"kty": "oct", "kid": str(key_id), "k": base64url.encode(self._keys[key_id])} for key_id in self.key_ids
        ]
        return json.dumps({"keys": keys}, indent=2)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyRing):
            return NotImplemented
        return (
            self._active == other._active
            and self._keys.keys() == other._keys.keys()
            and hmac.compare_digest(self._joined(), other._joined())
        )

    def __hash__(self) -> int:
        return hash((self._active, frozenset(self._keys)))

    def __repr__(self) -> str:
        return f"KeyRing(active={self._active}, key_ids={self.key_ids})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a KeyRing is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a KeyRing is immutable")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KeyRing is not to be pickled; use to_jwks and from_jwks")

    def __copy__(self) -> KeyRing:
        return self

    def __deepcopy__(self, memo: object) -> KeyRing:
        return self

    def _joined(self) -> bytes:
        return b"".join(self._keys[key_id] for key_id in sorted(self._keys))

    def _sealing(self) -> tuple[bytes, bytes]:
        """The header of new tokens, and the key."""
        return _HEADER.pack(VERSION, self._active), self._keys[self._active]

    def _opening(self) -> list[tuple[bytes, bytes]]:
        """The headers of tokens that open, each with its key, the most likely first."""
        return [(_HEADER.pack(VERSION, key_id), self._keys[key_id]) for key_id in self.key_ids]


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def audience_bytes(audience: str) -> bytes:
    """The audience as the AAD has it. ValueError unless it is 0 to 64 printable ASCII characters."""
    if not isinstance(audience, str):
        raise TypeError(f"audience must be str, not {type(audience).__name__}")
    if audience and not values.is_printable(audience, values.AUDIENCE_MAX):
        raise ValueError(f"an audience is at most {values.AUDIENCE_MAX} printable ASCII characters")
    return audience.encode("ascii")


def seal(keyring: KeyRing, audience: bytes, payloads: Sequence[bytes], prefix: str = "") -> list[str]:
    """The token of each payload behind the prefix, under the active key and a random nonce each."""
    header, key = keyring._sealing()
    nonces = os.urandom(NONCE_BYTES * len(payloads))
    return current().seal_tokens(key, header, audience, nonces, payloads, prefix)


def open_tokens(keyring: KeyRing, audience: bytes, texts: Sequence[str]) -> list[bytes | None]:
    """Of each text its token id and payload, in one; None for one that does not open."""
    return current().open_tokens(keyring._opening(), audience, texts)


def token_id(token_or_url: str | bytes) -> bytes:
    """The id (12 bytes) that a token says it has, for logs: it is read without a key, so anybody could have written it.

    Raises:
        InvalidToken: not the text of a token of a known version, nor a URL with one. TypeError: neither str nor bytes.
    """
    raw = base64url.decode(token_text(token_or_url))
    if raw is None or not _TOKEN_BYTES_MIN <= len(raw) <= _TOKEN_BYTES_MAX or raw[0] != VERSION:
        raise InvalidToken
    return raw[_HEADER.size :][:NONCE_BYTES]


PARAMETER = "ExpressPlayToken"
"""The name of the token in a license acquisition URL."""

_ONLY_PARAMETER = f"?{PARAMETER}="


def check_tokens(tokens: Sequence[str | bytes]) -> None:
    """TypeError when one is neither str nor bytes."""
    for type_ in set(map(type, tokens)):
        if not issubclass(type_, (str, bytes)):
            raise TypeError(f"a token is str or bytes, not {type_.__name__}")


def token_texts(tokens: Sequence[str | bytes]) -> list[str]:
    """The `token_text` of each."""
    return _texts_of_one_issuer(tokens) or [token_text(token) for token in tokens]


def token_text(token_or_url: str | bytes) -> str:
    """The text of the token in a URL, or of a token by itself: ASCII, and no longer than a token can be. What cannot be
    a token comes back as "", which never opens.
    """
    check_tokens([token_or_url])
    text = token_or_url if isinstance(token_or_url, str) else token_or_url.decode("latin-1")
    if "?" in text:
        text = _token_of_url(text)
    return text if text.isascii() and len(text) <= _TEXT_MAX else ""


def _token_of_url(url: str) -> str:
    query = url.partition("#")[0].partition("?")[2]
    try:
        parameters = [piece.partition("=") for piece in pieces(query, "")]
    except TokenRequestError:
        return ""
    tokens = [value for name, _, value in parameters if name == PARAMETER]
    return tokens[0] if len(tokens) == 1 else ""


def _texts_of_one_issuer(urls: Sequence[str | bytes]) -> list[str] | None:
    """The tokens of URLs that differ in nothing but their token: the whole list is cut in a few strokes, not each URL.

    None when they are not such URLs, or it takes a closer look to say.
    """
    if set(map(type, urls)) != {str}:
        return None
    texts = cast(Sequence[str], urls)
    before, parameter, _ = texts[0].partition(_ONLY_PARAMETER)
    if not parameter or "?" in before or "#" in before:
        return None
    prefix = before + parameter
    cut = [text.removeprefix(prefix) for text in texts]
    if sum(map(len, texts)) - sum(map(len, cut)) != len(prefix) * len(texts):
        return None  # not all of them had it
    joined = "".join(cut)
    if not joined.isascii() or any(mark in joined for mark in "&#%+") or max(map(len, cut)) > _TEXT_MAX:
        return None
    return cut


def _read_jwk(entry: object) -> tuple[int, bytes]:
    if not isinstance(entry, dict) or entry.keys() != {"kty", "kid", "k"} or entry["kty"] != "oct":
        raise ValueError('a sealing key is a JWK with "kty": "oct", "kid" and "k", and nothing else')
    kid, k = entry["kid"], entry["k"]
    if not isinstance(kid, str) or not kid.isascii() or not kid.isdigit() or len(kid) > 10 or str(int(kid)) != kid:
        raise ValueError("the kid of a sealing key is a number in decimal, as a string")
    key = base64url.decode(k) if isinstance(k, str) else None
    if key is None:
        raise ValueError("the k of a sealing key is base64url without padding")
    return int(kid), key


def _read_json(text: str | bytes) -> Any:
    """JSON of which no object says a name twice. An error shows nothing of the text, which holds keys."""
    if not isinstance(text, (str, bytes)):
        raise TypeError(f"a JWK set is str or bytes, not {type(text).__name__}")
    import json  # noqa: PLC0415  # not needed to issue and redeem

    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        # Not chained: a JSONDecodeError carries the text.
        pass
    raise ValueError("not JSON, or an object in it says a name twice")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found
