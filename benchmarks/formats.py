"""Token formats that somebody might pick instead, each as a pair of functions: one payload to one text, and back."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import NamedTuple

from cryptography.fernet import Fernet

from .contest import Run


class Format(NamedTuple):
    """The payload is in both directions the bytes of the struct."""

    seal: Callable[[bytes], str]
    open: Callable[[str], bytes]


def fernet(run: Run, key: bytes) -> Format:
    box = Fernet(urlsafe_b64encode(key))
    return Format(lambda payload: box.encrypt(payload).decode(), box.decrypt)


def secret_box(run: Run, key: bytes) -> Format:
    box = run.module("nacl.secret").SecretBox(key)
    encoder = run.module("nacl.encoding").URLSafeBase64Encoder
    return Format(
        lambda payload: box.encrypt(payload, encoder=encoder).decode(),
        lambda text: box.decrypt(text, encoder=encoder),
    )


def jwe(run: Run, key: bytes) -> Format:
    module = run.module("joserfc.jwe")
    oct_key = run.module("joserfc.jwk").OctKey.import_key(key)
    protected = {"alg": "dir", "enc": "A256GCM"}
    return Format(
        lambda payload: module.encrypt_compact(protected, payload, oct_key),
        lambda text: module.decrypt_compact(text, oct_key).plaintext,
    )


def pyseto(run: Run, key: bytes) -> Format:
    module = run.module("pyseto")
    local = module.Key.new(4, "local", key)
    return Format(
        lambda payload: module.encode(local, payload).decode(),
        lambda text: module.decode(local, text).payload,
    )


class _Bytes:
    """What makes fast-paseto hand out the payload as it is: otherwise it has to be JSON."""

    @staticmethod
    def loads(payload: bytes) -> dict[str, bytes]:
        return {"payload": payload}


def fast_paseto(run: Run, key: bytes) -> Format:
    module = run.module("fast_paseto")
    return Format(
        lambda payload: module.encode(key, payload),
        lambda text: module.decode(text, key, deserializer=_Bytes).payload["payload"],
    )


FORMATS: dict[str, Callable[[Run, bytes], Format]] = {
    "`struct` and Fernet": fernet,
    "`struct` and PyNaCl's `SecretBox`": secret_box,
    "`struct` and JWE of joserfc (dir, A256GCM)": jwe,
    "`struct` and PASETO v4.local of pyseto": pyseto,
    "`struct` and PASETO v4.local of fast-paseto": fast_paseto,
}
