"""Tokens of version 1 stay valid: the frozen corpus, and the tags of the format."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from wvtoken import InvalidToken, TokenRequestError, payload
from wvtoken.engine import Engine

from .test_token_vectors import NONCE, Vector, encoded, grant_of, redeemed, redeemer_of

FROZEN = Path(__file__).parent / "vectors" / "frozen-v1.json"
SHA256 = "dfe8cd125b24c245f5b6c9e30e918ee3bfe979952b9ea2f71b72386f7e744c0d"


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Vector]]:
    return dict(json.loads(FROZEN.read_text(encoding="ascii")))


def test_frozen_corpus_is_unchanged() -> None:
    """Nobody may change or regenerate the file. If this test fails, restore the file; do not edit the hash."""
    assert sha256(FROZEN.read_bytes()).hexdigest() == SHA256


def test_frozen_tokens_redeem(any_engine: Engine, corpus: dict[str, list[Vector]]) -> None:
    assert len(corpus["valid"]) >= 50
    for vector in corpus["valid"]:
        grant = redeemed(redeemer_of(vector), vector["token"], vector["now"])
        assert grant == grant_of(vector["grant"], bytes.fromhex(vector["tokenId"])), vector["comment"]
        assert encoded(grant).hex() == vector["payload"], vector["comment"]


def test_frozen_invalid_tokens_are_refused(any_engine: Engine, corpus: dict[str, list[Vector]]) -> None:
    assert len(corpus["invalid"]) >= 50
    for vector in corpus["invalid"]:
        result = redeemed(redeemer_of(vector), vector["token"], vector["now"])
        assert isinstance(result, TokenRequestError), vector["comment"]
        assert type(result) is InvalidToken, vector["comment"]


def test_tags_match_token_format() -> None:
    """`payload.py` accepts the tags of the page and no others. A new tag needs a new version of the token."""
    page = (files("wvtoken") / "docs" / "token-format.md").read_text(encoding="utf-8")
    tags = {int(tag) for tag in re.findall(r"(?m)^\| +(\d) +\| +`?(?:cookie|content_id|extension|customer)", page)}
    assert tags == {1, 2, 3, 4}
    fixed = bytes.fromhex(json.loads(FROZEN.read_text(encoding="ascii"))["valid"][0]["payload"])[:54]
    accepted = {
        tag
        for tag in range(256)
        for value in (b"", b"c", b"\0", b"wudo\0", bytes(4), bytes(8))
        if payload.decode(NONCE + fixed + bytes([tag, 0, len(value)]) + value)
    }
    assert accepted == tags
