"""The benchmarks stay alive: results become tables, a plot and a section, and every suite runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import plot, report

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

RESULTS = """
{
  "machine_info": {
    "machine": "x86_64", "python_implementation": "CPython", "python_version": "3.11.2",
    "cpu": {"count": 2, "brand_raw": "Some CPU", "family": 25, "model": 17}
  },
  "benchmarks": [
    {"group": "wrap keys", "stats": {"min": 2e-6},
     "extra_info": {"items": 1, "subject": "wrap_keys", "peer": false, "engine": "x86-vaes512"}},
    {"group": "wrap keys", "stats": {"min": 1e-6},
     "extra_info": {"items": 1, "subject": "a loop", "peer": true, "wanted": 15}},
    {"group": "wrap keys", "stats": {"min": 81.92e-6},
     "extra_info": {"items": 4096, "subject": "wrap_keys", "peer": false, "engine": "x86-vaes512"}},
    {"group": "wrap keys", "stats": {"min": 163.84e-6},
     "extra_info": {"items": 4096, "subject": "wrap_keys", "peer": false, "engine": "x86-aesni"}},
    {"group": "wrap keys", "stats": {"min": 2457.6e-6},
     "extra_info": {"items": 4096, "subject": "a loop", "peer": true, "wanted": 15}},
    {"group": "wrap keys", "stats": {"min": 409.6e-3},
     "extra_info": {"items": 4096, "subject": "another loop", "peer": true}},
    {"group": "wrap keys", "stats": {"min": 655.36e-6},
     "extra_info": {"items": 65536, "subject": "wrap_keys", "peer": false, "engine": "x86-vaes512"}},
    {"group": "parse", "stats": {"min": 5e-6}, "extra_info": {"items": 1, "subject": "parse", "peer": false}},
    {"group": "parse", "stats": {"min": 11e-6}, "extra_info": {"items": 1, "subject": "parse_qsl", "peer": true}},
    {"group": "nobody's", "stats": {"min": 1e-6}, "extra_info": {}}
  ]
}
"""

CONTEXT = {
    "laps": 2,
    "packages": {"cryptography": "44.0"},
    "payload_bytes": 54,
    "payload_bytes_max": 200,
    "memory": ["`issue_iter` over 1,000 items: 9 KiB"],
}


@pytest.fixture
def laps() -> list[dict[str, Any]]:
    """Two of them: in the second, the first entrant is slower, and the last one faster."""
    first, second = json.loads(RESULTS), json.loads(RESULTS)
    second["benchmarks"][0]["stats"]["min"] = 9e-6
    second["benchmarks"][-2]["stats"]["min"] = 10e-6
    return [first, second]


def test_the_shortest_round_of_all_laps_counts(laps: Sequence[report.Results]) -> None:
    measured = report.times(laps)
    assert len(measured) == 9
    assert measured[0].nanoseconds == pytest.approx(2000)
    assert measured[-1].nanoseconds == pytest.approx(10_000)


def test_the_table_of_ratios(laps: Sequence[report.Results]) -> None:
    """At 4096 items if there are so many, for the first engine only, and nothing said twice."""
    assert report.comparison(report.times(laps)).splitlines() == [
        "| job | wvtoken | ns | beside it | ns | ratio | wanted |",
        "| --- | --- | --: | --- | --: | --: | --: |",
        "| wrap keys | wrap_keys | 20.0 | a loop | 600 | 30.0 | ≥ 15 |",
        "|  |  | 20.0 | another loop | 100,000 | 5,000 |  |",
        "| parse | parse | 5,000 | parse_qsl | 10,000 | 2.00 |  |",
    ]


def test_the_table_of_engines(laps: Sequence[report.Results]) -> None:
    assert report.engines(report.times(laps)).splitlines() == [
        "| job, ns | x86-vaes512 | x86-aesni |",
        "| --- | --: | --: |",
        "| wrap keys | 20.0 | 40.0 |",
    ]


def test_the_section(laps: Sequence[report.Results]) -> None:
    """It says on what it was measured, and how to do it again."""
    measured = report.times(laps)
    text = report.section(measured, laps, CONTEXT, "benchmarks/plot.svg")
    for block in (
        "```sh\npython -m benchmarks\n```",
        "(benchmarks/plot.svg)",
        "- `issue_iter` over 1,000 items: 9 KiB",
        report.comparison(measured),
        report.engines(measured),
    ):
        assert block in text
    prose = " ".join(text.split())
    for said in ("2 cores of Some CPU (family 25, model 17)", "CPython 3.11.2", "cryptography 44.0", "2 laps"):
        assert said in prose


def test_the_section_is_written_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n", encoding="utf-8")
    report.write_section(readme, "new\n")
    assert readme.read_text(encoding="utf-8") == f"before\n\n{report.BEGIN}\nnew\n{report.END}\n\nafter\n"


@pytest.mark.parametrize(
    "text", ["", report.BEGIN, report.END + report.BEGIN, (report.BEGIN + report.END) * 2], ids=range(4)
)
def test_a_readme_without_one_place_for_it_is_left_alone(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="section"):
        report.write_section(readme, "new")
    assert readme.read_text(encoding="utf-8") == text


def test_the_readme_has_the_place() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1


def test_the_plot(laps: Sequence[report.Results], tmp_path: Path) -> None:
    """A panel for what comes in batches of several sizes, and the same bytes from the same results."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; the extra `bench` brings it")
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    plot.draw(report.times(laps), one)
    plot.draw(report.times(laps), other)
    text = one.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "wrap keys" in text
    assert "x86-vaes512" in text
    assert ">parse<" not in text
    assert text == other.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readme_tells_the_sizes() -> None:
    """In the order of its table: wvtoken, JWT, JWE, Fernet, PASETO, hand-made."""
    for package in ("jwt", "joserfc", "fast_paseto", "nacl", "pyseto", "msgspec"):
        pytest.importorskip(package, reason=f"{package} is not installed; the extra `bench` brings it")
    from benchmarks.sizes import sizes

    found = sizes()
    names = ("wvtoken", "PyJWT", "JWE", "Fernet", "PASETO v4.local of pyseto", "AES-CBC")
    cells = [str(next(characters for name, characters in found.items() if part in name)) for part in names]
    assert f"| characters in the URL | {' | '.join(cells)} |" in README.read_text(encoding="utf-8")


def test_every_suite_runs(tmp_path: Path) -> None:
    """Once, with tiny batches; nothing is measured. What a peer lacks is left out there."""
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed; the extra `bench` brings it")
    suites = sorted((ROOT / "benchmarks").glob("test_*.py"))
    assert len(suites) >= 5
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable", *map(str, suites)],
        cwd=ROOT,
        env=os.environ | {"WVTOKEN_BENCH_SIZES": "1,3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
