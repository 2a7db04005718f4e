"""Runs one target under atheris: `python atheris_main.py TARGET [libFuzzer's arguments]`; fuzz/run sets it up."""

from __future__ import annotations

import shlex
import sys

import atheris

# Importing is what instruments: every branch and comparison of wvtoken, and of what it leans on to read text.
with atheris.instrument_imports(include=["wvtoken", "fuzz", "json", "base64", "urllib.parse"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Until a check fails, or the time or the runs that the arguments allow are over."""
    script, name, *options = sys.argv
    # What libFuzzer would start again, through a shell, for each part of a merge.
    again = shlex.join([sys.executable, script, name])
    atheris.Setup([again, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
