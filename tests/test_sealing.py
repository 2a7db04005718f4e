"""Key rings and the text of tokens."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wvtoken import Grant, InvalidToken, Issuer, KeyRing, Redeemer, TokenExpired, base64url, sealing, token_id
from wvtoken.engine import Engine
from wvtoken.token_text import token_text, token_texts

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
URL = "https://wv.example.com/rights/"
NOW = 1_800_000_000
CONTENT_KEY = "000102030405060708090a0b0c0d0e0f"
REQUEST = f"customerAuthenticator=1&kid=^kid1&contentKey={CONTENT_KEY}&securityLevel=1&hdcpOutputControl=0"


def test_rotation() -> None:
    """Each step gives a new ring; what the old key sealed opens as long as the ring has it."""
    old = KeyRing({1: KEY}, 1)
    both = old.adding(2, OTHER)
    new = both.activating(2)
    assert (old.active, both.active, new.active) == (1, 1, 2)
    assert (old.key_ids, both.key_ids, new.key_ids, new.without(1).key_ids) == ((1,), (1, 2), (2, 1), (2,))
    by_old, by_new = (Issuer(ring, URL).issue(REQUEST, now=NOW) for ring in (old, new))
    for ring, opens in (
        (old, [True, False]),
        (both, [True, True]),
        (new, [True, True]),
        (new.without(1), [False, True]),
    ):
        results = Redeemer(ring).redeem_many([by_old, by_new], now=NOW)
        assert [not isinstance(result, InvalidToken) for result in results] == opens


def test_rings_with_many_keys() -> None:
    """Tokens of twenty keys in one batch."""
    ring = KeyRing({key_id: bytes([key_id]) * 32 for key_id in range(20)}, 0)
    tokens = [Issuer(ring.activating(key_id), URL).issue(REQUEST, now=NOW) for key_id in range(20)]
    ids = [token_id(token) for token in tokens]
    results = Redeemer(ring).redeem_many(tokens * 3, now=NOW)
    assert [getattr(result, "token_id", None) for result in results] == ids * 3


@given(st.binary(max_size=100))
def test_base64url(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    for other in (
        text + "=",
        text + "A" * (4 - len(text) % 4 or 4) + "=",
        text + "\n",
        " " + text,
        text.replace("A", "+"),
    ):
        assert other == text or base64url.decode(other) is None


@given(st.text(max_size=40))
def test_base64url_has_one_text(text: str) -> None:
    data = base64url.decode(text)
    assert data is None or base64url.encode(data) == text


# Tokens.

RING = KeyRing({7: KEY}, 7)


def issue(**keywords: object) -> str:
    return Issuer(RING, URL).issue(REQUEST, now=NOW).partition("=")[2]


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


def test_one_error_for_every_reason() -> None:
    """Whoever tries tokens learns nothing from how one is refused."""
    text = issue()
    other_key = Issuer(KeyRing({7: OTHER}, 7), URL).issue(REQUEST, now=NOW)
    unknown_key = Issuer(KeyRing({8: KEY}, 8), URL).issue(REQUEST, now=NOW)
    other_audience = Issuer(RING, URL, audience="test").issue(REQUEST, now=NOW)
    other_version = base64url.encode(b"\x02" + (base64url.decode(text) or b"")[1:])
    errors = Redeemer(RING).redeem_many(["", text[:-1], other_key, unknown_key, other_audience, other_version], now=NOW)
    assert {(type(error), repr(error), str(error)) for error in errors} == {
        (InvalidToken, "InvalidToken(-4010, None, None)", "-4010: Invalid token")
    }
    assert all(isinstance(error, InvalidToken) and error.__traceback__ is None for error in errors)


def test_token_id() -> None:
    grant = Redeemer(RING).redeem(issue_url := Issuer(RING, URL).issue(REQUEST, now=NOW), now=NOW)
    assert (
        token_id(issue_url) == token_id(issue_url.partition("=")[2]) == token_id(issue_url.encode()) == grant.token_id
    )
    assert len(grant.token_id) == 12
    for bad in (
        "",
        "AQ",
        issue() + "=",
        base64url.encode(b"\x02" + bytes(90)),
        base64url.encode(b"\x01" + bytes(50)),
        "é",
    ):
        with pytest.raises(InvalidToken):
            token_id(bad)
    with pytest.raises(InvalidToken):
        token_id(base64url.encode(b"\x01" + bytes(9000)))
    with pytest.raises(TypeError):
        token_id(None)  # type: ignore[arg-type]


TEXT = "AQAAAAcabc"
URLS = {
    f"https://h/?ExpressPlayToken={TEXT}": TEXT,
    f"https://h/r/?a=b&ExpressPlayToken={TEXT}&c": TEXT,
    f"?ExpressPlayToken={TEXT}#fragment": TEXT,
    f"https://h/?ExpressPlayToken={TEXT}&ExpressPlayToken={TEXT}": "",
    f"https://h/?ExpressPlayToken={TEXT}&%45xpressPlayToken=": "",
    f"https://h/#?ExpressPlayToken={TEXT}": "",
    f"https://h/?expressplaytoken={TEXT}": "",
    "https://h/?": "",
    "https://h/?ExpressPlayToken": "",
    "https://h/?ExpressPlayToken=%FF": "",
    "https://h/?%FF=a&ExpressPlayToken=" + TEXT: "",
    TEXT: TEXT,
    "": "",
}


@pytest.mark.parametrize("url", URLS)
def test_tokens_in_urls(url: str) -> None:
    assert token_text(url) == token_text(url.encode()) == URLS[url]


PIECES = ["https://h/", "?", "ExpressPlayToken=", "?ExpressPlayToken=", TEXT, "\n", "&", "#", "%", "a", "=", "é", ""]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), min_size=1, max_size=4), st.booleans())
@example(["é"], True)
@example([TEXT, f"{TEXT}é"], True)
def test_a_list_of_urls_is_cut_like_each_of_them(urls: list[str], alike: bool) -> None:
    """However much they are alike, and whatever is in them."""
    if alike:
        urls = [f"https://h/?ExpressPlayToken={url}" for url in urls]
    assert token_texts(urls) == [token_text(url) for url in urls]


def test_lists_of_text_and_bytes() -> None:
    url = f"https://h/?ExpressPlayToken={TEXT}"
    assert (
        token_texts([url, url.encode(), TEXT])
        == token_texts([url.encode()] * 3)
        == token_texts([url] * 3)
        == [TEXT] * 3
    )
    long = f"https://h/?ExpressPlayToken={'A' * 20_000}"
    assert token_texts([url, long]) == [TEXT, ""]


def test_a_ring_of_many_keys(any_engine: Engine) -> None:
    """Tokens of some of them in one list, and of none of them; one after the other, too."""
    ring = KeyRing({number: number.to_bytes(32) for number in range(1200)}, 7)
    stranger = KeyRing({5000: KEY}, 5000)
    active = [7, 3, 1199, 3, 7, 0, 8]
    urls = [Issuer(ring.activating(key_id), URL).issue(f"{REQUEST}&cookie={key_id}", now=NOW) for key_id in active]
    urls[4:4] = [Issuer(stranger, URL).issue(REQUEST, now=NOW), urls[1][:-1], ""]
    redeemed = Redeemer(ring).redeem_many(urls, now=NOW)
    assert [type(result) for result in redeemed[4:7]] == [InvalidToken] * 3
    assert [grant.cookie for grant in redeemed if isinstance(grant, Grant)] == [str(key_id) for key_id in active]
    for url, result in zip(urls, redeemed, strict=True):
        if isinstance(result, Grant):
            assert Redeemer(ring).redeem(url, now=NOW) == result
        else:
            with pytest.raises(InvalidToken):
                Redeemer(ring).redeem(url, now=NOW)


def test_an_expired_token_says_which_it_was() -> None:
    url = Issuer(RING, URL).issue(REQUEST + "&expirationTime=%2B60", now=NOW)
    redeemer = Redeemer(RING)
    assert redeemer.redeem(url, now=NOW + 59.999).expires_at == NOW + 60
    assert redeemer.redeem(url, now=0).issued_at == NOW  # clocks differ
    with pytest.raises(TokenExpired) as raised:
        redeemer.redeem(url, now=NOW + 60)
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.token_id, error.expires_at, error.code) == (token_id(url), NOW + 60, -4010)
    assert str(error) == "-4010: Invalid token"


def test_the_longest_token() -> None:
    """A payload of 8192 bytes goes into a token, out of it, and its id can be read; one byte more is no token."""
    (text,) = sealing.seal(KeyRing({1: KEY}, 1), b"", [bytes(8192)])
    assert token_text(text) == text
    assert token_texts([f"https://wv.example.com/?ExpressPlayToken={text}"]) == [text]
    (opened,) = sealing.open_tokens(KeyRing({1: KEY}, 1), b"", [text])
    assert opened == token_id(text) + bytes(8192)
    (longer,) = sealing.seal(KeyRing({1: KEY}, 1), b"", [bytes(8193)])
    assert token_text(longer) == ""
    with pytest.raises(InvalidToken):
        token_id(longer)


def test_the_query_begins_at_the_first_question_mark() -> None:
    assert token_text(f"https://wv.example.com/?a=b?ExpressPlayToken={TEXT}") == ""
    assert token_text(f"https://wv.example.com/?a=b?&ExpressPlayToken={TEXT}") == TEXT


@pytest.mark.parametrize("before", ["https://wv.example.com/?a=b", "https://wv.example.com/#a", "#", "?"])
def test_urls_alike_whose_token_is_not_one(before: str) -> None:
    """A whole list of them is cut no otherwise than each by itself."""
    urls = [f"{before}?ExpressPlayToken={TEXT}"] * 3
    assert token_texts(urls) == [token_text(urls[0])] * 3 == [""] * 3
