"""Results of pytest-benchmark to tables, and the README's section about them.

A result has in its `extra_info`: "items", how many its time is for; "subject", the name of what is measured; "peer",
whether that is somebody else's; and, if it is so, "engine", the one of wvtoken's engines that it is about, or "wanted",
how many times this peer's speed the subject should have. Its group is the job that subjects and peers both do.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

COMPARED = 4096
"""Items of the batches that the tables are about, where there are so many."""

BEGIN, END = "<!-- performance: begin -->", "<!-- performance: end -->"

Results = Mapping[str, Any]
"""A file that pytest-benchmark has written."""


class Time(NamedTuple):
    """The shortest time of an entrant, in nanoseconds per item."""

    group: str
    subject: str
    peer: bool
    engine: str | None
    items: int
    wanted: float | None
    nanoseconds: float


class Row(NamedTuple):
    """A subject beside a peer."""

    subject: Time
    peer: Time

    @property
    def ratio(self) -> float:
        return self.peer.nanoseconds / self.subject.nanoseconds


def times(laps: Iterable[Results]) -> list[Time]:
    """Of each entrant its shortest round in all laps, in the order of the first lap."""
    best: dict[Time, float] = {}
    for result in (result for lap in laps for result in lap["benchmarks"]):
        info = result["extra_info"]
        if "items" not in info:
            continue
        entrant = Time(
            result["group"],
            info["subject"],
            info["peer"],
            info.get("engine"),
            info["items"],
            info.get("wanted"),
            0.0,
        )
        nanoseconds = result["stats"]["min"] / info["items"] * 1e9
        best[entrant] = min(best.get(entrant, nanoseconds), nanoseconds)
    return [entrant._replace(nanoseconds=nanoseconds) for entrant, nanoseconds in best.items()]


def rows(measured: Sequence[Time]) -> list[Row]:
    """Every subject beside every peer of its group, at one size of batch; of wvtoken's engines the first."""
    found = []
    for group in groups(measured).values():
        subjects = [time for time in group if not time.peer]
        subjects = [time for time in subjects if time.engine in (None, subjects[0].engine)]
        peers = [time for time in group if time.peer]
        size = _compared({time.items for time in subjects} & {time.items for time in peers})
        found += [Row(subject, peer) for subject in subjects for peer in peers if subject.items == peer.items == size]
    return found


def comparison(measured: Sequence[Time]) -> str:
    """The table of ratios."""
    cells = [("job", "wvtoken", "ns", "beside it", "ns", "ratio", "wanted")]
    before = None
    for row in rows(measured):
        subject, peer = row
        named = (
            "" if before and before.group == subject.group else subject.group,
            "" if before and before[:2] == subject[:2] else subject.subject,
        )
        wanted = "" if peer.wanted is None else f"≥ {peer.wanted:.3g}"
        cells.append(
            (*named, _number(subject.nanoseconds), peer.subject, _number(peer.nanoseconds), _ratio(row.ratio), wanted)
        )
        before = subject
    return _table(cells, numbers=(2, 4, 5, 6))


def engines(measured: Sequence[Time]) -> str:
    """The table of wvtoken's engines and the widths of their lanes."""
    names = list(dict.fromkeys(time.engine for time in measured if time.engine is not None))
    cells = [("job, ns", *names)]
    for group, entrants in groups(time for time in measured if time.engine is not None).items():
        size = _compared({time.items for time in entrants})
        by_name = {time.engine: time.nanoseconds for time in entrants if time.items == size}
        cells.append((group, *(_number(by_name[name]) if name in by_name else "" for name in names)))
    return _table(cells, numbers=range(1, len(names) + 1))


def section(measured: Sequence[Time], laps: Sequence[Results], context: Mapping[str, Any], image: str) -> str:
    """The README's section. The context is what `__main__` has written beside the results of the laps."""
    machine = laps[0]["machine_info"]
    python = f"{machine['python_implementation']} {machine['python_version']}"
    packages = ", ".join(f"{name} {version}" for name, version in context["packages"].items())
    parts = [
        "## Performance",
        _filled(
            "Each job below is done by wvtoken and by what one would write or install otherwise, in turns and in one",
            "run, of",
        ),
        "```sh\npython -m benchmarks\n```",
        _filled(
            "in a clone, after `pip install -e '.[bench]'`. Figures are nanoseconds per item, in batches of",
            f"{_size(measured):,} where a job comes in batches; the shortest round of {_laps(context['laps'])} counts,",
            "and the garbage collector is off while a round lasts. The ratio is how many times as fast as what stands",
            f"beside it wvtoken is. This run had {_cpu(machine)}, {python}, and of packages {packages}.",
        ),
        comparison(measured),
        _filled(
            f"Keys and KEKs have 16 bytes, payloads {context['payload_bytes']}, or where lengths are mixed up to",
            f"{context['payload_bytes_max']}. The loops that issue and redeem pack the same payload; where they",
            "redeem, they make a `NamedTuple` of plain numbers and check the expiry, and nothing else of what",
            "`redeem_many` checks.",
        ),
        "Those jobs on each engine and each width of its lanes, of which wvtoken takes the widest that the CPU has:",
        engines(measured),
        "And over the size of the batch:",
        f"![Nanoseconds per item over the size of the batch, a panel for each job]({image})",
        "Streams keep memory flat, by what Python has allocated:",
        "\n".join(f"- {line}" for line in context["memory"]),
    ]
    return "\n\n".join(parts)


def _filled(*words: str) -> str:
    return textwrap.fill(" ".join(words), 120, break_long_words=False, break_on_hyphens=False)


def write_section(readme: Path, text: str) -> None:
    """Puts the text between the two markers. ValueError when they are not there, once each."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"{readme} has not exactly one section between {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", encoding="utf-8")


def read(path: Path) -> Results:
    results: Results = json.loads(path.read_text(encoding="utf-8"))
    return results


def groups(measured: Iterable[Time]) -> dict[str, list[Time]]:
    """By the job, in the order of the results."""
    found: dict[str, list[Time]] = {}
    for time in measured:
        found.setdefault(time.group, []).append(time)
    return found


def _compared(sizes: set[int]) -> int | None:
    return max((size for size in sizes if size <= COMPARED), default=min(sizes, default=None))


def _size(measured: Sequence[Time]) -> int:
    return _compared({time.items for time in measured if time.engine is not None}) or 1


def _laps(laps: int) -> str:
    return "one lap" if laps == 1 else f"{laps} laps"


def _cpu(machine: Mapping[str, Any]) -> str:
    cpu = machine["cpu"]
    kind = f"family {cpu['family']}, model {cpu['model']}" if "family" in cpu else machine["machine"]
    return f"{cpu.get('count', '?')} cores of {cpu.get('brand_raw', 'an unknown CPU')} ({kind})"


def _number(nanoseconds: float) -> str:
    return f"{nanoseconds:.1f}" if nanoseconds < 100 else f"{nanoseconds:,.0f}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else _number(ratio)


def _table(cells: Sequence[Sequence[str]], numbers: Iterable[int]) -> str:
    right = set(numbers)
    rule = ["--:" if column in right else "---" for column in range(len(cells[0]))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (cells[0], rule, *cells[1:]))
