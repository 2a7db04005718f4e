"""The vectors that other implementations can use too, driven through `parse`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from wvtoken import ErrorCode, ErrorFormat, Extension, TokenRequestError, TokenSpec, parse

REQUESTS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "vectors" / "requests.json").read_text(encoding="ascii")
)
VALID, INVALID = REQUESTS["valid"], REQUESTS["invalid"]
BYTES = ("kid", "content_key", "kek", "ek")


def source(vector: dict[str, Any], name: str) -> str | bytes:
    """Query or body: text, or bytes in hex where they are not UTF-8."""
    if f"{name}Hex" in vector:
        return bytes.fromhex(vector[f"{name}Hex"])
    text: str = vector.get(name, "")
    return text


def sources(vector: dict[str, Any]) -> list[tuple[str | bytes, str | bytes]]:
    query, body = source(vector, "query"), source(vector, "body")
    as_bytes = [part.encode() if isinstance(part, str) else part for part in (query, body)]
    return [(query, body), (as_bytes[0], as_bytes[1])]


def fields(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec of the file as a TokenSpec has it."""
    read = {name: bytes.fromhex(spec[name]) if spec[name] is not None else None for name in BYTES}
    extensions = (Extension(item["type"].encode(), bytes.fromhex(item["payload"])) for item in spec["extensions"])
    return {**spec, **read, "extensions": tuple(extensions), "unknown": tuple(spec["unknown"])}


def test_there_are_vectors_for_every_field_and_code() -> None:
    assert len(VALID) >= 100
    assert len(INVALID) >= 150
    names = {entry.name for entry in dataclasses.fields(TokenSpec)}
    assert all(vector["spec"].keys() == names for vector in VALID)
    for name in names - {"general_flags"}:
        assert len({json.dumps(vector["spec"][name]) for vector in VALID}) > 1, name
    reading = {
        *(-1, -2002, -2005, -2008, -2017, -2018, -2027, -2033, -2034, -2035, -2036, -2037, -3004, -4018, -4020),
        *(-4021, -4022, -4024, -5003, -6005, -7002, -7003, -7004, -7006, -7007, -7009),
    }
    assert {vector["code"] for vector in INVALID} == reading
    assert {vector["errorFormat"] for vector in INVALID} == {"html", "json"}


def test_no_request_is_there_twice() -> None:
    requests = [sources(vector)[1] for vector in (*VALID, *INVALID)]
    assert len(set(requests)) == len(requests)


def test_the_vectors_have_nothing_but_what_their_description_says() -> None:
    request = {"comment", "query", "queryHex", "body", "bodyHex"}
    assert REQUESTS.keys() == {"valid", "invalid"}
    assert all(vector.keys() <= request | {"spec"} for vector in VALID)
    assert all(vector.keys() <= request | {"code", "parameter", "errorFormat"} for vector in INVALID)
    described = (Path(__file__).parent / "vectors" / "README.md").read_text(encoding="utf-8")
    for name in request | REQUESTS.keys() | {"spec", "code", "parameter", "errorFormat"} | VALID[0]["spec"].keys():
        assert f"`{name}`" in described


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["comment"])
def test_a_valid_request(vector: dict[str, Any]) -> None:
    expected = fields(vector["spec"])
    for query, body in sources(vector):
        spec = parse(query, body)
        assert {name: getattr(spec, name) for name in expected} == expected
        assert parse(spec.to_query()) == spec == TokenSpec(**expected)


@pytest.mark.parametrize("vector", INVALID, ids=lambda vector: vector["comment"])
def test_an_invalid_request(vector: dict[str, Any]) -> None:
    for query, body in sources(vector):
        with pytest.raises(TokenRequestError) as caught:
            parse(query, body)
        error = caught.value
        assert (error.code, error.parameter) == (vector["code"], vector["parameter"])
        assert isinstance(error.code, ErrorCode)
        assert error.error_format is ErrorFormat(vector["errorFormat"])
