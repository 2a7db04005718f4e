"""The command line: the public face on lines of text."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from . import __version__
from .errors import EngineUnavailable, ErrorCode, TokenRequestError
from .issue import Issuer
from .keyring import KeyRing
from .payload import Grant
from .redeem import Redeemer
from .spec import TokenSpec, parse
from .terminal import Output, print_error, print_table

_Result = TypeVar("_Result", str, Grant)

DONE, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
STATUSES = """\
exit status: 0, all went well; 1, an item was refused, or nobody reads what is written; 2, wrong usage, a file that
cannot be used, or no engine; 130, interrupted by Ctrl-C, after a whole line"""


class _BadArgument(Exception):
    """A file or a setting that cannot be used, said to the user without its content."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status, as STATUSES has them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except (_BadArgument, EngineUnavailable) as error:
        print_error(f"wvtoken: {error}")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        # Nobody reads on, or there is no room. The interpreter's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print_error(f"wvtoken: standard output: {error.strerror}")
        return SOME_FAILED
    return status


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # --help, --version, wrong usage
        return stop.code if isinstance(stop.code, int) else DONE
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wvtoken",
        description="Issue and redeem license tokens for Widevine.",
        epilog=STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wvtoken {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    issue = _command(commands, "issue", _issue, "a license acquisition URL for each request")
    issue.add_argument(
        "queries", nargs="*", metavar="QUERY", help="a request; none, or -: one a line on standard input"
    )
    issue.add_argument("--rights-url", default="https://localhost/hms/wv/rights/", help="default: %(default)s")
    issue.add_argument("--stored-keys", metavar="FILE", help="JSON: kid to key or wrapped key, both in hex")
    _add_key_options(issue)

    redeem = _command(commands, "redeem", _redeem, "the grant in each token, a JSON object a line")
    redeem.add_argument(
        "tokens", nargs="*", metavar="TOKEN", help="a token or URL; none, or -: one a line on standard input"
    )
    redeem.add_argument("--show-key", action="store_true", help="with the content key")
    _add_key_options(redeem)

    check = _command(commands, "check", _check, "what a request says, without its secrets")
    check.add_argument("query", metavar="QUERY", help="the request; -: from standard input")

    _command(commands, "errors", _errors, "the catalogue of error codes")

    keygen = _command(commands, "keygen", _keygen, "a JWK set with a new sealing key")
    keygen.add_argument("--key-id", type=int, default=1, metavar="N", help="0 to 4294967295; default: %(default)s")
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=STATUSES, allow_abbrev=False
    )
    command.set_defaults(run=run)
    return command


def _add_key_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--keys", metavar="FILE", help="the sealing keys, a JWK set; default: a key ring of your own")
    command.add_argument("--audience", default="", help="which environment the tokens are for")


def _issue(options: argparse.Namespace) -> int:
    try:
        issuer = Issuer(_keyring(options.keys), options.rights_url, audience=options.audience)
    except ValueError as error:
        raise _BadArgument(str(error)) from None
    stored_keys = _stored_keys(options.stored_keys) if options.stored_keys else None
    return _run_batch("issue", options.queries, lambda lines: issuer.issue_iter(lines, stored_keys=stored_keys), str)


def _redeem(options: argparse.Namespace) -> int:
    try:
        redeemer = Redeemer(_keyring(options.keys), audience=options.audience)
    except ValueError as error:
        raise _BadArgument(str(error)) from None
    return _run_batch(
        "redeem", options.tokens, redeemer.redeem_iter, lambda grant: _grant_json(grant, options.show_key)
    )


def _check(options: argparse.Namespace) -> int:
    query = sys.stdin.buffer.read().rstrip(b"\r\n") if options.query == "-" else os.fsencode(options.query)
    try:
        spec = parse(query)
    except TokenRequestError as error:
        print_error(f"wvtoken: {error}")
        return SOME_FAILED
    print_table(_spec_rows(spec))
    return DONE


def _errors(options: argparse.Namespace) -> int:
    rows = [(f"{code:d}", code.name, str(code.status), code.raised_by, code.template) for code in ErrorCode]
    print_table(rows, heading=("code", "name", "status", "raised by", "message"))
    return DONE


def _keygen(options: argparse.Namespace) -> int:
    try:
        keyring = KeyRing.generate(options.key_id)
    except ValueError as error:
        raise _BadArgument(str(error)) from None
    print(keyring.to_jwks())
    return DONE


# Batches: a line in, a line out, and a line of standard error for what went wrong.


def _run_batch(
    name: str,
    arguments: list[str],
    process: Callable[[Iterable[str | bytes]], Iterator[_Result | TokenRequestError]],
    render: Callable[[_Result], str],
) -> int:
    numbers: deque[int] = deque()
    status, number = DONE, 0
    with Output(name, reads_lines=not arguments or "-" in arguments) as output:
        results = process(_numbered(_inputs(arguments, output), numbers))
        try:
            for result in output.items(results):
                number = numbers.popleft()
                if isinstance(result, TokenRequestError):
                    status = SOME_FAILED
                    output.refuse(_error_json(number, result))
                else:
                    output.write(render(result))
        except KeyboardInterrupt:
            status = INTERRUPTED
            output.say(f"wvtoken: interrupted after line {number}")
    return status


def _inputs(arguments: list[str], output: Output) -> Iterable[str | bytes]:
    """The arguments, each `-` among them, and none at all, being the lines of standard input."""
    for argument in arguments or ["-"]:
        if argument == "-":
            for line in sys.stdin.buffer:
                yield line.rstrip(b"\r\n")
                output.count(len(line))
        else:
            yield os.fsencode(argument)  # back to the bytes that were typed


def _numbered(inputs: Iterable[str | bytes], numbers: deque[int]) -> Iterator[str | bytes]:
    """The inputs that are not blank; `numbers` gets the place of each among all, from 1."""
    for number, item in enumerate(inputs, start=1):
        if item.strip():
            numbers.append(number)
            yield item


def _error_json(line: int, error: TokenRequestError) -> str:
    return json.dumps(
        {"line": line, "code": int(error.code), "message": error.message, "parameter": error.parameter},
    )


def _grant_json(grant: Grant, show_key: bool) -> str:
    fields: dict[str, object] = {
        "token_id": grant.token_id.hex(),
        "issued_at": grant.issued_at,
        "expires_at": grant.expires_at,
        "kid": grant.kid.hex(),
        "security_level": grant.security_level,
        "hdcp_output_control": grant.hdcp_output_control,
        "license_duration": grant.license_duration,
        "extensions": [
            {"type": extension.type.decode("ascii"), "payload": b64encode(extension.payload).decode("ascii")}
            for extension in grant.extensions
        ],
        "content_id": grant.content_id,
        "cookie": grant.cookie,
        "customer": grant.customer,
    }
    if show_key:
        fields["content_key"] = grant.content_key.hex()
    return json.dumps(fields)


# Tables.


def _spec_rows(spec: TokenSpec) -> list[tuple[str, str]]:
    key = "contentKey" if spec.content_key else "ek, unwrapped with kek" if spec.ek else "key storage"
    if key == "key storage" and spec.kek:
        key = "key storage, unwrapped with kek"
    rows = [
        ("errorFormat", spec.error_format),
        ("kid", spec.kid.hex() if spec.kid_name is None else f"{spec.kid.hex()} (^{spec.kid_name})"),
        ("content key from", key),
        ("contentId", _printable(spec.content_id)),
        ("securityLevel", f"{spec.security_level:d} {spec.security_level.name}"),
        ("hdcpOutputControl", f"{spec.hdcp_output_control:d} {spec.hdcp_output_control.name}"),
        ("licenseDuration", f"{spec.license_duration} seconds" if spec.license_duration else "unlimited"),
        *(("extension", f"{item.type.decode('ascii')}, {len(item.payload)} bytes") for item in spec.extensions),
        ("expirationTime", _expiry(spec)),
        ("cookie", _printable(spec.cookie)),
        ("ignored", ", ".join(map(_printable, spec.unknown))),
    ]
    return [row for row in rows if row[1]]


def _expiry(spec: TokenSpec) -> str:
    if spec.expires_at is not None:
        return f"{spec.expires_at} (UNIX seconds)"
    return f"{spec.expires_in} seconds from issuance" if spec.expires_in else "30 days from issuance"


def _printable(text: str | None) -> str:
    """Text from a request, made harmless to a terminal."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text or "")


# Keys.


def _keyring(file: str | None) -> KeyRing:
    path = Path(file) if file else _own_keyring()
    try:
        return KeyRing.from_jwks(_read(path))
    except ValueError as error:
        raise _BadArgument(f"{path}: {error}") from None


def _own_keyring() -> Path:
    """The key ring in the user's state folder, made when it is not there yet."""
    path = _state_folder() / "wvtoken" / "keys.json"
    if path.exists():
        return path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside, with mode 0600, and linked: whole or not there, whoever else is about to do the same.
        descriptor, aside = tempfile.mkstemp(dir=path.parent)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(KeyRing.generate().to_jwks())
            os.link(aside, path)
        finally:
            os.unlink(aside)
    except FileExistsError:
        return path
    except OSError as error:
        raise _BadArgument(f"no key ring could be made in {path.parent}: {error.strerror}") from None
    print(f"wvtoken: made a key ring of your own, {path}", file=sys.stderr)
    return path


def _state_folder() -> Path:
    chosen = os.environ.get("XDG_STATE_HOME")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "state"


def _stored_keys(file: str) -> dict[bytes, bytes]:
    stored_keys = None
    try:
        entries = json.loads(_read(Path(file)))
        stored_keys = {_unhex(kid): _unhex(key) for kid, key in entries.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass  # and not chained: the exception may hold a key
    if stored_keys is None:
        raise _BadArgument(f"{file}: not a JSON object of kid to key, or wrapped key, all in hex")
    return stored_keys


def _unhex(text: str) -> bytes:
    decoded = bytes.fromhex(text)
    if len(text) != 2 * len(decoded):  # it skips white space
        raise ValueError
    return decoded


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _BadArgument(f"{path}: {error.strerror}") from None
