"""Requests to the README's service, and to the one whose callbacks fail on demand (`hostile.py`)."""

from __future__ import annotations

from urllib.parse import urlencode

from wvtoken import ErrorCode as E
from wvtoken.errors import RaisedBy

AUTHENTICATOR = "201722,1ad8eed133edf43cbcc185f0236828ae"
KEK = "000102030405060708090a0b0c0d0e0f"
CONTENT_KEY = bytes.fromhex("a9b9033df0b9ca5447839e3d074817a0")
RIGHTS_URL = "https://wv.example.com/hms/wv/rights/"
AUDIENCE = "production"
CUSTOMER = "cnn"
"""What the README's provision.py and service.py say."""

MARKUP = "<script>alert('&')</script>"
SECRET = "nobody may see this"
"""What failing callbacks say; the first may be shown as text, the second to nobody."""

BASE = {
    "customerAuthenticator": AUTHENTICATOR,
    "kid": "^CNN.2014.12.18",
    "kek": KEK,
    "securityLevel": "3",
    "hdcpOutputControl": "1",
    "expirationTime": "+60",
}
"""A request whose key comes out of the key storage."""


def form(**changes: str | None) -> str:
    """The base request with these parameters instead; None leaves one out."""
    return urlencode({name: value for name, value in (BASE | changes).items() if value is not None})


PROVOKING = {
    E.MALFORMED_REQUEST: form() + "&%FF=1",
    E.INVALID_EXPIRATION_TIME: form(expirationTime="<i>tomorrow</i>"),
    E.INVALID_CONTENT_KEY: form(kek=None, contentKey=32 * "x"),
    E.INVALID_OUTPUT_CONTROL_FLAGS: form(hdcpOutputControl="HDCP_V1"),
    E.MISSING_AUTHENTICATOR: form(customerAuthenticator=None),
    E.INVALID_AUTHENTICATOR: form(customerAuthenticator="201722,00000000000000000000000000000000"),
    E.CONTENT_KEY_LENGTH: form(kek=None, contentKey="abcd"),
    E.INVALID_COOKIE: form(cookie=33 * "c"),
    E.OUTPUT_CONTROL_OUT_OF_RANGE: form(hdcpOutputControl="3"),
    E.NO_CORRESPONDING_VALUE: form(wvExtension="wudo,"),
    E.EXTENSION_TYPE_LENGTH: form(wvExtension="wud,AAAAAA=="),
    E.EXTENSION_PAYLOAD_NOT_BASE64: form(wvExtension="wudo,AAAAAA="),
    E.INVALID_ERROR_FORMAT: form(errorFormat="<b>xml</b>"),
    E.MISSING_KID: form(kid=None),
    E.KEY_STORAGE_FAILED: form(kid="^BBC.2014.12.18"),
    E.KID_LENGTH: form(kid="CNN.2014.12.18"),
    E.KID_NAME_LENGTH: form(kid="^" + 65 * "k"),
    E.INVALID_KID: form(kid="^"),
    E.INVALID_ENCRYPTED_KEY: form(kek=32 * "0"),
    E.INVALID_GENERAL_FLAGS: form(generalFlags="0001"),
    E.INVALID_KEY_DATA: form(contentKey=32 * "0"),
    E.DEVICE_BINDING_UNSUPPORTED: form(deviceId="1"),
    E.MISSING_SECURITY_LEVEL: form(securityLevel=None),
    E.INVALID_SECURITY_LEVEL: form(securityLevel="6"),
    E.MISSING_OUTPUT_CONTROL: form(hdcpOutputControl=None),
    E.INVALID_LICENSE_DURATION: form(licenseDuration="0"),
    E.LICENSE_GENERATION_FAILED: form(customerAuthenticator=f"fail {SECRET}"),
    E.INVALID_EXTENSION: form(wvExtension="wudo"),
}
"""For each code that issuing can raise, a request that gets it. The one code of redeeming, -4010, is provoked at a
redemption server (`rights_app.py`)."""

CALLBACKS = {
    **{f"authenticate{code:d}": (code, form(customerAuthenticator=f"raise{code:d} {MARKUP}")) for code in E
       if code.raised_by is RaisedBy.SERVER},
    "authenticate-2018": (E.INVALID_AUTHENTICATOR, form(customerAuthenticator=f"raise-2018 {MARKUP}")),
    "authenticate fails": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator=f"fail {SECRET}")),
    "authenticate is a coroutine": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator="coroutine")),
    "authenticate is truthy": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator="truthy")),
    "authenticate gives a bad name": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator="name:")),
    "stored_key-4019": (E.KEY_STORAGE_FAILED, form(kid=f"^raise-4019 {SECRET}")),
    "stored_key-2031": (E.SERVICE_ACCOUNT_DISABLED, form(kid=f"^raise-2031 {SECRET}")),
    "stored_key fails": (E.KEY_STORAGE_FAILED, form(kid=f"^fail {SECRET}")),
    "stored_key is a coroutine": (E.KEY_STORAGE_FAILED, form(kid="^coroutine")),
}  # fmt: skip
"""What callbacks of a server do, and the code that a request gets then."""
