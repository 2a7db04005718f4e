"""Key rings and the text of tokens."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wvtoken import Grant, InvalidToken, Issuer, KeyRing, Redeemer, TokenExpired, base64url, sealing, token_id
from wvtoken.engine import Engine
from wvtoken.sealing import token_text, token_texts

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
URL = "https://wv.example.com/rights/"
NOW = 1_800_000_000
CONTENT_KEY = "000102030405060708090a0b0c0d0e0f"
REQUEST = f"customerAuthenticator=1&kid=^kid1&contentKey={CONTENT_KEY}&securityLevel=1&hdcpOutputControl=0"

keys = st.dictionaries(st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32), min_size=1, max_size=5)


@st.composite
def rings(draw: st.DrawFn) -> KeyRing:
    found = draw(keys)
    return KeyRing(found, draw(st.sampled_from(sorted(found))))


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


def test_misuse_of_rings() -> None:
    for keys, key_id in (
        ({}, 1),
        ({1: KEY}, 2),
        ({1: KEY[:-1]}, 1),
        ({1: KEY + b"\0"}, 1),
        ({-1: KEY}, -1),
        ({2**32: KEY}, 2**32),
    ):
        with pytest.raises(ValueError, match="key") as raised:
            KeyRing(keys, key_id)
        assert repr(KEY)[2:-1] not in str(raised.value)
    for wrong in ({"1": KEY}, {True: KEY}, {1: KEY.hex()}, {1: bytearray(KEY)}):
        with pytest.raises(TypeError):
            KeyRing(wrong, 1)  # type: ignore[arg-type]
    ring = KeyRing({1: KEY}, 1)
    for active in (True, 1.0, "1", None):
        with pytest.raises(TypeError, match="active"):
            KeyRing({1: KEY}, active)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="active"):
            ring.activating(active)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="another key"):
        ring.adding(1, OTHER)
    assert ring.adding(1, KEY) == ring
    with pytest.raises(TypeError):
        ring.adding(2, OTHER.hex())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="active"):
        ring.activating(2)
    with pytest.raises(ValueError, match="active"):
        ring.without(1)
    with pytest.raises(ValueError, match="no key 3"):
        ring.without(3)


def test_rings_are_values_that_keep_their_secret() -> None:
    given = {1: KEY, 2: OTHER}
    ring = KeyRing(given, 1)
    given[3] = KEY
    assert ring.key_ids == (1, 2)
    assert ring == KeyRing({2: OTHER, 1: KEY}, 1)
    assert hash(ring) == hash(KeyRing({2: OTHER, 1: KEY}, 1))
    assert ring != KeyRing({1: KEY, 2: OTHER}, 2)
    assert ring != KeyRing({1: KEY, 2: KEY}, 1)
    assert ring != "ring"
    assert repr(ring) == "KeyRing(active=1, key_ids=(1, 2))"
    with pytest.raises(AttributeError):
        ring.active = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ring._keys = {}
    with pytest.raises(AttributeError):
        del ring._keys
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(ring, protocol)
    assert copy.copy(ring) is copy.deepcopy(ring) is ring
    assert KeyRing.generate() != KeyRing.generate()
    assert KeyRing.generate(7).key_ids == (7,)


@given(rings())
def test_jwks_round_trip(ring: KeyRing) -> None:
    text = ring.to_jwks()
    assert KeyRing.from_jwks(text) == ring == KeyRing.from_jwks(text.encode())
    entries = json.loads(text)["keys"]
    assert entries[0]["kid"] == str(ring.active)
    assert {entry["kty"] for entry in entries} == {"oct"}


def jwk(**changes: object) -> dict[str, object]:
    return {"kty": "oct", "kid": "1", "k": base64url.encode(KEY)} | changes


BAD_JWKS: dict[str, str | bytes] = {
    "not JSON": "{",
    "not UTF-8": b'{"keys": "\xff"}',
    "nested without end": "[" * 100_000,
    "a list": "[]",
    "no keys": "{}",
    "keys not a list": json.dumps({"keys": {}}),
    "empty": json.dumps({"keys": []}),
    "a member more": json.dumps({"keys": [jwk()], "more": 1}),
    "a key that is none": json.dumps({"keys": [1]}),
    "no kty": json.dumps({"keys": [{"kid": "1", "k": base64url.encode(KEY)}]}),
    "another kty": json.dumps({"keys": [jwk(kty="RSA")]}),
    "a member more in a key": json.dumps({"keys": [jwk(alg="A256GCM")]}),
    "kid a number": json.dumps({"keys": [jwk(kid=1)]}),
    "kid empty": json.dumps({"keys": [jwk(kid="")]}),
    "kid not decimal": json.dumps({"keys": [jwk(kid="0x1")]}),
    "kid with a leading zero": json.dumps({"keys": [jwk(kid="01")]}),
    "kid with a sign": json.dumps({"keys": [jwk(kid="+1")]}),
    "kid with a space": json.dumps({"keys": [jwk(kid=" 1")]}),
    "kid in other digits": json.dumps({"keys": [jwk(kid="\u0661")]}),
    "kid too large": json.dumps({"keys": [jwk(kid=str(2**32))]}),
    "kid of many digits": json.dumps({"keys": [jwk(kid="1" * 5000)]}),
    "kid twice": json.dumps({"keys": [jwk(), jwk(k=base64url.encode(OTHER))]}),
    "k short": json.dumps({"keys": [jwk(k=base64url.encode(KEY[:-1]))]}),
    "k padded": json.dumps({"keys": [jwk(k=base64url.encode(KEY) + "=")]}),
    "k of another alphabet": json.dumps({"keys": [jwk(k="+" * 43)]}),
    "k with stray bits": json.dumps({"keys": [jwk(k=base64url.encode(KEY)[:-1] + "9")]}),
    "k a number": json.dumps({"keys": [jwk(k=1)]}),
    "a name twice": json.dumps({"keys": [jwk()]}).replace('"kid"', '"kid": "2", "kid"'),
}


@pytest.mark.parametrize("name", BAD_JWKS)
def test_bad_jwks(name: str) -> None:
    """ValueError, and nothing of the text in it, for a JWK set holds keys."""
    with pytest.raises(ValueError, match=r"key|JSON|JWK") as raised:
        KeyRing.from_jwks(BAD_JWKS[name])
    assert raised.value.__context__ is None
    assert base64url.encode(KEY)[:20] not in "".join(traceback.format_exception(raised.value))


def test_jwks_of_another_type() -> None:
    with pytest.raises(TypeError):
        KeyRing.from_jwks({"keys": []})  # type: ignore[arg-type]


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
