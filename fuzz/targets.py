"""What must hold for any bytes, one plain function each.

`atheris_main.py` searches for bytes for which it does not hold, and the tests replay what has been kept.
"""

from __future__ import annotations

import json
import logging
import random
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from typing import Any
from unicodedata import category
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from wvtoken import (
    ErrorCode,
    ErrorFormat,
    Grant,
    InvalidToken,
    Issuer,
    KeyRing,
    KeyUnwrapError,
    Pending,
    Redeemer,
    Response,
    TokenEndpoint,
    TokenExpired,
    TokenRequestError,
    TokenSpec,
    base64url,
    error_response,
    token_id,
    wrap_key,
)
from wvtoken import parse as parse_request
from wvtoken import payload as payloads
from wvtoken.engine import Engine, load
from wvtoken.errors import EngineUnavailable

NOW = 1_800_000_000
AUDIENCE = "production"
KEYS = {7: bytes(range(32)), 0x01020304: bytes(range(32, 64))}
RING = KeyRing(KEYS, 7)
URL = "https://rights.example/redeem"
STORED = bytes(range(100, 116))
_ISSUER = Issuer(RING, URL, audience=AUDIENCE)
_REDEEMER = Redeemer(RING, audience=AUDIENCE)


class Broken(AssertionError):
    """Something that must hold does not."""


def holds(right: bool, what: str) -> None:
    """Not `assert`, which -O would take away."""
    if not right:
        raise Broken(what)


# Requests: a query, and after the first line feed a body.


def parse(data: bytes) -> None:
    """A spec or a TokenRequestError, the same one by every way in, and no secret in what is shown of it."""
    query, _, body = data.partition(b"\n")
    whole = b"&".join((query, body)) if body else query
    outcome = _parsed(query, body)
    shown = _shown(outcome)
    if len(whole) < _ROOM:
        holds(_shown(_parsed(whole)) == shown, "query and body are not one list")
        holds(_shown(_parsed(b"", whole)) == shown, "the body is read otherwise than the query")
    try:
        texts = query.decode(), body.decode()
    except UnicodeDecodeError:
        pass
    else:
        holds(_shown(_parsed(*texts)) == shown, "str is read otherwise than bytes")
    if len(whole) * 3 < _ROOM:  # as long as it can become
        plain, turned = (_shown(_parsed(_with_secrets(whole, turn))) for turn in (bytes, _turned))
        holds(plain == turned, "what is shown depends on a secret")
    if isinstance(outcome, TokenSpec):
        _spec_holds(outcome)
        _numbers_hold(outcome, whole)
    if len(whole) < _ROOM:
        _issue(whole, outcome)


_ROOM = 64 * 1024
_SECRETS = (b"customerAuthenticator", b"kek", b"ek", b"contentKey")


def _parsed(query: str | bytes, body: str | bytes = "") -> TokenSpec | TokenRequestError:
    try:
        return parse_request(query, body)
    except TokenRequestError as error:
        holds(error.__cause__ is None and error.__context__ is None, "an error drags another one along")
        return error


def _shown(outcome: TokenSpec | TokenRequestError) -> tuple[str | bytes, ...]:
    """All that people may see of it."""
    if isinstance(outcome, TokenSpec):
        return repr(outcome), str(outcome), repr(outcome.unknown)
    responses = [error_response(outcome, format_).body for format_ in ErrorFormat]
    return repr(outcome), str(outcome), str(outcome.error_format), error_response(outcome).body, *responses


def _with_secrets(whole: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The request with each secret value changed."""
    return b"&".join([_with_secret(piece, change) for piece in whole.split(b"&")])


def _with_secret(piece: bytes, change: Callable[[bytes], bytes]) -> bytes:
    name, equals, value = piece.partition(b"=")
    if unquote_to_bytes(name.replace(b"+", b" ")) not in _SECRETS:
        return piece
    return name + equals + quote(change(unquote_to_bytes(value.replace(b"+", b" "))), safe="").encode()


def _turned(value: bytes) -> bytes:
    """Another value that is right or wrong for the same reasons: digits for digits, hexadecimal letters for such."""
    return value.translate(_TURN)


_ALPHABETS = (b"0123456789", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ")
_TURN = bytes.maketrans(b"".join(_ALPHABETS), b"".join(letters[1:] + letters[:1] for letters in _ALPHABETS))


def _spec_holds(spec: TokenSpec) -> None:
    query = spec.to_query()
    again = parse_request(query)
    holds(again == spec and hash(again) == hash(spec), "to_query does not come back")
    holds(again.to_query() == query, "to_query is not canonical")
    holds(parse_request("", query.encode()) == spec, "to_query does not come back from a body")


def _numbers_hold(spec: TokenSpec, whole: bytes) -> None:
    """A number is written in one way alone, which to_query cannot tell."""
    given = dict(parse_qsl(whole.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=3000))
    duration, expiration = given.get("licenseDuration"), given.get("expirationTime", "")
    holds(duration == (spec.license_duration and str(spec.license_duration)), "a number has two texts")
    holds(spec.expires_in is None or expiration[1:] == str(spec.expires_in), "a number has two texts")


def _stored(spec: TokenSpec) -> bytes | None:
    if spec.kid[0] == 0:
        return None
    return STORED if spec.kek is None else wrap_key(spec.kek, STORED)


def _issue(whole: bytes, outcome: TokenSpec | TokenRequestError) -> None:
    one = _ISSUER.issue_many([whole], stored_keys=_stored, now=NOW)[0]
    among = _ISSUER.issue_many([b"", whole, _GOOD], stored_keys=_stored, now=NOW)
    holds(isinstance(among[0], TokenRequestError) and isinstance(among[2], str), "a request touches its neighbours")
    if isinstance(outcome, TokenRequestError):
        for issued in (one, among[1]):
            holds(isinstance(issued, TokenRequestError) and _shown(issued) == _shown(outcome), "issue_many disagrees")
        return
    if isinstance(one, TokenRequestError):
        holds(one.code in _CODES_OF_ISSUING, "issuing finds a fault that is the grammar's")
        holds(one.error_format is outcome.error_format, "an error forgets its format")
        holds(isinstance(among[1], TokenRequestError) and _shown(among[1]) == _shown(one), "a batch disagrees")
        shown = repr(_shown(one)).lower()
        secrets = [key.hex() for key in (outcome.kek, outcome.ek) if key is not None]
        holds(not any(secret in shown for secret in secrets), "an error of issuing shows a key")
        return
    grant = _REDEEMER.redeem(one, now=NOW)
    holds(isinstance(among[1], str), "a batch disagrees")
    holds(grant == _REDEEMER.redeem(str(among[1]), now=NOW)._replace(token_id=grant.token_id), "a batch disagrees")
    _terms_hold(outcome, grant)
    if outcome.ek is None:
        holds(grant.content_key == (outcome.content_key or STORED), "the token has another key")


def _terms_hold(spec: TokenSpec, grant: Grant) -> None:
    for name in _TERMS:
        holds(getattr(grant, name) == getattr(spec, name), f"the token has another {name}")


_GOOD = b"customerAuthenticator=a&kid=^a&securityLevel=1&hdcpOutputControl=0"
_CODES_OF_ISSUING = (
    ErrorCode.KEY_STORAGE_FAILED,
    ErrorCode.INVALID_ENCRYPTED_KEY,
    ErrorCode.INVALID_EXPIRATION_TIME,
)
_TERMS = (
    "kid",
    "security_level",
    "hdcp_output_control",
    "license_duration",
    "extensions",
    "content_id",
    "cookie",
)


# Endpoints. The first bytes choose method, path, content type and what the callbacks answer; the rest is a request.


def endpoint(data: bytes) -> None:
    """The response that a request leads to, the same by both halves; no secret in it or in the log."""
    if len(data) < len(_CHOICES):
        return
    chosen = [choices[byte % len(choices)] for byte, choices in zip(data, _CHOICES, strict=False)]
    query, _, body = data[len(_CHOICES) :].partition(b"\n")
    outcome = _parsed(query, body)
    response, shown = _answered(chosen, query, body)
    holds(_response_facts(response) == _expected(chosen, outcome, body), "a request leads elsewhere")
    if isinstance(outcome, TokenSpec) and response.status == 200:
        grant = _REDEEMER.redeem(response.body)
        _terms_hold(outcome, grant)
        holds(grant.customer == (None if chosen[3] is True else chosen[3]), "the token has another customer")
    unwraps = isinstance(outcome, TokenSpec) and outcome.ek is not None  # which depends on it, and may
    if not unwraps and len(query + body) * 3 < _ROOM:
        turned, turned_shown = _answered(chosen, _with_secrets(query, _turned), _with_secrets(body, _turned))
        same = (_without_token(turned), turned_shown) == (_without_token(response), shown)
        holds(same, "what is shown depends on a secret")


def _raising(code: int, parameter: str | None = None, details: str | None = None) -> TokenRequestError:
    return TokenRequestError(code, parameter, details)


_FORM = "application/x-www-form-urlencoded"
_PATH = "/hms/wv/token"
_CHOICES: tuple[tuple[Any, ...], ...] = (
    ("GET", "POST", "HEAD", "get", ""),
    (_PATH, f"{_PATH}/", "", "/<b>"),
    (_FORM, f"{_FORM.upper()} ; charset=utf-8", None, "", "text/plain", f"{_FORM}x"),
    (
        True,
        "customer",
        False,
        None,
        "",
        "\xe9",
        1,
        b"customer",
        _raising(-2019),
        _raising(-2030, "<", "<b>&"),
        KeyError(),
    ),
    (STORED, None, b"", bytes(24), "stored", _raising(-4019, "kid"), KeyError("storage")),
)
"""Methods, paths, content types, answers of authenticate and of the key storage."""


def _answered(chosen: Sequence[Any], query: bytes, body: bytes) -> tuple[Response, str]:
    """By `respond`, when `receive` and what follows agree with it; and what people may see besides."""
    method, path, content_type, authenticated, stored = map(copy, chosen)  # an exception keeps where it has been
    asked = TokenEndpoint(_ISSUER, _giving(authenticated), stored_key=_giving(stored))
    with _overheard() as log:
        response = asked.respond(method, path, query, body, content_type)
        pending = asked.receive(method, path, query, body, content_type)
        halves = pending.respond(authenticated, stored) if isinstance(pending, Pending) else pending
    holds(_without_token(halves) == _without_token(response), "the halves disagree")
    return response, f"{log.getvalue()}{pending!r}{response!r}"


def _without_token(response: Response) -> Response:
    return replace(response, body=b"") if response.status == 200 else response


def _giving(answer: object) -> Callable[[object], Any]:
    def giving(_: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return giving


@contextmanager
def _overheard() -> Iterator[StringIO]:
    """What is logged meanwhile."""
    heard, log = StringIO(), logging.getLogger("wvtoken")
    handler, before = logging.StreamHandler(heard), log.propagate
    log.addHandler(handler)
    log.propagate = False
    try:
        yield heard
    finally:
        log.propagate = before
        log.removeHandler(handler)


Facts = tuple[int, int | None, ErrorFormat | None]
"""Status, and the code and the format of an error."""


def _response_facts(response: Response) -> Facts:
    """What a response says, when it is one."""
    headers = dict(response.headers)
    holds(len(headers) == len(response.headers), "a header is there twice")
    holds(headers["Content-Length"] == str(len(response.body)), "a body has another length")
    holds(headers["Content-Type"] == response.content_type, "a body has two types")
    if response.status == 200:
        holds(response.content_type == "text/uri-list", "a URL has another type")
        return 200, None, None
    if response.content_type == "application/json":
        said = json.loads(response.body)
        holds(list(said) == ["code", "message", "parameter"], "an error has other members")
        return response.status, said["code"], ErrorFormat.JSON
    page = response.body.decode()
    holds(_tags(page) in _PAGES, "a page has other tags")
    [code] = re.findall(r"<dt>Code</dt><dd>(-\d+)</dd>", page)
    return response.status, int(code), ErrorFormat.HTML


def _tags(page: str) -> list[str]:
    return re.findall(r"<[^\s>]*", page)


_PAGES = [_tags(error_response(_raising(-2030, parameter)).body.decode()) for parameter in (None, "kid")]
"""The tags of an error page without and with a parameter."""


def _expected(chosen: Sequence[Any], outcome: TokenSpec | TokenRequestError, body: bytes) -> Facts:
    """First the way, then the request, then who asks, then the key."""
    method, path, content_type, authenticated, stored = chosen
    code: ErrorCode | None = ErrorCode.MALFORMED_REQUEST
    if path != _PATH:
        return 404, code, outcome.error_format
    if method not in ("GET", "POST"):
        return 405, code, outcome.error_format
    if body and content_type not in _CHOICES[2][:2]:
        return 400, code, outcome.error_format
    if isinstance(outcome, TokenRequestError):
        code = outcome.code
    elif isinstance(authenticated, TokenRequestError):
        code = authenticated.code
    elif authenticated is False or authenticated is None:
        code = ErrorCode.INVALID_AUTHENTICATOR
    elif authenticated is not True and authenticated != "customer":
        code = ErrorCode.LICENSE_GENERATION_FAILED
    else:
        with _overheard():
            [issued] = _ISSUER.issue_many([outcome], stored_keys=_giving(stored))
        if isinstance(issued, str):
            return 200, None, None
        code = issued.code
    return code.status, code, outcome.error_format


# Tokens. The first byte says what the others are: the text itself; edits of a genuine token; a payload to be sealed.


def redeem(data: bytes) -> None:
    """A grant, InvalidToken or TokenExpired; and a token that opens is the one text of its grant."""
    if not data:
        return
    text = _TOKEN_MAKERS[data[0] % len(_TOKEN_MAKERS)](data[1:])
    outcome = _redeemed(text)
    batch = _REDEEMER.redeem_many([_GENUINE, text, _GENUINE], now=NOW)
    holds(batch[0] == batch[2] and isinstance(batch[0], Grant), "a token touches its neighbours")
    holds(_same(batch[1], outcome), "redeem_many disagrees")
    behind = _redeemed(f"{URL}?ExpressPlayToken={text}" if isinstance(text, str) else text)
    if isinstance(outcome, Grant):
        holds("?" in str(text) or behind == outcome, "its URL disagrees")
        _grant_holds(outcome, text)
        _bounds_hold(outcome)
    elif isinstance(outcome, TokenExpired):
        _grant_holds(_REDEEMER.redeem(text, now=outcome.expires_at - 1), text)


def _redeemed(text: str | bytes) -> Grant | InvalidToken:
    try:
        return _REDEEMER.redeem(text, now=NOW)
    except InvalidToken as error:
        holds(error.__cause__ is None and error.__context__ is None, "an error drags another one along")
        return error


def _same(one: Grant | TokenRequestError, other: Grant | TokenRequestError) -> bool:
    return one == other if isinstance(one, Grant) else repr(one) == repr(other)


def _grant_holds(grant: Grant, text: str | bytes) -> None:
    plain = text if isinstance(text, str) else text.decode("latin-1")
    if "?" not in plain:
        again = {_sealed(_encoded(grant), grant.token_id, key_id) for key_id in KEYS}
        holds(plain in again, "a token that opens is not the text of its grant")
        holds(base64url.encode(base64url.decode(plain) or b"") == plain, "a text that is not canonical opens")
    holds(token_id(text) == grant.token_id, "token_id reads another id")
    holds(grant.content_key.hex() not in repr(grant).replace(grant.kid.hex(), ""), "the repr shows the key")


def _encoded(grant: Grant) -> bytes:
    return payloads.encode(grant, grant.content_key, grant.issued_at, grant.expires_at, grant.customer)


def _sealed(payload: bytes, nonce: bytes, key_id: int = 7) -> str:
    header = b"\x01" + key_id.to_bytes(4, "big")
    return ENGINES[0].seal_tokens(KEYS[key_id], header, AUDIENCE.encode(), nonce, [payload])[0]


def _token_text(data: bytes) -> str | bytes:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return data


def _edited(data: bytes) -> str:
    """A genuine token after edits, three bytes each: where (2), and what to put there."""
    text = bytearray(_GENUINE.encode())
    for at in range(0, len(data) - 2, 3):
        where, what = int.from_bytes(data[at : at + 2], "big"), data[at + 2]
        kind, place = divmod(where, len(text) + 1)
        if kind % 4 == 0:
            text[place : place + 1] = [what & 0x7F]
        elif kind % 4 == 1:
            text[place:place] = [what & 0x7F]
        elif kind % 4 == 2:
            del text[place : place + 1 + what % 4]
        else:
            text[place : place + 1] = [_neighbour(bytes(text[place : place + 1]), what)]
    return text.decode("ascii")


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _neighbour(character: bytes, bits: int) -> int:
    """Another character of base64url: of these, some differ only in bits that mean nothing in a last character."""
    return _ALPHABET[max(_ALPHABET.find(character or b"A"), 0) ^ (bits & 63)]


def _of_payload(data: bytes) -> str:
    return _sealed(data[13:], data[:12].ljust(12, b"\0"), list(KEYS)[data[12] % 2 if len(data) > 12 else 0])


_TOKEN_MAKERS: tuple[Callable[[bytes], str | bytes], ...] = (_token_text, _edited, _of_payload)


def payload(data: bytes) -> None:
    """What decodes is what `encode` writes."""
    grant = payloads.decode(data)
    if grant is not None:
        holds(grant.token_id + _encoded(grant) == data, "a payload has two encodings")
        _bounds_hold(grant)
        repr(grant)


_LIFETIME_MAX = 30 * 24 * 60 * 60
_TIME_MAX = 253402300799  # the last second of 9999


def _bounds_hold(grant: Grant) -> None:
    """The table in payload.py's docstring, once more and by other means."""
    holds(len(_encoded(grant)) <= 8192, "a payload is too long")
    holds(0 <= grant.issued_at < grant.expires_at <= _TIME_MAX, "a time is out of bounds")
    holds(grant.expires_at - grant.issued_at <= _LIFETIME_MAX, "a token lives too long")
    for text, most in ((grant.cookie, 32), (grant.content_id, 1024), (grant.customer, 64)):
        if text is not None:
            holds(1 <= len(text) <= most, "a text has a wrong length")
            holds(not any(category(character) in ("Cc", "Cs") for character in text), "a text has a control character")
    holds(re.fullmatch("[ -~]*", grant.customer or "") is not None, "a customer is not printable ASCII")
    for extension in grant.extensions:
        holds(re.fullmatch(rb"[ -+\--~]{4}", extension.type) is not None, "an extension's type is not one")
        holds(len(extension.payload) > 0, "an extension is empty")


# Key rings.


def jwks(data: bytes) -> None:
    """A ValueError that shows no key, or a ring that comes back."""
    ring = _ring(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        pass
    else:
        as_text = _ring(text)
        holds(as_text is None or as_text == ring, "str is read otherwise than bytes")
    if ring is not None:
        holds(KeyRing.from_jwks(ring.to_jwks()) == ring, "to_jwks does not come back")
        holds(json.loads(ring.to_jwks()) == json.loads(data), "something that to_jwks does not write is accepted")
        keys = [key["k"] for key in json.loads(ring.to_jwks())["keys"]]
        holds(not any(key in repr(ring) for key in keys), "the repr shows a key")


_JWK_SECRET = re.compile(rb"[\w+/-]{20,}")


def _ring(text: str | bytes) -> KeyRing | None:
    try:
        return KeyRing.from_jwks(text)
    except ValueError as error:
        shown = "".join(traceback.format_exception(error, limit=0)) + repr(error) + repr(vars(error))
        if error.__context__ is not None or error.__cause__ is not None:
            shown += repr([vars(error.__context__ or error), vars(error.__cause__ or error)])
            shown += repr(getattr(error.__context__, "doc", ""))
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        holds(not any(found in shown.encode() for found in _JWK_SECRET.findall(raw)), "an error shows a key")
        return None


# Engines. The bytes say the shape of a batch; what is in it is random.


def engines(data: bytes) -> None:
    """Every engine and lane width gives the same bytes, and refuses the same items."""
    if len(data) < 4:
        return
    rng = random.Random(data)
    kind, count, *rest = data
    count = _COUNTS[count % len(_COUNTS)]
    _ENGINE_TESTS[kind % len(_ENGINE_TESTS)](rng, count, bytes(rest))


_COUNTS = (*range(18), 31, 33, 63, 64, 65, 127, 1023, 1024, 1025)
_EDGES = (*range(34), 47, 48, 49, 62, 63, 64, 65, 66, 79, 80, 81, 127, 128, 129, 255, 256, 257, 511, 512, 513, 8192)


def _engines() -> list[Engine]:
    try:
        from wvtoken.engine.native import lane_names  # noqa: PLC0415  # there may be no extension

        names = [*lane_names(), "openssl"]
    except EngineUnavailable:
        names = ["openssl"]
    return [load(name) for name in names]


ENGINES = _engines()


def _agreed(what: Callable[[Engine], object]) -> object:
    first, *others = [what(engine) for engine in ENGINES]
    for engine, other in zip(ENGINES[1:], others, strict=True):
        holds(first == other, f"{ENGINES[0].name} and {engine.name} disagree")
    return first


def _lengths(rng: random.Random, count: int, edges: bytes) -> list[int]:
    """As the bytes say, in turn; a batch of many has short items."""
    lengths = [_EDGES[edge % len(_EDGES)] for edge in edges] or [0]
    if rng.random() < 0.3:
        lengths = lengths[:1]
    most = 8192 if count <= 16 else 257
    return [min(lengths[place % len(lengths)], most) for place in range(count)]


def _spoiled(rng: random.Random, item: bytes) -> bytes:
    """The item, mostly; else with a bit flipped, cut or longer."""
    way = rng.randrange(8)
    if way == 0 and item:
        place = rng.randrange(len(item))
        return item[:place] + bytes([item[place] ^ 1 << rng.randrange(8)]) + item[place + 1 :]
    if way == 1:
        return item[: rng.randrange(len(item) + 1)]
    return item + b"\0" if way == 2 else item


def _wraps(rng: random.Random, count: int, rest: bytes) -> None:
    kek_bytes, key_bytes = (16, 24, 32, rest[0] % 40)[rest[0] % 4], (8 * (rest[1] % 40), rest[1])[rest[1] % 8 == 7]
    keys = [rng.randbytes(key_bytes) for _ in range(count)]
    one = rng.randbytes(kek_bytes)
    keks: bytes | Sequence[bytes] = one if rest[0] & 4 else [rng.randbytes(kek_bytes) for _ in range(count)]
    if len(rest) > 2 and rest[2] % 8 == 0 and keys:  # of other lengths than its neighbours
        keys[rest[2] % count] += bytes(8 * (rest[2] // 8 % 3))
    wrapped = _agreed(lambda engine: engine.wrap(keks, keys))
    if not isinstance(wrapped, list):
        # Wrong in length, and so random bytes are too.
        _agreed(lambda engine: _unwrapped(engine, keks, keys))
        return
    unwrapped = _agreed(lambda engine: _unwrapped(engine, keks, wrapped))
    holds(unwrapped == keys, "what was wrapped does not unwrap")
    spoiled = [item if rng.random() < 0.7 else _flipped(rng, item) for item in wrapped]
    again = _agreed(lambda engine: _unwrapped(engine, keks, spoiled))
    right = [key if item == good else None for key, item, good in zip(keys, spoiled, wrapped, strict=True)]
    holds(again == right, "a spoiled key unwraps")


def _flipped(rng: random.Random, item: bytes) -> bytes:
    place = rng.randrange(len(item))
    return item[:place] + bytes([item[place] ^ 1 << rng.randrange(8)]) + item[place + 1 :]


def _unwrapped(engine: Engine, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> list[bytes | None] | None:
    keys = engine.unwrap(keks, wrapped)
    return None if keys is None else [None if isinstance(key, KeyUnwrapError) else key for key in keys]


def _seals(rng: random.Random, count: int, rest: bytes) -> None:
    key, aad = rng.randbytes(32), rng.randbytes(_EDGES[rest[0] % len(_EDGES)])
    nonces = rng.randbytes(12 * count)
    messages = [rng.randbytes(length) for length in _lengths(rng, count, rest[1:])]
    sealed = _agreed(lambda engine: engine.seal(key, aad, nonces, messages))
    holds(isinstance(sealed, list) and len(sealed) == count, "messages are lost")
    items: list[bytes] = sealed if isinstance(sealed, list) else []
    holds(_agreed(lambda engine: engine.open(key, aad, nonces, items)) == messages, "what was sealed does not open")
    spoiled = [_spoiled(rng, item) for item in items]
    opened = _agreed(lambda engine: engine.open(key, aad, nonces, spoiled))
    right = [m if item == good else None for m, item, good in zip(messages, spoiled, items, strict=True)]
    holds(opened == right, "a spoiled message opens")


def _tokens(rng: random.Random, count: int, rest: bytes) -> None:
    """Tokens of two keys; the second key opens only what the first does not know."""
    key, other = rng.randbytes(32), rng.randbytes(32)
    header, other_header = (b"\x01" + rng.randbytes(4) for _ in range(2))
    audience, prefix = rng.randbytes(rest[0] % 65), "x" * (rest[1] % 80)
    nonces = rng.randbytes(12 * count)
    plain = [rng.randbytes(length) for length in _lengths(rng, count, rest[2:])]
    texts: list[str] = []
    for start, end in pairwise((0, count // 2, count)):
        pair = (key, header) if start else (other, other_header)
        made = _agreed(
            lambda engine, pair=pair, start=start, end=end: engine.seal_tokens(  # type: ignore[misc]
                *pair, audience, nonces[12 * start : 12 * end], plain[start:end], prefix
            )
        )
        texts += made if isinstance(made, list) else []
    holds(len(texts) == count and all(text.startswith(prefix) for text in texts), "tokens are lost")
    texts = [text[len(prefix) :] for text in texts]
    keys = [(header, key), (other_header, other)]
    right = [nonces[12 * place : 12 * place + 12] + message for place, message in enumerate(plain)]
    opened = _agreed(lambda engine: engine.open_tokens(keys, audience, texts))
    holds(opened == right, "what was sealed does not open")
    spoiled = [_spoiled_text(rng, text) for text in texts]
    opened = _agreed(lambda engine: engine.open_tokens(keys, audience, spoiled))
    left = [item if bad == text else None for item, bad, text in zip(right, spoiled, texts, strict=True)]
    holds(opened == left, "a spoiled token opens")


def _spoiled_text(rng: random.Random, text: str) -> str:
    way = rng.randrange(10)
    place = rng.randrange(len(text))
    if way == 0:
        return text[:place] + chr(rng.randrange(128)) + text[place + 1 :]
    if way == 1:
        return text[:place]
    if way == 2:
        return text + "A="[rng.randrange(2)]
    if way == 3:  # a last character that may differ in bits alone that mean nothing
        return text[:-1] + chr(_neighbour(text[-1:].encode(), 1 << rng.randrange(6)))
    return text


_ENGINE_TESTS = (_wraps, _seals, _tokens)

_GENUINE = _sealed(
    payloads.encode(
        parse_request("customerAuthenticator=a&kid=^a&securityLevel=5&hdcpOutputControl=2&contentId=film&cookie=c"),
        STORED,
        NOW - 60,
        NOW + 3600,
        "customer",
    ),
    bytes(range(12)),
)

TARGETS: dict[str, Callable[[bytes], None]] = {
    "parse": parse,
    "endpoint": endpoint,
    "redeem": redeem,
    "payload": payload,
    "jwks": jwks,
    "engines": engines,
}
