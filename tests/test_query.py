"""Form decoding: the WHATWG parser's reading, its limits, and what is refused where it would be replaced."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import ErrorFormat, TokenRequestError, TokenSpec, parse

from .grammar import MINIMAL, escaped, pairs

REQUIRED = escaped(pairs({}))
KIBIBYTES_64 = 65536


def read(text: str | bytes) -> TokenSpec:
    """A request that has this besides what is required."""
    return parse(text, REQUIRED)


def names(text: str | bytes) -> tuple[str, ...]:
    return read(text).unknown


def content_id(value: str | bytes) -> str | None:
    return read(b"contentId=" + value if isinstance(value, bytes) else f"contentId={value}").content_id


def fault(query: str | bytes, body: str | bytes = "") -> TokenRequestError:
    with pytest.raises(TokenRequestError) as caught:
        parse(query, body)
    return caught.value


# What values decode to.


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("abc", "abc"),
        ("a+b", "a b"),
        ("+", " "),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%2bb", "a+b"),
        ("%41%62", "Ab"),
        ("%C3%A9", "\u00e9"),
        ("%c3%a9", "\u00e9"),
        ("\u00e9", "\u00e9"),
        ("\u00e9%C3%A9+\u00e9", "\u00e9\u00e9 \u00e9"),
        ("%F0%9F%8E%AC", "\U0001f3ac"),
        ("\U0001f3ac", "\U0001f3ac"),
        ("a=b", "a=b"),
        ("a=b=c==", "a=b=c=="),
        ("=", "="),
        ("%3D", "="),
        ("a%26b", "a&b"),
        ("a;b", "a;b"),
        ("a?b", "a?b"),
        ("a#b", "a#b"),
        ("a/b\\c", "a/b\\c"),
        ("a&amp;b", "a"),
        ("%25", "%"),
        ("%2541", "%41"),
        ("%EF%BB%BFa", "\ufeffa"),
        ("\ufeffa", "\ufeffa"),
        ("%EF%BF%BD", "\ufffd"),
        ("%EF%BF%BF", "\uffff"),
        # A malformed escape stays as it is.
        ("%", "%"),
        ("%%", "%%"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%4x", "%4x"),
        ("%x4", "%x4"),
        ("%zz", "%zz"),
        ("%%41", "%A"),
        ("%4%41", "%4A"),
        ("%%%41%", "%%A%"),
        ("% 41", "% 41"),
        ("%+41", "% 41"),
        ("%4+1", "%4 1"),
        ("%u0041", "%u0041"),
        ("%-1", "%-1"),
        ("%0x", "%0x"),
        ("%\u0664\u0661", "%\u0664\u0661"),
        ("%\uff14\uff11", "%\uff14\uff11"),
        ("%4\u00e9", "%4\u00e9"),
    ],
)
def test_what_a_value_decodes_to(raw: str, value: str) -> None:
    assert content_id(raw) == value
    assert content_id(raw.encode()) == value


@pytest.mark.parametrize(("raw", "value"), [(b"%\xc3\xa9", "%\u00e9"), (b"\xc3%A9", "\u00e9"), (b"%C3\xa9", "\u00e9")])
def test_what_raw_bytes_decode_to(raw: bytes, value: str) -> None:
    """A character may be half escaped: the bytes count."""
    assert content_id(raw) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("&", ()),
        ("&&&", ()),
        ("a", ("a",)),
        ("a&", ("a",)),
        ("&a&&b&", ("a", "b")),
        ("a=", ("a",)),
        ("=", ("",)),
        ("=a", ("",)),
        ("==", ("",)),
        ("a=1&a=2", ("a", "a")),
        ("a+b=1", ("a b",)),
        ("+=1", (" ",)),
        ("a%3Db=1", ("a=b",)),
        ("a%26b=1", ("a&b",)),
        ("a%2Bb=1", ("a+b",)),
        ("a%=1", ("a%",)),
        ("%zz=1", ("%zz",)),
        ("%C3%A9=1", ("\u00e9",)),
        ("\u00e9=1", ("\u00e9",)),
        ("\ufeffa=1", ("\ufeffa",)),
        ("?a=1", ("?a",)),
        ("a;b=1", ("a;b",)),
        ("%00=1", ("\x00",)),
        ("a=%FF", ("a",)),
        ("a=%ff%fe&b", ("a", "b")),
    ],
)
def test_which_names_there_are(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == expected
    assert names(text.encode()) == expected


def test_known_names_may_be_escaped() -> None:
    assert read("%63%6Fokie=x").cookie == "x"
    assert read("contentI%64=x").content_id == "x"
    everything = "&".join(f"{escape_all(name)}={escape_all(str(value))}" for name, (value,) in MINIMAL.items())
    assert parse(everything) == parse(REQUIRED)


def escape_all(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def test_a_name_without_equals_sign_has_the_empty_value() -> None:
    for text in ("cookie", "cookie=", "contentId&cookie", "&cookie&"):
        assert read(text) == parse(REQUIRED)
    assert fault("kek", REQUIRED).code == -4024
    assert fault("errorFormat", REQUIRED).code == -3004
    assert fault("deviceId", REQUIRED).code == -7002
    assert fault("wvExtension", REQUIRED).code == -7009
    assert fault("kid", "").code == -2017


def test_a_nul_does_not_end_anything() -> None:
    assert fault("contentId=a%00b", REQUIRED).code == -1
    assert fault(b"contentId=a\x00b", REQUIRED).code == -1
    assert names(b"a\x00b=1&c") == ("a\x00b", "c")
    assert read("x=%00&cookie=c").cookie == "c"


def test_query_and_body_are_one_list() -> None:
    query, body = escaped(pairs({})[:2]), escaped(pairs({})[2:])
    assert parse(query, body) == parse(body, query) == parse(REQUIRED) == parse(body=REQUIRED)
    assert parse(query + "&a=1", body + "&b=2").unknown == ("a", "b")
    error = fault(REQUIRED, "kid=" + 32 * "0")
    assert (error.code, error.parameter) == (-4022, "kid")
    assert read("cookie=a").cookie == "a"
    assert parse(REQUIRED + "&cookie=a%", "41=1").unknown == ("41",)
    assert parse(REQUIRED + "&cookie=a%", "41=1").cookie == "a%"


@given(st.text())
def test_any_value_decodes_as_python_decodes_it(text: str) -> None:
    """Python's own decoder agrees wherever nothing has to be refused."""
    value = text.replace("&", "")
    expected = unquote_plus(value, errors="strict") if decodes(value) else None
    if expected is not None and 0 < len(expected) <= 1024 and expected.isprintable():
        assert content_id(value) == content_id(value.encode()) == expected


@given(st.lists(st.text("x%46+= &;\u00e9\U0001f3ac", max_size=8), max_size=8).map("&".join))
def test_any_pairs_decode_as_python_decodes_them(text: str) -> None:
    assert decodes(text)
    expected = parse_qsl(text, keep_blank_values=True)
    assert names(text) == names(text.encode()) == tuple(name for name, _ in expected)


@given(st.text("abcdef0123456789ABCDEF%+", max_size=40))
def test_any_escapes_decode_as_python_decodes_them_or_are_refused(text: str) -> None:
    if decodes(text):
        assert names("x" + text) == ("x" + unquote_plus(text),)
    else:
        assert fault("x" + text, REQUIRED).code == -1


@given(st.binary(max_size=40))
def test_any_bytes_are_read_as_the_utf8_they_are_or_refused(raw: bytes) -> None:
    """Escaped or not, in a name and in a value."""
    query = quote(raw, safe="")
    plain = b"".join(b"%%%02X" % byte if byte in b"&=+%" else bytes([byte]) for byte in raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        for name in ("x" + query, "x" + query + "=1"):
            assert fault(name, REQUIRED).code == -1
        assert fault(b"x" + plain, REQUIRED).code == -1
        assert fault(f"cookie={query}", REQUIRED).code == fault(b"cookie=" + plain, REQUIRED).code == -2033
        assert names(f"x={query}") == names(b"x=" + plain) == ("x",)
    else:
        assert names("x" + query) == names(b"x" + plain) == ("x" + text,)


def decodes(text: str) -> bool:
    try:
        unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


# What is not UTF-8.

NOT_UTF8 = (
    *(b"\xff", b"\x80", b"a\xc3", b"\xc3a", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf8"),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
)
LONE_SURROGATES = ("\ud800", "\udfff", "\udc80", "\udcff", "\ude00\ud83c", "\udcc3\udca9", "\udcc3%A9")


@pytest.mark.parametrize("raw", NOT_UTF8)
def test_a_name_that_is_not_utf8(raw: bytes) -> None:
    """Refused wherever it stands, whatever else is wrong, and for no parameter."""
    query = quote(raw, safe="")
    for text in (query, f"{query}=1", f"&&{query}", f"a{query}b=%FF"):
        in_query, in_body = (text, REQUIRED), (REQUIRED, text)
        for sources in (in_query, in_body, (REQUIRED + "&" + text, ""), (text, "errorFormat=xml&kid=")):
            error = fault(*sources)
            assert (error.code, error.parameter) == (-1, None)
            assert error.message.startswith("Malformed request: ")
    for raw_text in (raw, raw + b"=1", b"kid=&" + raw):
        assert fault(raw_text, REQUIRED).code == fault(REQUIRED, raw_text).code == -1


@pytest.mark.parametrize("raw", NOT_UTF8)
def test_a_value_that_is_not_utf8(raw: bytes) -> None:
    """The parameter's own fault; nobody's when the parameter is unknown."""
    error = fault(b"contentId=" + raw, REQUIRED)
    assert (error.code, error.parameter) == (-1, "contentId")
    assert fault(f"cookie={quote(raw)}", REQUIRED).code == -2033
    assert fault(f"expirationTime=%2B{quote(raw)}", REQUIRED).code == -2002
    assert names(b"x=" + raw) == ("x",)


@pytest.mark.parametrize("surrogates", LONE_SURROGATES, ids=ascii)
def test_a_lone_surrogate_is_not_utf8(surrogates: str) -> None:
    """A str can hold what no bytes of a request can say; it is not taken for anything that they can."""
    error = fault(f"cookie={surrogates}", REQUIRED)
    assert (error.code, error.parameter) == (-2033, "cookie")
    assert fault(f"contentId=a{surrogates}", REQUIRED).code == -1
    assert fault(f"kid=^{surrogates}", REQUIRED).code == -4022
    assert fault(f"x{surrogates}=1", REQUIRED).code == -1
    assert fault(REQUIRED, f"&{surrogates}").code == -1
    assert names(f"x={surrogates}") == ("x",)


@given(st.text(st.characters(), max_size=20))
def test_any_text_with_surrogates_is_read_or_refused(text: str) -> None:
    """Nothing but a TokenRequestError, and nothing of the text in it."""
    for query in (text, f"x={text}", f"cookie={text}", f"{text}={text}"):
        try:
            parse(query, REQUIRED)
        except TokenRequestError as error:
            cause = error.__cause__, error.__context__
        else:
            cause = None, None
        assert cause == (None, None)


# Limits.


def filled(length: int, filler: str) -> str:
    """A request of so many bytes, most of them the value of a parameter that is not looked at."""
    size = len(filler.encode())
    rest = length - len(REQUIRED) - len("&x=")
    return f"{REQUIRED}&x={filler * (rest // size)}{'y' * (rest % size)}"


@pytest.mark.parametrize("filler", ["x", "\u00e9", "\u20ac", "\U0001f3ac", "%20", "+", "="])
def test_64_kibibytes_and_not_one_more(filler: str) -> None:
    """Bytes of UTF-8 as they are sent, whether they come in as str or bytes, in the query or in the body or in both."""
    for length, fits in ((KIBIBYTES_64 - 1, True), (KIBIBYTES_64, True), (KIBIBYTES_64 + 1, False)):
        text = filled(length, filler)
        assert len(text.encode()) == length
        cut = len(REQUIRED)
        # Where query and body are cut in two, the & between them is not sent.
        parts = (text[:cut], text[cut + 1 :] + "z")
        for query, body in ((text, ""), ("", text), parts, parts[::-1]):
            kinds = ((query, body), (query.encode(), body.encode()), (query, body.encode()), (query.encode(), body))
            for sources in kinds:
                if fits:
                    assert parse(*sources).unknown == ("x",)
                else:
                    error = fault(*sources)
                    assert (error.code, error.parameter) == (-1, None)


def test_a_surrogate_counts_for_three_bytes() -> None:
    """More than any UTF-8 would, and never an exception of another kind."""
    assert fault(filled(KIBIBYTES_64 - 2, "x") + "\ud800", "").code == -1
    assert fault("\udc80" * 65536, "").code == -1


def test_much_too_much() -> None:
    for text in (5_000_000 * "a", 2_000_000 * "&a", 1_000_000 * "%41", 1_000_000 * "\u00e9=&"):
        assert fault(text, REQUIRED).code == fault(REQUIRED, text.encode()).code == -1


@pytest.mark.parametrize("piece", ["x", "x=", "x=1", "=", "%41=1", "+", "\u00e9"])
def test_2000_parameters_and_not_one_more(piece: str) -> None:
    """Known or not, in query and body together; empty pieces are none."""
    others = [piece] * (2000 - len(MINIMAL))
    for cut in (0, 1000, len(others)):
        for joint in ("&", "&&&"):
            query, body = joint.join(others[:cut]), joint.join([REQUIRED, *others[cut:]])
            assert len(parse(query, body).unknown) == len(others)
            assert len(parse(query.encode(), body.encode() + b"&&&&").unknown) == len(others)
            error = fault(f"{query}&{piece}", body)
            assert (error.code, error.parameter) == (-1, None)
            assert fault(query, f"{piece}&{body}").code == -1


def test_empty_pieces_are_not_parameters() -> None:
    assert parse("&" * 30000 + REQUIRED + "&" * 30000) == parse(REQUIRED)


def test_2001_extensions() -> None:
    """The number is looked at before what they are."""
    assert fault(REQUIRED + 1996 * "&wvExtension", "").code == -7009
    assert fault(REQUIRED + 1997 * "&wvExtension", "").code == -1


@pytest.mark.parametrize(
    "malformed", [f"&x={70000 * 'y'}", 2001 * "&x", "&%FF=1"], ids=["64 KiB", "2000 parameters", "name not UTF-8"]
)
def test_malformed_requests_come_before_any_other_fault(malformed: str) -> None:
    """Even of errorFormat; and they are to be rendered as asked."""
    for request in ("", "errorFormat=xml", "errorFormat=json&deviceId=1", "kid=%FF", "contentId=%00"):
        for sources in ((request + malformed, ""), (request, malformed), (request.encode() + malformed.encode(), b"")):
            error = fault(*sources)
            asked = ErrorFormat.JSON if "json" in request else ErrorFormat.HTML
            assert (error.code, error.parameter, error.error_format) == (-1, None, asked)
            assert error.details
            assert error.message == f"Malformed request: {error.details}"
            assert (error.__cause__, error.__context__) == (None, None)
    for spelling in ("errorFormat=json", "error%46ormat=%6Ason"):
        assert fault(spelling + malformed).error_format is ErrorFormat.JSON
    for spelling in ("errorFormat=JSON", "errorformat=json", "errorFormat=", "x=errorFormat=json"):
        assert fault(spelling + malformed).error_format is ErrorFormat.HTML


# What is no request at all.


@pytest.mark.parametrize(
    "wrong",
    [None, 0, 1, [], ["a"], {}, bytearray(b"a"), memoryview(b"a"), object()],
    ids=lambda value: type(value).__name__,
)
def test_neither_str_nor_bytes(wrong: Any) -> None:
    """A mistake of the program, not of the request."""
    with pytest.raises(TypeError):
        parse(wrong)
    with pytest.raises(TypeError):
        parse(REQUIRED, wrong)
