"""Requests that provoke each error code, through a server of the recipes with failing_service.py."""

from __future__ import annotations

from wvtoken import ErrorCode as E
from wvtoken.errors import RaisedBy

from .http_client import form

MARKUP = "<script>alert('&')</script>"
"""Details of a raised TokenRequestError. They are shown, escaped."""
SECRET = "nobody may see this"
"""The text of an exception. It is not shown."""

_REQUESTS = {
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
REQUESTS = {
    code: (400 if code is E.KEY_STORAGE_FAILED else code.status, request) for code, request in _REQUESTS.items()
}
"""The status and a request for each code of the library, except -4010, which only redeeming raises. A kid without a
stored key is the caller's mistake: 400."""

_CALLBACKS = {
    **{f"authenticate raises {code:d}": (code, form(customerAuthenticator=f"raise{code:d} {MARKUP}")) for code in E
       if code.raised_by is RaisedBy.SERVER},
    "authenticate raises -2018": (E.INVALID_AUTHENTICATOR, form(customerAuthenticator=f"raise-2018 {MARKUP}")),
    "authenticate fails": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator=f"fail {SECRET}")),
    "authenticate is a coroutine": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator="coroutine")),
    "authenticate returns 1": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator="truthy")),
    "authenticate returns an empty name": (E.LICENSE_GENERATION_FAILED, form(customerAuthenticator="name:")),
    "authorize raises -2031": (E.SERVICE_ACCOUNT_DISABLED, form(cookie="raise-2031")),
    "authorize fails": (E.LICENSE_GENERATION_FAILED, form(cookie=f"fail {SECRET}")),
    "stored_key raises -2031": (E.SERVICE_ACCOUNT_DISABLED, form(kid=f"^raise-2031 {MARKUP}")),
    "stored_key fails": (E.KEY_STORAGE_FAILED, form(kid=f"^fail {SECRET}")),
    "stored_key is a coroutine": (E.KEY_STORAGE_FAILED, form(kid="^coroutine")),
}  # fmt: skip
CALLBACKS = {name: (code, code.status, request) for name, (code, request) in _CALLBACKS.items()}
"""What a callback does, with the code, the status and a request for it."""
