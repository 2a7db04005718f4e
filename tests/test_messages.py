"""What is said, to the letter: to programs that misuse the library, in reprs, and in canonical texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wvtoken import (
    Extension,
    Grant,
    HdcpOutputControl,
    KeyRing,
    SecurityLevel,
    TokenSpec,
    parse,
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


def spec(**changes: Any) -> TokenSpec:
    return TokenSpec(**BUILT | changes)


MISUSE: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: spec(cookie=1), TypeError, "cookie must be str, not int"),
    (lambda: spec(kid="0" * 32), TypeError, "kid must be bytes, not str: pass the text after ^ as kid_name"),
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
        "an extension's type must be bytes, not str",
    ),
    (
        lambda: spec(extensions=(Extension(b"wudo", "1"),)),  # type: ignore[arg-type]
        TypeError,
        "an extension's payload must be bytes, not str",
    ),
    (lambda: spec(unknown=(1,)), TypeError, "each unknown name must be str, not int"),
    (lambda: parse(1), TypeError, "a request is str or bytes, not int"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "type_", "message"), MISUSE, ids=[message for _, _, message in MISUSE])
def test_misuse_is_told(call: Callable[[], object], type_: type[Exception], message: str) -> None:
    with pytest.raises(type_) as caught:
        call()
    assert str(caught.value) == message


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


def test_canonical_texts() -> None:
    assert spec(content_id="a/b c+d", extensions=(Extension(b"wudo", b"\xff\xff\xff"),)).to_query() == (
        "customerAuthenticator=201722%2C1ad8eed133edf43cbcc185f0236828ae&kid=00000000000000000000000000000000"
        "&contentId=a%2Fb%20c%2Bd&securityLevel=1&hdcpOutputControl=0&wvExtension=wudo%2C%2F%2F%2F%2F"
    )
