"""The engines that do the cryptography, and the choice between them.

`native` is this package's own C extension, on the CPU's AES units. `openssl` is the `cryptography` package, for every
other CPU and platform. Both give the same bytes for the same input. The choice is made at the first use of
cryptography, and kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Protocol

from ..errors import EngineUnavailable, KeyUnwrapError

VARIABLE = "WVTOKEN_ENGINE"
"""The environment variable that forces an engine: "native", "openssl", or a name that `engine_name` gives."""


class Engine(Protocol):
    """Batches of AES Key Wrap and of AES-256-GCM-SIV.

    The caller has checked types and the lengths of keys, nonces and headers; what is data (a wrapped key, a token's
    text) may be anything, and what does not open is None in its place.
    """

    @property
    def name(self) -> str:
        """What seals here, such as "x86-vaes512" or "openssl"."""
        ...

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> list[bytes] | None:
        """RFC 3394. One KEK for all, or one each. Nothing is checked before: None, unless there are keys, all of one
        length that can be wrapped, and KEKs of one length that can wrap.
        """
        ...

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> list[bytes | KeyUnwrapError] | None:
        """The way back, on the same terms."""
        ...

    def seal(self, key: bytes, aad: bytes, nonces: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """RFC 8452, AES-256-GCM-SIV: ciphertext and tag. One key (32 bytes) and one AAD for all, a nonce (12 bytes)
        each.
        """
        ...

    def open(self, key: bytes, aad: bytes, nonces: bytes, sealed: Sequence[bytes]) -> list[bytes | None]:
        """The way back."""
        ...

    def seal_tokens(
        self,
        key: bytes,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        """base64url(header || nonce || sealed payload), with header || audience as AAD; each behind the prefix."""
        ...

    def open_tokens(
        self, keys: Sequence[tuple[bytes, bytes]], audience: bytes, texts: Sequence[str]
    ) -> list[bytes | None]:
        """Of each text whose header and key are among `keys`: nonce || payload. Texts are ASCII."""
        ...


def load(name: str) -> Engine:
    """The engine of this name.

    Raises:
        EngineUnavailable: there is none, or it cannot work here.
    """
    if name == "openssl":
        from .openssl import OpenSSLEngine  # noqa: PLC0415  # not before it is wanted

        return OpenSSLEngine()
    from .native import NativeEngine  # noqa: PLC0415

    return NativeEngine(None if name == "native" else name)


@cache
def current() -> Engine:
    """The engine that this process uses: the one that WVTOKEN_ENGINE names, or native, or openssl.

    Raises:
        EngineUnavailable: none can work here, or not the one that is named.
    """
    forced = os.environ.get(VARIABLE)
    if forced:
        return load(forced)
    reasons = []
    for name in ("native", "openssl"):
        try:
            return load(name)
        except EngineUnavailable as error:
            reasons.append(f"{name}: {error}")
    raise EngineUnavailable(f"no engine for AES here; pip install 'wvtoken[openssl]' brings one ({'; '.join(reasons)})")


def engine_name() -> str:
    """What seals here: "x86-vaes512", "x86-vaes256", "x86-aesni", "armv8" or "openssl".

    Raises:
        EngineUnavailable: nothing does.
    """
    return current().name
