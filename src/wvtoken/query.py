"""Form decoding: the query and the body of a request to (name, value) pairs, and form encoding.

Decoding follows the WHATWG URL Standard's application/x-www-form-urlencoded parser: `+` is a space, a malformed `%` is
kept, an empty piece is skipped, and a name without `=` has the empty value. There is one difference. Bytes that are not
UTF-8 are not replaced: in the result, a lone surrogate (U+DC80 to U+DCFF) stands for each such byte.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterable, Sequence

from .errors import ErrorCode, ErrorFormat, TokenRequestError
from .values import PARAMETERS_MAX, REQUEST_BYTES_MAX, exact

Pair = tuple[str, str]

_ESCAPE = re.compile(b"%([0-9A-Fa-f]{2})")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def pairs(query: str | bytes, body: str | bytes) -> list[Pair]:
    """Return the decoded parameters of query and body, in this order.

    Raises:
        TokenRequestError: -1 if there are too many bytes or parameters, or if a name is not UTF-8, checked in this
            order. It has the `error_format` of the request if the first 2000 parameters have exactly one.
        TypeError: an argument is neither str nor bytes.
    """
    text, size = _text(query)
    more, more_size = _text(body)
    if more:
        text = f"{text}&{more}"
    if size + more_size > REQUEST_BYTES_MAX:
        raise _malformed(split(text[:REQUEST_BYTES_MAX]), f"a request must have at most {REQUEST_BYTES_MAX} bytes")
    pieces = split(text)
    if len(pieces) > PARAMETERS_MAX:
        raise _malformed(pieces, f"a request must have at most {PARAMETERS_MAX} parameters")
    found = decoded(pieces)
    if ("%" in text or not text.isascii()) and not is_utf8("".join([name for name, _ in found])):
        raise _malformed(pieces, "each parameter name must be valid UTF-8")
    return found


def split(text: str) -> list[str]:
    """Split the text at each `&` and drop empty pieces. Replace each `+` by a space."""
    pieces = text.replace("+", " ").split("&")
    return pieces if all(pieces) else [piece for piece in pieces if piece]


def decoded(pieces: Iterable[str]) -> list[Pair]:
    """Return name and value of each piece, without their escapes."""
    return [_decoded(piece) if "%" in piece else piece.partition("=")[::2] for piece in pieces]


def written(parameters: Iterable[Pair]) -> str:
    """Return the parameters in form encoding. Only letters, digits and `-._~` are not escaped."""
    return "&".join([f"{_escaped(name)}={_escaped(value)}" for name, value in parameters])


def is_utf8(text: str) -> bool:
    """Return whether a text of the result was valid UTF-8."""
    return text.isascii() or _NOT_UTF8.search(text) is None


def _decoded(piece: str) -> Pair:
    name, _, value = piece.partition("=")
    return _unescaped(name), _unescaped(value)


def _unescaped(text: str) -> str:
    """Return the text with each `%` and two hexadecimal digits replaced by their byte."""
    parts = _ESCAPE.split(text.encode("utf-8", "surrogateescape"))
    parts[1::2] = map(unhexlify, parts[1::2])
    return b"".join(parts).decode("utf-8", "surrogateescape")


def _escaped(text: str) -> str:
    return "".join([_ESCAPED[byte] for byte in text.encode()])


_ESCAPED = [chr(byte) if re.match(r"[\w.~-]", chr(byte), re.ASCII) else f"%{byte:02X}" for byte in range(256)]


def _text(source: str | bytes) -> tuple[str, int]:
    """Return the source as str and its size in bytes. Of a source that is too large, return only the first part."""
    if type(source) is str and source.isascii():
        return source, len(source)
    if not isinstance(source, (str, bytes)):
        raise TypeError(f"a request is str or bytes, not {type(source).__name__}")
    source = exact(source)[: REQUEST_BYTES_MAX + 1]
    # A lone surrogate in a str has no UTF-8. It becomes three bytes that are not UTF-8.
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    return raw.decode("utf-8", "surrogateescape"), len(raw)


def _malformed(pieces: Sequence[str], details: str) -> TokenRequestError:
    error = TokenRequestError(ErrorCode.MALFORMED_REQUEST, None, details)
    formats = [value for name, value in decoded(pieces[:PARAMETERS_MAX]) if name == "errorFormat"]
    error.error_format = ErrorFormat.JSON if formats == ["json"] else ErrorFormat.HTML
    return error
