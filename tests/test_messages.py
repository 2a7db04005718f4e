"""What is said, to the letter: to programs that misuse the library, in reprs, and in canonical texts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from wvtoken import (
    Extension,
    Grant,
    HdcpOutputControl,
    KeyRing,
    Redeemer,
    SecurityLevel,
    TokenRequestError,
    TokenSpec,
    parse,
    token_id,
)

KEY = bytes(range(32))
RING = KeyRing({1: KEY}, 1)
AUTHENTICATOR = "201722,1ad8eed133edf43cbcc185f0236828ae"
BUILT: dict[str, Any] = {
    "customer_authenticator": AUTHENTICATOR,
    "kid": bytes(16),
    "security_level": SecurityLevel.SW_SECURE_CRYPTO,
    "hdcp_output_control": HdcpOutputControl.HDCP_NONE,
}
JWK = '{"kty": "oct", "kid": "1", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}'


def spec(**changes: Any) -> TokenSpec:
    return TokenSpec(**BUILT | changes)


def jwks(old: str, new: str) -> Callable[[], object]:
    return lambda: KeyRing.from_jwks(f'{{"keys": [{JWK.replace(old, new)}]}}')


MISUSE: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: spec(cookie=1), TypeError, "cookie must be str, not int"),
    (lambda: spec(kid="0" * 32), TypeError, "kid must be bytes, not str"),
    (lambda: spec(security_level=True), TypeError, "security_level must be int, not bool"),
    (lambda: spec(extensions=[]), TypeError, "extensions must be tuple, not list"),
    (
        lambda: spec(extensions=((b"wudo", b"1"),)),
        TypeError,
        "extensions must be Extension(type: bytes, payload: bytes)",
    ),
    (
        lambda: spec(extensions=(Extension("wudo", b"1"),)),  # type: ignore[arg-type]
        TypeError,
        "extensions must be Extension(type: bytes, payload: bytes)",
    ),
    (
        lambda: spec(extensions=(Extension(b"wudo", "1"),)),  # type: ignore[arg-type]
        TypeError,
        "an extension's payload must be bytes",
    ),
    (lambda: spec(unknown=(1,)), TypeError, "unknown must be names"),
    (lambda: parse(1), TypeError, "a request is str or bytes, not int"),  # type: ignore[arg-type]
    (lambda: KeyRing({"1": KEY}, 1), TypeError, "keys must map int to bytes"),  # type: ignore[dict-item]
    (lambda: KeyRing({1: KEY[1:]}, 1), ValueError, "a sealing key has 32 bytes; key 1 has 31"),
    (lambda: KeyRing({2**32: KEY}, 2**32), ValueError, "a key id is 0 to 4294967295, not 4294967296"),
    (lambda: KeyRing({1: KEY}, 2), ValueError, "the active key, 2, is not among the keys"),
    (lambda: RING.adding(2, "key"), TypeError, "a sealing key must be bytes, not str"),  # type: ignore[arg-type]
    (lambda: RING.adding(1, bytes(32)), ValueError, "key 1 is another key already"),
    (lambda: RING.without(2), ValueError, "there is no key 2"),
    (lambda: setattr(RING, "_active", 2), AttributeError, "a KeyRing is immutable"),
    (lambda: delattr(RING, "_keys"), AttributeError, "a KeyRing is immutable"),
    (lambda: pickle.dumps(RING), TypeError, "a KeyRing is not to be pickled; use to_jwks and from_jwks"),
    (
        lambda: Redeemer(RING, audience=b"test"),  # type: ignore[arg-type]
        TypeError,
        "audience must be str, not bytes",
    ),
    (lambda: Redeemer(RING, audience="\n"), ValueError, "an audience is at most 64 printable ASCII characters"),
    (lambda: KeyRing.from_jwks(1), TypeError, "a JWK set is str or bytes, not int"),  # type: ignore[arg-type]
    (lambda: KeyRing.from_jwks("{"), ValueError, "not JSON, or an object in it says a name twice"),
    (
        lambda: KeyRing.from_jwks('{"keys": []}'),
        ValueError,
        'a JWK set is {"keys": [...]}, and here with at least one key',
    ),
    (
        jwks("oct", "RSA"),
        ValueError,
        'a sealing key is a JWK with "kty": "oct", "kid" and "k", and nothing else',
    ),
    (jwks('"1"', '"01"'), ValueError, "the kid of a sealing key is a number in decimal, as a string"),
    (jwks("Hh8", "Hh8="), ValueError, "the k of a sealing key is base64url without padding"),
    (lambda: token_id(1), TypeError, "a token is str or bytes, not int"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "type_", "message"), MISUSE, ids=[message for _, _, message in MISUSE])
def test_misuse_is_told(call: Callable[[], object], type_: type[Exception], message: str) -> None:
    with pytest.raises(type_) as caught:
        call()
    assert str(caught.value) == message


DETAILS = {
    "contentKey=" + "g" * 32: "not hexadecimal",
    "hdcpOutputControl=x": "must be 0, 1 or 2",
    "hdcpOutputControl=": None,
    "customerAuthenticator=%00": "must be 1 to 256 printable ASCII characters",
    "contentId=%00": "contentId must be 1 to 1024 characters, none of them a control character",
    "expirationTime=tomorrow": "'tomorrow' is neither + and seconds nor an RFC 3339 time that ends in Z",
    "expirationTime=+0": "' 0' is not + and 1 to 2592000 seconds",
    "expirationTime=2026-02-30T00:00:00Z": "'2026-02-30T00:00:00Z' is not in the calendar",
    "cookie=1&cookie=1": "cookie is given more than once",
    "cookie=%FF": "cookie is not UTF-8",
    "errorFormat=x%0A": "x\\n",
}


@pytest.mark.parametrize("changed", DETAILS)
def test_details(changed: str) -> None:
    given = {"customerAuthenticator": AUTHENTICATOR, "kid": 32 * "0", "securityLevel": "1", "hdcpOutputControl": "0"}
    given.pop(changed.partition("=")[0], None)
    with pytest.raises(TokenRequestError) as caught:
        parse("&".join(f"{name}={value}" for name, value in given.items()), changed)
    assert caught.value.details == DETAILS[changed]


def test_reprs() -> None:
    assert repr(spec(content_key=KEY[:16], cookie="c", unknown=("a", "b"))) == (
        "TokenSpec(customer_authenticator=<secret>, kid=00000000000000000000000000000000, content_key=<secret>, "
        "security_level=<SecurityLevel.SW_SECURE_CRYPTO: 1>, hdcp_output_control=<HdcpOutputControl.HDCP_NONE: 0>, "
        "cookie='c', unknown=<2 names>)"
    )
    grant = Grant(
        bytes(12), 1, 2, bytes(16), KEY[:16], SecurityLevel.SW_SECURE_CRYPTO, HdcpOutputControl.HDCP_NONE, cookie="c"
    )
    assert repr(grant) == (
        "Grant(token_id=000000000000000000000000, issued_at=1, expires_at=2, kid=00000000000000000000000000000000, "
        "security_level=<SecurityLevel.SW_SECURE_CRYPTO: 1>, hdcp_output_control=<HdcpOutputControl.HDCP_NONE: 0>, "
        "cookie='c', content_key=<secret>)"
    )
    assert repr(RING) == "KeyRing(active=1, key_ids=(1,))"


def test_canonical_texts() -> None:
    assert spec(content_id="a/b c+d", extensions=(Extension(b"wudo", b"\xff\xff\xff"),)).to_query() == (
        "customerAuthenticator=201722%2C1ad8eed133edf43cbcc185f0236828ae&kid=00000000000000000000000000000000"
        "&contentId=a%2Fb%20c%2Bd&securityLevel=1&hdcpOutputControl=0&wvExtension=wudo%2C%2F%2F%2F%2F"
    )
    assert RING.to_jwks() == (
        '{\n  "keys": [\n    {\n      "kty": "oct",\n      "kid": "1",\n'
        '      "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"\n    }\n  ]\n}'
    )


def test_rings() -> None:
    assert KeyRing.generate().key_ids == (1,)
    assert len({hash(RING), hash(RING.adding(2, bytes(32))), hash(RING.adding(2, bytes(32)).activating(2))}) == 3
