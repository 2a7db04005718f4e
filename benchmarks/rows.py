"""The rows of the report: what wvtoken does, the alternatives, and the target for the first alternative."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import starmap
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

import wvtoken
from wvtoken import sealing

from . import alternatives, data

Job = Callable[[], object]

SIZES = (1, 8, 64, 512, 4096)
BATCH = 4096
PIPELINE = "`parse_qsl`, pydantic, `struct`, `AESGCMSIV`, `base64`"
LOOP = "loop of `struct`, `AESGCMSIV`, `base64`"
LOOP_OPEN = "loop of `base64`, `AESGCMSIV`, `struct` (fixed fields only)"
FIVE, NINE = "five parameters", "nine parameters"
FORM = "application/x-www-form-urlencoded"


class Row(NamedTuple):
    """One job of the report.

    `alternatives` are in the order of the report. `target` is the ratio to the first one.
    """

    section: str
    name: str
    subject: str
    items: int
    job: Job
    alternatives: dict[str, Job]
    target: float | None = None


def all_rows(batch: int = BATCH) -> Iterator[Row]:
    for rows in (_batches(batch), _single_calls(), _parsing(), _hostile(), _cryptography(batch), _threads(batch)):
        yield from rows


def _each(function: Callable[[Any], object], items: list[Any]) -> list[object]:
    return [function(item) for item in items]


def _parsed(query: str) -> object:
    try:
        return wvtoken.parse(query)
    except wvtoken.TokenRequestError as error:
        return error


def _batches(batch: int) -> Iterator[Row]:
    issue = partial(data.issuer().issue_many, now=data.NOW)
    redeem = partial(data.redeemer().redeem_many, now=data.NOW)
    stored = data.queries("stored", batch)
    kids = [spec.kid for spec in data.specs("stored", batch)]
    keys = dict(zip(kids, data.random_bytes("key", batch, 16), strict=True))

    def row(name: str, subject: str, job: Job, other: str, other_job: Job, target: float) -> Row:
        return Row("Batches", name, subject, batch, job, {other: other_job}, target)

    for name, queries, target in (
        *((shape, data.queries(shape, batch), 15.0) for shape in data.SHAPES),
        ("nine, one in ten invalid", data.tenth_invalid(batch), 6),
    ):
        loop = partial(_each, alternatives.issue, queries)
        yield row(f"issue requests: {name}", "`issue_many(queries)`", partial(issue, queries), PIPELINE, loop, target)
    job, loop = partial(issue, stored, stored_keys=keys), partial(_each, partial(alternatives.issue, keys=keys), stored)
    yield row("issue requests: key from a mapping", "`issue_many(queries)`", job, PIPELINE, loop, 3)
    bad = [data.invalid(query) for query in data.queries(NINE, batch)]
    job, loop = partial(issue, bad), partial(_each, _parsed, bad)
    yield row("issue requests: all invalid", "`issue_many(queries)`", job, "`parse` of each", loop, 0.5)
    for name, shape, target in (("cookie and extension", NINE, 4.0), ("bare tokens", FIVE, 4)):
        specs = data.specs(shape, batch)
        job, loop = partial(issue, specs), partial(_each, alternatives.issue_spec, specs)
        yield row(f"issue specs: {name}", "`issue_many(specs)`", job, LOOP, loop, target)
    for name, shape, target in (
        ("cookie and extension", NINE, 3),
        ("mixed shapes", "mixed", 2.5),
        ("bare tokens", FIVE, 4),
    ):
        urls = data.urls(shape, batch)
        loop = partial(_each, alternatives.redeem, urls)
        yield row(f"redeem: {name}", "`redeem_many`", partial(redeem, urls), LOOP_OPEN, loop, target)


def _single_calls() -> Iterator[Row]:
    issuer, redeemer = data.issuer(), data.redeemer()
    query, spec, url = data.queries(NINE, 1)[0], data.specs(NINE, 1)[0], data.urls(NINE, 1)[0]
    endpoint = wvtoken.TokenEndpoint(issuer, lambda authenticator: True)
    pipeline: dict[str, Job] = {PIPELINE: partial(alternatives.issue, query)}
    seal: dict[str, Job] = {"one step of the loop": partial(alternatives.issue_spec, spec)}
    opened: dict[str, Job] = {"one step of the loop": partial(alternatives.redeem, url)}
    for name, (other_seal, other_open) in alternatives.FORMATS.items():
        seal[name] = partial(other_seal, spec)
        opened[name] = partial(other_open, other_seal(spec))
    respond = partial(endpoint.respond, "POST", "/hms/wv/token", "", query.encode(), FORM)
    redeem = partial(redeemer.redeem, url, now=data.NOW)
    for name, subject, job, others, target in (
        ("issue a request", "`issue(query)`", partial(issuer.issue, query), pipeline, 3.5),
        ("issue a spec", "`issue(spec)`", partial(issuer.issue, spec), seal, 1),
        ("redeem a URL", "`redeem(url)`", redeem, opened, 1),
        ("answer a POST", "`TokenEndpoint.respond`", respond, pipeline, 1.2),
    ):
        yield Row("Single calls", name, subject, 1, job, others, target)


def _parsing() -> Iterator[Row]:
    """The limits of the Python parser. A ratio below 1 means that wvtoken takes longer."""
    row = partial(Row, "Parsing in Python")
    for shape in data.SHAPES:
        query = data.queries(shape, 1)[0]
        other: dict[str, Job] = {"`parse_qsl` and pydantic": partial(alternatives.parse, query)}
        yield row(f"parse: {shape}", "`parse`", 1, partial(wvtoken.parse, query), other, 1 / 1.3)
    good = data.queries(NINE, 1)[0]
    for name, bad in (
        ("an invalid level", data.invalid(good)),
        ("an invalid kid", good.replace("&kid=", "&kid=z")),
        ("a missing level", good.replace("&securityLevel=1", "")),
        ("a repeated level", f"{good}&securityLevel=1"),
    ):
        accept: dict[str, Job] = {"`parse` of a valid request": partial(wvtoken.parse, good)}
        yield row(f"reject: {name}", "`parse`", 1, partial(_parsed, bad), accept, 0.5)
    spec = wvtoken.parse(good)
    fields = {name: getattr(spec, name) for name in wvtoken.TokenSpec.__dataclass_fields__}
    fields = {name: value for name, value in fields.items() if value not in (None, ())}
    model: dict[str, Any] = dict(parse_qsl(good.partition("&wv")[0]), wvExtension=["wudo,AAAAAA=="], cookie="abc123")
    build: dict[str, Job] = {"the pydantic model": partial(alternatives.Request, **model)}
    yield row("build a spec", "`TokenSpec(...)`", 1, partial(wvtoken.TokenSpec, **fields), build, 1 / 3)


def _hostile() -> Iterator[Row]:
    """Each request of 64 KiB takes at most half of the time that `parse_qsl` takes for escaped text of that size."""
    start = data.queries(FIVE, 1)[0]
    room = 65_536 - len(start)
    pieces = {
        "escaped text": "%C3%A9",
        "`%`": "%",
        "`&`": "&",
        "`=`": "=",
        "commas": "&wvExtension=,,,,,,,,,,,,,,,",
        "one parameter repeated": "&cookie=1",
        "extensions in the long form": "&extensionType=abcd&extensionPayload=AA==",
        "unknown names": "&name=" + 40 * "x",
    }
    full = {name: start + (piece * (room // len(piece) + 1))[:room] for name, piece in pieces.items()}
    reference: dict[str, Job] = {"`parse_qsl` of escaped text": partial(parse_qsl, "a=%C3%A9&" * 7281)}
    for name, query in full.items():
        yield Row("Requests of 64 KiB", name, "`parse`", 1, partial(_parsed, query), reference, 2)


def _cryptography(batch: int) -> Iterator[Row]:
    row = partial(Row, "Cryptography")
    keys, each = data.random_bytes("key", batch, 16), data.random_bytes("kek", batch, 16)
    for name, given, keks in (("one KEK", data.KEK, [data.KEK] * batch), ("a KEK for each key", each, each)):
        eks = wvtoken.wrap_keys(given, keys)
        for verb, own, items, other in (
            ("wrap", wvtoken.wrap_keys, keys, aes_key_wrap),
            ("unwrap", wvtoken.unwrap_keys, eks, aes_key_unwrap),
        ):
            loop = partial(_star, other, list(zip(keks, items, strict=True)))
            others: dict[str, Job] = {f"loop of cryptography's `aes_key_{verb}`": loop}
            yield row(f"{verb} keys: {name}", f"`{verb}_keys`", batch, partial(own, given, items), others, 10)
    payloads = [alternatives.packed(spec) for spec in data.specs(FIVE, batch)]
    texts = [url.removeprefix(data.PREFIX) for url in data.urls(FIVE, batch)]
    ring, audience = data.KEYRING, data.AUDIENCE.encode()
    seal: dict[str, Job] = {"loop of `AESGCMSIV` and `base64`": partial(_seal_loop, payloads)}
    opened: dict[str, Job] = {"loop of `base64` and `AESGCMSIV`": partial(_each, alternatives.open_token, texts)}
    job = partial(sealing.seal, ring, audience, payloads)
    yield row("payloads to token texts", "`seal_tokens`", batch, job, seal, 12)
    yield row(
        "token texts to payloads", "`open_tokens`", batch, partial(sealing.open_tokens, ring, audience, texts), opened
    )


def _star(function: Callable[..., object], items: list[Any]) -> list[object]:
    return list(starmap(function, items))


def _seal_loop(payloads: list[bytes]) -> list[str]:
    nonces = os.urandom(12 * len(payloads))  # one call for all, as in wvtoken
    return [alternatives.sealed(nonces[12 * i : 12 * i + 12], payload) for i, payload in enumerate(payloads)]


def _threads(batch: int) -> Iterator[Row]:
    """Two batches on two threads. The alternative runs both batches on one thread."""
    executor = ThreadPoolExecutor(2)
    issue = partial(data.issuer().issue_many, data.queries(NINE, batch), now=data.NOW)
    redeem = partial(data.redeemer().redeem_many, data.urls(NINE, batch), now=data.NOW)
    for name, job in (("issue requests: nine parameters", issue), ("redeem: cookie and extension", redeem)):
        both: Job = partial(_both, executor, job)
        one: dict[str, Job] = {"one thread": partial(_each, lambda job: job(), [job, job])}
        yield Row("Two threads", name, "two threads", 2 * batch, both, one, 1.6)


def _both(executor: ThreadPoolExecutor, job: Job) -> list[object]:
    return [task.result() for task in [executor.submit(job), executor.submit(job)]]


def named_rows(batch: int, *names: str) -> list[Row]:
    return [row for row in (*_batches(batch), *_cryptography(batch)) if row.name in names]


PLOTTED = (f"issue requests: {NINE}", "issue specs: cookie and extension", "redeem: cookie and extension")
ON_EACH_ENGINE = (
    *(f"issue requests: {NINE}", "issue specs: bare tokens", "redeem: bare tokens"),
    *("wrap keys: a KEK for each key", "unwrap keys: a KEK for each key"),
    *("payloads to token texts", "token texts to payloads"),
)
