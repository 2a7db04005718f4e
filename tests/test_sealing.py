"""The text of tokens: sealing, opening, headers, and tokens in URLs."""

from __future__ import annotations

import pickle
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import (
    Grant,
    InvalidToken,
    Issuer,
    KeyRing,
    Redeemer,
    TokenExpired,
    base64url,
    error_response,
    sealing,
    token_header,
    token_id,
)
from wvtoken.engine import Engine
from wvtoken.token_text import token_text

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
URL = "https://wv.example.com/rights/"
NOW = 1_800_000_000
REQUEST = (
    "customerAuthenticator=1&kid=^kid1&contentKey=000102030405060708090a0b0c0d0e0f&securityLevel=1&hdcpOutputControl=0"
)
RING = KeyRing({7: KEY}, 7)


def issue(ring: KeyRing = RING, audience: str = "") -> str:
    return Issuer(ring, URL, audience=audience).issue(REQUEST, now=NOW).partition("=")[2]


@given(st.binary(max_size=100))
def test_base64url_accepts_only_the_encoded_text(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    padding = "A" * (4 - len(text) % 4 or 4) + "="
    for other in (text + "=", text + padding, text + "\n", " " + text, text.replace("A", "+"), text + "é"):
        assert other == text or base64url.decode(other) is None


@given(st.text(max_size=40))
def test_base64url_has_one_text_per_value(text: str) -> None:
    data = base64url.decode(text)
    assert data is None or base64url.encode(data) == text


def test_base64url_never_passes_another_alphabet_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.15 warns about `+` and `/` in urlsafe_b64decode."""

    def decode(text: str) -> bytes:
        warnings.warn("invalid characters", FutureWarning, stacklevel=2)
        return b""

    monkeypatch.setattr(base64url, "urlsafe_b64decode", decode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [base64url.decode(text) for text in ("ab+c", "ab/c", "abc=", "abc\n")] == [None] * 4


# Tokens.


@pytest.mark.usefixtures("any_engine")
def test_every_bit_flip_and_every_truncation_is_refused() -> None:
    text = issue()
    raw = base64url.decode(text)
    assert raw is not None
    flipped = [(int.from_bytes(raw) ^ 1 << bit).to_bytes(len(raw)) for bit in range(len(raw) * 8)]
    shortened = [raw[:length] for length in range(len(raw))]
    texts = [base64url.encode(broken) for broken in [*flipped, *shortened, raw + b"\0"]]
    texts += [text[:length] for length in range(len(text))] + [text + end for end in ("A", "=", "\n", " ", "%3D")]
    texts += [" " + text, text.replace(text[9], "!", 1), text.lower(), "=" + text, "\ufeff" + text, text + "é"]
    results = Redeemer(RING).redeem_many([item for broken in texts for item in (broken, text)], now=NOW)
    assert {type(result) for result in results[::2]} == {InvalidToken}
    assert InvalidToken not in {type(result) for result in results[1::2]}


REASONS = {
    "": "malformed",
    issue()[:-1]: "malformed",
    base64url.encode(b"\x02" + (base64url.decode(issue()) or b"")[1:]): "malformed",
    sealing.seal(RING, b"", [bytes(54)])[0]: "malformed",
    issue(KeyRing({8: KEY}, 8)): "unknown key",
    issue(KeyRing({7: OTHER}, 7)): "not genuine",
    issue(audience="test"): "not genuine",
    issue()[:-8] + "AAAAAAAA": "not genuine",
}


@pytest.mark.usefixtures("any_engine")
def test_the_reason_is_for_logs_and_never_rendered() -> None:
    errors = Redeemer(RING).redeem_many(REASONS, now=NOW)
    assert [getattr(error, "reason", None) for error in errors] == list(REASONS.values())
    rendered = set()
    for error in errors:
        assert isinstance(error, InvalidToken)
        assert error.__traceback__ is None
        assert pickle.loads(pickle.dumps(error)).reason == error.reason
        rendered.add((type(error), repr(error), str(error), error_response(error), error.details))
    assert len(rendered) == 1


def test_an_expired_token_has_its_id_and_time() -> None:
    url = Issuer(RING, URL).issue(REQUEST + "&expirationTime=%2B60", now=NOW)
    redeemer = Redeemer(RING)
    assert redeemer.redeem(url, now=NOW + 59.999).expires_at == NOW + 60
    assert redeemer.redeem(url, now=0).issued_at == NOW  # clocks differ
    with pytest.raises(TokenExpired) as raised:
        redeemer.redeem(url, now=NOW + 60)
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.token_id, error.expires_at, error.code) == (token_id(url), NOW + 60, -4010)
    assert (error.message, error.reason) == ("Invalid token", "expired")
    assert str(error) == "-4010: Invalid token (the token expired at 2027-01-15T08:01:00Z)"


def test_tokens_of_a_ring_open_only_with_its_keys(any_engine: Engine) -> None:
    ring = KeyRing({number: number.to_bytes(32) for number in range(1200)}, 7)
    active = [7, 3, 1199, 3, 7, 0, 8]
    urls = [Issuer(ring.activating(key_id), URL).issue(f"{REQUEST}&cookie={key_id}", now=NOW) for key_id in active]
    urls[4:4] = [issue(KeyRing({5000: KEY}, 5000)), urls[1][:-1], ""]
    redeemed = Redeemer(ring).redeem_many(urls, now=NOW)
    assert [type(result) for result in redeemed[4:7]] == [InvalidToken] * 3
    assert [grant.cookie for grant in redeemed if isinstance(grant, Grant)] == [str(key_id) for key_id in active]
    single = [Redeemer(ring).redeem_many([url], now=NOW)[0] for url in urls]
    assert [repr(result) for result in single] == [repr(result) for result in redeemed]


def test_the_longest_token() -> None:
    """A payload may have 8192 bytes, not one more."""
    (text,) = sealing.seal(RING, b"", [bytes(8192)])
    assert token_text(text) == token_text(f"{URL}?ExpressPlayToken={text}") == text
    assert sealing.open_tokens(RING, b"", [text]) == [b"\1\0\0\0\7" + token_id(text) + bytes(8192)]
    longer = base64url.encode(b"\1\0\0\0\7" + bytes(12 + 8193 + 16))
    assert token_text(longer) == ""
    with pytest.raises(InvalidToken):
        token_id(longer)


def test_token_header() -> None:
    text = issue(KeyRing({2**32 - 1: KEY}, 2**32 - 1))
    for token in (text, text.encode(), f"{URL}?ExpressPlayToken={text}"):
        header = token_header(token)
        assert header == (1, 2**32 - 1, token_id(token))
        assert len(header.token_id) == 12


@pytest.mark.parametrize(
    "bad",
    [
        *("", "AQ", issue() + "=", "é"),
        *map(base64url.encode, (b"\x02" + bytes(90), b"\x01" + bytes(50), b"\x01" + bytes(9000))),
    ],
)
def test_token_header_rejects_other_texts(bad: str) -> None:
    for call in (token_header, token_id):
        with pytest.raises(InvalidToken) as raised:
            call(bad)
        assert raised.value.reason == "malformed"


def test_token_header_checks_its_type() -> None:
    with pytest.raises(TypeError, match="a token must be str or bytes, not int"):
        token_id(1)  # type: ignore[arg-type]


# Tokens in URLs: more than `tokens.json` has.

TEXT = "AQAAAAcabc"
URLS = {
    f"https://h/?%FF=a&%C3%A9=%&ExpressPlayToken={TEXT}&é=\udcff": TEXT,
    f"https://h/?{'a&' * 5000}ExpressPlayToken={TEXT}&{'%41' * 30000}": TEXT,
    f"https://h/?a=b?ExpressPlayToken={TEXT}": "",
    f"https://h/?ExpressPlayToken={'A' * 20_000}": "",
}


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_tokens_in_long_and_unusual_urls(url: str) -> None:
    assert token_text(url) == URLS[url]
    assert token_text(url.encode("utf-8", "surrogateescape")) == URLS[url]
