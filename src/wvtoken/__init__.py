"""The kernel of a license token service for Widevine: requests to sealed tokens, and tokens to grants.

A streaming service asks for a token by a query: who is asking, which key, what the player may
do. This package reads that request, says by the interface's own number what is wrong with it,
or turns it into a URL with a sealed token. The license server opens the token again and finds
in it the key and the terms. There is no I/O here: servers and batch jobs bring the requests,
the time and what they have looked up.

The way to go

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

An `Issuer` takes a request as it came, or a `TokenSpec`, which `parse` gives or a program
builds. For many requests, `issue_many` and `redeem_many` are several times as fast as a loop,
and `issue_iter` and `redeem_iter` do streams in little memory. To answer HTTP as the interface
does, put a `TokenEndpoint` into any server. `wrap_keys` and `unwrap_keys` are AES Key Wrap (RFC
3394) by themselves.

Errors

What is wrong with data is a `TokenRequestError`: its `code` is one of `ErrorCode`, its
`message` the interface's wording, and neither shows a key or an authenticator. A token that
does not open is `InvalidToken`, whatever the reason; `TokenExpired` is a genuine one that came
too late. Batches return errors in place of results, so that one bad item costs nothing but
itself. What is wrong with the program is a ValueError or TypeError.

Keys

A `KeyRing` has the keys that seal. All of them open tokens, the active one seals, and whoever
has the ring can do both: keep it where only issuers and license servers can read it. To rotate,
add the new key everywhere, activate it at the issuers, and take the old one out 30 days later,
when its last token has expired. The audience says which of several installations a token is
for: one for "test" does not open in "production", even under the same keys. One key is good for
more than 2**32 tokens.

A token is not used up by being opened. If it may be redeemed only once, remember its
`token_id`.

What is promised

What is in `__all__` stays as it is within a major version, and so do the error codes. Tokens of
version 1 open in every release of this package and all later ones, and each grant has one
encoding. The format is written down in token-format.md, a file of this package, for other
implementations. What is new in a token will be a new version of it: nothing unknown is ever
skipped.

Engines

The cryptography is done in C, on the CPU's AES units, or where there are none by the package
`cryptography` (the extra `wvtoken[openssl]`). Both give the same bytes. The choice is made at
its first use, `engine_name` tells it, and the environment variable WVTOKEN_ENGINE forces it.
All objects here may be used by many threads, and batches run beside each other: the C code does
not hold the GIL.
"""

from __future__ import annotations

from .endpoint import Pending, TokenEndpoint
from .engine import engine_name
from .errors import (
    EngineUnavailable,
    ErrorCode,
    ErrorFormat,
    InvalidToken,
    KeyUnwrapError,
    TokenExpired,
    TokenRequestError,
)
from .issue import Issuer
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
    "EngineUnavailable",
    "ErrorCode",
    "ErrorFormat",
    "Extension",
    "Grant",
    "HdcpOutputControl",
    "InvalidToken",
    "Issuer",
    "KeyRing",
    "KeyUnwrapError",
    "Pending",
    "Redeemer",
    "Response",
    "SecurityLevel",
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
