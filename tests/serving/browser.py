"""A page in headless Chromium: its DOM once its scripts have run, as HTML."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import tools

SECONDS = 60
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--dump-dom",
)


def dom(url: str, profile: Path) -> str:
    """What the page became. The profile is an empty folder."""
    command = [tools.program("chromium"), *OPTIONS, f"--user-data-dir={profile}", url]
    done = subprocess.run(command, capture_output=True, check=True, timeout=SECONDS, encoding="utf-8")
    return done.stdout
