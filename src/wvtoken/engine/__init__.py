"""The engines that do the cryptography, and the choice between them.

`native` is the C extension of this package and uses the AES instructions of the CPU. `openssl` uses the package
`cryptography` and works on every platform. Both give the same bytes. The engine is chosen at its first use and kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import EngineUnavailable, Refusal

if TYPE_CHECKING:
    from .issuing import FastIssuer
    from .redeeming import FastRedeemer

VARIABLE = "WVTOKEN_ENGINE"
"""The environment variable that selects an engine: "native", "openssl", or a name that `engine_name` returns."""

NATIVE_NAMES = ("x86-vaes512", "x86-vaes256", "x86-aesni", "armv8")
"""The SIMD variants of the C extension, the fastest first."""


class KeyTable:
    """The sealing keys (32 bytes) of a key ring, by the header (5 bytes) of their tokens. Made once per ring.

    `headers` and `keys` are joined, in ascending order of the headers. `prepared` is for the ciphers of an engine.
    """

    __slots__ = ("by_header", "headers", "keys", "prepared")

    def __init__(self, keys: Mapping[bytes, bytes]) -> None:
        self.by_header: dict[bytes, bytes] = dict(sorted(keys.items()))
        self.headers: bytes = b"".join(self.by_header)
        self.keys: bytes = b"".join(self.by_header.values())
        self.prepared: dict[bytes, Any] = {}


class Engine(Protocol):
    """Batches of AES Key Wrap and of sealed tokens.

    The caller has checked the types and the lengths. Wrapped keys and the texts of tokens may have any content.
    """

    @property
    def name(self) -> str:
        """For example "x86-vaes512" or "openssl"."""

    def wrap(self, keks: bytes | Sequence[bytes], keys: Sequence[bytes]) -> Sequence[bytes]:
        """Wrap keys (RFC 3394) with one KEK for all, or one for each. Keys have one length, and so have KEKs."""

    def unwrap(self, keks: bytes | Sequence[bytes], wrapped: Sequence[bytes]) -> Sequence[bytes | None]:
        """Unwrap keys. Return None for an item that does not unwrap."""

    def seal_tokens(
        self,
        table: KeyTable,
        header: bytes,
        audience: bytes,
        nonces: bytes,
        payloads: Sequence[bytes],
        prefix: str = "",
    ) -> list[str]:
        """Texts: prefix + base64url(header || nonce || sealed payload). AAD: header || audience. A nonce for each."""

    def fast_issuer(
        self, table: KeyTable, header: bytes, audience: bytes, prefix: str, forbids_unknown: bool
    ) -> FastIssuer | None:
        """Return the fast path from requests to URLs, or None if the engine has none."""

    def fast_redeemer(self, table: KeyTable, audience: bytes) -> FastRedeemer | None:
        """Return the fast path from tokens to grants, or None if the engine has none."""

    def open_tokens(self, table: KeyTable, audience: bytes, texts: Sequence[str]) -> list[bytes | Refusal]:
        """Return header || nonce || payload of each text, or why the text does not open. Texts are ASCII."""


def load(name: str) -> Engine:
    """Return the engine of this name.

    Raises:
        EngineUnavailable: the name is unknown, or this engine cannot work here.
    """
    if name == "openssl":
        from .openssl import OpenSSLEngine  # noqa: PLC0415  # imported only when it is used

        return OpenSSLEngine()
    if name not in ("native", *NATIVE_NAMES):
        raise EngineUnavailable(f"unknown engine {name!r}: must be native, openssl, {', '.join(NATIVE_NAMES)}")
    from .native import NativeEngine  # noqa: PLC0415

    return NativeEngine(None if name == "native" else name)


@cache
def current() -> Engine:
    """Return the engine of this process: the one that WVTOKEN_ENGINE names, else native, else openssl.

    Raises:
        EngineUnavailable: no engine can work here, or the named one cannot.
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
    raise EngineUnavailable(f"no engine for AES here; install 'wvtoken[openssl]' to get one ({'; '.join(reasons)})")


def engine_name() -> str:
    """Return the name of the active engine: "x86-vaes512", "x86-vaes256", "x86-aesni", "armv8" or "openssl".

    Raises:
        EngineUnavailable: no engine is available.
    """
    return current().name


def why_not(package: str, error: ImportError) -> str:
    """Return why a package cannot be imported: the missing module, or the message of the error."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{error.name} is not installed"
    return f"{package} does not load: {error}"
