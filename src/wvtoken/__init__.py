"""The kernel of a license token service for Widevine: requests to sealed tokens, and tokens to grants."""

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
from .keywrap import unwrap_key, unwrap_keys, wrap_key, wrap_keys
from .payload import Grant
from .redeem import Redeemer
from .response import Response, error_response, token_response
from .sealing import KeyRing, token_id
from .spec import TokenSpec, parse
from .values import Extension, HdcpOutputControl, SecurityLevel

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
    "TokenRequestError",
    "TokenSpec",
    "engine_name",
    "error_response",
    "parse",
    "token_id",
    "token_response",
    "unwrap_key",
    "unwrap_keys",
    "wrap_key",
    "wrap_keys",
]
