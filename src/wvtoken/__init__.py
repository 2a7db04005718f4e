"""Core library for a license-token service with the ExpressPlay Widevine token interface.

A streaming service sends a query: who asks, which key, what the player may do. This package parses the query and
returns an exact error, or a URL with an encrypted token. A license server opens the token and gets the key and the
terms. The package does no I/O: callers pass in requests, time and keys.

## Quick start

    >>> import wvtoken
    >>> keyring = wvtoken.KeyRing.generate()
    >>> issuer = wvtoken.Issuer(keyring, "https://wv.example.com/rights/", audience="production")
    >>> url = issuer.issue(
    ...     "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae&kid=^kid1"
    ...     "&contentKey=a9b9033df0b9ca5447839e3d074817a0&securityLevel=3&hdcpOutputControl=1"
    ... )
    >>> redeemer = wvtoken.Redeemer(keyring, audience="production")
    >>> redeemer.redeem(url).content_key.hex()
    'a9b9033df0b9ca5447839e3d074817a0'

- `Issuer` issues tokens for requests: queries, or `TokenSpec` objects from `parse` or from your code.
- `Redeemer` opens tokens and returns a `Grant`.
- `issue_many`, `redeem_many` are several times as fast as a loop. `issue_iter`, `redeem_iter` handle streams.
- `TokenEndpoint` answers HTTP requests for any server.
- `wrap_keys`, `unwrap_keys` are AES Key Wrap (RFC 3394). They can be used separately.

## Errors

Invalid data raises `TokenRequestError`, with the specification's code in `code` (`ErrorCode`). An invalid token raises
its subclass `InvalidToken`; a valid but expired one raises `TokenExpired`. Batches return errors in place of results,
so an invalid item affects no other item. Invalid use raises ValueError or TypeError. No error contains a key or an
authenticator.

## Keys

Every key of a `KeyRing` opens tokens; only the active key seals. Anyone who has the ring can do both, so only issuers
and license servers may read it. To rotate, add a new key everywhere, activate it at the issuers, and remove the old
key 30 days later. The audience names the environment: a "test" token is refused in "production", even with the same
keys. The default audience "" separates nothing.

Tokens can be redeemed repeatedly. To allow one use only, store `Grant.token_id`.

## Compatibility

`__all__` and the error codes are stable within a major version. Version 1 tokens open in every later release. New
fields need a new token version.

## Engines

The cryptography runs in C on the CPU's AES instructions, or in the package `cryptography` (extra `openssl`). Both give
the same bytes. The environment variable WVTOKEN_ENGINE selects one; `engine_name` reports it. All objects may be used
by many threads. The C code releases the GIL.

## More

`wvtoken docs` on the command line lists the installed pages: serving, batches, redeeming, rotation, errors,
command-line, token-format and security.
"""

from __future__ import annotations

from .endpoint import Authenticate, Authenticated, Authorize, Pending, StoredKey, TokenEndpoint
from .engine import engine_name
from .errors import (
    EngineUnavailable,
    ErrorCode,
    ErrorFormat,
    InvalidReason,
    InvalidToken,
    KeyUnwrapError,
    TokenExpired,
    TokenRequestError,
)
from .issue import BytesLike, Issuer, Request, StoredKeys
from .keyring import KeyRing
from .keywrap import unwrap_key, unwrap_keys, wrap_key, wrap_keys
from .payload import Grant
from .redeem import Redeemer
from .response import Response, error_response, token_response
from .spec import TokenSpec, find_errors, parse
from .token_text import TokenHeader, token_header, token_id
from .values import Extension, HdcpOutputControl, SecurityLevel

__version__ = "0.1.0"

__all__ = [
    "Authenticate",
    "Authenticated",
    "Authorize",
    "BytesLike",
    "EngineUnavailable",
    "ErrorCode",
    "ErrorFormat",
    "Extension",
    "Grant",
    "HdcpOutputControl",
    "InvalidReason",
    "InvalidToken",
    "Issuer",
    "KeyRing",
    "KeyUnwrapError",
    "Pending",
    "Redeemer",
    "Request",
    "Response",
    "SecurityLevel",
    "StoredKey",
    "StoredKeys",
    "TokenEndpoint",
    "TokenExpired",
    "TokenHeader",
    "TokenRequestError",
    "TokenSpec",
    "engine_name",
    "error_response",
    "find_errors",
    "parse",
    "token_header",
    "token_id",
    "token_response",
    "unwrap_key",
    "unwrap_keys",
    "wrap_key",
    "wrap_keys",
]
