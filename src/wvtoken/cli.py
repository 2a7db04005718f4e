"""The command line: its arguments, and the commands issue, redeem, check, errors and docs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from . import __version__, cli_keys
from .errors import EngineUnavailable, ErrorCode, error_fields
from .issue import Issuer
from .keyfile import personal_keyring, read_file, read_keyring
from .keyring import KeyRing
from .lines import Job, reads_lines, run_batch
from .payload import Grant
from .redeem import Redeemer
from .spec import TokenSpec, Unknown, find_errors, parse
from .stop_signals import Stopped
from .terminal import (
    UsageError,
    check_output,
    discard,
    flush_errors,
    prepare_streams,
    print_table,
    report,
    write_output,
)
from .token_text import token_id

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
STATUSES = """\
exit status: 0, success; 1, a request or token was rejected, or standard output is closed or full; 2, wrong usage, a
file that cannot be used, or no engine; 130 or 143, stopped by Ctrl-C or SIGTERM after a complete line"""
DEFAULT_RIGHTS_URL = "https://localhost/hms/wv/rights/"
CONTENT_KEY_LENGTHS = (16, 24)
"""Bytes of a stored key: in the clear, or wrapped."""

Command = Callable[[argparse.Namespace], bool]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status, see STATUSES."""
    prepare_streams()
    try:
        status = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (UsageError, EngineUnavailable) as error:
        report(f"wvtoken: {error}")
        status = USAGE
    except Stopped as error:
        status = error.status
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:  # Only standard output: errors of files are UsageErrors.
        discard(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            report(f"wvtoken: standard output: {error.strerror}")
        status = FAILED
    flush_errors()
    return status


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # --help, --version and wrong usage end here.
        return stop.code if isinstance(stop.code, int) else DONE
    try:
        return DONE if options.run(options) else FAILED
    except ValueError as error:  # The library refused an argument, such as a rights URL.
        raise UsageError(str(error)) from None


# Arguments.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wvtoken",
        description="Issue and redeem license tokens for Widevine.",
        epilog=STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"wvtoken {__version__}", help="print the version and exit"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_issue(commands)
    _add_redeem(commands)
    check = _add_command(commands, "check", _check, "print a request without its secrets, or all its errors")
    check.add_argument("query", metavar="QUERY", help="the request; -: read it from standard input")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.add_argument("--strict", action="store_true", help="reject unknown parameters")
    _add_command(commands, "errors", _errors, "list the error codes")
    docs = _add_command(commands, "docs", _docs, "list the documentation pages, or print one")
    docs.add_argument("page", nargs="?", metavar="PAGE", help="the name of a page")
    _add_keygen(commands)
    _add_keys(commands)
    return parser


def _add_issue(commands: Any) -> None:
    issue = _add_command(commands, "issue", _issue, "print a license acquisition URL for each request")
    issue.add_argument(
        "queries", nargs="*", metavar="QUERY", help="a request; none, or -: read one per line from standard input"
    )
    _add_batch_options(issue, "required for lines; QUERY creates a personal key ring by default")
    issue.add_argument(
        "--rights-url",
        metavar="URL",
        help=f"URL of the license server; required for lines; default for QUERY: {DEFAULT_RIGHTS_URL}",
    )
    issue.add_argument(
        "--stored-keys",
        metavar="FILE",
        type=_not_empty,
        help="JSON object: kid to key, or wrapped key, in hex; every request may use every key",
    )
    issue.add_argument("--strict", action="store_true", help="reject unknown parameters")


def _add_redeem(commands: Any) -> None:
    redeem = _add_command(commands, "redeem", _redeem, "print the grant in each token, one JSON object per line")
    redeem.add_argument(
        "tokens", nargs="*", metavar="TOKEN", help="a token or URL; none, or -: read one per line from standard input"
    )
    _add_batch_options(redeem, "required")
    redeem.add_argument("--show-key", action="store_true", help="print the content key")


def _add_batch_options(command: argparse.ArgumentParser, keys: str) -> None:
    command.add_argument("--keys", metavar="FILE", type=_not_empty, help=f"key ring file, a JWK set; {keys}")
    command.add_argument("--audience", default="", help="must be equal for issue and redeem; default: empty")
    command.add_argument("--json", action="store_true", help="print one JSON object per line, also for errors")


def _add_keygen(commands: Any) -> None:
    keygen = _add_command(commands, "keygen", cli_keys.keygen, "create a key ring with one new sealing key")
    keygen.add_argument("--key-id", type=int, metavar="N", help="0 to 4294967295; default: a random number")
    keygen.add_argument(
        "--output", metavar="FILE", type=_not_empty, help="create this file with mode 0600; it must not exist"
    )


def _add_keys(commands: Any) -> None:
    text = "list, add, activate or remove the keys of a key ring file"
    keys = commands.add_parser("keys", help=text, description=text, epilog=STATUSES, allow_abbrev=False)
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    for name, run, help_text in (
        ("list", cli_keys.list_keys, "list the ids and ages of the keys"),
        ("add", cli_keys.add_key, "add a new key that opens tokens, and print its id"),
        ("activate", cli_keys.activate_key, "seal new tokens with this key"),
        ("remove", cli_keys.remove_key, "remove a key that was retired at least 30 days ago"),
    ):
        action = _add_command(actions, name, run, help_text)
        action.add_argument("file", metavar="FILE", type=_not_empty, help="the key ring file")
        if name in ("activate", "remove"):
            action.add_argument("key_id", metavar="ID", type=int, help="the id of the key")
        if name == "remove":
            action.add_argument("--force", action="store_true", help="remove it even if tokens may still need it")


def _add_command(commands: Any, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=STATUSES, allow_abbrev=False
    )
    command.set_defaults(run=run)
    return command


def _not_empty(value: str) -> str:
    """Refuse "", which is usually an unset shell variable."""
    if not value:
        raise argparse.ArgumentTypeError("the file name is empty")
    return value


# Commands. Each returns True for exit status 0 and False for 1.


def _issue(options: argparse.Namespace) -> bool:
    rights_url = options.rights_url
    if reads_lines(options.queries):
        _require(options.keys, "--keys", "requests are read from standard input")
        _require(rights_url, "--rights-url", "requests are read from standard input")
    stored_keys = None if options.stored_keys is None else _stored_keys(Path(options.stored_keys))
    unknown: Unknown = "forbid" if options.strict else "ignore"

    def issuer(keyring: KeyRing) -> Issuer:
        url = DEFAULT_RIGHTS_URL if rights_url is None else rights_url
        return Issuer(keyring, url, audience=options.audience, unknown=unknown)

    check_output()
    issuer(KeyRing.generate())  # Check the other arguments before a personal key ring is created.
    if options.keys is not None:
        keyring = read_keyring(Path(options.keys))
    elif any(not find_errors(os.fsencode(query), unknown=unknown) for query in options.queries):
        keyring = personal_keyring(cli_keys.random_key_id())
    else:
        keyring = KeyRing.generate()  # No request is valid, so this key seals nothing.
    if rights_url is None:
        report(f"wvtoken: the rights URL is {DEFAULT_RIGHTS_URL}; use --rights-url to set it")
    issue_many = issuer(keyring).issue_many
    job = Job(
        "issue",
        "issued",
        lambda lines: issue_many(lines, stored_keys=stored_keys),
        str,
        lambda url: {"url": url, "token_id": token_id(url).hex()},
    )
    return run_batch(job, options.queries, as_json=options.json)


def _redeem(options: argparse.Namespace) -> bool:
    _require(options.keys, "--keys", "only the key ring that sealed a token opens it")
    redeemer = Redeemer(read_keyring(Path(options.keys)), audience=options.audience)

    def fields(grant: Grant) -> dict[str, object]:
        return grant.as_dict(content_key=options.show_key)

    job = Job("redeem", "redeemed", redeemer.redeem_many, lambda grant: json.dumps(fields(grant)), fields)
    return run_batch(job, options.tokens, as_json=options.json)


def _require(value: str | None, option: str, reason: str) -> None:
    if value is None:
        raise UsageError(f"{option} is required: {reason}")


def _check(options: argparse.Namespace) -> bool:
    query = _standard_input().rstrip(b"\r\n") if options.query == "-" else os.fsencode(options.query)
    errors = find_errors(query, unknown="forbid")
    ignored = () if options.strict else errors[len(find_errors(query)) :]
    errors = errors[: len(errors) - len(ignored)]
    spec = None if errors else parse(query)
    if options.json:
        document = {
            "errors": [error_fields(error) for error in errors],
            "warnings": [error.details for error in ignored],
            "request": spec and _spec_fields(spec),
        }
        write_output(json.dumps(document) + "\n")
        return spec is not None
    if spec is not None:
        print_table(_spec_rows(spec))
    for error in errors:
        report(f"wvtoken: {error}")
    for error in ignored:
        report(f"wvtoken: warning: ignored: {error.details}")
    return spec is not None


def _errors(options: argparse.Namespace) -> bool:
    rows = [(f"{code:d}", code.name, str(code.status), code.raised_by, code.template) for code in ErrorCode]
    print_table(rows, heading=("code", "name", "status", "raised by", "message"))
    return True


def _docs(options: argparse.Namespace) -> bool:
    folder = resources.files("wvtoken") / "docs"
    pages = {page.name.removesuffix(".md"): page for page in folder.iterdir() if page.name.endswith(".md")}
    if options.page is None:
        titles = {name: page.read_text(encoding="utf-8").partition("\n")[0] for name, page in pages.items()}
        print_table([(name, titles[name].removeprefix("# ")) for name in sorted(titles)])
        return True
    page = pages.get(options.page.removesuffix(".md"))
    if page is None:
        raise UsageError(f"there is no page {_printable(options.page)}; the pages are: {', '.join(sorted(pages))}")
    write_output(page.read_text(encoding="utf-8"))
    return True


# Requests.


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(f"standard input: {error.strerror}") from None


def _spec_rows(spec: TokenSpec) -> list[tuple[str, str]]:
    rows = [
        ("errorFormat", spec.error_format),
        ("kid", spec.kid.hex() if spec.kid_name is None else f"{spec.kid.hex()} (^{spec.kid_name})"),
        ("content key from", _key_source(spec)),
        ("contentId", _printable(spec.content_id)),
        ("securityLevel", f"{spec.security_level:d} {spec.security_level.name}"),
        ("hdcpOutputControl", f"{spec.hdcp_output_control:d} {spec.hdcp_output_control.name}"),
        ("licenseDuration", f"{spec.license_duration} seconds" if spec.license_duration else "unlimited"),
        *(("extension", f"{item.type.decode('ascii')}, {len(item.payload)} bytes") for item in spec.extensions),
        ("expirationTime", _expiry(spec)),
        ("cookie", _printable(spec.cookie)),
    ]
    return [row for row in rows if row[1]]


def _spec_fields(spec: TokenSpec) -> dict[str, object]:
    return {
        "error_format": spec.error_format,
        "kid": spec.kid.hex(),
        "kid_name": spec.kid_name,
        "content_key_from": _key_source(spec),
        "content_id": spec.content_id,
        "security_level": spec.security_level,
        "hdcp_output_control": spec.hdcp_output_control,
        "license_duration": spec.license_duration,
        "extensions": [{"type": item.type.decode("ascii"), "bytes": len(item.payload)} for item in spec.extensions],
        "expires_at": spec.expires_at,
        "expires_in": spec.expires_in,
        "cookie": spec.cookie,
    }


def _key_source(spec: TokenSpec) -> str:
    if spec.content_key:
        return "contentKey"
    if spec.ek:
        return "ek, unwrapped with kek"
    return "key storage, unwrapped with kek" if spec.kek else "key storage"


def _expiry(spec: TokenSpec) -> str:
    if spec.expires_at is not None:
        return f"{spec.expires_at} (UNIX seconds)"
    return f"{spec.expires_in} seconds after issue" if spec.expires_in else "30 days after issue"


def _printable(text: str | None) -> str:
    """Escape the characters of a request that could change a terminal's state."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text or "")


# Stored keys.


def _stored_keys(path: Path) -> dict[bytes, bytes]:
    stored_keys = _parse_stored_keys(read_file(path))
    if stored_keys is None:  # The exception is not chained, because it may hold a key.
        raise UsageError(
            f"{path}: must be a JSON object of kid (32 hex digits) to key (32) or wrapped key (48), each kid once"
        )
    return stored_keys


def _parse_stored_keys(text: bytes) -> dict[bytes, bytes] | None:
    try:
        entries = json.loads(text, object_pairs_hook=tuple)
        stored_keys = {_unhex(kid): _unhex(key) for kid, key in entries}
    except (ValueError, TypeError, RecursionError):
        return None
    valid = (
        isinstance(entries, tuple)  # An array would be a list.
        and len(stored_keys) == len(entries)  # No kid is repeated, in upper or lower case.
        and all(len(kid) == 16 for kid in stored_keys)
        and all(len(key) in CONTENT_KEY_LENGTHS for key in stored_keys.values())
    )
    return stored_keys if valid else None


def _unhex(text: str) -> bytes:
    decoded = bytes.fromhex(text)
    if len(text) != 2 * len(decoded):  # bytes.fromhex skips white space.
        raise ValueError
    return decoded
