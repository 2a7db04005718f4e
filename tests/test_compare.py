"""Two versions' results against each other: what is slower is found, what is noise of the machine is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare, suites

Entry = tuple[str, str, str | None, float]
"""A job, its subject, its engine or None for a peer, and its microseconds."""

OLD: list[Entry] = [
    ("wrap keys", "wrap_keys", "x86-vaes512", 100.0),
    ("wrap keys", "wrap_keys", "openssl", 1000.0),
    ("wrap keys", "a loop", None, 2000.0),
    ("issue", "issue_many", "x86-vaes512", 500.0),
    ("issue", "a loop", None, 3000.0),
    ("issue", "another loop", None, 4000.0),
]


def results(entries: list[Entry], items: int = 100) -> dict[str, Any]:
    return {
        "benchmarks": [
            {
                "group": group,
                "stats": {"min": microseconds * 1e-6},
                "extra_info": {"items": items, "subject": subject, "peer": engine is None, "engine": engine},
            }
            for group, subject, engine, microseconds in entries
        ]
    }


def folder(path: Path, *laps: list[Entry]) -> Path:
    path.mkdir()
    (path / "context.json").write_text("{}", encoding="utf-8")
    for lap, entries in enumerate(laps):
        (path / f"test_x-{lap}.json").write_text(json.dumps(results(entries)), encoding="utf-8")
    return path


def changed(times: float, *groups: str) -> list[Entry]:
    """The old results, with wvtoken's own part in these jobs taking so many times as long."""
    return [
        (group, subject, engine, time * times if engine and group in groups else time)
        for group, subject, engine, time in OLD
    ]


def call(tmp_path: Path, new: list[Entry], *options: str) -> int:
    return compare.main([str(folder(tmp_path / "old", OLD)), str(folder(tmp_path / "new", new)), *options])


def test_the_same_is_no_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path, OLD) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| job | old, ns | new, ns | ratio | |",
        "| --- | --: | --: | --: | --- |",
        "| wrap keys: wrap_keys, x86-vaes512, 100 at a time | 1000.0 | 1000.0 | 1.00 |  |",
        "| wrap keys: wrap_keys, openssl, 100 at a time | 10000.0 | 10000.0 | 1.00 |  |",
        "| issue: issue_many, x86-vaes512, 100 at a time | 5000.0 | 5000.0 | 1.00 |  |",
        "",
        "All else took 1.00 times as long, which the ratios leave out.",
    ]


@pytest.mark.parametrize(("times", "status"), [(0.5, 0), (1.2, 0), (1.3, 1), (3.0, 1)])
def test_what_is_slower_than_the_bound(tmp_path: Path, times: float, status: int) -> None:
    assert call(tmp_path, changed(times, "issue")) == status


def test_the_bound_is_given(tmp_path: Path) -> None:
    assert call(tmp_path, changed(1.3, "issue"), "--bound", "1.4") == 0


def test_a_slower_machine_is_no_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything takes twice as long, peers too: only what takes longer than that counts."""
    new = [(group, subject, engine, 2 * time) for group, subject, engine, time in changed(1.5, "issue")]
    assert call(tmp_path, new) == 1
    said = capsys.readouterr().out
    assert "| issue: issue_many, x86-vaes512, 100 at a time | 5000.0 | 15000.0 | 1.50 | slower |" in said
    assert said.count("slower |") == 1
    assert "2.00 times as long" in said


def test_a_faster_machine_hides_no_regression(tmp_path: Path) -> None:
    new = [(group, subject, engine, time / 2) for group, subject, engine, time in changed(1.5, "issue")]
    assert call(tmp_path, new) == 1


def test_the_shortest_of_the_laps_counts(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", OLD, changed(9, "issue"))
    new = folder(tmp_path / "new", changed(9, "issue"), OLD)
    assert compare.main([str(old), str(new)]) == 0


def test_annotations_and_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert call(tmp_path, changed(2, "issue"), "--github") == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert len(errors) == 1
    assert errors[0].startswith("::error title=")
    assert errors[0].endswith("issue: issue_many, x86-vaes512, 100 at a time: 2.00 times as long")
    assert "| 2.00 | slower |" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_what_is_gone_is_said_and_what_is_new_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = [*(entry for entry in OLD if entry[2] != "openssl"), ("redeem", "redeem_many", "openssl", 1.0)]
    assert call(tmp_path, new) == 0
    said = capsys.readouterr().out
    assert "No longer measured: wrap keys: wrap_keys, openssl, 100 at a time" in said
    assert "redeem" not in said


@pytest.mark.parametrize("new", [[], [("redeem", "redeem_many", "openssl", 1.0)]], ids=["nothing", "nothing in common"])
def test_nothing_to_compare_is_an_error(tmp_path: Path, new: list[Entry]) -> None:
    with pytest.raises(ValueError, match="no "):
        call(tmp_path, new)


@pytest.mark.parametrize("options", [("--bound", "0.9"), ("--laps", "0"), ("--run",), ("--keep", "x")], ids=" ".join)
def test_wrong_usage(options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as raised:
        compare.main(["old", "new", *options])
    assert raised.value.code == 2


def test_both_are_run_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes first changes; a suite that the old version lacks something for does not stop the rest."""
    order = []

    def run(suite: Path, path: Path, *, quick: bool, python: str, check: bool) -> bool:
        order.append((suite.stem, python))
        assert quick
        assert check is (python == "new")
        lacking = python == "old" and suite.stem == "b"
        path.write_text("" if lacking else json.dumps(results(OLD)), encoding="utf-8")
        return not lacking

    monkeypatch.setattr(suites, "all_suites", lambda: [Path("a.py"), Path("test_threads.py"), Path("b.py")])
    monkeypatch.setattr(suites, "run", run)
    assert compare.main(["--run", "old", "new", "--keep", str(tmp_path / "kept"), "--laps", "2"]) == 0
    assert order == [(suite, python) for suite in "ab" for python in ("old", "new", "new", "old")]
    assert sorted(path.name for path in (tmp_path / "kept" / "old").iterdir()) == ["a-0.json", "a-1.json"]


@pytest.mark.parametrize(("really", "status"), [(False, 0), (True, 1)])
def test_what_seems_slower_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, really: bool, status: int
) -> None:
    """Suite b alone, in which the new version is slower: at first, or each time."""
    ran = []

    def run(suite: Path, path: Path, *, quick: bool, python: str, check: bool) -> bool:
        ran.append((suite.stem, python, path.stem))
        slower = python == "new" and (really or path.stem == "b-0")
        group = "issue" if suite.stem == "b" else "wrap keys"
        own = [entry for entry in (changed(2, "issue") if slower else OLD) if entry[0] == group]
        path.write_text(json.dumps(results(own)), encoding="utf-8")
        return True

    monkeypatch.setattr(suites, "all_suites", lambda: [Path("a.py"), Path("b.py")])
    monkeypatch.setattr(suites, "run", run)
    kept = str(tmp_path / "kept")
    assert compare.main(["--run", "old", "new", "--keep", kept, "--laps", "1"]) == status
    again = compare.AGAIN if really else 1
    assert [lap for suite, python, lap in ran if python == "new"] == ["a-0", *(f"b-{lap}" for lap in range(1 + again))]


def test_there_are_suites() -> None:
    assert len(suites.all_suites()) >= 5
    assert {path.parent.name for path in suites.all_suites()} == {"benchmarks"}
    assert compare.LEFT_OUT in {path.stem for path in suites.all_suites()}
