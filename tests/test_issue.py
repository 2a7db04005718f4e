"""Issuing and redeeming: single calls, batches and streams, with every source of the content key."""

from __future__ import annotations

import contextlib
import gc
import logging
import subprocess
import sys
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

import wvtoken
from wvtoken import EngineUnavailable, ErrorCode, Grant, Issuer, KeyRing, Redeemer, TokenRequestError, TokenSpec, parse
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


class Text(str):
    """A str with methods of its own."""

    __slots__ = ()

    def __len__(self) -> int:
        return 10**6

    def __str__(self) -> str:
        return "another text"


class Bytes(bytes):
    """Bytes with a length of their own."""

    def __len__(self) -> int:
        return 10**6


def grant_for(request: str | bytes | TokenSpec, **keywords: Any) -> Grant:
    return REDEEMER.redeem(ISSUER.issue(request, now=NOW, **keywords), now=NOW)


def error_of(request: str, **keywords: Any) -> TokenRequestError:
    """Return the error of a request. It is the same from issue and from issue_many, which issues its neighbours."""
    with pytest.raises(TokenRequestError) as raised:
        ISSUER.issue(request, **{"now": NOW, **keywords})
    before, error, after = ISSUER.issue_many([CLEAR, request, CLEAR], **{"now": NOW, **keywords})
    assert isinstance(before, str)
    assert isinstance(after, str)
    assert isinstance(error, TokenRequestError)
    assert (repr(error), error.status) == (repr(raised.value), raised.value.status)
    assert error.__traceback__ is None
    return error


def test_a_grant_has_every_field_of_the_request() -> None:
    grant = grant_for(
        WRAPPED + "&licenseDuration=7200&wvExtension=wudo,AAAAAA==&contentId=film&cookie=c&expirationTime=+3600",
        customer="acme",
    )
    assert grant._replace(token_id=b"") == Grant(
        token_id=b"",
        issued_at=NOW,
        expires_at=NOW + 3600,
        kid=KID,
        content_key=KEY,
        security_level=wvtoken.SecurityLevel.SW_SECURE_CRYPTO,
        hdcp_output_control=wvtoken.HdcpOutputControl.HDCP_NONE,
        license_duration=7200,
        extensions=(wvtoken.Extension(b"wudo", bytes(4)),),
        content_id="film",
        cookie="c",
        customer="acme",
    )


def test_requests_and_tokens_may_be_text_bytes_or_subclasses() -> None:
    requests: list[TokenSpec | str | bytes] = [CLEAR, CLEAR.encode(), parse(CLEAR), Text(CLEAR), Bytes(CLEAR.encode())]
    urls = ISSUER.issue_many(requests, now=NOW)
    tokens = [convert(str(url)) for url in urls for convert in (str, Text, str.encode, lambda url: Bytes(url.encode()))]
    assert [getattr(grant, "content_key", None) for grant in REDEEMER.redeem_many(tokens, now=NOW)] == [KEY] * 20


def test_equal_requests_get_different_tokens() -> None:
    first, second = (str(url) for url in ISSUER.issue_many([CLEAR, CLEAR], now=NOW))
    assert first != second
    assert first.startswith(URL + "?ExpressPlayToken=AQAAAA")


# Stored keys.


@pytest.mark.parametrize("as_callable", [False, True])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, Bytes])
def test_stored_keys_are_used(as_callable: bool, kind: Callable[[bytes], Any]) -> None:
    for request, stored in ((BASE, KEY), (STORED_WRAPPED, bytes.fromhex(EK))):
        mapping: Mapping[bytes, Any] = {KID: kind(stored)}
        stored_keys: Any = (lambda spec, mapping=mapping: mapping.get(spec.kid)) if as_callable else mapping
        assert grant_for(request, stored_keys=stored_keys).content_key == KEY


def test_the_key_storage_is_queried_only_when_needed() -> None:
    def lookup(spec: TokenSpec) -> bytes:
        raise AssertionError

    assert grant_for(CLEAR, stored_keys=lookup).content_key == KEY
    assert grant_for(WRAPPED, stored_keys=lookup).content_key == KEY
    assert error_of(BASE + "&expirationTime=2001-01-01T00:00:00Z", stored_keys=lookup).code == -2002


@pytest.mark.parametrize("stored_keys", [None, {}, {bytes(16): KEY}, lambda spec: None])
@pytest.mark.parametrize("request_", [BASE, STORED_WRAPPED])
def test_a_missing_key_is_the_callers_error(stored_keys: Any, request_: str, caplog: pytest.LogCaptureFixture) -> None:
    error = error_of(request_, stored_keys=stored_keys)
    assert (error.code, error.status, error.parameter) == (ErrorCode.KEY_STORAGE_FAILED, 400, "kid")
    assert error.details == "no key is stored for this kid"
    assert not caplog.records


@pytest.mark.parametrize(
    ("request_", "stored", "details"),
    [
        (BASE, bytes(24), "the stored key is wrapped: send its kek"),
        (STORED_WRAPPED, bytes(16), "the stored key is not wrapped: send no kek"),
        (STORED_WRAPPED, bytes(24), "kek must be the key that wrapped the stored key"),
    ],
)
def test_a_stored_key_that_does_not_match_the_request(request_: str, stored: bytes, details: str) -> None:
    error = error_of(request_, stored_keys={KID: stored})
    assert (error.code, error.status, error.parameter, error.details) == (-4024, 400, "kek", details)


@pytest.mark.parametrize(
    ("answer", "type_", "message"),
    [
        (KEY.hex(), TypeError, "a stored key must be bytes-like or None, not str"),
        (True, TypeError, "a stored key must be bytes-like or None, not bool"),
        (b"", ValueError, "a stored key must have 16 bytes, or 24 if it is wrapped, not 0"),
        (memoryview(bytes(17)), ValueError, "a stored key must have 16 bytes, or 24 if it is wrapped, not 17"),
        (RuntimeError("hunter2"), RuntimeError, "hunter2"),
    ],
)
def test_a_failing_key_storage_is_logged_and_not_shown(
    answer: Any, type_: type[Exception], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def lookup(spec: TokenSpec) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    for request in (BASE, STORED_WRAPPED):
        error = error_of(request + "&errorFormat=json", stored_keys=lookup)
        assert (error.code, error.status, error.error_format) == (-4019, 500, "json")
        assert (type(error.__cause__), str(error.__cause__)) == (type_, message)
        assert message not in f"{error}{error!r}{error.details}"
        assert {(record.name, record.levelno) for record in caplog.records} == {("wvtoken", logging.ERROR)}
        assert message in caplog.text
        assert not any(secret in caplog.text for secret in (KEY.hex(), KEK.hex(), "201722"))
        caplog.clear()


def test_kept_errors_keep_no_request_alive(caplog: pytest.LogCaptureFixture) -> None:
    """Neither through the traceback of the cause nor through those of the errors that it is chained to."""

    class Row:
        pass

    rows: list[weakref.ref[Row]] = []

    def lookup(spec: TokenSpec) -> bytes:
        row = Row()
        rows.append(weakref.ref(row))
        try:
            raise KeyError("first")
        except KeyError as error:
            if spec.cookie == "chained":
                raise ExceptionGroup("second", [OSError()]) from error
            raise TokenRequestError(-2030) from error

    caplog.set_level(logging.CRITICAL, "wvtoken")  # a log record has the traceback, too
    specs = [parse(f"{BASE}&cookie=chained"), parse(f"{CLEAR}&cookie=neighbour"), parse(BASE)]
    neighbour = weakref.ref(specs[1])
    kept = [error for error in ISSUER.issue_many(specs, stored_keys=lookup) if isinstance(error, TokenRequestError)]
    assert [error.code for error in kept] == [-4019, -2030]
    del specs
    gc.collect()
    assert [row() for row in rows] == [None, None]
    assert neighbour() is None


def test_a_raised_error_makes_no_reference_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        spec = parse(BASE)
        freed = weakref.ref(spec)
        with contextlib.suppress(TokenRequestError):
            ISSUER.issue(spec)
        del spec
        assert freed() is None
    finally:
        gc.enable()


def test_a_token_request_error_of_the_key_storage_is_passed_on() -> None:
    raised = TokenRequestError(ErrorCode.ADMIN_ERROR, None, "come back tomorrow", status=503)

    def lookup(spec: TokenSpec) -> bytes:
        raise raised

    error = error_of(BASE + "&errorFormat=json", stored_keys=lookup)
    assert (error.code, error.details, error.status) == (-2030, "come back tomorrow", 503)
    assert (error.error_format, raised.error_format) == ("json", "html")


def test_async_stored_keys_are_refused_before_any_work() -> None:
    async def lookup(spec: TokenSpec) -> bytes:
        return KEY

    class Storage:
        async def __call__(self, spec: TokenSpec) -> bytes:
            return KEY

    for stored_keys in (lookup, Storage()):
        with pytest.raises(TypeError, match="stored_keys must not be an async function"):
            ISSUER.issue_iter([CLEAR], stored_keys=stored_keys)  # type: ignore[arg-type]


def test_an_ek_of_another_kek() -> None:
    error = error_of(WRAPPED.replace("ek=5d", "ek=5e") + "&errorFormat=json")
    assert (error.code, error.parameter, error.error_format) == (-4024, "ek", "json")
    assert error_of(WRAPPED.replace("ek=5d", "ek=5e") + "&expirationTime=2001-01-01T00:00:00Z").code == -4024


# Time.


@pytest.mark.parametrize(
    ("expiration", "details"),
    [
        ("2027-01-15T08:00:00Z", "the time must be in the future"),
        ("0001-01-01T00:00:00Z", "the time must be in the future"),
        ("2027-02-14T08:00:01Z", "the time must be at most 30 days in the future"),
        ("9999-12-31T23:59:59Z", "the time must be at most 30 days in the future"),
    ],
)
def test_expiry_out_of_bounds(expiration: str, details: str) -> None:
    error = error_of(f"{CLEAR}&expirationTime={expiration}&errorFormat=json")
    assert (error.code, error.parameter, error.error_format) == (-2002, "expirationTime", "json")
    assert error.details == details


def test_now_is_rounded_down_and_defaults_to_the_clock() -> None:
    assert REDEEMER.redeem(ISSUER.issue(CLEAR, now=NOW + 0.999), now=NOW).issued_at == NOW
    before = int(time.time())
    assert before <= REDEEMER.redeem(ISSUER.issue(CLEAR)).issued_at <= time.time()
    [error] = ISSUER.issue_many([CLEAR], now=253402300799)
    assert getattr(error, "details", None) == "the token must expire before the year 10000"


@pytest.mark.parametrize(
    ("now", "type_"),
    [
        *((now, ValueError) for now in (-1, float("nan"), float("inf"), 253402300800)),
        *((now, TypeError) for now in ("0", True, b"")),
    ],
)
def test_now_must_be_a_time(now: Any, type_: type[Exception]) -> None:
    for call in (ISSUER.issue_iter, ISSUER.issue_many, REDEEMER.redeem_iter, REDEEMER.redeem_many):
        with pytest.raises(type_, match="now must be"):
            call([], now=now)


# Batches and streams.


def test_empty_batches() -> None:
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


def test_streams_use_constant_memory() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        urls = (url for url in ISSUER.issue_iter((CLEAR for _ in range(count)), now=NOW) if isinstance(url, str))
        assert sum(1 for _ in REDEEMER.redeem_iter(urls, now=NOW)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(CHUNK)
    assert peak(10 * CHUNK) < 1.5 * peak(2 * CHUNK)


RECURSION = f"""
import wvtoken
issuer = wvtoken.Issuer(wvtoken.KeyRing.generate(), "https://localhost/")
def stored_keys(spec):
    next(stream)
def requests():
    next(redeemed)
    yield "x"
stream = issuer.issue_iter(["{BASE}"] * 600, stored_keys=stored_keys)
redeemed = wvtoken.Redeemer(wvtoken.KeyRing.generate()).redeem_iter(requests())
for error in stream:
    assert isinstance(error.__cause__, ValueError), error
try:
    next(redeemed)
except ValueError:
    print("done")
"""
THREADS = f"""
import threading, wvtoken
issuer = wvtoken.Issuer(wvtoken.KeyRing.generate(), "https://localhost/")
def consume(stream):
    for _ in range(200):
        try:
            for _ in stream: pass
        except ValueError:
            pass
for _ in range(20):
    stream = issuer.issue_iter("{CLEAR}" for _ in range(2000))
    threads = [threading.Thread(target=consume, args=(stream,)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("done")
"""


@pytest.mark.parametrize("program", [RECURSION, THREADS], ids=["recursion", "threads"])
def test_a_shared_iterator_does_not_crash_the_interpreter(program: str) -> None:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr[-2000:]


# Unknown parameters.


def test_an_issuer_may_forbid_unknown_parameters() -> None:
    misspelt = f"{CLEAR}&expirationtime=+60&errorFormat=json"
    strict = Issuer(RING, URL, unknown="forbid")
    for request in (misspelt, parse(misspelt)):
        assert isinstance(ISSUER.issue(request), str)
        [error] = strict.issue_many([request])
        assert isinstance(error, TokenRequestError)
        assert (error.code, error.parameter, error.error_format) == (-1, "expirationtime", "json")
        assert error.details == "unknown parameter 'expirationtime': did you mean 'expirationTime'?"
    assert isinstance(strict.issue(CLEAR), str)
    with pytest.raises(ValueError, match='unknown must be "ignore" or "forbid"'):
        Issuer(RING, URL, unknown="warn")  # type: ignore[arg-type]


def test_errors_of_issuing_have_the_unknown_names_that_may_be_shown() -> None:
    error = error_of(f"{BASE}&secuirtyLevel=1&contentKey:{KEY.hex()}=")
    assert (error.code, error.unknown) == (-4019, ("secuirtyLevel",))


# Misuse.


def test_rights_urls() -> None:
    for bad in (
        "ftp://h/", "https:///r", "//h/r", "h/r", "", "https://h/?", "https://h/?a=b", "https://h/#", "https://h/r x",
        "https://h/\n", "https://é/", "https://h/%\x7f", "https://h/<", 'https://h/"', "https://[::1/", "https://h:x/",
    ):  # fmt: skip
        with pytest.raises(ValueError, match="rights_url"):
            Issuer(RING, bad)
    for good in ("http://h", "https://h:8443/a/b/", "HTTPS://h/", "http://[::1]:80/x"):
        assert Issuer(RING, good).issue(CLEAR).startswith(f"{good}?ExpressPlayToken=")


@pytest.mark.parametrize("audience", ["a" * 65, "é", "a\n", "\x7f"])
def test_audiences_are_printable_ascii(audience: str) -> None:
    for make in (lambda: Issuer(RING, URL, audience=audience), lambda: Redeemer(RING, audience=audience)):
        with pytest.raises(ValueError, match="audience must be at most 64 printable ASCII characters"):
            make()


CONSTRUCTED: list[tuple[Callable[[], object], str]] = [
    (lambda: Issuer({1: bytes(32)}, URL), "keyring must be a KeyRing, not dict"),  # type: ignore[arg-type]
    (lambda: Redeemer(None), "keyring must be a KeyRing, not NoneType"),  # type: ignore[arg-type]
    (lambda: Issuer(RING, b"https://h/"), "rights_url must be str, not bytes"),  # type: ignore[arg-type]
    (lambda: Issuer(RING, URL, audience=b"test"), "audience must be str, not bytes"),  # type: ignore[arg-type]
    (lambda: Redeemer(RING, audience=None), "audience must be str, not NoneType"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "message"), CONSTRUCTED)
def test_constructors_check_types(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_a_missing_engine_fails_at_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WVTOKEN_ENGINE", "none")
    wvtoken.engine.current.cache_clear()
    for make in (lambda: Issuer(RING, URL), lambda: Redeemer(RING)):
        with pytest.raises(EngineUnavailable):
            make()


@pytest.mark.parametrize("method", ["issue_many", "issue_iter"])
def test_arguments_are_checked_before_any_work(method: str) -> None:
    asked: list[TokenSpec] = []
    call = getattr(ISSUER, method)
    for customer in ("", "x" * 65, "é", "a\n"):
        with pytest.raises(ValueError, match="customer"):
            call([BASE], customer=customer, stored_keys=asked.append)
    wrong: list[dict[str, Any]] = [{"customer": b"acme"}, {"customer": 1}, {"stored_keys": [1]}, {"stored_keys": "x"}]
    for keywords in wrong:
        with pytest.raises(TypeError, match=next(iter(keywords))):
            call([BASE], **{"stored_keys": asked.append} | keywords)
    assert not asked


@pytest.mark.parametrize("text", [CLEAR, CLEAR.encode(), Text(CLEAR)])
def test_one_text_is_not_an_iterable_of_items(text: Any) -> None:
    for call in (ISSUER.issue_many, ISSUER.issue_iter, REDEEMER.redeem_many, REDEEMER.redeem_iter):
        with pytest.raises(TypeError, match="must be an iterable of str or bytes, not"):
            call(text)


@pytest.mark.parametrize("bad", [None, 1, ["x"], bytearray(b"x")])
def test_an_item_of_a_wrong_type_is_named_by_its_index(bad: Any) -> None:
    asked: list[TokenSpec] = []
    name = type(bad).__name__
    for place in (1, CHUNK + 3):
        requests: list[Any] = [*[CLEAR] * place, bad]
        message = rf"requests\[{place}\] must be TokenSpec, str or bytes, not {name}"
        with pytest.raises(TypeError, match=message):
            ISSUER.issue_many([*[BASE] * place, bad], stored_keys=asked.append)
        issued: list[Any] = []
        with pytest.raises(TypeError, match=message):
            issued.extend(ISSUER.issue_iter(requests))
        assert len(issued) == place // CHUNK * CHUNK
        for call in (REDEEMER.redeem_many, lambda tokens: list(REDEEMER.redeem_iter(tokens))):
            with pytest.raises(TypeError, match=rf"tokens\[{place}\] must be str or bytes, not {name}"):
                call(requests)
    assert asked == []
