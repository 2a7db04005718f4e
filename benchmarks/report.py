"""Measured times as JSON, as tables in Markdown, and as a plot."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

SUMMARY = (
    ("Single calls", "issue a request"),
    ("Single calls", "redeem a URL"),
    ("Single calls", "answer a POST"),
    ("Batches", "issue requests: nine parameters"),
    ("Batches", "redeem: cookie and extension"),
)
"""The rows that the README of the project repeats: section and job."""

NOTES = {
    "Two threads": "C runs without the GIL, and scales with the cores. The objects of Python are made with the GIL:\n"
    "the URLs when issuing, about a third of the time, and the grants when redeeming, about five sixths.\n"
    "To use all cores, use processes.",
}
"""What limits the results of a section."""

PACKAGES = ("cryptography", "pydantic", "PyJWT", "fast-paseto")


class Result(NamedTuple):
    """Nanoseconds per item of wvtoken and of one alternative."""

    section: str
    name: str
    subject: str
    own: float
    alternative: str
    other: float
    target: float | None

    @property
    def ratio(self) -> float:
        return self.other / self.own

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        met = "met" if self.ratio >= self.target else "**missed**"
        return f"≥ {self.target:.3g}: {met}"


def document(results: Sequence[Result], context: Mapping[str, Any], image: str) -> str:
    """The text of `benchmarks/README.md`."""
    packages = ", ".join(f"{name} {number}" for name, number in context["packages"].items())
    missed = [f"{result.section} / {result.name}" for result in results if "missed" in result.verdict]
    parts = [
        "# Benchmarks",
        "`python -m benchmarks` writes this page and the plot. Install first: `pip install -e '.[bench]'`.",
        f"Machine: {context['machine']}, {context['python']}, engine {context['engine']}. Packages: {packages}.",
        "Times are nanoseconds per item. Batches have "
        f"{context['batch']:,} items. wvtoken and the alternatives are measured in turns in one process; each figure\n"
        f"is the fastest of {context['rounds']} rounds, with the garbage collector off. "
        "Ratio = alternative's time ÷ wvtoken's time. A ratio over 1 means that wvtoken is faster.",
        f"These rows miss their target: {'; '.join(missed)}." if missed else "Every row meets its target.",
        "The alternative for requests makes the same checks, without error codes. "
        "The alternative for redeeming reads the fixed fields and checks the expiry only.",
    ]
    for section, group in groupby(results, key=lambda result: result.section):
        parts += [f"## {section}", _comparison(list(group)), *(text for name, text in NOTES.items() if name == section)]
    parts += [
        "## Engines",
        "The same jobs on each engine and SIMD width, in nanoseconds per item:",
        _engines(context["engines"]),
        "## Batch size",
        f"![Nanoseconds per item by batch size]({image})",
        "## Token length",
        "\n".join(f"- {name}: {length} characters" for name, length in context["lengths"].items()),
        "## Memory of streams",
        "\n".join(
            f"- `{name}` over {context['stream']:,} items: {peak / 1024:,.0f} KiB at the peak"
            for name, peak in context["memory"].items()
        ),
    ]
    return "\n\n".join(parts) + "\n"


def summary(document: str) -> str:
    """Return the table for the project's README, from the text of `benchmarks/README.md`."""
    lines = ["| job | wvtoken, ns | alternative | ratio |", "| --- | --: | --- | --: |"]
    for section, job in SUMMARY:
        text = document.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        row = next(line for line in text.splitlines() if line.startswith(f"| {job} |"))
        _, _, subject, own, alternative, _, ratio, *_ = [cell.strip() for cell in row.split("|")]
        lines.append(f"| {section.lower()}: {subject} | {own} | {alternative} | {ratio} |")
    return "\n".join(lines)


def with_summary(readme: str, document: str) -> str:
    """Return the project's README with the current summary."""
    before, begin, rest = readme.partition("<!-- ratios: begin -->\n")
    _, end, after = rest.partition("<!-- ratios: end -->")
    return f"{before}{begin}{summary(document)}\n{end}{after}"


def _comparison(results: Sequence[Result]) -> str:
    lines = [
        "| job | wvtoken | ns | alternative | ns | ratio | target |",
        "| --- | --- | --: | --- | --: | --: | --- |",
    ]
    for result in results:
        cells = (result.name, result.subject, _number(result.own), result.alternative, _number(result.other))
        lines.append(f"| {' | '.join(cells)} | {result.ratio:.3g} | {result.verdict} |")
    return "\n".join(lines)


def _engines(times: Mapping[str, Mapping[str, float]]) -> str:
    names = list(times)
    lines = [f"| job | {' | '.join(names)} |", f"| --- |{' --: |' * len(names)}"]
    for job in times[names[0]]:
        lines.append(f"| {job} | {' | '.join(_number(times[name][job]) for name in names)} |")
    return "\n".join(lines)


def _number(nanoseconds: float) -> str:
    return f"{nanoseconds:.1f}" if nanoseconds < 100 else f"{nanoseconds:,.0f}"


def machine() -> dict[str, Any]:
    """Describe the machine, Python and the packages."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = f"{len(models)} cores of {models[0]}" if models else cpu
    return {
        "machine": cpu,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
    }


def draw(lines: Mapping[str, Mapping[str, Iterable[tuple[int, float]]]], path: Path) -> None:
    """Plot nanoseconds per item by batch size: one panel for each job."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # only a full run draws

    figure = Figure(figsize=(11, 2.8), layout="constrained")
    for place, (job, entrants) in enumerate(lines.items(), 1):
        axes = figure.add_subplot(1, len(lines), place)
        axes.set_title(job, fontsize=8)
        for name, points in entrants.items():
            axes.loglog(*zip(*points, strict=True), "-" if name == "wvtoken" else "--", label=name, linewidth=1.2)
        axes.grid(visible=True, linewidth=0.3)
        axes.set_xlabel("items in the batch", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=6, frameon=False)
    figure.axes[0].set_ylabel("ns per item", fontsize=8)
    figure.savefig(path, dpi=130, facecolor="white", metadata={"Software": ""})
