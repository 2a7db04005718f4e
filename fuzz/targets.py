"""Fuzz targets for Python: each function checks properties that hold for all bytes.

`atheris_main.py` searches for bytes that break a property. `tests/test_fuzz_regressions.py` replays the kept corpora.
"""

from __future__ import annotations

import json
import logging
import random
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from io import StringIO
from typing import Any
from unicodedata import category
from urllib.parse import quote, unquote_to_bytes

from wvtoken import (
    ErrorFormat,
    Grant,
    InvalidToken,
    Issuer,
    KeyRing,
    Pending,
    Redeemer,
    Response,
    TokenEndpoint,
    TokenExpired,
    TokenRequestError,
    TokenSpec,
    contents,
    error_response,
    token_id,
    wrap_key,
)
from wvtoken import parse as parse_request
from wvtoken import payload as payloads
from wvtoken.engine import Engine, KeyTable, load
from wvtoken.errors import EngineUnavailable

NOW = 1_800_000_000
AUDIENCE = "production"
KEYS = {7: bytes(range(32)), 0x01020304: bytes(range(32, 64))}
URL = "https://rights.example/redeem"
STORED = bytes(range(100, 116))
ISSUER = Issuer(KeyRing(KEYS, 7), URL, audience=AUDIENCE)
REDEEMER = Redeemer(KeyRing(KEYS, 7), audience=AUDIENCE)
REQUEST_MAX = 64 * 1024


class Broken(AssertionError):
    """A property does not hold."""


def require(condition: bool, message: str) -> None:
    """Raise `Broken` unless the condition holds. Unlike `assert`, -O does not remove it."""
    if not condition:
        raise Broken(message)


# Requests: a query, and a body after the first line feed.


def parse(data: bytes) -> None:
    """`parse` returns a spec or raises an error; the result is the same for query, body, str and bytes."""
    query, _, body = data.partition(b"\n")
    whole = b"&".join((query, body)) if body else query
    result = _parsed(query, body)
    shown = _shown(result)
    if len(whole) < REQUEST_MAX:
        require(_shown(_parsed(whole)) == shown, "query and body are not one list")
        require(_shown(_parsed(b"", whole)) == shown, "the body is parsed differently from the query")
        _issue(whole, result)
    with suppress(UnicodeDecodeError):
        require(_shown(_parsed(query.decode(), body.decode())) == shown, "str is parsed differently from bytes")
    if len(whole) * 3 < REQUEST_MAX:  # percent-escapes triple the length
        plain, rotated = (_shown(_parsed(_with_secrets(whole, change))) for change in (bytes, _rotated))
        require(plain == rotated, "the output depends on a secret")
    if isinstance(result, TokenSpec):
        text = result.to_query()
        again = parse_request(text)
        require(again == result and hash(again) == hash(result), "parse(to_query()) differs")
        require(again.to_query() == text, "to_query is not canonical")


def _parsed(query: str | bytes, body: str | bytes = "") -> TokenSpec | TokenRequestError:
    try:
        return parse_request(query, body)
    except TokenRequestError as error:
        require(error.__cause__ is None and error.__context__ is None, "an error has a context")
        return error


def _shown(result: TokenSpec | TokenRequestError) -> tuple[str | bytes, ...]:
    """Return everything that logs and responses show of a result."""
    if isinstance(result, TokenSpec):
        return repr(result), str(result), repr(result.unknown)
    bodies = [error_response(result, format_).body for format_ in ErrorFormat]
    return repr(result), str(result), str(result.error_format), *bodies


_SECRETS = (b"customerAuthenticator", b"kek", b"ek", b"contentKey")
_ALPHABETS = (b"0123456789", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ")
_ROTATION = bytes.maketrans(b"".join(_ALPHABETS), b"".join(letters[1:] + letters[:1] for letters in _ALPHABETS))


def _rotated(value: bytes) -> bytes:
    """Return another value of the same validity: digits become digits, hex letters become hex letters."""
    return value.translate(_ROTATION)


def _with_secrets(whole: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return the request with `change` applied to each secret value."""
    pieces = []
    for piece in whole.split(b"&"):
        name, equals, value = piece.partition(b"=")
        if unquote_to_bytes(name.replace(b"+", b" ")) in _SECRETS:
            changed = quote(change(unquote_to_bytes(value.replace(b"+", b" "))), safe="").encode()
            pieces.append(name + equals + changed)
        else:
            pieces.append(piece)
    return b"&".join(pieces)


def _stored(spec: TokenSpec) -> bytes | None:
    if spec.kid[0] == 0:
        return None
    return STORED if spec.kek is None else wrap_key(spec.kek, STORED)


_GOOD = b"customerAuthenticator=a&kid=^a&securityLevel=1&hdcpOutputControl=0"
_TERMS = ("kid", "security_level", "hdcp_output_control", "license_duration", "extensions", "content_id", "cookie")


def _issue(whole: bytes, result: TokenSpec | TokenRequestError) -> None:
    """Issuing agrees with `parse`, and one request does not change its neighbours in a batch."""
    before, issued, after = ISSUER.issue_many([b"", whole, _GOOD], stored_keys=_stored, now=NOW)
    require(isinstance(before, TokenRequestError) and isinstance(after, str), "a request changes its neighbours")
    if isinstance(issued, TokenRequestError):
        require(issued.error_format is result.error_format, "an error loses its format")
        if isinstance(result, TokenRequestError):
            require(_shown(issued) == _shown(result), "issue_many and parse disagree")
        else:
            shown = repr(_shown(issued)).lower()
            keys = [key.hex() for key in (result.kek, result.ek) if key is not None]
            require(not any(key in shown for key in keys), "an error shows a key")
        return
    require(isinstance(result, TokenSpec), "issue_many accepts what parse rejects")
    grant = REDEEMER.redeem(issued, now=NOW)
    for name in _TERMS:
        require(getattr(grant, name) == getattr(result, name), f"the token has another {name}")
    if isinstance(result, TokenSpec) and result.ek is None:
        require(grant.content_key == (result.content_key or STORED), "the token has another key")


# Endpoint: the first bytes choose method, path, content type and the results of the callbacks; a request follows.

_FORM = "application/x-www-form-urlencoded"
_PATH = "/hms/wv/token"


def _error(code: int, *arguments: str) -> TokenRequestError:
    return TokenRequestError(code, *arguments)


_CHOICES: tuple[tuple[Any, ...], ...] = (
    ("GET", "POST", "HEAD", "get", ""),
    (_PATH, f"{_PATH}/", "", "/<b>"),
    (_FORM, f"{_FORM.upper()} ; charset=utf-8", None, "", "text/plain", f"{_FORM}x"),
    (True, "customer", False, None, "", "\xe9", 1, b"customer", _error(-2019), _error(-2030, "<", "<b>&"), KeyError()),
    (STORED, None, b"", bytes(24), "stored", _error(-4019, "kid"), KeyError("storage")),
)


def endpoint(data: bytes) -> None:
    """`respond` agrees with `receive`; responses are well formed; neither responses nor logs depend on secrets."""
    if len(data) < len(_CHOICES):
        return
    chosen = [choices[byte % len(choices)] for byte, choices in zip(data, _CHOICES, strict=False)]
    query, _, body = data[len(_CHOICES) :].partition(b"\n")
    response, log = _respond(chosen, query, body)
    _check_response(response)
    result = _parsed(query, body)
    if response.status == 200:
        accepted = chosen[0] in ("GET", "POST") and chosen[1] == _PATH and chosen[3] in (True, "customer")
        require(accepted and isinstance(result, TokenSpec), "the endpoint issues a token that it must refuse")
        grant = REDEEMER.redeem(response.body)
        require(grant.customer == (None if chosen[3] is True else chosen[3]), "the token has another customer")
    depends_on_key = isinstance(result, TokenSpec) and result.ek is not None
    if not depends_on_key and len(query + body) * 3 < REQUEST_MAX:
        rotated, rotated_log = _respond(chosen, _with_secrets(query, _rotated), _with_secrets(body, _rotated))
        require(_without_token(rotated) == _without_token(response), "the response depends on a secret")
        require(rotated_log == log, "the log depends on a secret")


def _respond(chosen: Sequence[Any], query: bytes, body: bytes) -> tuple[Response, str]:
    """Return the response, and what was logged."""
    method, path, content_type, authenticated, stored = map(copy, chosen)  # a raised exception keeps its traceback
    target = TokenEndpoint(ISSUER, _callback(authenticated), stored_key=_callback(stored))
    with _logged() as log:
        response = target.respond(method, path, query, body, content_type)
        pending = target.receive(method, path, query, body, content_type)
        halves = pending.respond(authenticated, stored) if isinstance(pending, Pending) else pending
    require(_without_token(halves) == _without_token(response), "receive and respond disagree")
    return response, f"{log.getvalue()}{pending!r}{response!r}"


def _without_token(response: Response) -> Response:
    return replace(response, body=b"") if response.status == 200 else response  # a token is random


def _callback(result: object) -> Callable[..., Any]:
    def callback(*_: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    return callback


@contextmanager
def _logged() -> Iterator[StringIO]:
    text, log = StringIO(), logging.getLogger("wvtoken")
    handler, before = logging.StreamHandler(text), log.propagate
    log.addHandler(handler)
    log.propagate = False
    try:
        yield text
    finally:
        log.propagate = before
        log.removeHandler(handler)


def _check_response(response: Response) -> None:
    headers = dict(response.headers)
    require(len(headers) == len(response.headers), "a header is repeated")
    require(headers["Content-Length"] == str(len(response.body)), "Content-Length is wrong")
    require(headers["Content-Type"] == response.content_type, "Content-Type is wrong")
    if response.status == 200:
        require(response.content_type == "text/uri-list", "a URL has another type")
    elif response.content_type == "application/json":
        require(isinstance(json.loads(response.body)["code"], int), "an error has no code")
    else:
        tags = set(re.findall(r"<[^\s>]*", response.body.decode()))
        require(tags <= _TAGS, f"a page has other tags: {tags - _TAGS}")


_TAGS = set(re.findall(r"<[^\s>]*", error_response(_error(-2030, "kid", "details")).body.decode()))


# Tokens: the first byte chooses what the other bytes are: the text, edits of a genuine token, or a payload to seal.


def redeem(data: bytes) -> None:
    """`redeem` returns a grant or raises `InvalidToken`; each grant has exactly one token text."""
    if not data:
        return
    text = _TOKEN_MAKERS[data[0] % len(_TOKEN_MAKERS)](data[1:])
    result = _redeemed(text)
    before, among, after = REDEEMER.redeem_many([_GENUINE, text, _GENUINE], now=NOW)
    require(before == after and isinstance(before, Grant), "a token changes its neighbours")
    require(among == result if isinstance(among, Grant) else repr(among) == repr(result), "redeem_many disagrees")
    if isinstance(result, TokenExpired):
        _check_grant(REDEEMER.redeem(text, now=result.expires_at - 1), text)
    elif isinstance(result, Grant):
        _check_grant(result, text)
        if isinstance(text, str) and "?" not in text:
            require(_redeemed(f"{URL}?ExpressPlayToken={text}") == result, "the URL of a token disagrees")


def _redeemed(text: str | bytes) -> Grant | InvalidToken:
    try:
        return REDEEMER.redeem(text, now=NOW)
    except InvalidToken as error:
        require(error.__cause__ is None and error.__context__ is None, "an error has a context")
        return error


def _check_grant(grant: Grant, text: str | bytes) -> None:
    plain = text if isinstance(text, str) else text.decode("latin-1")
    if "?" not in plain:
        texts = {_sealed(_encoded(grant), grant.token_id, key_id) for key_id in KEYS}
        require(plain in texts, "a token differs from the token of its grant")
    require(token_id(text) == grant.token_id, "token_id differs")
    require(grant.content_key.hex() not in repr(grant).replace(grant.kid.hex(), ""), "the repr shows the key")
    _check_bounds(grant)


def _encoded(grant: Grant) -> bytes:
    return payloads.encode(grant, grant.content_key, grant.issued_at, grant.expires_at, grant.customer)


def _sealed(payload: bytes, nonce: bytes, key_id: int = 7) -> str:
    header = b"\x01" + key_id.to_bytes(4, "big")
    return ENGINES[0].seal_tokens(KeyTable({header: KEYS[key_id]}), header, AUDIENCE.encode(), nonce, [payload])[0]


def _token_text(data: bytes) -> str | bytes:
    return data.decode("ascii") if data.isascii() else data


def _edited(data: bytes) -> str:
    """Return a genuine token after edits of three bytes each: the place (2 bytes) and the new character."""
    text = bytearray(_GENUINE.encode())
    for at in range(0, len(data) - 2, 3):
        kind, place = divmod(int.from_bytes(data[at : at + 2], "big"), len(text) + 1)
        character = data[at + 2]
        if kind % 4 == 0:
            text[place : place + 1] = [character & 0x7F]
        elif kind % 4 == 1:
            text[place:place] = [character & 0x7F]
        elif kind % 4 == 2:
            del text[place : place + 1 + character % 4]
        else:  # change bits of a character, which may be stray bits if it is the last one
            old = max(_ALPHABET.find(bytes(text[place : place + 1]) or b"A"), 0)
            text[place : place + 1] = [_ALPHABET[old ^ (character & 63)]]
    return text.decode("ascii")


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _of_payload(data: bytes) -> str:
    return _sealed(data[13:], data[:12].ljust(12, b"\0"), list(KEYS)[data[12] % 2 if len(data) > 12 else 0])


_TOKEN_MAKERS: tuple[Callable[[bytes], str | bytes], ...] = (_token_text, _edited, _of_payload)


def payload(data: bytes) -> None:
    """A payload that decodes is exactly what `encode` writes."""
    grant = payloads.decode(data)
    if grant is not None:
        require(grant.token_id + _encoded(grant) == data, "a payload has two encodings")
        _check_bounds(grant)


def _check_bounds(grant: Grant) -> None:
    """Check the bounds of token-format.md, written independently of the library."""
    require(len(_encoded(grant)) <= 8192, "a payload is too long")
    require(0 <= grant.issued_at < grant.expires_at <= 253402300799, "a time is out of bounds")
    require(grant.expires_at - grant.issued_at <= 30 * 24 * 60 * 60, "a lifetime is too long")
    for text, most in ((grant.cookie, 32), (grant.content_id, 1024), (grant.customer, 64)):
        if text is not None:
            require(1 <= len(text) <= most, "a text has an invalid length")
            require(not any(category(character) in ("Cc", "Cs") for character in text), "a control character")
    require(re.fullmatch("[ -~]*", grant.customer or "") is not None, "a customer is not printable ASCII")
    for extension in grant.extensions:
        require(re.fullmatch(rb"[ -+\--~]{4}", extension.type) is not None, "an invalid extension type")
        require(len(extension.payload) > 0, "an empty extension")


# Key rings.


def jwks(data: bytes) -> None:
    """`from_jwks` returns a ring that `to_jwks` writes again, or raises a ValueError without any key."""
    ring = _ring(data)
    if ring is None:
        return
    require(KeyRing.from_jwks(ring.to_jwks()) == ring, "from_jwks(to_jwks()) differs")
    keys = [key["k"] for key in json.loads(ring.to_jwks())["keys"]]
    require(not any(key in repr(ring) for key in keys), "the repr shows a key")


def _ring(text: bytes) -> KeyRing | None:
    try:
        return KeyRing.from_jwks(text)
    except ValueError as error:
        chain = [error, error.__context__, error.__cause__]
        shown = "".join(traceback.format_exception(error, limit=0))
        shown += repr([(link, vars(link), getattr(link, "doc", "")) for link in chain if link is not None])
        secrets = re.findall(rb"[\w+/-]{20,}", text)
        require(not any(secret in shown.encode() for secret in secrets), "an error shows a key")
        return None


# Engines: the bytes choose the shape of a batch; its contents are random.


def _engines() -> list[Engine]:
    try:
        from wvtoken.engine.native import lane_names  # noqa: PLC0415  # the extension is optional
    except EngineUnavailable:
        return [load("openssl")]
    return [load(name) for name in (*lane_names(), "openssl")]


ENGINES = _engines()
_COUNTS = (*range(18), 31, 33, 63, 64, 65, 127, 1023, 1024, 1025)
_LENGTHS = (*range(34), 47, 48, 49, 62, 63, 64, 65, 66, 79, 80, 81, 127, 128, 129, 255, 256, 257, 511, 512, 513, 8192)


def engines(data: bytes) -> None:
    """All engines and SIMD variants give the same bytes and refuse the same items."""
    if len(data) < 4:
        return
    kind, count, *rest = data
    test = (_check_wrap, _check_tokens)[kind % 2]
    test(random.Random(data), _COUNTS[count % len(_COUNTS)], bytes(rest))


def _agreed(run: Callable[[Engine], Any]) -> Any:
    first, *others = [run(engine) for engine in ENGINES]
    for engine, other in zip(ENGINES[1:], others, strict=True):
        require(first == other, f"{ENGINES[0].name} and {engine.name} disagree")
    return first


def _check_wrap(rng: random.Random, count: int, rest: bytes) -> None:
    kek_bytes, key_bytes = (16, 24, 32)[rest[0] % 3], 16 + 8 * (rest[1] % 40)
    keys = [rng.randbytes(key_bytes) for _ in range(max(count, 1))]
    keks: Any = rng.randbytes(kek_bytes) if rest[0] & 4 else [rng.randbytes(kek_bytes) for _ in keys]
    wrapped = _agreed(lambda engine: list(engine.wrap(keks, keys)))
    damaged = [item if rng.random() < 0.7 else _flipped(rng, item) for item in wrapped]
    results = _agreed(lambda engine: list(engine.unwrap(keks, damaged)))
    expected = [key if item == good else None for key, item, good in zip(keys, damaged, wrapped, strict=True)]
    require(results == expected, "unwrap accepts a damaged key or refuses a good one")


def _flipped(rng: random.Random, item: bytes) -> bytes:
    place = rng.randrange(len(item))
    return item[:place] + bytes([item[place] ^ 1 << rng.randrange(8)]) + item[place + 1 :]


def _check_tokens(rng: random.Random, count: int, rest: bytes) -> None:
    """Tokens of two keys, some of them damaged."""
    table = KeyTable({b"\x01" + number.to_bytes(4, "big"): rng.randbytes(32) for number in (rest[0], rest[0] + 1)})
    audience, prefix = rng.randbytes(rest[0] % 65), "x" * (rest[1] % 80)
    most = 8192 if count <= 16 else 257
    texts: list[str] = []
    expected: list[bytes | None] = []
    for header in table.by_header:
        nonces = rng.randbytes(12 * count)
        plain = [rng.randbytes(min(_LENGTHS[(rest[1] + i * rest[0]) % len(_LENGTHS)], most)) for i in range(count)]
        plain = [item.ljust(54, b"\0") for item in plain]
        arguments = (table, header, audience, nonces, plain, prefix)
        texts += _agreed(lambda engine, arguments=arguments: engine.seal_tokens(*arguments))  # type: ignore[misc]
        expected += [header + nonces[12 * place : 12 * place + 12] + item for place, item in enumerate(plain)]
    require(all(text.startswith(prefix) for text in texts), "a token has no prefix")
    texts = [text[len(prefix) :] for text in texts]
    damaged = [_damaged(rng, text) for text in texts]
    opened = _agreed(lambda engine: engine.open_tokens(table, audience, damaged))
    opened = [item if isinstance(item, bytes) else None for item in opened]
    expected = [item if bad == text else None for item, bad, text in zip(expected, damaged, texts, strict=True)]
    require(opened == expected, "open_tokens accepts a damaged token or refuses a good one")


def _damaged(rng: random.Random, text: str) -> str:
    way, place = rng.randrange(8), rng.randrange(len(text))
    if way == 0:
        return text[:place] + chr(rng.randrange(128)) + text[place + 1 :]
    if way == 1:
        return text[:place]
    return text + "A="[rng.randrange(2)] if way == 2 else text


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

# The fast path: the first byte chooses a request, a token or a payload.

REFERENCE, REFERENCE_REDEEMER = copy(ISSUER), copy(REDEEMER)
REFERENCE._fast = REFERENCE_REDEEMER._fast = None


def fastpath(data: bytes) -> None:
    """The fast path gives the results of the reference. It opens each valid payload in ASCII."""
    check = (_check_fast_issue, _check_fast_redeem, _check_fast_payload)[data[0] % 3 if data else 0]
    check(data[1:])


def _check_fast_issue(request: bytes) -> None:
    result = _parsed(request)
    stored = {result.kid: STORED} if isinstance(result, TokenSpec) and result.kek is None else {}
    fast, expected = (
        issuer.issue_many([request, _GOOD], stored_keys=stored, now=NOW, customer="c") for issuer in (ISSUER, REFERENCE)
    )
    require([_outcome(item) for item in fast] == [_outcome(item) for item in expected], "issue_many differs")
    if isinstance(expected[0], str):
        require(
            _outcome(ISSUER.issue(request, stored_keys=stored, now=NOW, customer="c")) == _outcome(fast[0]), "issue"
        )
        require(ISSUER._parsed(request, b"") == result, "the parsed request differs")
    if isinstance(result, TokenSpec):
        (of_spec,) = ISSUER.issue_many([result], stored_keys=stored, now=NOW, customer="c")
        require(_outcome(of_spec) == _outcome(expected[0]), "issue_many of the spec differs")


def _outcome(item: str | TokenRequestError) -> object:
    return REFERENCE_REDEEMER.redeem(item, now=NOW)[1:] if isinstance(item, str) else _shown(item)


def _check_fast_redeem(data: bytes) -> None:
    text = _TOKEN_MAKERS[data[0] % len(_TOKEN_MAKERS)](data[1:]) if data else ""
    (expected,) = REFERENCE_REDEEMER.redeem_many([text], now=NOW)
    for fast in (_redeemed(text), *REDEEMER.redeem_many([text], now=NOW)):
        require(repr(fast) == repr(expected) and (fast == expected or isinstance(fast, InvalidToken)), "redeem differs")


def _check_fast_payload(data: bytes) -> None:
    grant = payloads.decode(bytes(12) + data)
    valid = grant is not None and f"{grant.cookie}{grant.content_id}".isascii()
    if REDEEMER._fast is not None and len(data) <= 2048:
        opened = REDEEMER._fast.open(_sealed(data, bytes(12)).encode())
        found = None if opened is None else contents.read_one(opened)
        require(found == (grant if valid else None), "the payload check differs")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parse": parse,
    "endpoint": endpoint,
    "redeem": redeem,
    "payload": payload,
    "jwks": jwks,
    "engines": engines,
    "fastpath": fastpath,
}
