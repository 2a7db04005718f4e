"""What a program would use without wvtoken, built from common packages. There is one alternative of each kind.

The pipeline is `parse_qsl`, a pydantic model, `struct`, `AESGCMSIV` and `base64`. It makes the same checks and the same
tokens as wvtoken, one at a time, but it has no error codes.
"""

from __future__ import annotations

import os
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha1
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import fast_paseto
import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from pydantic import BaseModel, BeforeValidator, StringConstraints

from . import data

LIFETIME = 30 * 24 * 60 * 60
FIXED = struct.Struct(">QQ16s16sBBI")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?[Zz]", re.ASCII)


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values by name. Only wvExtension may be repeated."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name == "wvExtension":
            values.setdefault(name, []).append(value)
        elif name in values:
            raise ValueError("repeated")
        else:
            values[name] = value
    return values


def _kid(value: str) -> bytes:
    if value.startswith("^"):
        if not (2 <= len(value) <= 65 and value.isascii() and value.isprintable()):
            raise ValueError("kid")
        return sha1(value[1:].encode()).digest()[:16]
    return _key(value, 16)


def _key(value: str, *lengths: int) -> bytes:
    found = unhexlify(value)
    if len(found) not in lengths:
        raise ValueError("length")
    return found


def _number(value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit()) or value[0] == "0" or int(value[:11]) > most:
        raise ValueError("number")
    return int(value)


def _expiry(value: str) -> tuple[int, int | None]:
    """The lifetime in seconds, and the absolute time if the request has one."""
    if value[:1] in ("+", " "):
        return _number(value[1:], LIFETIME), None
    if _RFC3339.fullmatch(value) is None:
        raise ValueError("time")
    return LIFETIME, int(datetime.fromisoformat(value[:19]).replace(tzinfo=UTC).timestamp())


def _extension(value: str) -> tuple[bytes, bytes]:
    kind, comma, text = value.partition(",")
    text = text.replace(" ", "+")
    payload = a2b_base64(text)
    if not comma or len(kind) != 4 or not (kind.isascii() and kind.isprintable()):
        raise ValueError("extension")
    if not payload or b2a_base64(payload, newline=False).decode() != text:
        raise ValueError("base64")
    return kind.encode(), payload


def _text(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=pattern)


class Request(BaseModel):
    """The parameters that the benchmarks send."""

    customerAuthenticator: Annotated[str, _text(r"^[ -~]{1,256}$")]
    kid: Annotated[bytes, BeforeValidator(_kid)]
    kek: Annotated[bytes | None, BeforeValidator(lambda value: _key(value, 16, 24, 32))] = None
    ek: Annotated[bytes | None, BeforeValidator(lambda value: _key(value, 24))] = None
    contentKey: Annotated[bytes | None, BeforeValidator(lambda value: _key(value, 16))] = None
    securityLevel: Literal["1", "2", "3", "4", "5"]
    hdcpOutputControl: Literal["0", "1", "2"]
    licenseDuration: Annotated[int, BeforeValidator(lambda value: _number(value, 2**32 - 1))] = 0
    expirationTime: Annotated[tuple[int, int | None], BeforeValidator(_expiry)] = (LIFETIME, None)
    wvExtension: tuple[Annotated[tuple[bytes, bytes], BeforeValidator(_extension)], ...] = ()
    contentId: Annotated[str, _text(r"^[^\x00-\x1f\x7f-\x9f]{1,1024}$")] | None = None
    cookie: Annotated[str, _text(r"^[^\x00-\x1f\x7f-\x9f]{1,32}$")] | None = None


def parse(query: str) -> Request:
    request = Request(**_once(parse_qsl(query, keep_blank_values=True, max_num_fields=2000)))
    if request.contentKey is not None and (request.kek is not None or request.ek is not None):
        raise ValueError("contentKey with kek or ek")
    if request.ek is not None and request.kek is None:
        raise ValueError("ek without kek")
    return request


def _field(tag: int, value: bytes) -> bytes:
    return struct.pack(">BH", tag, len(value)) + value


def sealed(nonce: bytes, payload: bytes) -> str:
    """The text of a token."""
    token = data.HEADER + nonce + _AEAD.encrypt(nonce, payload, data.AAD)
    return urlsafe_b64encode(token).rstrip(b"=").decode()


def issue(query: str, keys: dict[bytes, bytes] | None = None) -> str | None:
    """The pipeline: from a request to a URL, or None if the request is invalid."""
    try:
        request = parse(query)
    except ValueError:
        return None
    key = request.contentKey
    if key is None:
        key = (keys or {})[request.kid] if request.ek is None else aes_key_unwrap(request.kek or b"", request.ek)
    lifetime, at = request.expirationTime
    level, control = int(request.securityLevel), int(request.hdcpOutputControl)
    expires_at = data.NOW + lifetime if at is None else at
    parts = [FIXED.pack(data.NOW, expires_at, request.kid, key, level, control, request.licenseDuration)]
    if request.cookie is not None:
        parts.append(_field(1, request.cookie.encode()))
    if request.contentId is not None:
        parts.append(_field(2, request.contentId.encode()))
    parts += [_field(3, kind + payload) for kind, payload in request.wvExtension]
    return data.PREFIX + sealed(os.urandom(12), b"".join(parts))


def packed(spec: Any) -> bytes:
    """The payload of a `TokenSpec` with cookie and extensions."""
    parts = [
        FIXED.pack(
            data.NOW,
            data.NOW + (spec.expires_in or LIFETIME),
            spec.kid,
            spec.content_key,
            spec.security_level,
            spec.hdcp_output_control,
            spec.license_duration or 0,
        )
    ]
    if spec.cookie is not None:
        parts.append(_field(1, spec.cookie.encode()))
    parts += [_field(3, extension.type + extension.payload) for extension in spec.extensions]
    return b"".join(parts)


def issue_spec(spec: Any) -> str:
    """One step of the loop that issues specs."""
    return data.PREFIX + sealed(os.urandom(12), packed(spec))


class Plain(NamedTuple):
    """The fixed fields of a token, as plain numbers and bytes."""

    token_id: bytes
    issued_at: int
    expires_at: int
    kid: bytes
    content_key: bytes
    security_level: int
    hdcp_output_control: int
    license_duration: int


def unpacked(payload: bytes, token_id: bytes = b"") -> Plain:
    plain = Plain(token_id, *FIXED.unpack_from(payload))
    if plain.expires_at <= data.NOW:
        raise ValueError("expired")
    return plain


def open_token(text: str) -> bytes:
    """The nonce and the payload of a token."""
    token = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return token[5:17] + _AEAD.decrypt(token[5:17], token[17:], data.AAD)


def redeem(url: str) -> Plain:
    opened = open_token(url.partition("=")[2])
    return unpacked(opened[12:], opened[:12])


def claims(spec: Any) -> dict[str, object]:
    """The payload of a JWT. PyJWT signs it, so the content key stays readable."""
    return {
        "iat": data.NOW,
        "exp": data.NOW + 3600,
        "kid": spec.kid.hex(),
        "key": spec.content_key.hex(),
        "level": int(spec.security_level),
        "hdcp": int(spec.hdcp_output_control),
    }


class _Bytes:
    """The deserializer that makes fast-paseto return the payload unchanged."""

    @staticmethod
    def loads(data: bytes | str) -> Any:
        return {"payload": data}


_AEAD = AESGCMSIV(data.SEALING_KEY)
_FERNET = Fernet(urlsafe_b64encode(data.SEALING_KEY))

FORMATS: dict[str, tuple[Callable[[Any], str], Callable[[str], object]]] = {
    "`struct` and Fernet": (
        lambda spec: _FERNET.encrypt(packed(spec)).decode(),
        lambda text: unpacked(_FERNET.decrypt(text)),
    ),
    "PyJWT (HS256: signed, not encrypted)": (
        lambda spec: jwt.encode(claims(spec), data.SEALING_KEY, algorithm="HS256"),
        lambda text: jwt.decode(text, data.SEALING_KEY, algorithms=["HS256"], options={"verify_iat": False}),
    ),
    "`struct` and PASETO v4.local of fast-paseto": (
        lambda spec: fast_paseto.encode(data.SEALING_KEY, packed(spec)),
        lambda text: unpacked(fast_paseto.decode(text, data.SEALING_KEY, deserializer=_Bytes).payload["payload"]),
    ),
}
"""Other token formats: functions that seal a `TokenSpec` and open the text."""


def lengths() -> dict[str, int]:
    """Return the length of a token with the required fields only, by format."""
    spec = data.specs("five parameters", 1)[0]
    own = len(data.urls("five parameters", 1)[0]) - len(data.PREFIX)
    return {"wvtoken": own, **{name: len(seal(spec)) for name, (seal, _) in FORMATS.items()}}
