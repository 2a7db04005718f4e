"""How the cost of reading grows with what is read: the time per unit has to stay level, on hostile input too."""

from __future__ import annotations

from collections.abc import Callable

import wvtoken

from . import data
from .contest import Run, duel

SUBJECT = "`parse`"
FIVE = data.queries(1)[0].rpartition("&")[0]
KIBIBYTES = (1, 4, 16, 64)
COUNTS = (10, 30, 90, 300, 900)


def _filled(kibibytes: int, piece: str) -> str:
    """A request of as many KiB, the rest of it this piece over and over."""
    room = kibibytes * 1024 - len(FIVE)
    return FIVE + (piece * (room // len(piece) + 1))[:room]


def _grow(run: Run, query: str) -> None:
    def read() -> object:
        try:
            return wvtoken.parse(query)
        except wvtoken.TokenRequestError as error:
            return error.code

    run(read)


@duel("ns per extension, over their number", SUBJECT, sizes=COUNTS)
def test_extensions(run: Run) -> None:
    query = FIVE + "".join(f"&wvExtension={place:04d},AA==" for place in range(run.items))
    _grow(run, query)
    assert len(wvtoken.parse(query).extensions) == run.items


@duel("ns per extension in the long form", SUBJECT, sizes=COUNTS)
def test_long_extensions(run: Run) -> None:
    query = FIVE + "".join(f"&extensionType={place:04d}&extensionPayload=AA==" for place in range(run.items))
    _grow(run, query)
    assert len(wvtoken.parse(query).extensions) == run.items


def _hostile(group: str, piece: str) -> Callable[[Run], None]:
    """A benchmark of requests full of this, in ns per KiB."""

    @duel(group, SUBJECT, sizes=KIBIBYTES)
    def test(run: Run) -> None:
        _grow(run, _filled(run.items, piece))

    return test


test_names = _hostile("ns per KiB of unknown names", "&name=a+value+of+this+length+to+pass+over+is+nothing")
test_text = _hostile("ns per KiB of contentId", "&contentId=" + 64 * "Tatort+")
test_escapes = _hostile("ns per KiB of escapes", "%C3%A9")
test_percents = _hostile("ns per KiB of %", "%")
test_ampersands = _hostile("ns per KiB of &", "&")
test_equals = _hostile("ns per KiB of =", "=")
test_duplicates = _hostile("ns per KiB of the same parameter", "&cookie=1")
test_commas = _hostile("ns per KiB of commas", "&wvExtension=,,,,,,,,,,,,,,,")
test_digits = _hostile("ns per KiB of digits", "9")


@duel("ns per request, over their number", "`issue_many`", sizes=(1, 10, 100, 1000, 10_000, 100_000))
def test_requests(run: Run) -> None:
    queries = data.queries(1000) * (run.items // 1000) or data.queries(run.items)
    assert len(run(lambda: data.ISSUER.issue_many(queries, now=data.NOW))) == run.items
