"""base64url as a stage of its own: lists of bytes to lists of texts, and back."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from wvtoken import base64url

from . import data
from .contest import OPENSSL, Run, contest

ENCODE_LOOP = "a loop of `base64.urlsafe_b64encode`"
DECODE_LOOP = "a loop of `base64.urlsafe_b64decode`"


@contest("base64url encode", "C, from lists to lists", ENCODE_LOOP)
def test_encode(run: Run) -> None:
    items = data.tokens(run.items)
    if run.entrant == ENCODE_LOOP:
        texts = run(lambda: [urlsafe_b64encode(item).rstrip(b"=").decode() for item in items])
    elif run.entrant == OPENSSL:
        texts = run(lambda: [base64url.encode(item) for item in items])
    else:
        encode = run.module("benchmarks.packed").base64url_encode
        texts = run(lambda: encode(run.entrant, items))
    assert texts == [base64url.encode(item) for item in items]


@contest("base64url decode, strict", "C, from lists to lists", DECODE_LOOP)
def test_decode(run: Run) -> None:
    texts = [base64url.encode(item) for item in data.tokens(run.items)]
    items: object
    if run.entrant == DECODE_LOOP:
        items = run(lambda: [urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in texts])
    elif run.entrant == OPENSSL:
        items = run(lambda: [base64url.decode(text) for text in texts])
    else:
        decode = run.module("benchmarks.packed").base64url_decode
        items = run(lambda: decode(run.entrant, texts))
    assert items == data.tokens(run.items)
