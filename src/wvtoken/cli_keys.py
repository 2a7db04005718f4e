"""The commands that create and rotate sealing keys: keygen and keys."""

from __future__ import annotations

import argparse
import os
import secrets
import stat
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from .keyfile import Jwk, change_entries, create, new_entry, new_file, read_entries
from .keyring import KEY_ID_MAX
from .terminal import UsageError, check_output, print_table, report, write_output

DAY = 86400
KEEP_DAYS = 30
"""Days after which the last token of a retired key has expired."""


def random_key_id() -> int:
    """Return a random key id, so that two independent rings can be merged."""
    return secrets.randbelow(KEY_ID_MAX + 1)


def keygen(options: argparse.Namespace) -> bool:
    """Create a key ring with one new key, on standard output or in a new file."""
    text = new_file(options.key_id if options.key_id is not None else random_key_id())
    if options.output is not None:
        create(Path(options.output), text)
        return True
    if _others_can_read_output():
        report("wvtoken: warning: other users can read the file on standard output; use --output FILE")
    write_output(text)
    return True


def _others_can_read_output() -> bool:
    if os.name == "posix" and sys.stdout is not None:
        with suppress(OSError, ValueError):
            mode = os.fstat(sys.stdout.fileno()).st_mode
            return stat.S_ISREG(mode) and bool(mode & 0o044)
    return False


def list_keys(options: argparse.Namespace) -> bool:
    """Print the keys of a ring, without the keys themselves."""
    rows = [
        (entry["kid"], "opens only" if number else "active", _age(entry.get("iat")), _age(entry.get("retired")))
        for number, entry in enumerate(read_entries(Path(options.file)))
    ]
    print_table(rows, heading=("key id", "state", "created", "retired"))
    return True


def add_key(options: argparse.Namespace) -> bool:
    """Add a new key that opens tokens but does not seal them yet. Print its id."""
    check_output()  # Without its id, the new key would be useless.
    added: list[Jwk] = []

    def change(entries: list[Jwk]) -> list[Jwk]:
        added.append(new_entry(_next_id({int(entry["kid"]) for entry in entries})))
        return [*entries, *added]

    change_entries(Path(options.file), change)
    write_output(f"{added[0]['kid']}\n")
    return True


def activate_key(options: argparse.Namespace) -> bool:
    """Seal with another key of the ring."""

    def change(entries: list[Jwk]) -> list[Jwk]:
        chosen = _find(entries, options.key_id)
        active, *others = entries
        if chosen is active:
            return entries
        active["retired"] = int(time.time())
        chosen.pop("retired", None)
        return [chosen, active, *(entry for entry in others if entry is not chosen)]

    change_entries(Path(options.file), change)
    return True


def remove_key(options: argparse.Namespace) -> bool:
    """Remove a key whose tokens have all expired."""

    def change(entries: list[Jwk]) -> list[Jwk]:
        chosen = _find(entries, options.key_id)
        if chosen is entries[0]:
            raise UsageError(f"key {options.key_id} is active: activate another key first")
        reason = _reason_to_keep(chosen)
        if reason and not options.force:
            raise UsageError(f"key {options.key_id} {reason}; tokens may still need it; --force removes it")
        return [entry for entry in entries if entry is not chosen]

    change_entries(Path(options.file), change)
    return True


def _reason_to_keep(entry: Jwk) -> str | None:
    retired = _seconds(entry.get("retired"))
    if retired is not None:
        return f"retired less than {KEEP_DAYS} days ago" if retired > time.time() - KEEP_DAYS * DAY else None
    # A key with `iat` and without `retired` was added by this command and never sealed a token.
    return None if _seconds(entry.get("iat")) is not None else "has no time of retirement"


def _find(entries: list[Jwk], key_id: int) -> Jwk:
    for entry in entries:
        if entry["kid"] == str(key_id):
            return entry
    raise UsageError(f"the key ring has no key {key_id}")


def _next_id(used: set[int]) -> int:
    """Return the id after the highest one, or the lowest free one if there is none."""
    highest = max(used)
    return highest + 1 if highest < KEY_ID_MAX else next(number for number in range(KEY_ID_MAX) if number not in used)


def _seconds(value: object) -> int | None:
    """Return UNIX seconds of the years that dates can show, or None for anything else."""
    return value if type(value) is int and 0 <= value < 253402300800 else None


def _age(value: object) -> str:
    seconds = _seconds(value)
    if seconds is None:
        return "-"
    days = int(time.time() - seconds) // DAY
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d} ({days} {'day' if days == 1 else 'days'} ago)"
