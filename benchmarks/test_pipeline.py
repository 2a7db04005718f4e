"""From the text of requests to URLs: `issue_many`, and what one would assemble from packages instead."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from collections.abc import Callable

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

import wvtoken

from . import data
from .contest import Run, contest
from .readers import FAST_MSGSPEC, OWN_MSGSPEC, PYDANTIC, READERS, Asked

SEALED = {f"{reader}, then `struct`, `AESGCMSIV`, `base64`": reader for reader in (PYDANTIC, FAST_MSGSPEC, OWN_MSGSPEC)}
BY_PYDANTIC, BY_FAST_MSGSPEC, BY_OWN_MSGSPEC = SEALED
JWT = f"{OWN_MSGSPEC}, then PyJWT (HS256: signed, not sealed)"
COMMERCIAL = f"{OWN_MSGSPEC}, then JSON, AES-CBC, SHA-256, `base64`, as commercial services' samples do"

PREFIX = f"{data.RIGHTS_URL}?ExpressPlayToken="
AAD = data.HEADER + data.AUDIENCE.encode()


def sealed(run: Run) -> Callable[[Asked], str]:
    """The payload and the token of wvtoken, one at a time."""
    aead = AESGCMSIV(data.SEALING_KEY)

    def seal(asked: Asked) -> str:
        payload = struct.pack(
            ">QQ16s16sBBI",
            data.NOW,
            data.NOW + asked.expires_in if asked.expires_at is None else asked.expires_at,
            asked.kid,
            asked.content_key,
            asked.security_level,
            asked.hdcp_output_control,
            asked.license_duration,
        )
        nonce = os.urandom(12)
        token = data.HEADER + nonce + aead.encrypt(nonce, payload, AAD)
        return PREFIX + base64.urlsafe_b64encode(token).rstrip(b"=").decode()

    return seal


def _claims(asked: Asked) -> dict[str, object]:
    return {
        "iat": data.NOW,
        "exp": data.NOW + asked.expires_in,
        "kid": asked.kid.hex(),
        "key": (asked.content_key or b"").hex(),
        "security_level": asked.security_level,
        "hdcp": asked.hdcp_output_control,
    }


def signed(run: Run) -> Callable[[Asked], str]:
    encode = run.module("jwt").encode
    return lambda asked: PREFIX + encode(_claims(asked), data.SEALING_KEY, algorithm="HS256")


def commercial(run: Run) -> Callable[[Asked], str]:
    """A policy in JSON, encrypted; a hash over it, the site's access key and the time; and JSON around all that."""
    iv = bytes(16)  # a constant, as such samples have it

    def seal(asked: Asked) -> str:
        padder = padding.PKCS7(128).padder()
        policy = padder.update(json.dumps(_claims(asked)).encode()) + padder.finalize()
        encryptor = Cipher(algorithms.AES(data.SEALING_KEY), modes.CBC(iv)).encryptor()
        encrypted = base64.b64encode(encryptor.update(policy) + encryptor.finalize()).decode()
        about = {"drm_type": "Widevine", "site_id": "SITE", "user_id": "user", "cid": asked.kid.hex()}
        text = "".join(["access key", *about.values(), encrypted, str(data.NOW)])
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        token = json.dumps({**about, "policy": encrypted, "timestamp": data.NOW, "hash": digest})
        return PREFIX + base64.urlsafe_b64encode(token.encode()).decode()

    return seal


@contest(
    "issue tokens from requests",
    "`issue_many`",
    BY_PYDANTIC,
    BY_FAST_MSGSPEC,
    BY_OWN_MSGSPEC,
    JWT,
    COMMERCIAL,
    wanted={BY_PYDANTIC: 3, BY_FAST_MSGSPEC: 1.7, BY_OWN_MSGSPEC: 1.7},
)
def test_pipeline(run: Run) -> None:
    queries = data.queries(run.items)
    if run.entrant in (JWT, COMMERCIAL):
        read, build = READERS[OWN_MSGSPEC](run), {JWT: signed, COMMERCIAL: commercial}[run.entrant](run)
        assert run(lambda: [build(read(query)) for query in queries])[-1].startswith(PREFIX)
        return
    urls: list[str] | list[str | wvtoken.TokenRequestError]
    if run.entrant in SEALED:
        read, build = READERS[SEALED[run.entrant]](run), sealed(run)
        urls = run(lambda: [build(read(query)) for query in queries])
    else:
        urls = run(lambda: data.ISSUER.issue_many(queries, now=data.NOW))
    assert [data.REDEEMER.redeem(str(url), now=data.NOW).content_key for url in urls] == data.keys(run.items)
