"""`issue_many` from `TokenSpec`s to URLs, and `redeem_many` from URLs to grants, of the usual requests."""

from __future__ import annotations

import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

import wvtoken

from . import data
from .contest import Run, contest
from .formats import FORMATS

LOOP = "a loop of `struct`, `AESGCMSIV` and `base64`"
PREFIX = f"{data.RIGHTS_URL}?ExpressPlayToken="
AAD = data.HEADER + data.AUDIENCE.encode()
LIFETIME = 30 * 24 * 60 * 60


class Plain(NamedTuple):
    """What the loops open a token to: the numbers stay numbers."""

    token_id: bytes
    issued_at: int
    expires_at: int
    kid: bytes
    content_key: bytes
    security_level: int
    hdcp_output_control: int
    license_duration: int


def packed(spec: wvtoken.TokenSpec) -> bytes:
    return struct.pack(
        ">QQ16s16sBBI",
        data.NOW,
        data.NOW + (spec.expires_in or LIFETIME),
        spec.kid,
        spec.content_key,
        spec.security_level,
        spec.hdcp_output_control,
        spec.license_duration or 0,
    )


def unpacked(token_id: bytes, payload: bytes) -> Plain:
    plain = Plain(token_id, *struct.unpack(">QQ16s16sBBI", payload))
    if plain.expires_at <= data.NOW:
        raise ValueError("expired")
    return plain


def issue_in_a_loop(aead: AESGCMSIV, specs: list[wvtoken.TokenSpec]) -> list[str]:
    urls = []
    for spec in specs:
        nonce = os.urandom(12)
        token = data.HEADER + nonce + aead.encrypt(nonce, packed(spec), AAD)
        urls.append(PREFIX + urlsafe_b64encode(token).rstrip(b"=").decode())
    return urls


def redeem_in_a_loop(aead: AESGCMSIV, urls: list[str]) -> list[Plain]:
    grants = []
    for url in urls:
        text = url.partition("=")[2]
        token = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        nonce = token[5:17]
        grants.append(unpacked(nonce, aead.decrypt(nonce, token[17:], AAD)))
    return grants


@contest("issue tokens", "`issue_many`", LOOP, *FORMATS, wanted=4)
def test_issue(run: Run) -> None:
    specs = data.specs(run.items)
    if run.entrant == LOOP:
        aead = AESGCMSIV(data.SEALING_KEY)
        assert _content_keys(run(lambda: issue_in_a_loop(aead, specs))) == data.keys(run.items)
    elif run.entrant in FORMATS:
        seal, open_ = FORMATS[run.entrant](run, data.SEALING_KEY)
        urls = run(lambda: [PREFIX + seal(packed(spec)) for spec in specs])
        assert unpacked(b"", open_(urls[-1][len(PREFIX) :])).content_key == data.keys(run.items)[-1]
    else:
        issued = run(lambda: data.ISSUER.issue_many(specs, now=data.NOW))
        assert _content_keys(issued) == data.keys(run.items)


@contest("redeem tokens", "`redeem_many`", LOOP, *FORMATS, wanted=4)
def test_redeem(run: Run) -> None:
    specs = data.specs(run.items)
    grants: list[Plain] | list[wvtoken.Grant | wvtoken.TokenRequestError]
    if run.entrant in FORMATS:
        seal, open_ = FORMATS[run.entrant](run, data.SEALING_KEY)
        urls = [PREFIX + seal(packed(spec)) for spec in specs]
        grants = run(lambda: [unpacked(b"", open_(url.partition("=")[2])) for url in urls])
    else:
        aead = AESGCMSIV(data.SEALING_KEY)
        urls = issue_in_a_loop(aead, specs)
        if run.entrant == LOOP:
            grants = run(lambda: redeem_in_a_loop(aead, urls))
        else:
            grants = run(lambda: data.REDEEMER.redeem_many(urls, now=data.NOW))
    assert isinstance(grants[-1], (Plain, wvtoken.Grant))
    assert grants[-1].content_key == data.keys(run.items)[-1]


def _content_keys(urls: list[str] | list[str | wvtoken.TokenRequestError]) -> list[bytes]:
    return [data.REDEEMER.redeem(str(url), now=data.NOW).content_key for url in urls]
