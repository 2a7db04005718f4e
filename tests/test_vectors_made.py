"""Key wraps, payloads and tokens of tests/vectors, through every entry point, on every engine."""

from __future__ import annotations

import json
import os
import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
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
from wvtoken.cli import main
from wvtoken.engine import Engine

from . import vectors_make

Vector = dict[str, Any]
FOLDER = Path(__file__).parent / "vectors"


def _read(name: str) -> tuple[list[Vector], list[Vector]]:
    file = json.loads((FOLDER / name).read_text(encoding="ascii"))
    assert file.keys() == {"valid", "invalid"}
    return file["valid"], file["invalid"]


GOOD_WRAPS, BAD_WRAPS = _read("keywrap.json")
GOOD_PAYLOADS, BAD_PAYLOADS = _read("payloads.json")
GOOD_TOKENS, BAD_TOKENS = _read("tokens.json")

PAYLOAD_CLASSES = {"short", "trailing", "overrun", "unknown-tag", "order", "repeated", "value", "lifetime", "long"}
TOKEN_CLASSES = {
    *("text", "url", "version", "unknown-key", "wrong-key", "wrong-audience", "forged", "truncated", "extended"),
    *("expired", *PAYLOAD_CLASSES),
}
CLASSES = {
    "keywrap.json": ({"valid"}, {"forged", "length", "key", "kek"}),
    "payloads.json": ({"valid"}, PAYLOAD_CLASSES),
    "tokens.json": ({"valid", "future", "url"}, TOKEN_CLASSES),
}
MEMBERS = {
    "keywrap.json": {"comment", "class", "kek", "key", "ek"},
    "payloads.json": {"comment", "class", "field", "payload", "grant"},
    "tokens.json": {
        *("comment", "class", "field", "keys", "audience", "now", "token", "tokenHex", "tokenId", "payload", "grant"),
        "expiresAt",
    },
}
ATLEAST = {"keywrap.json": (35, 150), "payloads.json": (50, 100), "tokens.json": (100, 300)}

LANES = 16
"""How many places to put a bad item in among good ones, so that it is in each lane of the widest engine."""


# The files themselves.


@pytest.mark.parametrize("name", CLASSES)
def test_the_files_are_what_the_independent_construction_makes(name: str) -> None:
    """Remake them by `python -m tests.vectors_make`."""
    assert (FOLDER / name).read_text(encoding="ascii") == vectors_make.files()[name]
    assert vectors_make.files().keys() == CLASSES.keys()
    assert {path.name for path in FOLDER.iterdir()} == {"README.md", "requests.json", *CLASSES}


def test_the_construction_knows_nothing_of_the_library() -> None:
    source = Path(vectors_make.__file__).read_text(encoding="utf-8")
    imported = re.findall(r"(?m)^\s*(?:from|import) ([\w.]+)", source)
    assert "struct" in imported
    assert not [name for name in imported if name.startswith((".", "wvtoken", "tests"))]


def test_its_key_wrap_is_that_of_the_package_cryptography() -> None:
    """It has one of its own only for the initial values that the package does not let choose."""
    for vector in GOOD_WRAPS:
        assert vectors_make.wrap(*_bytes(vector, "kek", "key")) == bytes.fromhex(vector["ek"]), vector["comment"]


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_there_and_described(name: str) -> None:
    for vectors, classes, least in zip(_read(name), CLASSES[name], ATLEAST[name], strict=True):
        assert len(vectors) >= least
        assert {vector["class"] for vector in vectors} == classes
        assert len({vector["comment"] for vector in vectors}) == len(vectors)
        inputs = [{**vector, "comment": "", "class": ""} for vector in vectors]
        assert len({json.dumps(vector) for vector in inputs}) == len(vectors)
        assert all(vector.keys() <= MEMBERS[name] for vector in vectors)
    described = (FOLDER / "README.md").read_text(encoding="utf-8").partition(f"## `{name}`")[2].partition("\n## ")[0]
    for word in (MEMBERS[name] - {"comment"}) | CLASSES[name][0] | CLASSES[name][1]:
        assert f"`{word}`" in described, word


def test_every_field_has_a_bad_value() -> None:
    for vectors in (BAD_PAYLOADS, BAD_TOKENS):
        assert {vector["field"] for vector in vectors if vector["class"] == "value"} == {
            *("security_level", "hdcp_output_control", "expires_at", "cookie", "content_id", "extensions", "customer"),
        }
    for name in Grant._fields[1:]:
        assert len({json.dumps(vector["grant"][name]) for vector in GOOD_PAYLOADS}) > 1, name


def _bytes(vector: Vector, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


# Key wraps.


def test_keys_that_wrap(any_engine: Engine) -> None:
    """One by one, as one batch with a KEK each, in every place among others, and all under one KEK."""
    triples = [_bytes(vector, "kek", "key", "ek") for vector in GOOD_WRAPS]
    for kek, key, ek in triples:
        assert wrap_key(kek, key) == ek
        assert unwrap_key(kek, ek) == key
        assert wrap_keys(kek, [key] * (LANES + 1)) == [ek] * (LANES + 1)
        assert unwrap_keys(kek, [ek] * (LANES + 1)) == [key] * (LANES + 1)
        assert wrap_keys([kek] * (LANES + 1), [key] * (LANES + 1)) == [ek] * (LANES + 1)
        assert unwrap_keys([kek] * (LANES + 1), [ek] * (LANES + 1)) == [key] * (LANES + 1)
    keks, keys, eks = (list(column) for column in zip(*triples, strict=True))
    assert wrap_keys(keks, keys) == eks
    assert unwrap_keys(keks, eks) == keys


def test_keys_that_do_not_unwrap(any_engine: Engine) -> None:
    """Each by itself, in every place among good ones of its shape, and all in one batch."""
    bad = [_bytes(vector, "kek", "ek") for vector in BAD_WRAPS if vector["class"] in ("forged", "length")]
    for kek, ek in bad:
        with pytest.raises(KeyUnwrapError) as caught:
            unwrap_key(kek, ek)
        assert caught.value.code is ErrorCode.INVALID_ENCRYPTED_KEY
        key = bytes(max(len(ek) // 8 * 8 - 8, 16))
        fine = wrap_key(kek, key)
        for keks in (kek, [kek] * LANES**2):
            results = unwrap_keys(keks, _in_every_place(ek, [fine]))
            assert [place for place, result in enumerate(results) if isinstance(result, KeyUnwrapError)] == PLACES
            assert {result for result in results if isinstance(result, bytes)} == {key}
    others = list(islice(cycle(GOOD_WRAPS), len(bad)))
    mixed = [item for pair, good in zip(bad, others, strict=True) for item in (pair, _bytes(good, "kek", "ek"))]
    results = unwrap_keys([kek for kek, _ in mixed], [ek for _, ek in mixed])
    assert {type(result) for result in results[::2]} == {KeyUnwrapError}
    assert results[1::2] == [bytes.fromhex(vector["key"]) for vector in others]


def test_what_is_no_key_and_no_kek(any_engine: Engine) -> None:
    """It is the program's mistake, and nothing is wrapped or unwrapped, whatever stands beside it."""
    good = _bytes(GOOD_WRAPS[0], "kek", "key", "ek")
    for vector in BAD_WRAPS:
        if vector["class"] not in ("key", "kek"):
            continue
        kek, key = _bytes(vector, "kek", "key")
        with pytest.raises(ValueError, match="bytes"):
            wrap_key(kek, key)
        for pair in ([kek, good[0]], [key, good[1]]), ([good[0], kek], [good[1], key]):
            with pytest.raises(ValueError, match="bytes"):
                wrap_keys(*pair)
        if vector["class"] == "kek":
            ek = bytes.fromhex(vector["ek"])
            with pytest.raises(ValueError, match="KEK"):
                unwrap_key(kek, ek)
            with pytest.raises(ValueError, match="KEK"):
                unwrap_keys([good[0], kek], [good[2], ek])


REQUEST = "customerAuthenticator=1&kid=^kid1&securityLevel=1&hdcpOutputControl=0"


def test_wrapped_keys_in_requests(any_engine: Engine) -> None:
    """As `ek`, and from the key storage."""
    good = [vector for vector in GOOD_WRAPS if len(vector["key"]) == 32]
    bad = [vector for vector in BAD_WRAPS if vector["class"] == "forged" and len(vector["ek"]) == 48]
    assert len(good) >= 7
    assert len(bad) >= 100
    keyring = KeyRing.generate()
    issuer, redeemer = Issuer(keyring, "https://localhost/"), Redeemer(keyring)
    vectors = [vector for index in range(len(bad)) for vector in (bad[index], good[index % len(good)])]
    requests = [f"{REQUEST}&kek={vector['kek']}&ek={vector['ek']}" for vector in vectors]
    stored = iter([bytes.fromhex(vector["ek"]) for vector in vectors])
    for parameter, results in (
        ("ek", issuer.issue_many(requests)),
        ("kek", issuer.issue_many([request[:-52] for request in requests], stored_keys=lambda spec: next(stored))),
    ):
        for vector, result in zip(vectors, results, strict=True):
            if vector["class"] == "valid":
                assert isinstance(result, str), vector["comment"]
                assert redeemer.redeem(result).content_key.hex() == vector["key"]
            else:
                assert isinstance(result, TokenRequestError), vector["comment"]
                assert (result.code, result.parameter) == (ErrorCode.INVALID_ENCRYPTED_KEY, parameter)


def _in_every_place(item: Any, good: list[Any]) -> list[Any]:
    """As many rows of good items as there are lanes, with this one in another place of each."""
    rows = [good[place % len(good)] for place in range(LANES**2)]
    for place in PLACES:
        rows[place] = item
    return rows


PLACES = [row * LANES + row for row in range(LANES)]


# Payloads.

NONCE = bytes(range(12))


def _grant(fields: Vector, nonce: bytes) -> Grant:
    read = {**fields, **{name: bytes.fromhex(fields[name]) for name in ("kid", "content_key")}}
    read["security_level"] = SecurityLevel(fields["security_level"])
    read["hdcp_output_control"] = HdcpOutputControl(fields["hdcp_output_control"])
    read["extensions"] = tuple(
        Extension(item["type"].encode("ascii"), bytes.fromhex(item["payload"])) for item in fields["extensions"]
    )
    return Grant(token_id=nonce, **read)


@pytest.mark.parametrize("vector", GOOD_PAYLOADS, ids=lambda vector: vector["comment"][:60])
def test_a_payload(vector: Vector) -> None:
    """It decodes to its grant, the grant encodes to it, and cut anywhere it is none."""
    data, grant = bytes.fromhex(vector["payload"]), _grant(vector["grant"], NONCE)
    assert payload.decode(NONCE + data) == grant
    assert payload.encode(grant, grant.content_key, grant.issued_at, grant.expires_at, grant.customer) == data
    ends = {54, *(54 + end for end in _ends(data[54:]))}
    for end in {*range(min(len(data), 200)), len(data) - 1} - ends:
        assert payload.decode(NONCE + data[:end]) is None


def _ends(fields: bytes) -> Iterator[int]:
    """Where a field ends: up to there, a payload is one too."""
    end = 0
    while end < len(fields):
        end += 3 + int.from_bytes(fields[end + 1 : end + 3], "big")
        yield end


@pytest.mark.parametrize("vector", BAD_PAYLOADS, ids=lambda vector: vector["comment"][:60])
def test_no_payload(vector: Vector) -> None:
    assert payload.decode(NONCE + bytes.fromhex(vector["payload"])) is None


def test_payloads_among_each_other() -> None:
    vectors = [vector for bad in BAD_PAYLOADS for vector in (bad, *GOOD_PAYLOADS[:2])] + GOOD_PAYLOADS
    decoded = payload.decode_many([NONCE + bytes.fromhex(vector["payload"]) for vector in vectors])
    expected = [_grant(vector["grant"], NONCE) if "grant" in vector else None for vector in vectors]
    assert decoded == expected


def test_payloads_in_tokens(any_engine: Engine) -> None:
    """Sealed by the engine, each redeems to its grant or is refused."""
    keyring = KeyRing.generate()
    vectors = [*GOOD_PAYLOADS, *BAD_PAYLOADS]
    tokens = sealing.seal(keyring, b"", [bytes.fromhex(vector["payload"]) for vector in vectors])
    for vector, token, result in zip(vectors, tokens, Redeemer(keyring).redeem_many(tokens, now=0), strict=True):
        if "grant" in vector:
            assert result == _grant(vector["grant"], base64url.decode(token)[5:17]), vector["comment"]  # type: ignore[index]
        else:
            assert type(result) is InvalidToken, vector["comment"]


# Tokens.

TOKENS = [*GOOD_TOKENS, *BAD_TOKENS]


def _sent(vector: Vector) -> list[str | bytes]:
    """The token as text and as bytes; as bytes alone where it is not UTF-8."""
    if "tokenHex" in vector:
        return [bytes.fromhex(vector["tokenHex"])]
    return [vector["token"], vector["token"].encode()]


def _keyring(vector: Vector) -> KeyRing:
    keys = {int(key_id): bytes.fromhex(key) for key_id, key in vector["keys"].items()}
    return KeyRing(keys, next(iter(keys)))


def _redeemer(vector: Vector) -> Redeemer:
    return Redeemer(_keyring(vector), audience=vector["audience"])


def _check(vector: Vector, result: object) -> None:
    """That the result is what the vector says."""
    if "grant" in vector:
        assert result == _grant(vector["grant"], bytes.fromhex(vector["tokenId"])), vector["comment"]
        return
    assert isinstance(result, InvalidToken | TokenExpired), vector["comment"]
    assert (result.code, result.parameter) == (-4010, InvalidToken().parameter)
    if isinstance(result, TokenExpired):
        assert vector["class"] == "expired", vector["comment"]
        assert (result.token_id.hex(), result.expires_at) == (vector["tokenId"], vector["expiresAt"])
    else:
        assert vector["class"] != "expired", vector["comment"]
        assert str(result) == str(InvalidToken())


def _redeem(redeemer: Redeemer, token: str | bytes, now: int) -> object:
    try:
        return redeemer.redeem(token, now=now)
    except TokenRequestError as error:
        return error


def _groups() -> list[list[Vector]]:
    """The vectors that one redeemer opens at one time, those that open first."""
    groups: dict[str, list[Vector]] = {}
    for vector in TOKENS:
        groups.setdefault(json.dumps([vector["keys"], vector["audience"], vector["now"]]), []).append(vector)
    return list(groups.values())


def test_tokens_one_by_one(any_engine: Engine) -> None:
    for vector in TOKENS:
        redeemer = _redeemer(vector)
        for token in _sent(vector):
            _check(vector, _redeem(redeemer, token, vector["now"]))


def test_tokens_as_one_batch(any_engine: Engine) -> None:
    """By `redeem_many`, and by `redeem_iter` so often that it takes several chunks."""
    for group in _groups():
        redeemer, now = _redeemer(group[0]), group[0]["now"]
        for sent in (group, group[::-1], group[::2] + group[1::2]):
            pairs = [(vector, token) for vector in sent for token in _sent(vector)]
            for (vector, _), result in zip(
                pairs, redeemer.redeem_many([token for _, token in pairs], now=now), strict=True
            ):
                _check(vector, result)
        again = pairs * 3
        results = redeemer.redeem_iter((token for _, token in again), now=now)
        for (vector, _), result in zip(again, results, strict=True):
            _check(vector, result)


def test_bad_tokens_in_every_place_among_good_ones(any_engine: Engine) -> None:
    """Good ones of one length, which an engine takes at once, and of many lengths and two keys."""
    group = max(_groups(), key=len)
    bad = [vector for vector in group if "grant" not in vector]
    assert len(bad) >= len(BAD_TOKENS) - 1  # the other one is opened without an audience
    alike = [vector for vector in group if "grant" in vector and len(vector["token"]) == len(GOOD_TOKENS[0]["token"])]
    short = [vector for vector in group if "grant" in vector and len(vector["token"]) < 300]
    urls = [{**vector, "token": vectors_make.URL + vector["token"]} for vector in alike if vector["class"] == "valid"]
    assert min(len(alike), len(urls)) >= 5
    assert len({next(iter(_sent(vector)))[:6] for vector in short}) > 1
    redeemer, now = _redeemer(group[0]), group[0]["now"]
    for good in (alike, short, urls):
        for vector in bad:
            rows = _in_every_place(vector, good)
            results = redeemer.redeem_many([_sent(row)[0] for row in rows], now=now)
            assert len(results) == len(rows)
            for place in PLACES:
                _check(vector, results[place])
            opened = [result for place, result in enumerate(results) if place not in PLACES]
            expected = [place % len(good) for place in range(len(rows)) if place not in PLACES]
            ids = [bytes.fromhex(good[index]["tokenId"]) for index in expected]
            assert [getattr(result, "token_id", None) for result in opened] == ids, vector["comment"]


@pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["comment"][:60])
def test_token_id(vector: Vector) -> None:
    for token in _sent(vector):
        if vector["tokenId"] is None:
            with pytest.raises(InvalidToken):
                token_id(token)
        else:
            assert token_id(token).hex() == vector["tokenId"]


def test_tokens_from_the_command_line(
    any_engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As arguments and as lines. A blank one is no token there, and the end of a line is not part of it."""
    for group in _groups():
        path = tmp_path / "keys.json"
        path.write_text(_keyring(group[0]).to_jwks(), encoding="ascii")
        monkeypatch.setattr("wvtoken.batch.time", SimpleNamespace(time=lambda now=group[0]["now"]: now))
        redeem = ["redeem", "--show-key", "--keys", str(path), "--audience", group[0]["audience"]]
        raw = [(vector, _sent(vector)[-1]) for vector in group]
        tokens = [(vector, token) for vector, token in raw if isinstance(token, bytes) and token.strip()]
        assert len(tokens) >= len(group) - 1
        # Windows has no arguments that are not text.
        typed = [pair for pair in tokens if sys.platform != "win32" or "token" in pair[0]]
        status = main([*redeem, "--", *(os.fsdecode(token) for _, token in typed)])
        _check_lines([vector for vector, _ in typed], status, capsys.readouterr())
        lines = [(vector, token) for vector, token in tokens if b"\n" not in token]
        stdin = TextIOWrapper(BytesIO(b"\n".join(token for _, token in lines)))
        monkeypatch.setattr(sys, "stdin", stdin)
        status = main(redeem)
        _check_lines([vector for vector, _ in lines], status, capsys.readouterr())


def _check_lines(vectors: list[Vector], status: int, captured: Any) -> None:
    good = [vector for vector in vectors if "grant" in vector]
    assert status == (len(good) < len(vectors))
    for vector, line in zip(good, captured.out.splitlines(), strict=True):
        printed = json.loads(line)
        assert printed.pop("token_id") == vector["tokenId"]
        for extension in printed["extensions"]:
            extension["payload"] = b64decode(extension["payload"]).hex()
        assert printed == vector["grant"], vector["comment"]
    bad = [number for number, vector in enumerate(vectors, start=1) if "grant" not in vector]
    errors = [json.loads(line) for line in captured.err.splitlines()]
    assert [(error["line"], error["code"]) for error in errors] == [(number, -4010) for number in bad]


def test_tokens_that_open_encode_to_the_same_payload() -> None:
    """And that payload is the one in the file."""
    for vector in GOOD_TOKENS:
        grant = _grant(vector["grant"], b"")
        again = payload.encode(grant, grant.content_key, grant.issued_at, grant.expires_at, grant.customer)
        assert again.hex() == vector["payload"], vector["comment"]


def test_the_same_tokens_are_sealed(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the nonce of the vector, from its payload, under its key and for its audience."""
    for vector in GOOD_TOKENS:
        if vector["class"] == "url":
            continue
        key_id = int.from_bytes((base64url.decode(vector["token"]) or b"")[1:5], "big")
        monkeypatch.setattr(os, "urandom", lambda length, nonce=vector["tokenId"]: bytes.fromhex(nonce)[:length])
        keyring, audience = _keyring(vector).activating(key_id), vector["audience"].encode()
        sealed = sealing.seal(keyring, audience, [bytes.fromhex(vector["payload"])])
        assert sealed == [vector["token"]], vector["comment"]
