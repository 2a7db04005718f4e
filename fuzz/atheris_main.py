"""Run one target under atheris: `python atheris_main.py TARGET [libFuzzer arguments]`. fuzz/run calls it."""

from __future__ import annotations

import shlex
import sys

import atheris

# Instrument wvtoken and the standard modules that it parses with.
with atheris.instrument_imports(include=["wvtoken", "fuzz", "json", "base64", "urllib.parse"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until a check fails or the limits in the arguments are reached."""
    script, name, *options = sys.argv
    # libFuzzer runs this command again, through a shell, when it merges corpora.
    again = shlex.join([sys.executable, script, name])
    atheris.Setup([again, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
