"""Runs one target under atheris: `python atheris_main.py TARGET [libFuzzer's arguments]`; fuzz/run sets it up."""

from __future__ import annotations

import sys

import atheris

# Importing is what instruments: every branch and comparison of wvtoken, and of what it leans on to read text.
with atheris.instrument_imports(include=["wvtoken", "fuzz", "json", "base64", "urllib.parse"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Until a check fails, or the time or the runs that the arguments allow are over."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
