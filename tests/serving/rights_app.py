"""The README's WSGI application, and beside it a redemption server, which answers with the same errors.

It sends the content key: a test's way to look at it, and nobody else's.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import wvtoken

tokens = importlib.import_module("wsgi_app")
redeemer = wvtoken.Redeemer(wvtoken.KeyRing.from_jwks(Path("keyring.json").read_text("ascii")), audience="production")


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/hms/wv/rights/":
        answer: Iterable[bytes] = tokens.app(environ, start_response)
        return answer
    try:
        grant = redeemer.redeem(f"?{environ['QUERY_STRING']}")
    except wvtoken.TokenRequestError as error:
        asked = parse_qs(environ["QUERY_STRING"]).get("errorFormat", ["html"])[0]
        response = wvtoken.error_response(error, wvtoken.ErrorFormat(asked))
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", list(response.headers))
        return [response.body]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "32")])
    return [grant.content_key.hex().encode()]
