"""Form-urlencoded text to its pieces, decoded.

This is the WHATWG URL Standard's application/x-www-form-urlencoded parser (a `+` is a space, a malformed `%` stays as
it is, a name without `=` has the empty value), except that bytes which are not UTF-8 are refused instead of replaced:
in a value they are lone surrogates here (`is_utf8`), and what that means is for the parameter to say.
"""

from __future__ import annotations

import re

from .errors import ErrorCode, ErrorFormat, TokenRequestError

REQUEST_BYTES_MAX = 64 * 1024
"""Of query and body together, in UTF-8."""
PARAMETERS_MAX = 2000

_EQUALS = "\ud800"
"""Stands for a `=` within a name: a lone surrogate, of the half that no decoding leaves."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_ASCII_ESCAPES = {digits: chr(code) for code in range(0x80) for digits in (f"{code:02x}", f"{code:02X}")}


def pieces(query: str | bytes, body: str | bytes) -> list[str]:
    """What stands between the `&` of query and body, in this order: `name=value`, decoded.

    The first `=` ends the name (`written_name` undoes what is done to one that has a `=` itself). A piece may be empty.

    Raises:
        TokenRequestError: -1 for too many bytes or parameters and for a name that is not UTF-8, in this order. It
            carries the `error_format` that the request asks for, as far as the limit of bytes lets it be read.
        TypeError: neither str nor bytes.
    """
    text, size = (query, len(query)) if type(query) is str and query.isascii() else _measured(query)
    if body or (type(body) is not str and type(body) is not bytes):
        more, more_size = _measured(body)
        text, size = f"{text}&{more}", size + more_size
    if size > REQUEST_BYTES_MAX:
        raise _malformed(text[:REQUEST_BYTES_MAX], f"more than {REQUEST_BYTES_MAX} bytes of query and body")
    if "+" in text:
        text = text.replace("+", " ")
    found = text.split("&")
    if "&&" in text:
        found = list(filter(None, found))
    if len(found) > PARAMETERS_MAX and sum(map(bool, found)) > PARAMETERS_MAX:
        raise _malformed(text, f"more than {PARAMETERS_MAX} parameters")
    if "%" in text:
        for place, piece in enumerate(found):
            if "%" in piece:
                found[place] = _decoded(piece)
    elif text.isascii():
        return found
    if not "".join(found).isascii() and not all(is_utf8(piece.partition("=")[0]) for piece in found):
        raise _malformed(text, "a parameter name is not UTF-8")
    return found


def is_utf8(text: str) -> bool:
    """Whether text, as `pieces` has it, was UTF-8 all through."""
    return text.isascii() or _NOT_UTF8.search(text) is None


def written_name(name: str) -> str:
    """The name of a piece as it was meant."""
    return name.replace(_EQUALS, "=")


def _measured(source: str | bytes) -> tuple[str, int]:
    """Source as str, in which a lone surrogate stands for a byte that is not UTF-8, and its length in bytes."""
    if isinstance(source, bytes):
        return source.decode("utf-8", "surrogateescape"), len(source)
    if isinstance(source, str):
        encoded = source.encode("utf-8", "surrogatepass")
        return encoded.decode("utf-8", "surrogateescape"), len(encoded)
    raise TypeError(f"a request is str or bytes, not {type(source).__name__}")


def _decoded(piece: str) -> str:
    piece = piece.replace("%2B", "+")  # the most usual one, of `+60`: quickly, and so that no other comes of it
    if "%" not in piece:
        return piece
    parts = piece.split("%")
    if "=" in parts[0]:
        try:
            return parts[0] + "".join([_ASCII_ESCAPES[part[:2]] + part[2:] for part in parts[1:]])
        except KeyError:
            return _unquoted(piece)  # bytes beyond ASCII, which make characters together, or a malformed escape
    name, equals, value = piece.partition("=")
    return _unquoted(name).replace("=", _EQUALS) + equals + _unquoted(value)


def _unquoted(text: str) -> str:
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415

    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _malformed(text: str, details: str) -> TokenRequestError:
    """-1, to be rendered as the text asks: by its one errorFormat, when there is one and it is right."""
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, details)
    asked = [
        value
        for name, _, value in (_decoded(piece).partition("=") for piece in text.split("&"))
        if name == "errorFormat"
    ]
    if asked == [ErrorFormat.JSON]:
        error.error_format = ErrorFormat.JSON
    return error
