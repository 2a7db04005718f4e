"""Faults in the middle of a call: bad items, key storage, sources, signals, forks, threads, clocks, no randomness.

No result is lost or incomplete, and no error shows a secret. One SIMD variant and openssl are enough here.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from wvtoken import (
    Grant,
    InvalidToken,
    Issuer,
    KeyRing,
    Redeemer,
    TokenExpired,
    TokenRequestError,
    TokenSpec,
    engine_name,
    token_id,
    unwrap_key,
    unwrap_keys,
    wrap_key,
    wrap_keys,
)
from wvtoken import engine as engine_choice
from wvtoken.batch import CHUNK
from wvtoken.engine import Engine, KeyTable

from .conftest import ENGINES as ALL_ENGINES
from .conftest import native_only, use_engine

ENGINES = sorted({ALL_ENGINES[0], "openssl"})

NOW = 1_800_000_000
URL = "https://wv.example.com/hms/wv/rights/"
SEALING_KEY = bytes(range(200, 232))
RING = KeyRing({7: SEALING_KEY}, 7)
ISSUER, REDEEMER = Issuer(RING, URL, audience="test"), Redeemer(RING, audience="test")

AUTHENTICATOR = "201722,1ad8eed133edf43cbcc185f0236828ae"
BASE = f"customerAuthenticator={AUTHENTICATOR}&kid=^kid1&securityLevel=1&hdcpOutputControl=0"
KEY = bytes.fromhex("a9b9033df0b9ca5447839e3d074817a0")
KEK = bytes.fromhex("5d17c2a19b5e4f6f8d3a9c0e7b21f4d8")
EK = wrap_key(KEK, KEY)
CLEAR = f"{BASE}&contentKey={KEY.hex()}"
WRAPPED = f"{BASE}&kek={KEK.hex()}&ek={EK.hex()}"

SECRETS = (KEY, KEK, EK, SEALING_KEY, AUTHENTICATOR.encode())

LONG = 2048 + 3
"""Items of a batch of more than four chunks."""

EDGES = sorted({0, LONG - 1, *(edge + by for edge in (CHUNK, 2 * CHUNK) for by in (-1, 0, 1))})


@pytest.fixture(params=ENGINES)
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    yield from use_engine(request, monkeypatch)


def places() -> Iterator[tuple[int, int]]:
    """The length of a batch and a place in it: at the edges of the lanes in a short batch, of chunks in a long one."""
    assert LONG > 4 * CHUNK
    yield from ((70, place) for place in (0, 1, 3, 4, 15, 16, 31, 32, 63, 64, 69))
    yield from ((LONG, place) for place in EDGES)


def assert_shows_nothing(error: BaseException) -> None:
    """No secret in what is printed of it or of what it is chained to, nor in what any of them carries."""
    chain: list[BaseException] = [error]
    for link in chain:
        chain += [other for other in (link.__cause__, link.__context__) if other is not None and other not in chain]
    shown = "".join(traceback.format_exception(error)) + "".join(f"{link!r}{link.args!r}" for link in chain)
    shown += "".join(repr({k: v for k, v in vars(link).items() if k != "token_id"}) for link in chain)
    assert_no_secret(shown)


def assert_no_secret(shown: str) -> None:
    for secret in SECRETS:
        for form in (secret.hex(), repr(secret)[2:-1], repr(bytearray(secret))[12:-2]):
            assert form not in shown


def test_secrets_that_are_shown_are_found() -> None:
    for error in (ValueError(KEY), ValueError(KEK.hex()), ValueError(f"for {AUTHENTICATOR}")):
        with pytest.raises(AssertionError):
            assert_shows_nothing(error)
        outer = RuntimeError("outer")
        outer.__context__ = error
        with pytest.raises(AssertionError):
            assert_shows_nothing(outer)


def requests_with(bad: str, length: int, place: int) -> list[str]:
    """Good requests, told apart by their cookies, with a bad one among them."""
    kinds = (CLEAR, WRAPPED)
    batch = [f"{kinds[at % 2]}&cookie={at}" for at in range(length)]
    batch[place] = bad
    return batch


def cookies(urls: list[str]) -> list[int]:
    """Of tokens that must open, with the key in them, whose they are."""
    grants = REDEEMER.redeem_many(urls, now=NOW)
    assert all(isinstance(grant, Grant) and grant.content_key == KEY for grant in grants)
    return [int(grant.cookie or "") for grant in grants if isinstance(grant, Grant)]


def assert_only_one_failed(results: list[Any], place: int) -> TokenRequestError:
    error = results[place]
    assert isinstance(error, TokenRequestError)
    assert error.__traceback__ is None
    assert_shows_nothing(error)
    rest = results[:place] + results[place + 1 :]
    assert all(isinstance(url, str) for url in rest)
    assert cookies(rest) == [at for at in range(len(results)) if at != place]
    return error


# One bad item in every place.


BAD_REQUESTS = {
    "a parameter missing": (CLEAR.replace("securityLevel", "level"), -7003),
    "an ek of another kek": (WRAPPED.replace(KEK.hex(), bytes(16).hex()), -4024),
    "no stored key": (BASE, -4019),
    "its time over": (f"{CLEAR}&expirationTime=2001-01-01T00:00:00Z", -2002),
}


@pytest.mark.parametrize("kind", BAD_REQUESTS)
@pytest.mark.parametrize("streamed", [False, True])
def test_one_bad_request(any_engine: Engine, kind: str, streamed: bool) -> None:
    bad, code = BAD_REQUESTS[kind]
    for length, place in places():
        batch = requests_with(bad, length, place)
        results = list(ISSUER.issue_iter(iter(batch), now=NOW)) if streamed else ISSUER.issue_many(batch, now=NOW)
        assert len(results) == length
        assert assert_only_one_failed(results, place).code == code


def flipped(token: str) -> str:
    return token[:60] + ("A" if token[60] != "A" else "B") + token[61:]


BAD_TOKENS: dict[str, Callable[[str], str | bytes]] = {
    "forged": flipped,
    "truncated": lambda token: token[:-1],
    "empty": lambda token: "",
    "not ASCII": lambda token: token[:40] + "é" + token[41:],
    "of bytes": lambda token: flipped(token).encode(),
    "of an unknown key": lambda token: "AQAAAAk" + token[7:],
    "long": lambda token: token * 50,
    "for another audience": lambda token: Issuer(RING, URL).issue(CLEAR, now=NOW).partition("=")[2],
    "expired": lambda token: ISSUER.issue(f"{CLEAR}&expirationTime=%2B1", now=NOW - 1).partition("=")[2],
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_one_bad_token(any_engine: Engine, kind: str) -> None:
    urls = ISSUER.issue_many([f"{CLEAR}&cookie={at}" for at in range(LONG)], now=NOW)
    tokens: list[str | bytes] = [str(url).partition("=")[2] for url in urls]
    assert len(tokens) == LONG
    for length, place in places():
        batch = tokens[:length]
        batch[place] = BAD_TOKENS[kind](str(tokens[place]))
        for results in (REDEEMER.redeem_many(batch, now=NOW), list(REDEEMER.redeem_iter(iter(batch), now=NOW))):
            assert len(results) == length
            error = results.pop(place)
            assert type(error) is (TokenExpired if kind == "expired" else InvalidToken)
            assert error.__traceback__ is None
            assert_shows_nothing(error)
            assert [grant.cookie for grant in results if isinstance(grant, Grant)] == [
                str(at) for at in range(length) if at != place
            ]


# A key storage that fails midway.


@pytest.mark.parametrize("failure", [OSError("down"), StopIteration(), MemoryError()])
def test_a_storage_that_fails_for_one(any_engine: Engine, failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def lookup(spec: TokenSpec) -> bytes:
        raise failure

    for length, place in places():
        error = assert_only_one_failed(
            ISSUER.issue_many(requests_with(BASE, length, place), stored_keys=lookup, now=NOW), place
        )
        assert (error.code, error.__cause__) == (-4019, failure)
        failure.__traceback__ = None  # or each raise makes it longer, as it is the same exception
    assert len(caplog.records) == len(list(places()))
    assert_no_secret(caplog.text)
    assert_no_secret("".join(repr(vars(record)) for record in caplog.records))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_storage_that_is_interrupted(
    any_engine: Engine, interrupt: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """The whole call ends, and of a stream nothing of the chunk is given out."""

    def lookup(spec: TokenSpec) -> bytes:
        raise interrupt

    for length, place in places():
        batch = requests_with(BASE, length, place)
        with pytest.raises(interrupt) as raised:
            ISSUER.issue_many(batch, stored_keys=lookup, now=NOW)
        assert_shows_nothing(raised.value)
        given: list[Any] = []
        with pytest.raises(interrupt):
            given.extend(ISSUER.issue_iter(batch, stored_keys=lookup, now=NOW))
        assert cookies(given) == list(range(place // CHUNK * CHUNK))
    assert not caplog.records


# A source that fails midway.


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt, SystemExit])
def test_a_source_that_fails(any_engine: Engine, failure: type[BaseException]) -> None:
    """A batch is not begun. Of a stream all before an exception is given out, an interrupt does not wait for that."""

    def source(good: int, item: Any) -> Iterator[Any]:
        yield from [item] * good
        raise failure("midway")

    token = ISSUER.issue(f"{CLEAR}&cookie=1", now=NOW)
    calls: list[tuple[Any, Any, Any]] = [
        (ISSUER.issue_many, ISSUER.issue_iter, CLEAR),
        (REDEEMER.redeem_many, REDEEMER.redeem_iter, token),
    ]
    for good in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, LONG):
        for many, each, item in calls:
            with pytest.raises(failure, match="midway"):
                many(source(good, item), now=NOW)
            given: list[Any] = []
            with pytest.raises(failure, match="midway") as raised:
                given.extend(each(source(good, item), now=NOW))
            assert_shows_nothing(raised.value)
            assert not any(isinstance(result, TokenRequestError) for result in given)
            assert len(given) == (good if failure is OSError else good // CHUNK * CHUNK)
        for wrap in (wrap_keys, unwrap_keys):
            with pytest.raises(failure, match="midway"):
                wrap(KEK, source(good, KEY if wrap is wrap_keys else EK))
            with pytest.raises(failure, match="midway"):
                wrap(source(good, KEK), [KEY if wrap is wrap_keys else EK] * good)


def consume(stream: Iterator[Any]) -> None:
    for _ in stream:
        raise ZeroDivisionError


def test_a_consumer_that_goes_away() -> None:
    """Its error has nothing of the source's around it."""

    def source() -> Iterator[str]:
        yield CLEAR
        raise OSError("disk")

    stream = ISSUER.issue_iter(source(), now=NOW)
    with pytest.raises(ZeroDivisionError) as raised:
        consume(stream)
    assert raised.value.__context__ is None


# Wiping.


class Buffers:
    """Keeps every buffer that C writes to, to look at it when the call is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from wvtoken.engine import buffers, native, redeeming

        self._kept: list[Any] = []
        self._new = buffers.new_buffer
        self._view: Any = redeeming.ffi.buffer  # type: ignore[attr-defined]
        for module in (native, redeeming):
            monkeypatch.setattr(module, "new_buffer", self._keeping)

    def _keeping(self, kind: str, size: int) -> Any:
        buffer = self._new(kind, size)
        self._view(buffer)[:] = b"\xee" * size
        self._kept.append(buffer)  # last: one that is not given out is nobody's to wipe
        return buffer

    def assert_wiped(self) -> None:
        """And there were some; from here on it looks at new ones."""
        assert self._kept
        for buffer in self._kept:
            view = bytes(self._view(buffer))
            assert view.count(0) == len(view)
        self._kept.clear()


@native_only
def test_output_buffers_are_wiped_also_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    from wvtoken.engine import native, redeeming

    engine = native.NativeEngine()
    header = b"\x01\0\0\0\x07"
    table = KeyTable({header: SEALING_KEY})
    wrapped = wrap_keys(KEK, [KEY] * 3)
    texts = engine.seal_tokens(table, header, b"", bytes(24), [bytes(54), bytes(60)])
    buffers = Buffers(monkeypatch)
    calls = (
        lambda: engine.unwrap(KEK, wrapped),
        lambda: engine.open_tokens(table, b"", texts),
    )

    def interrupted(*arguments: object) -> Any:
        raise KeyboardInterrupt

    for name in ("", "check"):
        with monkeypatch.context() as patch:
            for module in (native, redeeming) if name else ():
                patch.setattr(module, name, interrupted)
            for call in calls:
                with contextlib.suppress(KeyboardInterrupt):
                    call()
                buffers.assert_wiped()


# Interrupts, forks and threads.


def run(code: str, *, engine: str) -> str:
    """What a new process prints, started where this one is."""
    environment = {**os.environ, engine_choice.VARIABLE: engine}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


INTERRUPTING = """if True:
    import random, signal
    from tests import test_faults as faults

    rng, armed = random.Random(1), False

    def interrupt(number, frame):
        global armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    requests = [f"{faults.CLEAR}&cookie={at}" for at in range(faults.LONG)]
    tokens = faults.ISSUER.issue_many(requests, now=faults.NOW)
    keys = [rng.randbytes(16) for _ in range(20_000)]
    wrapped = faults.wrap_keys(faults.KEK, keys)
    everyone = [*range(faults.LONG)]
    calls = (
        (lambda: faults.ISSUER.issue_many(requests, now=faults.NOW), lambda urls: faults.cookies(urls) == everyone),
        (
            lambda: faults.REDEEMER.redeem_many(tokens, now=faults.NOW),
            lambda grants: [int(grant.cookie) for grant in grants] == everyone,
        ),
        (lambda: faults.wrap_keys(faults.KEK, keys), lambda results: results == wrapped),
        (lambda: faults.unwrap_keys([faults.KEK] * len(keys), wrapped), lambda results: results == keys),
    )
    span = 0.01
    for call, is_right in calls:
        interrupted = whole = 0
        while interrupted < 25 or whole < 2:
            result = None
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, span))
                result = call()
                armed = False
            except KeyboardInterrupt:
                interrupted += 1
                span *= 1.05
            signal.setitimer(signal.ITIMER_REAL, 0)
            if result is not None:
                whole += 1
                span /= 1.3  # however long a call takes on this machine now, five of six are interrupted
                assert is_right(result)
        assert is_right(call())
    print("right")
"""


@pytest.mark.parametrize("name", ENGINES)
def test_interrupts(name: str) -> None:
    """Timers go off anywhere in batches: a KeyboardInterrupt or the whole result, and the next call is right."""
    assert run(INTERRUPTING, engine=name) == "right\n"


@pytest.mark.parametrize("name", ENGINES)
def test_control_c(name: str) -> None:
    """SIGINT ends a stream with a KeyboardInterrupt. The traceback shows no secret."""
    code = """if True:
        from itertools import repeat
        from tests import test_faults as faults

        stream = faults.ISSUER.issue_iter(repeat(faults.CLEAR), now=faults.NOW)
        print("ready", next(stream)[:5], flush=True)
        for url in stream:
            assert isinstance(url, str)
    """
    environment = {**os.environ, engine_choice.VARIABLE: name}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready https\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT
    assert stderr.rstrip().endswith("KeyboardInterrupt")
    assert_no_secret(stderr)


def send_tokens(writer: Any) -> None:
    writer.send((engine_name(), ISSUER.issue_many([CLEAR] * 40, now=NOW)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(any_engine: Engine, method: str) -> None:
    """The parent uses the issuer before the fork. The child inherits it. All nonces differ, and every token opens."""
    context = multiprocessing.get_context(method)
    urls = ISSUER.issue_many([CLEAR] * 40, now=NOW)
    for _ in range(2):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=send_tokens, args=(writer,))  # type: ignore[attr-defined]
        process.start()
        assert reader.poll(60)
        name, sent = reader.recv()
        process.join()
        assert process.exitcode == 0
        assert name == any_engine.name or method == "forkserver"  # which has the environment it was started in
        urls += sent
    grants = REDEEMER.redeem_many([url for url in urls if isinstance(url, str)], now=NOW)
    assert all(isinstance(grant, Grant) and grant.content_key == KEY for grant in grants)
    assert len({token_id(str(url)) for url in urls}) == len(grants) == 120


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("frequent_switches")
def test_threads_share_an_issuer_and_a_redeemer(any_engine: Engine) -> None:
    """8 threads start together, before the engine is chosen. Each gets its own results."""
    engine_choice.current.cache_clear()
    ring = KeyRing({1: bytes(32), 7: SEALING_KEY}, 7)
    issuer, redeemer = Issuer(ring, URL), Redeemer(ring)
    begin = threading.Barrier(8)

    def work(number: int) -> set[bytes]:
        rng, ids = random.Random(number), set()
        begin.wait(60)
        for length in (1, 3, 17, 100, CHUNK + 1):
            requests = [f"{CLEAR}&cookie={number}-{at}" for at in range(length)]
            bad = rng.randrange(length)
            requests[bad] = "kid=1"
            urls = issuer.issue_many(requests, now=NOW, customer=f"c{number}")
            error = urls.pop(bad)
            assert isinstance(error, TokenRequestError)
            assert error.code == -2017
            grants = [grant for grant in redeemer.redeem_many(map(str, urls), now=NOW) if isinstance(grant, Grant)]
            assert [grant.cookie for grant in grants] == [f"{number}-{at}" for at in range(length) if at != bad]
            assert {(grant.customer, grant.content_key) for grant in grants} <= {(f"c{number}", KEY)}
            ids |= {grant.token_id for grant in grants}
            keys = [rng.randbytes(rng.choice([16, 24])) for _ in range(length)]
            keks = [rng.randbytes(32) for _ in range(length)]
            assert unwrap_keys(keks, wrap_keys(keks, keys)) == keys
        return ids

    with ThreadPoolExecutor(8) as executor:
        ids = [*executor.map(work, range(8))]
    assert len(set().union(*ids)) == 8 * (0 + 2 + 16 + 99 + CHUNK)


# The clock.


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now: float = NOW
        monkeypatch.setattr("wvtoken.batch.time.time", lambda: self.now)


def test_a_clock_that_jumps(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a stream a chunk has one time, whatever happens; a batch has one time from its first item to its last."""
    clock = Clock(monkeypatch)
    times = [NOW, NOW - 500, NOW + 5000, NOW]

    def source() -> Iterator[str]:
        for then in times:
            for _ in range(CHUNK):
                clock.now = then  # the last one of a chunk is what its issuing sees
                yield f"{CLEAR}&expirationTime=2027-01-15T08:20:00Z"  # NOW + 1200

    results = list(ISSUER.issue_iter(source()))
    assert [getattr(result, "code", None) for result in results] == [
        -2002 if then == NOW + 5000 else None for then in times for _ in range(CHUNK)
    ]
    grants = REDEEMER.redeem_many([url for url in results if isinstance(url, str)], now=NOW)
    assert [grant.issued_at for grant in grants if isinstance(grant, Grant)] == [
        then for then in times if then != NOW + 5000 for _ in range(CHUNK)
    ]

    def ticking() -> float:
        clock.now += 1
        return clock.now

    monkeypatch.setattr("wvtoken.batch.time.time", ticking)
    urls = [url for url in ISSUER.issue_many([CLEAR] * LONG) if isinstance(url, str)]
    redeemed = REDEEMER.redeem_many(urls, now=NOW + 10000)
    assert len({grant.issued_at for grant in redeemed if isinstance(grant, Grant)}) == 1


@pytest.mark.parametrize("then", [-1.0, -1e10, 253402300800.0, 1e300, float("inf"), float("nan")])
def test_a_clock_that_is_out_of_the_calendar(any_engine: Engine, then: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole call's error, of the same kind as for a time that was given."""
    url = ISSUER.issue(CLEAR, now=NOW)
    Clock(monkeypatch).now = then
    for call in (lambda: ISSUER.issue(CLEAR), lambda: ISSUER.issue_many([CLEAR]), lambda: REDEEMER.redeem(url)):
        with pytest.raises(ValueError, match="now must be"):
            call()


# Randomness.


def test_no_randomness(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first draw on, or midway: nothing of a batch is issued, and of a stream nothing without a nonce."""
    draw, budget = os.urandom, 0

    def failing(size: int) -> bytes:
        nonlocal budget
        if not budget:
            raise OSError("no entropy")
        budget -= 1
        return draw(size)

    monkeypatch.setattr(os, "urandom", failing)
    for good in range(4):
        budget = good
        with pytest.raises(OSError, match="no entropy") as raised:
            ISSUER.issue_many([CLEAR] * LONG, now=NOW)
        assert_shows_nothing(raised.value)
        budget = good
        given: list[Any] = []
        with pytest.raises(OSError, match="no entropy"):
            given.extend(ISSUER.issue_iter((f"{CLEAR}&cookie={at}" for at in range(LONG)), now=NOW))
        assert cookies(given) == list(range(good * CHUNK))
    with pytest.raises(OSError, match="no entropy"):
        KeyRing.generate()
    for request in (CLEAR, WRAPPED):
        with pytest.raises(OSError, match="no entropy"):
            ISSUER.issue(request, now=NOW)
    assert unwrap_key(KEK, wrap_key(KEK, KEY)) == KEY  # which need none
    monkeypatch.undo()
    assert isinstance(ISSUER.issue(CLEAR, now=NOW), str)
