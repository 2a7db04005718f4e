"""Issuing and redeeming: one, many and streamed, with every way of getting at the content key."""

from __future__ import annotations

import json
import logging
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from wvtoken import (
    ErrorCode,
    Grant,
    InvalidToken,
    Issuer,
    KeyRing,
    Redeemer,
    TokenRequestError,
    TokenSpec,
    parse,
    wrap_key,
)
from wvtoken.batch import CHUNK

pytestmark = pytest.mark.usefixtures("any_engine")

NOW = 1_800_000_000
URL = "https://wv.example.com/hms/wv/rights/"
RING = KeyRing.generate()
ISSUER, REDEEMER = Issuer(RING, URL, audience="test"), Redeemer(RING, audience="test")
BASE = "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae&kid=^kid1&securityLevel=1&hdcpOutputControl=0"
KID = bytes.fromhex("80ea8bc8a58f990ad1f76bc665b30bfa")
KEY = bytes.fromhex("a9b9033df0b9ca5447839e3d074817a0")
KEK = bytes(range(16))
EK = "5dbd06c0056b42fe0b8cf406679620c31bd619732730433d"
CLEAR = f"{BASE}&contentKey={KEY.hex()}"
WRAPPED = f"{BASE}&kek={KEK.hex()}&ek={EK}"
STORED_WRAPPED = f"{BASE}&kek={KEK.hex()}"


def grant_for(request: str | bytes | TokenSpec, **keywords: Any) -> Grant:
    return REDEEMER.redeem(ISSUER.issue(request, now=NOW, **keywords), now=NOW)


def fault_of(request: str, **keywords: Any) -> TokenRequestError:
    """What is wrong, the same from issue and from issue_many, where its neighbours are issued."""
    with pytest.raises(TokenRequestError) as raised:
        ISSUER.issue(request, **{"now": NOW, **keywords})
    before, error, after = ISSUER.issue_many([CLEAR, request, CLEAR], **{"now": NOW, **keywords})
    assert isinstance(before, str)
    assert isinstance(after, str)
    assert repr(error) == repr(raised.value)
    assert isinstance(error, TokenRequestError)
    assert error.__traceback__ is None
    return error


def test_the_whole_way() -> None:
    grant = grant_for(
        WRAPPED + "&licenseDuration=7200&wvExtension=wudo,AAAAAA==&contentId=film&cookie=c&expirationTime=+3600",
        customer="acme",
    )
    assert grant._asdict() | {"token_id": b""} == {
        "token_id": b"",
        "issued_at": NOW,
        "expires_at": NOW + 3600,
        "kid": KID,
        "content_key": KEY,
        "security_level": 1,
        "hdcp_output_control": 0,
        "license_duration": 7200,
        "extensions": ((b"wudo", bytes(4)),),
        "content_id": "film",
        "cookie": "c",
        "customer": "acme",
    }


def test_a_request_as_text_bytes_or_spec() -> None:
    assert (
        grant_for(CLEAR).content_key
        == grant_for(CLEAR.encode()).content_key
        == grant_for(parse(CLEAR)).content_key
        == KEY
    )


def test_tokens_differ_and_hide_what_they_carry() -> None:
    first, second = ISSUER.issue_many([CLEAR, CLEAR], now=NOW)
    assert first != second
    assert isinstance(first, str)
    assert first.startswith(URL + "?ExpressPlayToken=AQAAAA")


def test_authenticator_is_not_carried() -> None:
    assert not hasattr(grant_for(CLEAR), "customer_authenticator")
    url = ISSUER.issue(CLEAR, now=NOW)
    assert "201722" not in url
    assert grant_for(CLEAR).customer is None


# Stored keys.


@pytest.mark.parametrize("as_callable", [False, True])
def test_stored_keys(as_callable: bool) -> None:
    """Clear for a request without kek, wrapped for one with it."""
    for request, stored in ((BASE, KEY), (STORED_WRAPPED, bytes.fromhex(EK))):
        mapping = {KID: stored}
        asked: list[TokenSpec] = []

        def lookup(
            spec: TokenSpec, mapping: Mapping[bytes, bytes] = mapping, asked: list[TokenSpec] = asked
        ) -> bytes | None:
            asked.append(spec)
            return mapping.get(spec.kid)

        assert grant_for(request, stored_keys=lookup if as_callable else mapping).content_key == KEY
        assert asked == ([parse(request)] if as_callable else [])


def test_the_storage_is_not_asked_for_nothing() -> None:
    def lookup(spec: TokenSpec) -> bytes:
        raise AssertionError

    assert grant_for(CLEAR, stored_keys=lookup).content_key == KEY
    assert grant_for(WRAPPED, stored_keys=lookup).content_key == KEY
    assert fault_of(BASE + "&expirationTime=2001-01-01T00:00:00Z", stored_keys=lookup).code == -2002


@pytest.mark.parametrize("stored_keys", [None, {}, {bytes(16): KEY}, lambda spec: None])
def test_no_stored_key(stored_keys: Any) -> None:
    for request in (BASE, STORED_WRAPPED):
        error = fault_of(request, stored_keys=stored_keys)
        assert (error.code, error.status, error.parameter) == (ErrorCode.KEY_STORAGE_FAILED, 500, "kid")


@pytest.mark.parametrize(
    ("request_", "stored"),
    [
        (BASE, bytes(24)),
        (BASE, b""),
        (BASE, bytes(15)),
        (STORED_WRAPPED, bytes(16)),
        (STORED_WRAPPED, bytes(24)),
        (STORED_WRAPPED, b""),
    ],
)
def test_a_stored_key_that_does_not_fit(request_: str, stored: bytes) -> None:
    error = fault_of(request_, stored_keys={KID: stored})
    assert (error.code, error.parameter) == (ErrorCode.INVALID_ENCRYPTED_KEY, "kek")


def test_a_storage_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """-4019 with the failure as its cause, which is logged and not shown."""
    failure = RuntimeError("the database password is hunter2")

    def lookup(spec: TokenSpec) -> bytes:
        raise failure

    error = fault_of(BASE + "&errorFormat=json", stored_keys=lookup)
    assert (error.code, error.error_format, error.__cause__) == (-4019, "json", failure)
    assert "hunter2" not in f"{error}{error!r}{error.details}"
    assert ("wvtoken", logging.ERROR) in {(record.name, record.levelno) for record in caplog.records}
    assert KEY.hex() not in caplog.text


def test_a_storage_that_gives_something_else(caplog: pytest.LogCaptureFixture) -> None:
    for answer in (KEY.hex(), bytearray(KEY), True, 0):
        assert fault_of(BASE, stored_keys=lambda spec, answer=answer: answer).code == -4019
    assert "must be bytes or None, not str" in caplog.text


def test_a_storage_that_knows_the_code() -> None:
    """A TokenRequestError stands as it is, rendered as the request asks."""

    def lookup(spec: TokenSpec) -> bytes:
        raise TokenRequestError(ErrorCode.ADMIN_ERROR, None, "come back tomorrow")

    error = fault_of(BASE + "&errorFormat=json", stored_keys=lookup)
    assert (error.code, error.details, error.error_format) == (-2030, "come back tomorrow", "json")


def test_a_storage_that_is_interrupted() -> None:
    def lookup(spec: TokenSpec) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ISSUER.issue_many([CLEAR, BASE], stored_keys=lookup)


def test_an_ek_of_another_kek() -> None:
    error = fault_of(WRAPPED.replace("ek=5d", "ek=5e") + "&errorFormat=json")
    assert (error.code, error.parameter, error.error_format) == (-4024, "ek", "json")
    assert fault_of(WRAPPED.replace("ek=5d", "ek=5e") + "&expirationTime=2001-01-01T00:00:00Z").code == -4024


@pytest.mark.parametrize("kek_bytes", [16, 24, 32])
def test_keks_of_every_length_in_one_batch(kek_bytes: int) -> None:
    kek = bytes(kek_bytes)
    request = f"{BASE}&kek={kek.hex()}&ek={wrap_key(kek, KEY).hex()}"
    results = REDEEMER.redeem_many(
        [url for url in ISSUER.issue_many([request, WRAPPED, CLEAR] * 5, now=NOW) if isinstance(url, str)], now=NOW
    )
    assert [result.content_key for result in results if isinstance(result, Grant)] == [KEY] * 15


# Time.


@pytest.mark.parametrize(
    ("expiration", "expires_at"),
    [
        ("", NOW + 2592000),
        ("&expirationTime=%2B1", NOW + 1),
        ("&expirationTime=%2B2592000", NOW + 2592000),
        ("&expirationTime=2027-01-15T08:00:01Z", NOW + 1),
        ("&expirationTime=2027-02-14T08:00:00Z", NOW + 2592000),
    ],
)
def test_expiry(expiration: str, expires_at: int) -> None:
    assert grant_for(CLEAR + expiration).expires_at == expires_at


@pytest.mark.parametrize(
    "expiration", ["2027-01-15T08:00:00Z", "2027-02-14T08:00:01Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_expiry_out_of_bounds(expiration: str) -> None:
    error = fault_of(f"{CLEAR}&expirationTime={expiration}&errorFormat=json")
    assert (error.code, error.parameter, error.error_format) == (-2002, "expirationTime", "json")
    assert error.details


def test_now() -> None:
    """Whole seconds, rounded down; the wall clock when nothing is said."""
    url = ISSUER.issue(CLEAR, now=NOW + 0.999)
    assert REDEEMER.redeem(url, now=NOW).issued_at == NOW
    before = int(time.time())
    assert before <= REDEEMER.redeem(ISSUER.issue(CLEAR)).issued_at <= time.time()
    for bad in (-1, float("nan"), float("inf"), 253402300800):
        for call in (lambda: ISSUER.issue(CLEAR, now=bad), lambda: REDEEMER.redeem(url, now=bad)):  # noqa: B023
            with pytest.raises(ValueError, match="now"):
                call()
    for wrong in ("0", True, b""):
        with pytest.raises(TypeError):
            ISSUER.issue_iter([], now=wrong)  # type: ignore[arg-type]
    [error] = ISSUER.issue_many([CLEAR], now=253402300799)
    assert isinstance(error, TokenRequestError)
    assert error.details == "lies after the year 9999"


# Many.


def test_many_keep_their_order() -> None:
    count = 2 * CHUNK + 5
    requests = [f"{CLEAR}&cookie={place}" if place % 7 else f"{BASE}&cookie={place}" for place in range(count)]
    for results in (ISSUER.issue_many(requests, now=NOW), list(ISSUER.issue_iter(iter(requests), now=NOW))):
        assert len(results) == count
        for place, result in enumerate(results):
            assert isinstance(result, str) == bool(place % 7)
        urls = [result for result in results if isinstance(result, str)]
        for grants in (REDEEMER.redeem_many(urls, now=NOW), list(REDEEMER.redeem_iter(iter(urls), now=NOW))):
            cookies = [grant.cookie for grant in grants if isinstance(grant, Grant)]
            assert cookies == [str(place) for place in range(count) if place % 7]
    assert ISSUER.issue_many([]) == REDEEMER.redeem_many([]) == []


def test_iterators_are_lazy() -> None:
    taken = 0

    def source() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield CLEAR

    stream = ISSUER.issue_iter(source(), now=NOW)
    assert taken == 0
    next(stream)
    assert taken <= CHUNK
    redeemed = REDEEMER.redeem_iter((url for url in stream if isinstance(url, str)), now=NOW)
    assert isinstance(next(redeemed), Grant)
    assert taken <= 2 * CHUNK + 1


@pytest.mark.parametrize("good", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_a_source_that_fails_midway(good: int) -> None:
    """What came before the failure is given out, and then the failure."""

    def source() -> Iterator[str]:
        yield from [CLEAR] * good
        raise OSError("disk")

    stream = ISSUER.issue_iter(source(), now=NOW)
    assert len([next(stream) for _ in range(good)]) == good
    with pytest.raises(OSError, match="disk"):
        next(stream)


def test_streams_keep_memory_flat() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        urls = (url for url in ISSUER.issue_iter((CLEAR for _ in range(count)), now=NOW) if isinstance(url, str))
        assert sum(1 for _ in REDEEMER.redeem_iter(urls, now=NOW)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(CHUNK)
    assert peak(10 * CHUNK) < 1.5 * peak(2 * CHUNK)


# Misuse.


def test_misuse_of_the_constructors() -> None:
    for bad in (
        "ftp://h/", "https:///r", "//h/r", "h/r", "", "https://h/?", "https://h/?a=b", "https://h/#", "https://h/r x",
        "https://h/\n", "https://é/", "https://h/%\x7f", "https://h/<", 'https://h/"', "https://[::1/", "https://h:x/",
    ):  # fmt: skip
        with pytest.raises(ValueError, match="rights_url"):
            Issuer(RING, bad)
    for good in ("http://h", "https://h:8443/a/b/", "HTTPS://h/", "http://[::1]:80/x"):
        assert Issuer(RING, good).issue(CLEAR).startswith(f"{good}?ExpressPlayToken=")
    for audience in ("a" * 65, "é", "a\n", "\x7f"):
        for make in (lambda: Issuer(RING, URL, audience=audience), lambda: Redeemer(RING, audience=audience)):  # noqa: B023
            with pytest.raises(ValueError, match="audience"):
                make()
    calls: list[Callable[[], object]] = [
        lambda: Issuer({1: bytes(32)}, URL),  # type: ignore[arg-type]
        lambda: Redeemer(None),  # type: ignore[arg-type]
        lambda: Issuer(RING, b"https://h/"),  # type: ignore[arg-type]
        lambda: Issuer(RING, URL, audience=b"test"),  # type: ignore[arg-type]
        lambda: Redeemer(RING, audience=None),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("method", ["issue_many", "issue_iter"])
def test_misuse_is_said_before_any_work(method: str) -> None:
    def source() -> Iterator[str]:
        raise AssertionError
        yield

    for keywords in ({"customer": ""}, {"customer": "x" * 65}, {"customer": "é"}, {"customer": "a\n"}):
        with pytest.raises(ValueError, match="customer"):
            getattr(ISSUER, method)(source() if method == "issue_iter" else [CLEAR], **keywords)
    wrong: list[dict[str, Any]] = [{"customer": b"acme"}, {"customer": 1}, {"stored_keys": [1]}, {"stored_keys": "x"}]
    for keywords in wrong:
        with pytest.raises(TypeError):
            getattr(ISSUER, method)(source() if method == "issue_iter" else [CLEAR], **keywords)


def test_items_of_a_wrong_type() -> None:
    asked: list[TokenSpec] = []
    for bad in (None, 1, ["x"], bytearray(b"x")):
        with pytest.raises(TypeError):
            ISSUER.issue_many([BASE, bad], stored_keys=asked.append)  # type: ignore[list-item]
        with pytest.raises(TypeError):
            REDEEMER.redeem_many(["x", bad])  # type: ignore[list-item]
        with pytest.raises(TypeError):
            list(ISSUER.issue_iter([bad]))  # type: ignore[list-item]
        with pytest.raises(TypeError):
            list(REDEEMER.redeem_iter([bad]))  # type: ignore[list-item]
    assert asked == []


def test_the_audience_must_be_the_same() -> None:
    url = ISSUER.issue(CLEAR, now=NOW)
    for audience in ("", "tes", "test ", "TEST", "t" * 64):
        with pytest.raises(InvalidToken):
            Redeemer(RING, audience=audience).redeem(url, now=NOW)


def test_reprs_show_no_secret() -> None:
    key = json.loads(RING.to_jwks())["keys"][0]["k"]
    assert key not in f"{ISSUER!r}{REDEEMER!r}{RING!r}"
    assert KEY.hex() not in repr(grant_for(CLEAR))
