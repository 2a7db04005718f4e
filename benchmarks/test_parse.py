"""`parse` beside `parse_qsl` alone, and beside what one would assemble to get as far: a value, or an error."""

from __future__ import annotations

from urllib.parse import parse_qsl

import wvtoken

from . import data
from .contest import Run, duel
from .readers import PARSE_QSL, READERS

SUBJECT = "`parse`"
COUNT = 1000

FIVE = data.queries(1)[0].rpartition("&")[0]
NINE = f"{FIVE}&licenseDuration=3600&expirationTime=+3600&wvExtension=wudo,AAAAAA==&cookie=abc123"
ESCAPED = NINE.replace("+", "%2B").replace("==", "%3D%3D")
NAMED = (
    "customerAuthenticator=201722,1ad8eed133edf43cbcc185f0236828ae&kid=^CNN.2014.12.18"
    "&kek=000102030405060708090a0b0c0d0e0f&ek=5dbd06c0056b42fe0b8cf406679620c31bd619732730433d"
    "&securityLevel=1&hdcpOutputControl=0&licenseDuration=600&expirationTime=2026-12-01T00:00:00Z"
)

REFUSED = "`issue_many`, refused"
ISSUED = "`issue_many` of a good request"


@duel("read five parameters", SUBJECT, PARSE_QSL, *READERS, sizes=[COUNT], wanted={PARSE_QSL: 1 / 0.6})
def test_five(run: Run) -> None:
    _read(run, FIVE)


@duel("read nine parameters", SUBJECT, PARSE_QSL, *READERS, sizes=[COUNT], wanted={PARSE_QSL: 1 / 0.6})
def test_nine(run: Run) -> None:
    _read(run, NINE)


@duel("read nine parameters, escaped", SUBJECT, PARSE_QSL, *READERS, sizes=[COUNT])
def test_escaped(run: Run) -> None:
    _read(run, ESCAPED)


@duel("read ^string kid, kek, ek, RFC 3339", SUBJECT, PARSE_QSL, *READERS, sizes=[COUNT], wanted={PARSE_QSL: 1 / 0.9})
def test_named(run: Run) -> None:
    _read(run, NAMED)


def _read(run: Run, query: str) -> None:
    if run.entrant == SUBJECT:
        spec = run(lambda: [wvtoken.parse(query) for _ in range(COUNT)])[-1]
        assert spec.security_level == 1
    elif run.entrant == PARSE_QSL:
        assert run(lambda: [parse_qsl(query) for _ in range(COUNT)])[-1][0][0] == "customerAuthenticator"
    else:
        read = READERS[run.entrant](run)
        asked = run(lambda: [read(query) for _ in range(COUNT)])[-1]
        spec = wvtoken.parse(query)
        assert asked.kid == spec.kid
        assert asked[1:6] == (spec.content_key, spec.kek, spec.ek, spec.security_level, spec.hdcp_output_control)
        assert asked.extensions == spec.extensions
        assert asked.cookie == spec.cookie
        assert asked.expires_at == spec.expires_at


@duel("refuse a wrong level", REFUSED, ISSUED, sizes=[COUNT], wanted={ISSUED: 1})
def test_refusing_a_level(run: Run) -> None:
    _refuse(run, FIVE.replace("securityLevel=1", "securityLevel=9"))


@duel("refuse a wrong kid", REFUSED, ISSUED, sizes=[COUNT], wanted={ISSUED: 1})
def test_refusing_a_kid(run: Run) -> None:
    _refuse(run, FIVE.replace("&kid=", "&kid=zz"))


@duel("refuse a missing level", REFUSED, ISSUED, sizes=[COUNT], wanted={ISSUED: 1})
def test_refusing_a_missing_level(run: Run) -> None:
    _refuse(run, FIVE.replace("&securityLevel=1", ""))


@duel("refuse a level given twice", REFUSED, ISSUED, sizes=[COUNT], wanted={ISSUED: 1})
def test_refusing_what_is_given_twice(run: Run) -> None:
    _refuse(run, f"{FIVE}&securityLevel=1")


def _refuse(run: Run, bad: str) -> None:
    queries = [bad if run.entrant == REFUSED else FIVE] * COUNT
    issued = run(lambda: data.ISSUER.issue_many(queries, now=data.NOW))[-1]
    assert isinstance(issued, wvtoken.TokenRequestError if run.entrant == REFUSED else str)
