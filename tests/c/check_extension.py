"""Runs test_wiping.c on the functions of the installed extension: `check_extension.py LIBRARY`."""

import ctypes
import sys

from wvtoken.engine._native import ffi, lib

names = ["wvt_lanes_supported", "wvt_wrap", "wvt_unwrap", "wvt_seal_tokens", "wvt_open_tokens"]
names += ["wvt_issue_workspace_bytes", "wvt_issue", "wvt_redeem", "wvt_seal_contents"]
addresses = [int(ffi.cast("uintptr_t", ffi.addressof(lib, name))) for name in names]
functions = (ctypes.c_void_p * len(names))(*addresses)
sys.exit(ctypes.CDLL(sys.argv[1]).check_functions(functions))
