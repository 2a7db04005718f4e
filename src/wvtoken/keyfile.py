"""Key ring files: permission checks, the personal key ring, and atomic changes under a lock.

A key ring file is a JWK set. Beside the members that `KeyRing` reads, each key may have `iat`, when it was created, and
`retired`, when another key replaced it as the active key (UNIX seconds).
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .keyring import KeyRing
from .stop_signals import StopSignals
from .terminal import UsageError, report

Jwk = dict[str, Any]

LOCK_SECONDS = 10.0
"""How long a command waits for another one to finish with the same file."""


def read_keyring(path: Path) -> KeyRing:
    """Read a key ring file. Raise UsageError if other users can write it, and warn if they can read it."""
    return _parse(path, _read(path))


def read_entries(path: Path) -> list[Jwk]:
    """Read a key ring file as its JWKs, the active key first."""
    text = _read(path)
    _parse(path, text)
    entries: list[Jwk] = json.loads(text)["keys"]
    return entries


def change_entries(path: Path, change: Callable[[list[Jwk]], list[Jwk]]) -> None:
    """Replace the JWKs of a key ring file by `change(entries)`, under a lock."""
    path = Path(os.path.realpath(path))  # A symbolic link stays one.
    _update(path, lambda: _format(change(read_entries(path))))


def new_entry(key_id: int) -> Jwk:
    """Return a new random sealing key, with the current time as `iat`. Raise ValueError if the id is out of range."""
    [entry] = json.loads(KeyRing.generate(key_id).to_jwks())["keys"]
    return {**entry, "iat": int(time.time())}


def new_file(key_id: int) -> str:
    """Return the text of a key ring file with one new key."""
    return _format([new_entry(key_id)])


def create(path: Path, text: str) -> None:
    """Create a file with mode 0600. Raise UsageError if it exists."""
    with _file_errors(path):
        descriptor = _create_private(path)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(text)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def personal_keyring(key_id: int) -> KeyRing:
    """Read the personal key ring. If it does not exist, create it with one key, and report where."""
    path = _state_folder() / "wvtoken" / "keys.json"
    with _file_errors(path):
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _update(path, lambda: None if path.exists() else _created(path, key_id))
    return read_keyring(path)


def _created(path: Path, key_id: int) -> str:
    report(f"wvtoken: created a personal key ring: {path}")
    return new_file(key_id)


def _state_folder() -> Path:
    chosen = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(chosen):  # The XDG specification ignores a relative path.
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:
        raise UsageError("there is no home folder for a personal key ring: use --keys FILE") from None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"


def _format(entries: list[Jwk]) -> str:
    return json.dumps({"keys": entries}, indent=2) + "\n"


def _parse(path: Path, text: bytes) -> KeyRing:
    try:
        return KeyRing.from_jwks(text)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def _read(path: Path) -> bytes:
    with _file_errors(path), open(path, "rb") as file:
        _check_permissions(path, os.fstat(file.fileno()))
        return file.read()


def read_file(path: Path) -> bytes:
    """Read a file. Raise UsageError if that fails."""
    with _file_errors(path):
        return path.read_bytes()


def _check_permissions(path: Path, status: os.stat_result) -> None:
    """Check who can replace or read the file. Windows has no such modes, and a pipe has no folder."""
    if os.name != "posix" or not stat.S_ISREG(status.st_mode):
        return
    modes = {folder: folder.stat().st_mode for folder in (path.parent, path.resolve().parent)}
    # In a sticky folder, such as /tmp, users can replace only their own files.
    modes = {folder: mode for folder, mode in modes.items() if not mode & stat.S_ISVTX}
    for place, mode in {path: status.st_mode, **modes}.items():
        if mode & 0o022:
            raise UsageError(f"{place}: its group or other users can write to it; run: chmod go-w {place}")
    if status.st_mode & 0o044:
        report(f"wvtoken: warning: {path}: its group or other users can read it; run: chmod go-r {path}")


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # An invalid path, for example with a NUL.
        raise UsageError(f"{str(path)!r}: {error}") from None


def _create_private(path: Path) -> int:
    """Create a file with mode 0600 and open it for writing. Raise FileExistsError if it exists."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _update(path: Path, edit: Callable[[], str | None]) -> None:
    """Replace the content of a file with the text that `edit` returns. If it returns None, leave the file unchanged.

    The new text is written to PATH.lock, with mode 0600, and this file is then renamed. It is also the lock: only one
    process can create it.
    """
    lock = path.with_name(path.name + ".lock")
    with _file_errors(path), StopSignals() as signals:
        descriptor = _create_lock(lock, signals)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                text = edit()
                file.write(text or "")
                file.flush()
                os.fsync(file.fileno())
                _keep_owner(path, file.fileno())
            if text is not None:
                os.replace(lock, path)
        except BaseException:
            lock.unlink()
            raise
        if text is None:
            lock.unlink()


def _create_lock(lock: Path, signals: StopSignals) -> int:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        signals.check()
        with suppress(FileExistsError):
            return _create_private(lock)
        if time.monotonic() > end:
            raise UsageError(f"{lock} exists: another command changes the key ring; if none is running, delete it")
        time.sleep(0.02)


def _keep_owner(path: Path, descriptor: int) -> None:
    """Give the new file the owner of the old one, so that a change by root does not lock out a service."""
    if os.name == "posix":
        with suppress(FileNotFoundError, PermissionError):
            status = path.stat()
            os.chown(descriptor, status.st_uid, status.st_gid)
