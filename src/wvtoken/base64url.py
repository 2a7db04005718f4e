"""base64url without padding (RFC 4648, section 5). Strict: each value has exactly one text."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

_ALPHABET = re.compile("[A-Za-z0-9_-]*", re.ASCII)


def encode(data: bytes) -> str:
    """Return the text of `data`, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """Return the data of `text`, or None unless `text` is exactly what `encode` returns for it."""
    # Python 3.15 warns about "+" and "/" in `urlsafe_b64decode`, so the alphabet is checked first.
    if len(text) % 4 == 1 or _ALPHABET.fullmatch(text) is None:
        return None
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if encode(data) == text else None
