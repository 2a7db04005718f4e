"""Time per item over the size of the batch, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .report import Time, groups

COLUMNS = 3
SIZES_MIN = 3
"""Sizes that make a line."""

LOOP = "a loop of single calls, the first that stands beside in the table"
COLORS = {LOOP: "black", "x86-vaes512": "C0", "x86-vaes256": "C1", "x86-aesni": "C2", "armv8": "C0", "openssl": "C3"}

STYLE: dict[Any, Any] = {
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.linewidth": 0.3,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.2,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "wvtoken",  # the same results give the same bytes
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}

Line = list[tuple[int, float]]
"""Points: items, and nanoseconds per item."""


def draw(measured: Sequence[Time], path: Path) -> None:
    """A panel for each job that was done at several sizes: what did it of wvtoken, and the first peer."""
    import matplotlib as mpl  # noqa: PLC0415  # only who draws needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    panels = {group: lines for group, entrants in groups(measured).items() if (lines := _lines(entrants))}
    depth = max(1, math.ceil(len(panels) / COLUMNS))
    decades = _decades(nanoseconds for lines in panels.values() for line in lines.values() for _, nanoseconds in line)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 2.3 * depth + 0.5), layout="constrained")
        shared: dict[str, Any] = {}
        for place, (group, lines) in enumerate(panels.items(), 1):
            axes = figure.add_subplot(depth, COLUMNS, place)
            axes.set_title(group, fontsize=9)
            drawn = {name: _plot(axes, name, line) for name, line in lines.items()}
            shared |= {name: line for name, line in drawn.items() if name in COLORS}
            if own := {name: line for name, line in drawn.items() if name not in COLORS}:
                axes.legend(own.values(), own.keys())
            axes.set_xscale("log")
            axes.set_yscale("log")
            ticks = _ticks(lines.values())
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            axes.set_yticks(decades, [f"{decade:,}" for decade in decades])
            axes.minorticks_off()
            axes.grid(visible=True)
            if place % COLUMNS == 1:
                axes.set_ylabel("ns per item")
            if place > len(panels) - COLUMNS:
                axes.set_xlabel("items")
        figure.legend(shared.values(), shared.keys(), loc="outside lower center", ncols=len(shared) or 1)
        figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")


def _plot(axes: Any, name: str, line: Line) -> Any:
    style = {"color": COLORS[name]} if name in COLORS else {}
    (drawn,) = axes.plot(*zip(*line, strict=True), linestyle="--" if name == LOOP else "-", **style)
    return drawn


def _lines(entrants: Sequence[Time]) -> dict[str, Line]:
    """Those of wvtoken and of the first peer, as far as they have enough points."""
    first_peer = next((time.subject for time in entrants if time.peer), None)
    lines: dict[str, Line] = {}
    for time in entrants:
        if not time.peer:
            lines.setdefault(time.engine or time.subject, []).append((time.items, time.nanoseconds))
        elif time.subject == first_peer:
            lines.setdefault(LOOP, []).append((time.items, time.nanoseconds))
    return {name: sorted(line) for name, line in lines.items() if len(line) >= SIZES_MIN}


def _ticks(lines: Iterable[Line]) -> list[int]:
    """Every other size, when there are many."""
    sizes = sorted({items for line in lines for items, _ in line})
    return sizes[:: 1 if len(sizes) < 6 else 2]


def _decades(nanoseconds: Iterable[float]) -> list[int]:
    """Powers of ten around all of them."""
    powers = [math.log10(number) for number in nanoseconds] or [0.0]
    return [10**power for power in range(max(0, math.floor(min(powers))), math.ceil(max(powers)) + 1)]
