"""Published vectors: RFC 3394 and RFC 8452 from `vectors/published.json`, and the package `cryptography-vectors`.

Of the package, the tests use NIST's files for AES Key Wrap (SP 800-38F) and the files for AES-256-GCM-SIV. The
other files cover padding (KWP), triple DES (TKW), and inverted AES (`_inv`), which wvtoken does not have.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

_RFC = json.loads((Path(__file__).parent / "vectors" / "published.json").read_text(encoding="ascii"))
RFC3394 = [tuple(vector.values()) for vector in _RFC["rfc3394"]]
"""Section 4: KEK, key, wrapped key."""
RFC8452 = [tuple(vector.values()) for vector in _RFC["rfc8452"]]
"""Appendices C.2 and C.3: key, nonce, additional data, plaintext, ciphertext with tag."""
assert (len(set(RFC3394)), len(set(RFC8452))) == (6, 26)

NIST_KEY_WRAP = {f"KW_{direction}_{bits}.txt": 500 for direction in ("AE", "AD") for bits in (128, 192, 256)}
"""NIST's files and the number of cases in each."""
NIST_KEY_WRAP_FILES = sorted(NIST_KEY_WRAP)
NIST_KEY_WRAP_REFUSED = {f"KW_AD_{bits}.txt": 100 for bits in (128, 192, 256)}
"""The number of cases that must fail."""
GCM_SIV_FILES = {"openssl.txt": 46, "aes-192-gcm-siv.txt": 46}
"""The number of cases in each file. AES-256 has 24 and 0 of them."""


class KeyWrapCase(NamedTuple):
    kek: bytes
    wrapped: bytes
    key: bytes | None


class SealCase(NamedTuple):
    key: bytes
    nonce: bytes
    aad: bytes
    plaintext: bytes
    sealed: bytes


def nist_key_wrap(name: str) -> list[KeyWrapCase]:
    """Return the cases of one file. `key` is None if unwrapping must fail."""
    return [
        KeyWrapCase(
            bytes.fromhex(case["K"]), bytes.fromhex(case["C"]), None if "FAIL" in case else bytes.fromhex(case["P"])
        )
        for case in _cases("keywrap/kwtestvectors", name)
    ]


def gcm_siv(name: str) -> list[SealCase]:
    """Return the cases of one file, for all key lengths."""
    found = []
    for case in _cases("ciphers/AES/GCM-SIV", name):
        key, nonce, aad, plaintext = (bytes.fromhex(case.get(field, "")) for field in ("Key", "IV", "AAD", "Plaintext"))
        sealed = bytes.fromhex(case.get("Ciphertext", "") + case["Tag"])
        found.append(SealCase(key, nonce, aad, plaintext, sealed))
    return found


def _cases(folder: str, name: str) -> list[dict[str, str]]:
    """Return the fields of each case; a case starts at COUNT."""
    text = files("cryptography_vectors").joinpath(folder, name).read_text(encoding="ascii")
    blocks = re.split(r"(?m)^COUNT\b.*$", text)[1:]
    return [dict(re.findall(r"(?m)^(\w+)(?: = ?(.*))?$", block)) for block in blocks]
