"""The catalogue of codes held against the interface's Table 18, and what the exceptions carry."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvtoken import (
    EngineUnavailable,
    ErrorCode,
    ErrorFormat,
    InvalidToken,
    KeyUnwrapError,
    TokenExpired,
    TokenRequestError,
)

TABLE_18 = {
    -2002: "Invalid token expiration time: <details>",
    -2003: "Invalid IP address",
    -2005: "Invalid content encryption key: <details>",
    -2008: "Invalid output control flags specified: <details>",
    -2017: "Authentication token must be supplied",
    -2018: "Authentication token invalid: <details>",
    -2019: "Insufficient tokens available",
    -2022: "Missing rental period end time",
    -2023: "Missing rental play duration",
    -2025: "Invalid rental play duration",
    -2027: "Content encryption key must be 32-hexadecimal digits long",
    -2030: "ExpressPlay Admin error: <details>",
    -2031: "Service Account Disabled",
    -2033: "Invalid cookie",
    -2034: "Invalid Output Control, values out of specified range",
    -2035: "No corresponding value specified",
    -2036: "Extension type should be 4 characters",
    -2037: "Extension payload should be Base64 encoded",
    -2040: "OutputControlFlag must be encode 4 bytes",
    -3004: "Invalid error format specified: <format>",
    -4001: "Device could not be authenticated",
    -4010: "Invalid token",
    -4018: "Missing kid",
    -4019: "Failed to get content key from key storage service",
    -4020: "kid must be 32 hexadecimal characters long",
    -4021: "kid must be 64 characters long after the '^'",
    -4022: "Invalid kid",
    -4024: "Invalid encrypted key or kek",
    -5003: "Invalid general flags",
    -6005: "Invalid key data specified",
    -6007: "Invalid rental duration specified",
    -7002: "Device ID binding is not supported for Widevine",
    -7003: "Missing security level value",
    -7004: "Invalid security level value",
    -7006: "Missing HDCP output control value",
    -7007: "Invalid license duration specified",
    -7008: "Failed to generate Widevine license",
    -7009: "Invalid WVExtension parameters specified",
    -7011: "Widevine option disabled",
}
"""Number and wording of each row of the seed document's Table 18 ("Event Error Codes"), notes and markup left out."""

OWN = -1
UNAUTHORIZED = {-2017, -2018, -2019, -2031, -4001, -7011}
SERVER_ERROR = {-2030, -4019, -7008}
OF_SISTER_INTERFACES = {-2022, -2023, -2025, -2040, -6007}
"""Codes of rental.periodEndTime, rental.playDuration and outputControlFlags: nothing raises them here."""
RAISED_IN_READING = {
    *(-1, -2002, -2005, -2008, -2017, -2018, -2027, -2033, -2034, -2035, -2036, -2037, -3004, -4018, -4020, -4021),
    *(-4022, -4024, -5003, -6005, -7002, -7003, -7004, -7006, -7007, -7009),
}


# The catalogue.


def test_the_catalogue_is_table_18_and_the_projects_own_code() -> None:
    assert len(TABLE_18) == 39
    assert {int(code) for code in ErrorCode} == {*TABLE_18, OWN}
    assert len(ErrorCode.__members__) == len(ErrorCode)


@pytest.mark.parametrize("code", TABLE_18)
def test_the_wording_is_that_of_the_interface(code: int) -> None:
    assert ErrorCode(code).template == TABLE_18[code]  # type: ignore[call-arg]


def test_the_projects_own_code() -> None:
    assert ErrorCode.MALFORMED_REQUEST == OWN
    assert ErrorCode.MALFORMED_REQUEST.template == "Malformed request: <details>"


@pytest.mark.parametrize("code", list(ErrorCode))
def test_the_status_of_every_code(code: ErrorCode) -> None:
    expected = 401 if code in UNAUTHORIZED else 500 if code in SERVER_ERROR else 400
    assert code.status == expected
    assert TokenRequestError(code).status == expected


@pytest.mark.parametrize("code", list(ErrorCode))
def test_who_raises_every_code(code: ErrorCode) -> None:
    """What reading raises is the kernel's; what belongs to sister interfaces is nobody's."""
    if code in RAISED_IN_READING:
        assert code.raised_by == "kernel"
    assert (code.raised_by == "nobody") == (code in OF_SISTER_INTERFACES)
    assert code.raised_by in {"kernel", "server", "nobody"}


@pytest.mark.parametrize("code", list(ErrorCode))
def test_a_code_is_a_number(code: ErrorCode) -> None:
    assert isinstance(code, int)
    assert f"{code:d}" == str(int(code))
    assert pickle.loads(pickle.dumps(code)) is code
    assert copy.deepcopy(code) is code
    assert re.fullmatch("[A-Z][A-Z0-9_]+", code.name)


# The exceptions.


@pytest.mark.parametrize("code", list(ErrorCode))
def test_the_message_is_the_wording_with_the_details_in_their_place(code: ErrorCode) -> None:
    wording = TABLE_18.get(code, "Malformed request: <details>")
    has_place = wording.endswith(">")
    told = TokenRequestError(code, "parameter", "what is wrong").message
    untold = TokenRequestError(code, "parameter").message
    if has_place:
        assert told == re.sub("<.*>", "what is wrong", wording)
        assert untold == wording.partition(": <")[0]
    else:
        assert told == untold == wording
    assert "<" not in told + untold


def test_an_error_is_made_of_a_code_or_its_number() -> None:
    error = TokenRequestError(-4018, "kid")
    assert error.code is ErrorCode.MISSING_KID
    assert (error.parameter, error.details, error.error_format) == ("kid", None, ErrorFormat.HTML)
    assert TokenRequestError(ErrorCode.MISSING_KID).code is ErrorCode.MISSING_KID


@pytest.mark.parametrize("code", [0, 1, -2, -2001, -9999, 4018, 10**30])
def test_there_are_no_other_codes(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        TokenRequestError(code)


def test_the_tree_of_exceptions() -> None:
    assert issubclass(TokenExpired, InvalidToken)
    assert issubclass(InvalidToken, TokenRequestError)
    assert issubclass(KeyUnwrapError, TokenRequestError)
    assert issubclass(TokenRequestError, Exception)
    assert not issubclass(EngineUnavailable, TokenRequestError)
    assert InvalidToken().code == TokenExpired(bytes(12), 1).code == -4010
    assert KeyUnwrapError().code == -4024
    assert InvalidToken().status == TokenExpired(bytes(12), 1).status == KeyUnwrapError().status == 400
    assert InvalidToken().message == TokenExpired(bytes(12), 1).message == "Invalid token"


def test_an_expired_token_tells_which_and_when() -> None:
    error = TokenExpired(bytes(range(12)), 1145016070)
    assert (error.token_id, error.expires_at) == (bytes(range(12)), 1145016070)
    assert (error.parameter, error.details) == (None, None)
    for told in (str(error), error.message):
        assert "1145016070" not in told


def test_str_and_repr() -> None:
    error = TokenRequestError(-2002, "expirationTime", "'tomorrow' is no time")
    assert "-2002" in str(error)
    assert "Invalid token expiration time: 'tomorrow' is no time" in str(error)
    assert repr(error).startswith("TokenRequestError(")
    assert "-2002" in repr(error)
    assert "expirationTime" in repr(error)
    for other in (InvalidToken(), TokenExpired(bytes(12), 1), KeyUnwrapError("ek")):
        assert repr(other).startswith(f"{type(other).__name__}(")
        assert str(int(other.code)) in str(other)
        assert other.message in str(other)


EXCEPTIONS: tuple[Callable[[], TokenRequestError], ...] = (
    *(lambda code=code: TokenRequestError(code, "kid", "details") for code in ErrorCode),
    lambda: TokenRequestError(-4018),
    lambda: TokenRequestError(-4018, "kid"),
    lambda: TokenRequestError(-1, None, "details"),
    KeyUnwrapError,
    lambda: KeyUnwrapError("ek"),
    lambda: KeyUnwrapError("ek", "details"),
    InvalidToken,
    lambda: TokenExpired(bytes(range(12)), 1145016070),
)


def state(error: TokenRequestError) -> dict[str, Any]:
    names = ("code", "parameter", "details", "error_format", "status", "message", "args", "token_id", "expires_at")
    return {name: getattr(error, name, None) for name in names} | {
        "type": type(error),
        "text": (str(error), repr(error)),
    }


@pytest.mark.parametrize("make", EXCEPTIONS, ids=lambda make: repr(make()))
def test_copies_keep_everything(make: Callable[[], TokenRequestError]) -> None:
    for error_format in ErrorFormat:
        error = make()
        error.error_format = error_format
        error.add_note("a note")
        copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
        for twin in (*copies, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(copies[0]))):
            assert state(twin) == state(error)
            assert twin.error_format is error_format
            assert type(twin.code) is ErrorCode
            assert twin.__notes__ == ["a note"]


@given(st.sampled_from(ErrorCode), st.none() | st.text(), st.none() | st.text())
def test_any_error_comes_back_from_its_pickle(code: ErrorCode, parameter: str | None, details: str | None) -> None:
    error = TokenRequestError(code, parameter, details)
    assert state(pickle.loads(pickle.dumps(error))) == state(error)


@given(st.binary(min_size=12, max_size=12), st.integers(0, 253402300799))
def test_any_expired_token_comes_back_from_its_pickle(token_id: bytes, expires_at: int) -> None:
    error = TokenExpired(token_id, expires_at)
    assert state(pickle.loads(pickle.dumps(error))) == state(error)


def test_the_missing_engine_comes_back_from_its_pickle() -> None:
    error = EngineUnavailable("no engine")
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin)) == (EngineUnavailable, "no engine")


def test_an_error_that_was_raised_can_be_pickled() -> None:
    """With a traceback, a cause and a context, none of which go with it."""
    try:
        try:
            raise ValueError("secret")
        except ValueError as error:
            raise TokenRequestError(-4019, "kid") from error
    except TokenRequestError as error:
        pickled = pickle.dumps(error)
    assert b"secret" not in pickled
    assert state(pickle.loads(pickled)) == state(TokenRequestError(-4019, "kid"))


def test_pickling_what_was_made_by_name() -> None:
    error = TokenRequestError(code=-2030, details="why")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.parameter, again.details, str(again)) == (-2030, None, "why", str(error))
    assert copy.copy(error).details == "why"
