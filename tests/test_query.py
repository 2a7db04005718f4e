"""Form decoding: the rules of the WHATWG parser, bytes that are not UTF-8, and the limits."""

from __future__ import annotations

import tracemalloc
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import ErrorFormat, TokenRequestError, TokenSpec, parse
from wvtoken import query as query_module

from .grammar import DECODED, MINIMAL, escaped, pairs

REQUIRED = escaped(pairs({}))
KIBIBYTES_64 = 65536


def read(text: str | bytes) -> TokenSpec:
    """Parse this together with the required parameters."""
    return parse(text, REQUIRED)


def names(text: str | bytes) -> tuple[str, ...]:
    return read(text).unknown


def content_id(value: str | bytes) -> str | None:
    return read(b"contentId=" + value if isinstance(value, bytes) else f"contentId={value}").content_id


def fault(query: str | bytes, body: str | bytes = "") -> TokenRequestError:
    with pytest.raises(TokenRequestError) as caught:
        parse(query, body)
    return caught.value


# Decoding. `grammar.DECODED` has more raw values; the test vectors contain them.


@pytest.mark.parametrize(("raw", "value"), [(b"%\xc3\xa9", "%\u00e9"), (b"\xc3%A9", "\u00e9"), (b"%C3\xa9", "\u00e9")])
def test_raw_bytes_and_escapes_form_one_character(raw: bytes, value: str) -> None:
    assert content_id(raw) == value


@pytest.mark.parametrize("raw", DECODED)
def test_values_and_names_are_decoded_alike(raw: str) -> None:
    assert content_id(raw) == content_id(raw.encode()) == DECODED[raw]
    if "=" not in raw:
        assert names(raw) == names(raw.encode()) == (DECODED[raw],)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("", ()), ("&&&", ()), ("a&", ("a",)), ("&a&&b&", ("a", "b")), ("=", ("",)), ("=a", ("",)), ("==", ("",))),
        *(("a=1&a=2", ("a", "a")), ("+=1", (" ",)), ("a%3Db=1", ("a=b",)), ("%00=1", ("\x00",)), ("a=%FF", ("a",))),
    ],
)
def test_empty_pieces_are_skipped_and_empty_names_kept(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == names(text.encode()) == expected


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
def test_any_value_is_decoded_as_by_python(text: str) -> None:
    value = text.replace("&", "")
    expected = unquote_plus(value, errors="strict") if decodes(value) else None
    if expected is not None and 0 < len(expected) <= 1024 and expected.isprintable():
        assert content_id(value) == content_id(value.encode()) == expected


@given(st.lists(st.text("x%46+= &;\u00e9\U0001f3ac", max_size=8), max_size=8).map("&".join))
def test_any_pairs_are_decoded_as_by_python(text: str) -> None:
    assert decodes(text)
    expected = parse_qsl(text, keep_blank_values=True)
    assert names(text) == names(text.encode()) == tuple(name for name, _ in expected)


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_as_utf8_or_rejected(raw: bytes) -> None:
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


# Not UTF-8.

NOT_UTF8 = (
    *(b"\xff", b"\x80", b"a\xc3", b"\xc3a", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf8"),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
)
LONE_SURROGATES = ("\ud800", "\udfff", "\udc80", "\udcff", "\ude00\ud83c", "\udcc3\udca9", "\udcc3%A9")


@pytest.mark.parametrize("raw", NOT_UTF8)
def test_name_that_is_not_utf8_is_rejected(raw: bytes) -> None:
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
def test_value_that_is_not_utf8_is_rejected(raw: bytes) -> None:
    error = fault(b"contentId=" + raw, REQUIRED)
    assert (error.code, error.parameter) == (-1, "contentId")
    assert fault(f"cookie={quote(raw)}", REQUIRED).code == -2033
    assert fault(f"expirationTime=%2B{quote(raw)}", REQUIRED).code == -2002
    assert names(b"x=" + raw) == ("x",)


@pytest.mark.parametrize("surrogates", LONE_SURROGATES, ids=range(len(LONE_SURROGATES)))
def test_lone_surrogate_is_not_utf8(surrogates: str) -> None:
    error = fault(f"cookie={surrogates}", REQUIRED)
    assert (error.code, error.parameter) == (-2033, "cookie")
    assert fault(f"contentId=a{surrogates}", REQUIRED).code == -1
    assert fault(f"kid=^{surrogates}", REQUIRED).code == -4022
    assert fault(f"x{surrogates}=1", REQUIRED).code == -1
    assert fault(REQUIRED, f"&{surrogates}").code == -1
    assert names(f"x={surrogates}") == ("x",)


@given(st.text(st.characters(), max_size=20))
def test_any_text_with_surrogates_is_parsed_or_rejected(text: str) -> None:
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
    """Return a request of so many bytes with a long value of an unknown parameter."""
    size = len(filler.encode())
    rest = length - len(REQUIRED) - len("&x=")
    return f"{REQUIRED}&x={filler * (rest // size)}{'y' * (rest % size)}"


@pytest.mark.parametrize("filler", ["x", "\u00e9", "\u20ac", "\U0001f3ac", "%20", "+", "="])
def test_64_kibibytes_are_the_limit(filler: str) -> None:
    for length, fits in ((KIBIBYTES_64 - 1, True), (KIBIBYTES_64, True), (KIBIBYTES_64 + 1, False)):
        text = filled(length, filler)
        assert len(text.encode()) == length
        cut = len(REQUIRED)
        # The & between query and body is not sent.
        parts = (text[:cut], text[cut + 1 :] + "z")
        for query, body in ((text, ""), ("", text), parts, parts[::-1]):
            kinds = ((query, body), (query.encode(), body.encode()), (query, body.encode()), (query.encode(), body))
            for sources in kinds:
                if fits:
                    assert parse(*sources).unknown == ("x",)
                else:
                    error = fault(*sources)
                    assert (error.code, error.parameter) == (-1, None)


def test_lone_surrogate_counts_as_three_bytes() -> None:
    assert fault(filled(KIBIBYTES_64 - 2, "x") + "\ud800", "").code == -1
    assert fault("\udc80" * 65536, "").code == -1


@pytest.mark.parametrize("piece", ["x", "x=", "x=1", "=", "%41=1", "+", "\u00e9"])
def test_2000_parameters_are_the_limit(piece: str) -> None:
    others = [piece] * (2000 - len(MINIMAL))
    for cut in (0, 1000, len(others)):
        for joint in ("&", "&&&"):
            query, body = joint.join(others[:cut]), joint.join([REQUIRED, *others[cut:]])
            assert len(parse(query, body).unknown) == len(others)
            assert len(parse(query.encode(), body.encode() + b"&&&&").unknown) == len(others)
            error = fault(f"{query}&{piece}", body)
            assert (error.code, error.parameter) == (-1, None)
            assert fault(query, f"{piece}&{body}").code == -1


@pytest.mark.parametrize(
    "malformed", [f"&x={70000 * 'y'}", 2001 * "&x", "&%FF=1"], ids=["64 KiB", "2000 parameters", "name not UTF-8"]
)
def test_malformed_requests_come_before_any_other_error(malformed: str) -> None:
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


@pytest.mark.parametrize(
    "wrong",
    [None, 0, 1, [], ["a"], {}, bytearray(b"a"), memoryview(b"a"), object()],
    ids=lambda value: type(value).__name__,
)
def test_neither_str_nor_bytes(wrong: Any) -> None:
    for arguments in ((wrong,), (REQUIRED, wrong)):
        with pytest.raises(TypeError, match=f"a request is str or bytes, not {type(wrong).__name__}"):
            parse(*arguments)


# Work.


@pytest.mark.parametrize("piece", ["%", "%41", "a%", "%=", "errorForma%74=json"])
def test_at_most_2000_parameters_are_decoded(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def counting(text: str) -> tuple[str, str]:
        nonlocal count
        count += 1
        return decode(text)

    decode = query_module._decoded
    monkeypatch.setattr(query_module, "_decoded", counting)
    many = f"{piece}&" * (KIBIBYTES_64 // (len(piece) + 1))
    for text in (many, many + "xxxxxxxx"):
        error = fault(text)
        assert (error.code, error.error_format) == (-1, ErrorFormat.HTML)
    assert 0 < count <= 2 * 2000


def test_error_format_is_read_from_the_first_2000_parameters() -> None:
    assert fault(1999 * "x&" + "errorFormat=json&x").error_format is ErrorFormat.JSON
    assert fault(2000 * "x&" + "errorFormat=json").error_format is ErrorFormat.HTML


def test_only_the_first_part_of_a_very_large_request_is_copied() -> None:
    for large in (50_000_000 * "\u00e9", 50_000_000 * b"x"):
        tracemalloc.start()
        assert fault(large).code == -1
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000
