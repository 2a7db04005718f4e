"""Call the C extension with faulty arguments, for `.ci/run sanitize`. The package never makes such calls."""

import sys
from pathlib import Path

from wvtoken.engine import _native

fault, tree = sys.argv[1:]
assert Path(_native.__file__).is_relative_to(tree), _native.__file__
assert b"__asan_report_" in Path(_native.__file__).read_bytes(), "the extension is not instrumented"
assert "asan" in Path("/proc/self/maps").read_text()

ffi, lib = _native.ffi, _native.lib
lanes = lib.WVT_LANES_AESNI & lib.wvt_lanes_supported() or lib.WVT_LANES_ARMV8 & lib.wvt_lanes_supported()
assert lanes, "no lanes here"
some, text = ffi.new("uint8_t[48]"), ffi.new("uint8_t[100]")
if fault == "write":
    lib.wvt_wipe(some, 49)
elif fault == "read":
    lib.wvt_wrap(lanes, some, 1, 16, some, 16, 4, text)
elif fault == "misaligned":
    offsets = ffi.cast("uint32_t *", ffi.cast("char *", ffi.new("uint32_t[]", 3)) + 1)
    sealing = ffi.new("struct wvt_sealing *", {"key": some, "header": some})
    lib.wvt_seal_tokens(lanes, sealing, some, some, offsets, 1, text)
