"""That the published vectors are all there, and that each published file is used or has a reason not to be."""

from __future__ import annotations

import pytest

from .published import (
    GCM_SIV_FILES,
    GCM_SIV_FOLDER,
    NIST_KEY_WRAP,
    NIST_KEY_WRAP_FOLDER,
    NOT_APPLICABLE,
    RFC3394,
    RFC8452,
    gcm_siv,
    published_files,
)

USED: dict[str, dict[str, int]] = {
    "keywrap": {},
    NIST_KEY_WRAP_FOLDER: NIST_KEY_WRAP,
    GCM_SIV_FOLDER: GCM_SIV_FILES,
}


@pytest.mark.parametrize("folder", USED)
def test_every_file_is_used_or_left_out_for_a_reason(folder: str) -> None:
    used, left_out = USED[folder].keys(), NOT_APPLICABLE[folder].keys()
    assert not used & left_out
    assert published_files(folder) == used | left_out
    assert all(NOT_APPLICABLE[folder].values())


def test_the_rfc_are_there_as_a_whole() -> None:
    """RFC 3394 has six examples in section 4; RFC 8452 has 24 of AES-256 in appendix C.2 and two in C.3."""
    assert len(set(RFC3394)) == len(RFC3394) == 6
    assert {(len(kek) // 2, len(key) // 2) for kek, key, _ in RFC3394} == {
        *((16, 16), (24, 16), (32, 16), (24, 24), (32, 24), (32, 32)),
    }
    assert len(set(RFC8452)) == len(RFC8452) == 26
    assert {len(key) for key, *_ in RFC8452} == {64}
    wrapping = [case for case in RFC8452 if case[-1].endswith("ffffffff000000000000000000000000")]
    assert len(wrapping) == 2  # the counter wraps, C.3
    package = [case for case in gcm_siv("openssl.txt") if len(case.key) == 32]
    typed = [tuple(map(bytes.fromhex, case)) for case in RFC8452]
    assert [case for case in package if case not in typed] == []
    assert [len(plaintext) for _, _, _, plaintext, _ in typed if not plaintext] == [0, 0]  # the package leaves them out
