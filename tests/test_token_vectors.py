"""`keywrap.json`, `payloads.json` and `tokens.json` of `vectors` through every function that accepts their items."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from wvtoken import (
    ErrorCode,
    Extension,
    Grant,
    HdcpOutputControl,
    InvalidToken,
    Issuer,
    KeyRing,
    KeyUnwrapError,
    Redeemer,
    SecurityLevel,
    TokenExpired,
    TokenRequestError,
    base64url,
    payload,
    sealing,
    token_id,
    unwrap_key,
    unwrap_keys,
    wrap_key,
    wrap_keys,
)
from wvtoken.engine import Engine

from . import vectors_make

Vector = dict[str, Any]
FOLDER = Path(__file__).parent / "vectors"


def read(name: str) -> tuple[list[Vector], list[Vector]]:
    file = json.loads((FOLDER / name).read_text(encoding="ascii"))
    assert file["valid"], name
    assert file["invalid"], name
    return file["valid"], file["invalid"]


GOOD_WRAPS, BAD_WRAPS = read("keywrap.json")
GOOD_PAYLOADS, BAD_PAYLOADS = read("payloads.json")
GOOD_TOKENS, BAD_TOKENS = read("tokens.json")

PLACES = range(0, 17 * 16, 17)
"""Places of the bad items in a batch: one in each lane of the widest SIMD variant (16 items)."""


@pytest.mark.parametrize("name", ["keywrap.json", "payloads.json", "tokens.json"])
def test_files_match_vectors_make(name: str) -> None:
    """`python -m tests.vectors_make` writes them again."""
    assert (FOLDER / name).read_text(encoding="ascii") == vectors_make.files()[name]


def values(vector: Vector, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


# Key wrap.


def test_wrap_and_unwrap(any_engine: Engine) -> None:
    triples = [values(vector, "kek", "key", "ek") for vector in GOOD_WRAPS]
    for kek, key, ek in triples:
        assert (wrap_key(kek, key), unwrap_key(kek, ek)) == (ek, key)
        assert wrap_keys(kek, [key] * 17) == [ek] * 17
        assert unwrap_keys([kek] * 17, [ek] * 17) == [key] * 17
    keks, keys, eks = (list(column) for column in zip(*triples, strict=True))
    assert wrap_keys(keks, keys) == eks
    assert unwrap_keys(keks, eks) == keys


def test_unwrap_rejects(any_engine: Engine) -> None:
    """Each invalid item alone, and in one batch between valid items of the same length."""
    bad = [values(vector, "kek", "ek") for vector in BAD_WRAPS if vector["class"] in ("forged", "length")]
    mixed, expected = [], []
    for kek, ek in bad:
        with pytest.raises(KeyUnwrapError) as caught:
            unwrap_key(kek, ek)
        assert caught.value.code is ErrorCode.INVALID_ENCRYPTED_KEY
        key = bytes(max(len(ek) // 8 * 8 - 8, 16))
        mixed += [(kek, ek), (kek, wrap_key(kek, key))]
        expected += [None, key]
    results = unwrap_keys([kek for kek, _ in mixed], [ek for _, ek in mixed])
    assert [None if isinstance(result, KeyUnwrapError) else result for result in results] == expected
    kek, ek = bad[0]
    for keks in (kek, [kek] * 17 * 16):
        results = unwrap_keys(keks, [ek if place in PLACES else wrap_key(kek, bytes(16)) for place in range(17 * 16)])
        assert [place for place, result in enumerate(results) if isinstance(result, KeyUnwrapError)] == list(PLACES)


def test_invalid_lengths_are_value_errors(any_engine: Engine) -> None:
    good = values(GOOD_WRAPS[0], "kek", "key", "ek")
    for vector in BAD_WRAPS:
        if vector["class"] in ("key", "kek"):
            kek, key = values(vector, "kek", "key")
            with pytest.raises(ValueError, match="bytes"):
                wrap_key(kek, key)
            with pytest.raises(ValueError, match="bytes"):
                wrap_keys([good[0], kek], [good[1], key])
        if vector["class"] == "kek":
            ek = bytes.fromhex(vector["ek"])
            with pytest.raises(ValueError, match="KEK"):
                unwrap_key(kek, ek)
            with pytest.raises(ValueError, match="KEK"):
                unwrap_keys([good[0], kek], [good[2], ek])


def test_wrapped_keys_in_requests(any_engine: Engine) -> None:
    """As `ek` and as stored keys."""
    good = [vector for vector in GOOD_WRAPS if len(vector["key"]) == 32]
    bad = [vector for vector in BAD_WRAPS if vector["class"] == "forged" and len(vector["ek"]) == 48]
    vectors = [vector for place in range(len(bad)) for vector in (bad[place], good[place % len(good)])]
    keyring = KeyRing.generate()
    issuer, redeemer = Issuer(keyring, "https://localhost/"), Redeemer(keyring)
    start = "customerAuthenticator=1&kid=^kid1&securityLevel=1&hdcpOutputControl=0&kek="
    stored = iter([bytes.fromhex(vector["ek"]) for vector in vectors])
    for parameter, results in (
        ("ek", issuer.issue_many([f"{start}{vector['kek']}&ek={vector['ek']}" for vector in vectors])),
        (
            "kek",
            issuer.issue_many([start + vector["kek"] for vector in vectors], stored_keys=lambda spec: next(stored)),
        ),
    ):
        for vector, result in zip(vectors, results, strict=True):
            if isinstance(result, TokenRequestError):
                assert vector["class"] == "forged", vector["comment"]
                assert (result.code, result.parameter) == (ErrorCode.INVALID_ENCRYPTED_KEY, parameter)
            else:
                assert redeemer.redeem(result).content_key.hex() == vector["key"], vector["comment"]


# Payloads.

NONCE = bytes(range(12))


def grant_of(fields: Vector, nonce: bytes = NONCE) -> Grant:
    extensions = [Extension(item["type"].encode(), bytes.fromhex(item["payload"])) for item in fields["extensions"]]
    changed = {
        **{name: bytes.fromhex(fields[name]) for name in ("kid", "content_key")},
        "security_level": SecurityLevel(fields["security_level"]),
        "hdcp_output_control": HdcpOutputControl(fields["hdcp_output_control"]),
        "extensions": tuple(extensions),
    }
    return Grant(token_id=nonce, **{**fields, **changed})


def encoded(grant: Grant) -> bytes:
    return payload.encode(grant, grant.content_key, grant.issued_at, grant.expires_at, grant.customer)


@pytest.mark.parametrize("vector", GOOD_PAYLOADS, ids=lambda vector: vector["comment"][:60])
def test_payload_decodes_and_encodes(vector: Vector) -> None:
    data, grant = bytes.fromhex(vector["payload"]), grant_of(vector["grant"])
    assert payload.decode(NONCE + data) == grant
    assert encoded(grant) == data
    for end in {*range(min(len(data), 200)), len(data) - 1}:  # a prefix is another valid payload or is refused
        shorter = payload.decode(NONCE + data[:end])
        assert shorter is None or encoded(shorter) == data[:end]


@pytest.mark.parametrize("vector", BAD_PAYLOADS, ids=lambda vector: vector["comment"][:60])
def test_payload_is_refused(vector: Vector) -> None:
    assert payload.decode(NONCE + bytes.fromhex(vector["payload"])) is None


def test_payloads_in_tokens(any_engine: Engine) -> None:
    keyring = KeyRing.generate()
    # The engines refuse to seal a payload of another length.
    vectors = [vector for vector in [*GOOD_PAYLOADS, *BAD_PAYLOADS] if 108 <= len(vector["payload"]) <= 2 * 8192]
    tokens = sealing.seal(keyring, b"", [bytes.fromhex(vector["payload"]) for vector in vectors])
    for vector, token, result in zip(vectors, tokens, Redeemer(keyring).redeem_many(tokens, now=0), strict=True):
        if "grant" in vector:
            assert result == grant_of(vector["grant"], token_id(token)), vector["comment"]
        else:
            assert type(result) is InvalidToken, vector["comment"]


# Tokens.

TOKENS = [*GOOD_TOKENS, *BAD_TOKENS]


def sent(vector: Vector) -> list[str | bytes]:
    """Return the token as text and as bytes, or only as bytes if it is not UTF-8."""
    return [bytes.fromhex(vector["tokenHex"])] if "tokenHex" in vector else [vector["token"], vector["token"].encode()]


def keyring_of(vector: Vector) -> KeyRing:
    keys = {int(key_id): bytes.fromhex(key) for key_id, key in vector["keys"].items()}
    return KeyRing(keys, next(iter(keys)))


def redeemer_of(vector: Vector) -> Redeemer:
    return Redeemer(keyring_of(vector), audience=vector["audience"])


def check(vector: Vector, result: object) -> None:
    if "grant" in vector:
        assert result == grant_of(vector["grant"], bytes.fromhex(vector["tokenId"])), vector["comment"]
        return
    assert isinstance(result, InvalidToken), vector["comment"]
    assert (result.code, result.parameter) == (-4010, InvalidToken().parameter)
    assert isinstance(result, TokenExpired) is (vector["class"] == "expired"), vector["comment"]
    if isinstance(result, TokenExpired):
        assert (result.token_id.hex(), result.expires_at) == (vector["tokenId"], vector["expiresAt"])


def redeemed(redeemer: Redeemer, token: str | bytes, now: int) -> object:
    try:
        return redeemer.redeem(token, now=now)
    except TokenRequestError as error:
        return error


def groups() -> list[list[Vector]]:
    """Return the vectors that one redeemer can open at one time, valid ones first."""
    found: dict[str, list[Vector]] = {}
    for vector in TOKENS:
        found.setdefault(json.dumps([vector["keys"], vector["audience"], vector["now"]]), []).append(vector)
    return list(found.values())


def test_redeem(any_engine: Engine) -> None:
    for vector in TOKENS:
        for token in sent(vector):
            check(vector, redeemed(redeemer_of(vector), token, vector["now"]))


def test_redeem_many_and_redeem_iter(any_engine: Engine) -> None:
    for group in groups():
        redeemer, now = redeemer_of(group[0]), group[0]["now"]
        for order in (group, group[::-1], group[::2] + group[1::2]):
            pairs = [(vector, token) for vector in order for token in sent(vector)]
            results = redeemer.redeem_many([token for _, token in pairs], now=now)
            for (vector, _), result in zip(pairs, results, strict=True):
                check(vector, result)
        lazily = redeemer.redeem_iter((token for _, token in pairs * 3), now=now)
        for (vector, _), result in zip(pairs * 3, lazily, strict=True):
            check(vector, result)


@pytest.mark.parametrize("alike", [True, False])
def test_bad_tokens_between_good_tokens(any_engine: Engine, alike: bool) -> None:
    """Good tokens of one length and one key, or of several; as texts and as URLs of one issuer."""
    group = max(groups(), key=len)
    bad = [vector for vector in group if "grant" not in vector]
    good = [
        vector
        for vector in group
        if vector["class"] == "valid" and (not alike or len(vector["token"]) == len(GOOD_TOKENS[0]["token"]))
    ]
    assert len(good) > 3
    rows = [item for place, vector in enumerate(bad) for item in (vector, good[place % len(good)])]
    forged = next(vector for vector in bad if vector["class"] == "forged")
    rows += [forged if place in PLACES else good[place % len(good)] for place in range(17 * 16)]
    results = redeemer_of(good[0]).redeem_many([sent(row)[0] for row in rows], now=good[0]["now"])
    for row, result in zip(rows, results, strict=True):
        check(row, result)
    rows = [row for row in rows if row in good or row is forged]
    urls = [vectors_make.URL + row["token"] for row in rows]
    for row, result in zip(rows, redeemer_of(good[0]).redeem_many(urls, now=good[0]["now"]), strict=True):
        check(row, result)


@pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["comment"][:60])
def test_token_id(vector: Vector) -> None:
    for token in sent(vector):
        if vector["tokenId"] is None:
            with pytest.raises(InvalidToken):
                token_id(token)
        else:
            assert token_id(token).hex() == vector["tokenId"]


def test_seal_makes_the_same_tokens(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the nonce of the vector instead of a random one."""
    for vector in GOOD_TOKENS:
        if vector["class"] == "url":
            continue
        assert encoded(grant_of(vector["grant"])).hex() == vector["payload"], vector["comment"]
        key_id = int.from_bytes((base64url.decode(vector["token"]) or b"")[1:5], "big")
        monkeypatch.setattr(os, "urandom", lambda length, nonce=vector["tokenId"]: bytes.fromhex(nonce)[:length])
        keyring, audience = keyring_of(vector).activating(key_id), vector["audience"].encode()
        sealed = sealing.seal(keyring, audience, [bytes.fromhex(vector["payload"])])
        assert sealed == [vector["token"]], vector["comment"]
