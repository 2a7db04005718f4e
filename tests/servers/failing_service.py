"""A service.py for the recipes whose functions fail if the request says so.

The page's service.py is honest_service.py.
"""

from __future__ import annotations

import importlib
from typing import Any

import wvtoken

honest = importlib.import_module("honest_service")
issuer: wvtoken.Issuer = honest.issuer
bad_request = honest.bad_request


def authenticate(authenticator: str) -> Any:
    if authenticator.startswith("name:"):
        return authenticator.removeprefix("name:")
    return honest.authenticate(authenticator) if authenticator[0].isdigit() else fail(authenticator)


def authorize(spec: wvtoken.TokenSpec, customer: str | None) -> Any:
    return fail(spec.cookie) if (spec.cookie or "").startswith(("raise", "fail")) else honest.authorize(spec, customer)


def stored_key(spec: wvtoken.TokenSpec, customer: str | None) -> Any:
    name = spec.kid_name or ""
    if name.startswith(("raise", "fail", "coroutine")):
        return fail(name)
    return honest.stored_key(spec, customer)


def fail(how: str | None) -> Any:
    """Raise a code with details ("raise-2031 why"), raise RuntimeError ("fail why"), or return a wrong type."""
    assert how is not None
    if how.startswith("raise"):
        code, _, details = how.removeprefix("raise").partition(" ")
        raise wvtoken.TokenRequestError(int(code), None, details)
    if how.startswith("fail"):
        raise RuntimeError(how)
    return coroutine() if how == "coroutine" else 1


async def coroutine() -> bool:
    return True


endpoint = wvtoken.TokenEndpoint(issuer, authenticate, authorize=authorize, stored_key=stored_key)
