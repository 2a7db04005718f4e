"""The fast path in C against the reference in Python: what C accepts, the reference accepts with the same result."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import grammar
from tests.conftest import native_only
from wvtoken import Grant, Issuer, KeyRing, Redeemer, TokenRequestError, contents, parse, wrap_key
from wvtoken import payload as payloads
from wvtoken.sealing import seal

pytestmark = native_only

NOW = 1_800_000_000
RING = KeyRing({7: bytes(range(32))}, 7)
URL = "https://wv.example.com/rights/"
STORED_KEY = bytes(range(16))
ISSUER, REFERENCE = Issuer(RING, URL), Issuer(RING, URL)
REDEEMER, REFERENCE_REDEEMER = Redeemer(RING), Redeemer(RING)
REFERENCE._fast = REFERENCE_REDEEMER._fast = None

FIVE = (
    f"customerAuthenticator={grammar.AUTHENTICATOR}&kid={grammar.KID}&contentKey={grammar.CONTENT_KEY}"
    "&securityLevel=1&hdcpOutputControl=0"
)
SHAPES = {
    "five parameters": FIVE,
    "nine parameters": f"{FIVE}&licenseDuration=3600&wvExtension=wudo,AAAAAA==&expirationTime=%2B3600&cookie=abc-def",
    "kek and ek": f"customerAuthenticator=a&kid=^CNN.2014.12.18&kek={grammar.KEK}&ek={grammar.EK}&securityLevel=5"
    "&hdcpOutputControl=2&wvExtension=wudo,AAAAAA==&expirationTime=2027-01-20T12:34:56Z",
    "escaped": "customerAuthenticator=201722%2C1ad8eed133edf43cbcc185f0236828ae&kid=%5ECNN.2014.12.18&contentKey="
    f"{grammar.CONTENT_KEY}&securityLevel=3&hdcpOutputControl=1&wvExtension=wudo%2CAAAAAA%3D%3D&expirationTime=%2B60"
    "&cookie=a%20b&contentId=x%2fy",
}
PAYLOAD = payloads.encode(
    REFERENCE_REDEEMER.redeem(REFERENCE.issue(f"{SHAPES['escaped']}&wvExtension=abcd,AA==", now=NOW), now=NOW),
    bytes(16),
    NOW,
    NOW + 60,
    "customer",
)


def accepted(requests: Sequence[str | bytes], customer: bytes = b"") -> dict[str | bytes, str]:
    """Return the URL of each request that C accepts."""
    assert ISSUER._fast is not None
    found = ISSUER._fast.issue_many(requests, NOW, customer, [STORED_KEY] * len(requests))
    return {request: url for request, url in zip(requests, found, strict=True) if isinstance(url, str)}


def granted(url: object) -> Grant:
    """Return the grant of a URL without its id, opened by the reference."""
    assert isinstance(url, str), url
    return REFERENCE_REDEEMER.redeem(url, now=NOW)._replace(token_id=b"")


def check_requests(requests: Iterable[str | bytes]) -> int:
    """Compare what C accepts with the reference. Return the number of these requests."""
    urls = accepted(list(dict.fromkeys(requests)))
    reference = REFERENCE.issue_many(urls, now=NOW, stored_keys=lambda spec: STORED_KEY)
    for (request, url), expected in zip(urls.items(), reference, strict=True):
        assert granted(url) == granted(expected), request
        assert ISSUER._parsed(request, b"") == parse(request), request
    return len(urls)


@pytest.mark.parametrize("shape", SHAPES)
def test_c_accepts_the_usual_shapes(shape: str) -> None:
    request = SHAPES[shape]
    assert check_requests([request, request.encode(), f"{request}&useHttps=true", f"&{request}&"]) == 4
    assert granted(ISSUER.issue(request, now=NOW)) == granted(REFERENCE.issue(request, now=NOW))


def test_c_agrees_with_every_vector_and_every_example_of_the_grammar() -> None:
    file = json.loads((Path(__file__).parent / "vectors" / "requests.json").read_text(encoding="ascii"))
    vectors = [vector.get("query", "") for vector in file["valid"] + file["invalid"]]
    changes = [example.changes for row in grammar.ROWS for example in row.valid]
    changes += [example.changes for row in grammar.ROWS for example in row.invalid()]
    ascii_only = {**grammar.FULL, "contentId": ("ASCII only",)}
    examples = [
        grammar.escaped(grammar.pairs(changed, base)) for changed in changes for base in (grammar.MINIMAL, ascii_only)
    ]
    assert check_requests(vectors) > 50
    assert check_requests(examples) > 50


@pytest.mark.parametrize("shape", SHAPES)
def test_c_agrees_with_every_truncation_and_every_changed_byte(shape: str) -> None:
    request = SHAPES[shape].encode()
    truncated = [request[:length] for length in range(len(request))]
    changed = (
        request[:place] + bytes([byte]) + request[place + 1 :] for place in range(len(request)) for byte in range(256)
    )
    assert check_requests([*truncated, *changed]) > 100


def test_c_agrees_at_the_bounds_of_a_request() -> None:
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + after)) for after in (0, 1, 2592000, 2592001)]
    assert check_requests([f"{FIVE}&expirationTime={moment}" for moment in times]) == 2
    assert check_requests([f"{FIVE}&x={'x' * (65536 - len(FIVE) - 3 + more)}" for more in (0, 1)]) == 1
    assert check_requests([f"{FIVE}{'&x' * (2000 - 5 + more)}" for more in (0, 1)]) == 1
    assert check_requests([f"{FIVE}&cookie=a#", f"{FIVE}&wvExtension=abcd,{'AAAA' * 2800}"]) == 1
    assert check_requests([f"{FIVE}&cookie={number}&wvExtension=abcd,{'////' * 2000}" for number in range(9)]) == 9
    many = f"{FIVE}{'&wvExtension=abcd,AA==' * 300}"
    assert granted(ISSUER.issue_many([parse(many)], now=NOW)[0]) == granted(REFERENCE.issue(many, now=NOW))


@given(grammar.requests())
def test_c_agrees_with_any_valid_request(request: grammar.Request) -> None:
    check_requests([grammar.escaped(request.pairs), grammar.unescaped(request.pairs)])


@given(st.lists(grammar.requests(), max_size=12), st.none() | st.just("customer"))
def test_batches_of_specs_and_of_their_tokens(requests: list[grammar.Request], customer: str | None) -> None:
    specs = [parse(grammar.escaped(request.pairs)) for request in requests]
    found, expected = (
        issuer.issue_many(specs, now=NOW, customer=customer, stored_keys=lambda spec: None)
        for issuer in (ISSUER, REFERENCE)
    )
    urls = [item for item in found if isinstance(item, str)]
    assert REDEEMER.redeem_many(urls, now=NOW) == REFERENCE_REDEEMER.redeem_many(urls, now=NOW)
    assert [granted(item) if isinstance(item, str) else repr(item) for item in found] == (
        [granted(item) if isinstance(item, str) else repr(item) for item in expected]
    )


@pytest.mark.parametrize("count", [1, 16, 512])
def test_specs_with_many_extensions_need_the_most_memory(count: int) -> None:
    spec = parse(FIVE + "&wvExtension=abcd,QQ%3D%3D" * 1000)
    issuer, redeemer = Issuer(RING, URL), Redeemer(RING)  # with new memory
    urls = [str(url) for url in issuer.issue_many([spec] * count, now=NOW)]
    assert {len(url) for url in urls} == {len(issuer.issue(spec, now=NOW))}
    assert [grant.extensions for grant in redeemer.redeem_many(urls, now=NOW) if isinstance(grant, Grant)] == (
        [spec.extensions] * count
    )


def test_each_result_belongs_to_its_token() -> None:
    specs = [
        parse(
            f"{FIVE}{f'&cookie=c{i}' * (i % 2)}{f'&contentId=t{i}' * (i % 3 == 0)}"
            + f"&wvExtension=e{i:03},AA==" * (i % 5)
        )
        for i in range(600)
    ]
    tokens: list[str | bytes] = [str(url) for url in ISSUER.issue_many(specs, now=NOW)]
    for place, bad in enumerate(["", "é", "A", tokens[9], str(tokens[3]) + "A", str(tokens[5])[:-2], b"\xff"] * 12):
        tokens[place * 7 + place // 9] = bad
    found, expected = (redeemer.redeem_many(tokens, now=NOW) for redeemer in (REDEEMER, REFERENCE_REDEEMER))
    assert list(map(repr, found)) == list(map(repr, expected))
    assert sum(isinstance(item, Grant) for item in found) > 500


def test_the_limits_of_the_engine_are_checked_for_single_calls() -> None:
    assert ISSUER._fast is not None
    assert REDEEMER._fast is not None
    with pytest.raises(ValueError, match="outside the limits"):
        ISSUER._fast.seal(bytes(8193))
    contents, status = REDEEMER._fast.open_many([])
    assert (list(contents), status) == ([b"", b"", b"", b"", ()], b"")
    assert repr(contents) == "Contents(<secret>)"


def test_memory_for_very_long_texts_is_not_kept() -> None:
    redeemer = Redeemer(RING)
    assert redeemer._fast is not None
    for length, kept in ((1000, 1), (10_000_000, 0)):
        redeemer.redeem_many(["A" * length])
        assert len(redeemer._fast._batches) == kept


def test_a_stored_key_of_a_mapping_is_used_by_c() -> None:
    kid, key, kek = bytes.fromhex(grammar.KID), bytes.fromhex(grammar.CONTENT_KEY), bytes(32)
    plain = FIVE.replace(f"&contentKey={grammar.CONTENT_KEY}", "")
    requests = [plain, f"{plain}&kek={kek.hex()}", FIVE, f"{plain}&kek={grammar.KEK}"]
    for stored in ({kid: key}, {kid: wrap_key(kek, key)}, {kid: bytearray(key)}, {}):
        found = [issuer.issue_many(requests, stored_keys=stored, now=NOW) for issuer in (ISSUER, REFERENCE)]
        for fast, expected in zip(*found, strict=True):
            if isinstance(expected, TokenRequestError):
                assert repr(fast) == repr(expected)
            else:
                assert granted(fast) == granted(expected)


def test_a_key_storage_may_use_the_same_issuer() -> None:
    class Storage(dict[bytes, bytes]):
        def get(self, kid: bytes, default: object = None) -> bytes:
            assert granted(ISSUER.issue_many([FIVE], now=NOW)[0])
            assert granted(ISSUER.issue(FIVE, now=NOW))
            return bytes(16)

    requests = [FIVE.replace("contentKey", "ignored")] * 3
    assert [granted(url).content_key for url in ISSUER.issue_many(requests, stored_keys=Storage(), now=NOW)] == (
        [bytes(16)] * 3
    )


def test_threads_share_no_memory() -> None:
    def issue_and_redeem(number: int) -> bool:
        requests = [f"{FIVE}&cookie={number}.{item}" for item in range(200)]
        urls = [*ISSUER.issue_many(requests, now=NOW), *(ISSUER.issue(request, now=NOW) for request in requests)]
        texts = [url for url in urls if isinstance(url, str)]
        grants = [*REDEEMER.redeem_many(texts, now=NOW), *(REDEEMER.redeem(text, now=NOW) for text in texts)]
        return [grant.cookie for grant in grants if isinstance(grant, Grant)] == [
            f"{number}.{item}" for item in range(200)
        ] * 4

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(issue_and_redeem, range(16))) == [True] * 16


def test_reused_memory_holds_no_secret() -> None:
    def use() -> list[Any]:
        """Issue and redeem. Return the memory that was used and is kept."""
        REDEEMER.redeem_many([str(ISSUER.issue_many([request], now=NOW)[0])], now=NOW)
        REDEEMER.redeem(ISSUER.issue(request, now=NOW), now=NOW)
        for text in (request, f"contentKey={grammar.CONTENT_KEY}"):  # accepted; handed back, and shorter
            ISSUER._parsed(text, b"")
        paths: list[Any] = [ISSUER._fast, REDEEMER._fast]
        return [memory.wiped() for path in paths for memory in (path._single[-1], path._batches[-1])]

    request = SHAPES["nine parameters"]
    for view in use():
        view[:] = bytes(len(view))  # new memory has any content
    secrets = [bytes.fromhex(grammar.CONTENT_KEY), grammar.CONTENT_KEY.encode(), grammar.AUTHENTICATOR.encode()]
    assert [secret for view in use() for secret in secrets if secret in view[:]] == []


def test_an_interrupt_leaves_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path: Any = REDEEMER._fast
    url = ISSUER.issue(FIVE, now=NOW)
    for redeem, kept in ((REDEEMER.redeem, path._single), (lambda url: REDEEMER.redeem_many([url]), path._batches)):
        redeem(url)
        memory = kept[-1]
        with monkeypatch.context() as patch:
            patch.setattr(type(memory), "contents", interrupted)
            with pytest.raises(KeyboardInterrupt):
                redeem(url)
        assert bytes(16) in memory.wiped()[:70]
        assert bytes.fromhex(grammar.CONTENT_KEY) not in memory.wiped()[:]


def opened(payload: bytes) -> Grant | None:
    """Return the grant of a sealed payload if C accepts it."""
    assert REDEEMER._fast is not None
    opened, status = REDEEMER._fast.open_many(seal(RING, b"", [payload]))
    return None if any(status) else contents.read_many(opened)[0]._replace(token_id=b"")


def check_payload(payload: bytes) -> bool:
    """Compare what C accepts with `decode`. Return whether C accepts the payload."""
    found = opened(payload)
    expected = payloads.decode(bytes(12) + payload)
    if found is not None:
        assert expected is not None, payload.hex()
        assert found == expected._replace(token_id=b""), payload.hex()
    else:
        assert expected is None or not payload[54:].isascii(), payload.hex()
    return found is not None


def test_c_agrees_with_every_payload_vector() -> None:
    file = json.loads((Path(__file__).parent / "vectors" / "payloads.json").read_text(encoding="ascii"))
    vectors = [bytes.fromhex(vector["payload"]) for vector in file["valid"] + file["invalid"]]
    assert sum(check_payload(vector) for vector in vectors if 54 <= len(vector) <= 8192) > 10


def test_c_agrees_with_every_changed_payload() -> None:
    assert check_payload(PAYLOAD)
    assert sum(check_payload(PAYLOAD[:length]) for length in range(54, len(PAYLOAD))) == 5
    for place in (*range(16), *range(48, len(PAYLOAD))):
        for byte in (0, 1, 2, 3, 4, 5, 6, 0x1F, 0x20, 0x2C, 0x7E, 0x7F, 0x80, 0xFF, PAYLOAD[place] ^ 1):
            check_payload(PAYLOAD[:place] + bytes([byte]) + PAYLOAD[place + 1 :])


@given(st.text("?&=#%+ExpressPlayTokenAQé0/", max_size=12), st.sampled_from(["", "?", "#", "&", "&x=1", "?x=1&"]))
def test_c_finds_the_token_of_a_url_as_the_reference_does(text: str, after: str) -> None:
    url = ISSUER.issue(FIVE, now=NOW)
    token = url.partition("=")[2]
    texts: list[str | bytes] = [
        *(url, url.encode(), token, token[:-1], f"{url}{after}", f"{url}{text}", f"{text}{url}", f"{text}{after}"),
        *(f"https://a/{after}{text}?ExpressPlayToken={token}", f"https://a/?{text}&ExpressPlayToken={token}"),
        url.replace("T", "%54"),
        url.replace("?E", "?e"),
    ]
    fast, reference = (redeemer.redeem_many(texts, now=NOW) for redeemer in (REDEEMER, REFERENCE_REDEEMER))
    assert list(map(repr, fast)) == list(map(repr, reference))
    assert [repr(REDEEMER.redeem_many([item], now=NOW)[0]) for item in texts] == list(map(repr, fast))
