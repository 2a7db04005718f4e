"""Form-urlencoded text to (name, value) pairs.

This is the WHATWG URL Standard's application/x-www-form-urlencoded parser (a `+` is a space, a malformed `%` stays as
it is, empty pieces are skipped, a name without `=` has the empty value), except that bytes which are not UTF-8 are
refused instead of replaced: a value that is not UTF-8 is None here, and what that means is for the parameter to say.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import unquote_to_bytes

from .errors import ErrorCode, ErrorFormat, TokenRequestError

REQUEST_BYTES_MAX = 64 * 1024
"""Of query and body together, in UTF-8."""
PARAMETERS_MAX = 2000

Pair = tuple[str, str, str | None]
"""A name, `=`, and the value or None: the shape that `str.partition` gives."""


def pairs(query: str | bytes, body: str | bytes) -> list[Pair]:
    """Query and body as one list of names and values, in their order; an empty piece has an empty name.

    Raises:
        TokenRequestError: -1 for too many bytes or parameters and for a name that is not UTF-8, in this order. It
        carries
            the `error_format` that the request asks for, as far as the limit of bytes lets it be read.
        TypeError: neither str nor bytes.
    """
    text, size = (query, len(query)) if isinstance(query, str) and query.isascii() else _measured(query)
    if body or not isinstance(body, (str, bytes)):
        more, more_size = _measured(body)
        text, size = f"{text}&{more}", size + more_size
    if size > REQUEST_BYTES_MAX:
        raise _malformed(text[:REQUEST_BYTES_MAX], f"more than {REQUEST_BYTES_MAX} bytes of query and body")
    if "+" in text:
        text = text.replace("+", " ")
    pieces = text.split("&")
    if len(pieces) > PARAMETERS_MAX and sum(map(bool, pieces)) > PARAMETERS_MAX:
        raise _malformed(text, f"more than {PARAMETERS_MAX} parameters")
    split: list[Pair] = [piece.partition("=") for piece in pieces]
    if "%" not in text and text.isascii():
        return split
    decoded = [(_unquote(name), equals, _unquote(value or "")) for name, equals, value in split]
    if any(name is None for name, _, _ in decoded):
        raise _malformed(text, "a parameter name is not UTF-8")
    return cast(list[Pair], decoded)


def _measured(source: str | bytes) -> tuple[str, int]:
    """Source as str, in which a lone surrogate stands for a byte that is not UTF-8, and its length in bytes."""
    if isinstance(source, bytes):
        return source.decode("utf-8", "surrogateescape"), len(source)
    if isinstance(source, str):
        encoded = source.encode("utf-8", "surrogatepass")
        return encoded.decode("utf-8", "surrogateescape"), len(encoded)
    raise TypeError(f"a request is str or bytes, not {type(source).__name__}")


def _unquote(text: str) -> str | None:
    """Text with its escapes resolved; None when that is not UTF-8."""
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        return None


def _malformed(text: str, details: str) -> TokenRequestError:
    """-1, to be rendered as the text asks: by its one errorFormat, when there is one and it is right."""
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, details)
    asked = []
    for piece in text.split("&"):
        name, _, value = piece.partition("=")
        if _unquote(name) == "errorFormat":
            asked.append(_unquote(value))
    if asked == [ErrorFormat.JSON]:
        error.error_format = ErrorFormat.JSON
    return error
