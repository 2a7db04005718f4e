"""A `service.py` for the README's recipes whose callbacks do what the request tells them to.

The README's own `service.py` stands beside it under the name `honest.py`, and is asked in every other case.
"""

from __future__ import annotations

import importlib
from typing import Any

import wvtoken

honest = importlib.import_module("honest")
issuer: wvtoken.Issuer = honest.issuer


def authenticate(authenticator: str) -> Any:
    if authenticator.startswith("name:"):
        return authenticator.removeprefix("name:")
    return honest.authenticate(authenticator) if authenticator[0].isdigit() else misbehave(authenticator)


def stored_key(spec: wvtoken.TokenSpec) -> Any:
    name = spec.kid_name or ""
    return misbehave(name) if name.startswith(("raise", "fail", "coroutine")) else honest.stored_key(spec)


def misbehave(how: str) -> Any:
    """What a callback may do wrong: "raise-2031" and its details, "fail" and why, "coroutine", or be truthy."""
    if how.startswith("raise"):
        code, _, details = how.removeprefix("raise").partition(" ")
        raise wvtoken.TokenRequestError(int(code), None, details)
    if how.startswith("fail"):
        raise RuntimeError(how)
    return later() if how == "coroutine" else 1


async def later() -> bool:
    return True


endpoint = wvtoken.TokenEndpoint(issuer, authenticate, stored_key=stored_key)
