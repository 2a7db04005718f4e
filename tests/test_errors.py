"""The catalogue of codes, compared with the interface's Table 18, and the exceptions."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

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
"""Code and wording of each row of the interface's Table 18 ("Event Error Codes"), without notes and markup."""

TEMPLATES = TABLE_18 | {-1: "Malformed request: <details>"}
UNAUTHORIZED = {-2017, -2018, -2019, -2031, -4001, -7011}
SERVER_ERROR = {-2030, -4019, -7008}
OF_OTHER_INTERFACES = {-2022, -2023, -2025, -2040, -6007}
"""Codes of rental.periodEndTime, rental.playDuration and outputControlFlags."""
RAISED_BY_PARSE = {
    *(-1, -2002, -2005, -2008, -2017, -2018, -2027, -2033, -2034, -2035, -2036, -2037, -3004, -4018, -4020, -4021),
    *(-4022, -4024, -5003, -6005, -7002, -7003, -7004, -7006, -7007, -7009),
}


def test_the_catalogue_is_table_18_and_the_projects_own_code() -> None:
    assert len(TABLE_18) == 39
    assert {int(code): code.template for code in ErrorCode} == TEMPLATES
    assert len(ErrorCode.__members__) == len(ErrorCode)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_status_and_origin_of_every_code(code: ErrorCode) -> None:
    expected = 401 if code in UNAUTHORIZED else 500 if code in SERVER_ERROR else 400
    assert code.status == TokenRequestError(code).status == expected
    assert code.raised_by in {"library"} if code in RAISED_BY_PARSE else {"library", "server", "nobody"}
    assert (code.raised_by == "nobody") == (code in OF_OTHER_INTERFACES)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_a_code_is_an_int(code: ErrorCode) -> None:
    assert f"{code:d}" == str(int(code))
    assert pickle.loads(pickle.dumps(code)) is copy.deepcopy(code) is code
    assert re.fullmatch("[A-Z][A-Z0-9_]+", code.name)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_message_and_str_contain_the_details_once(code: ErrorCode) -> None:
    template = TEMPLATES[code]
    error = TokenRequestError(code, "parameter", "what is right")
    bare = TokenRequestError(code, "parameter")
    assert bare.message == template.partition(": <")[0]
    assert str(bare) == f"{int(code)}: {bare.message}"
    if template.endswith(">"):
        assert error.message == re.sub("<.*>", "what is right", template)
        assert str(error) == f"{int(code)}: {error.message}"
    else:
        assert error.message == template
        assert str(error) == f"{int(code)}: {template} (what is right)"


def test_an_error_has_a_code_or_its_number() -> None:
    for code in (-4018, ErrorCode.MISSING_KID):
        error = TokenRequestError(code, "kid")
        assert error.code is ErrorCode.MISSING_KID
        assert (error.parameter, error.details, error.error_format, error.unknown) == ("kid", None, "html", ())


def test_an_error_may_have_another_status() -> None:
    assert TokenRequestError(-4019, "kid", status=400).status == 400
    assert TokenRequestError(-2030, status=503).status == 503


class Name(StrEnum):
    KID = "kid"


def test_parameter_and_details_become_plain_strings() -> None:
    error = TokenRequestError(-4018, Name.KID, Name.KID)
    assert (type(error.parameter), type(error.details)) == (str, str)
    assert repr(error) == "TokenRequestError(-4018, 'kid', 'kid')"


@pytest.mark.parametrize("code", [0, 1, -2, -2001, -9999, 4018, 10**30])
def test_unknown_codes_are_rejected(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        TokenRequestError(code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": "-2019"}, "code must be int, not str"),
        ({"code": -2019.0}, "code must be int, not float"),
        ({"parameter": b"x"}, "parameter must be str or None, not bytes"),
        ({"details": 1}, "details must be str or None, not int"),
        ({"status": "400"}, "status must be int, not str"),
        ({"status": True}, "status must be int, not bool"),
    ],
)
def test_types_are_checked_when_an_error_is_created(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TokenRequestError(**{"code": -2019} | arguments)


@pytest.mark.parametrize("status", [200, 399, 600, -1])
def test_only_error_statuses_are_accepted(status: int) -> None:
    with pytest.raises(ValueError, match="status must be 400 to 599"):
        TokenRequestError(-2019, status=status)


def test_the_subclasses_have_their_codes() -> None:
    assert issubclass(TokenExpired, InvalidToken)
    for error, code in ((InvalidToken(), -4010), (TokenExpired(bytes(12), 1), -4010), (KeyUnwrapError("ek"), -4024)):
        assert isinstance(error, TokenRequestError)
        assert (error.code, error.status) == (code, 400)
        assert repr(error).startswith(f"{type(error).__name__}(")
    assert not issubclass(EngineUnavailable, TokenRequestError)


EXCEPTIONS: tuple[Callable[[], TokenRequestError], ...] = (
    *(lambda code=code: TokenRequestError(code, "kid", "details") for code in ErrorCode),
    lambda: TokenRequestError(-4018),
    lambda: TokenRequestError(code=-2030, details="given by name", status=503),
    KeyUnwrapError,
    lambda: KeyUnwrapError("ek", "details"),
    InvalidToken,
    lambda: InvalidToken("unknown key"),
    lambda: TokenExpired(bytes(range(12)), 1145016070),
)


def state(error: TokenRequestError) -> dict[str, Any]:
    return error.__dict__ | {"args": error.args, "type": type(error), "text": (str(error), repr(error), error.message)}


@pytest.mark.parametrize("make", EXCEPTIONS, ids=lambda make: repr(make()))
def test_copies_keep_everything(make: Callable[[], TokenRequestError]) -> None:
    error = make()
    error.error_format = ErrorFormat.JSON
    error.unknown = ("secuirtyLevel",)
    error.add_note("a note")
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in (*copies, copy.copy(error), copy.deepcopy(error)):
        assert state(twin) == state(error)
        assert (type(twin.code), twin.error_format, twin.__notes__) == (ErrorCode, "json", ["a note"])


def test_a_pickle_contains_no_cause() -> None:
    try:
        raise TokenRequestError(-4019, "kid") from ValueError("secret")
    except TokenRequestError as error:
        pickled = pickle.dumps(error)
    assert b"secret" not in pickled
    assert state(pickle.loads(pickled)) == state(TokenRequestError(-4019, "kid"))
