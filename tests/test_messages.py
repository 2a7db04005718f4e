"""Exact texts of `TokenSpec`: messages for misuse, the repr, and the canonical query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wvtoken import Extension, HdcpOutputControl, SecurityLevel, TokenSpec, parse

KEY = bytes(range(16))
BUILT: dict[str, Any] = {
    "customer_authenticator": "201722,1ad8eed133edf43cbcc185f0236828ae",
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


@pytest.mark.parametrize(("call", "type_", "message"), MISUSE)
def test_misuse_raises_with_a_message(call: Callable[[], object], type_: type[Exception], message: str) -> None:
    with pytest.raises(type_) as caught:
        call()
    assert str(caught.value) == message


def test_repr_shows_no_secret() -> None:
    assert repr(spec(content_key=KEY, cookie="c", unknown=("a", "b"))) == (
        "TokenSpec(customer_authenticator=<secret>, kid=00000000000000000000000000000000, content_key=<secret>, "
        "security_level=<SecurityLevel.SW_SECURE_CRYPTO: 1>, hdcp_output_control=<HdcpOutputControl.HDCP_NONE: 0>, "
        "cookie='c', unknown=<2 names>)"
    )


def test_to_query_is_canonical() -> None:
    assert spec(content_id="a/b c+d", extensions=(Extension(b"wudo", b"\xff\xff\xff"),)).to_query() == (
        "customerAuthenticator=201722%2C1ad8eed133edf43cbcc185f0236828ae&kid=00000000000000000000000000000000"
        "&contentId=a%2Fb%20c%2Bd&securityLevel=1&hdcpOutputControl=0&wvExtension=wudo%2C%2F%2F%2F%2F"
    )
