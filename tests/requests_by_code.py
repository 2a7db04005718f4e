"""A request that provokes each error code of issuing."""

from __future__ import annotations

from wvtoken import ErrorCode as E

from .http_client import form

SECRET = "nobody may see this"
"""The text of a callback's exception."""

REQUESTS = {
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
