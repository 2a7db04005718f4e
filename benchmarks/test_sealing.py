"""AES-256-GCM-SIV over payloads, at the engine's batch entry, and payloads to the texts of tokens and back."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from wvtoken import engine

from . import data
from .contest import Run, contest

ENCRYPT_LOOP = "a loop of cryptography's `AESGCMSIV.encrypt`"
DECRYPT_LOOP = "a loop of cryptography's `AESGCMSIV.decrypt`"
SECRET_BOX = "a loop of PyNaCl's `SecretBox`"
TEXT_LOOP = "a loop of `AESGCMSIV` and `base64`"

AAD = data.HEADER + data.AUDIENCE.encode()


@contest("seal payloads of one length", "the engine's `seal`", ENCRYPT_LOOP, SECRET_BOX, wanted=15)
def test_seal(run: Run) -> None:
    _seal(run, data.payloads(run.items))


@contest("seal payloads of mixed lengths", "the engine's `seal`", ENCRYPT_LOOP, SECRET_BOX)
def test_seal_mixed_lengths(run: Run) -> None:
    _seal(run, data.payloads(run.items, mixed=True))


@contest("open payloads of one length", "the engine's `open`", DECRYPT_LOOP, SECRET_BOX, wanted=12)
def test_open(run: Run) -> None:
    _open(run, data.payloads(run.items))


@contest("open payloads of mixed lengths", "the engine's `open`", DECRYPT_LOOP, SECRET_BOX)
def test_open_mixed_lengths(run: Run) -> None:
    _open(run, data.payloads(run.items, mixed=True))


@contest("payloads to token texts", "the engine's `seal_tokens`", TEXT_LOOP)
def test_seal_tokens(run: Run) -> None:
    payloads, nonces = data.payloads(run.items), data.nonces(run.items)
    joined, aead, audience = b"".join(nonces), AESGCMSIV(data.SEALING_KEY), data.AUDIENCE.encode()
    if run.entrant == TEXT_LOOP:
        texts = run(
            lambda: [
                urlsafe_b64encode(data.HEADER + nonce + aead.encrypt(nonce, payload, AAD)).rstrip(b"=").decode()
                for nonce, payload in zip(nonces, payloads, strict=True)
            ]
        )
    else:
        seal_tokens = engine.current().seal_tokens
        texts = run(lambda: seal_tokens(data.SEALING_KEY, data.HEADER, audience, joined, payloads))
    assert texts == _texts(run.items)


@contest("token texts to payloads", "the engine's `open_tokens`", TEXT_LOOP)
def test_open_tokens(run: Run) -> None:
    texts, aead, audience = _texts(run.items), AESGCMSIV(data.SEALING_KEY), data.AUDIENCE.encode()

    def opened(text: str) -> bytes:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return raw[5:17] + aead.decrypt(raw[5:17], raw[17:], AAD)

    payloads: object
    if run.entrant == TEXT_LOOP:
        payloads = run(lambda: [opened(text) for text in texts])
    else:
        open_tokens = engine.current().open_tokens
        payloads = run(lambda: open_tokens([(data.HEADER, data.SEALING_KEY)], audience, texts))
    pairs = zip(data.nonces(run.items), data.payloads(run.items), strict=True)
    assert payloads == [nonce + payload for nonce, payload in pairs]


def _seal(run: Run, payloads: list[bytes]) -> None:
    nonces = data.nonces(run.items)
    joined, aead = b"".join(nonces), AESGCMSIV(data.SEALING_KEY)
    if run.entrant == SECRET_BOX:
        box = run.module("nacl.secret").SecretBox(data.SEALING_KEY)
        run(lambda: [box.encrypt(payload) for payload in payloads])
        return
    if run.entrant == ENCRYPT_LOOP:
        sealed = run(
            lambda: [aead.encrypt(nonce, payload, AAD) for nonce, payload in zip(nonces, payloads, strict=True)]
        )
    else:
        seal = engine.current().seal
        sealed = run(lambda: seal(data.SEALING_KEY, AAD, joined, payloads))
    assert sealed[-1] == aead.encrypt(nonces[-1], payloads[-1], AAD)


def _open(run: Run, payloads: list[bytes]) -> None:
    nonces = data.nonces(run.items)
    joined, aead = b"".join(nonces), AESGCMSIV(data.SEALING_KEY)
    opened: object
    if run.entrant == SECRET_BOX:
        box = run.module("nacl.secret").SecretBox(data.SEALING_KEY)
        boxed = [bytes(box.encrypt(payload)) for payload in payloads]
        opened = run(lambda: [box.decrypt(item) for item in boxed])
    else:
        sealed = engine.load("openssl").seal(data.SEALING_KEY, AAD, joined, payloads)
        if run.entrant == DECRYPT_LOOP:
            opened = run(lambda: [aead.decrypt(nonce, item, AAD) for nonce, item in zip(nonces, sealed, strict=True)])
        else:
            open_ = engine.current().open
            opened = run(lambda: open_(data.SEALING_KEY, AAD, joined, sealed))
    assert opened == payloads


def _texts(count: int) -> list[str]:
    seal_tokens = engine.load("openssl").seal_tokens
    joined = b"".join(data.nonces(count))
    return seal_tokens(data.SEALING_KEY, data.HEADER, data.AUDIENCE.encode(), joined, data.payloads(count))
