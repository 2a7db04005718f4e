"""Build `wvtoken.engine._native` from this folder. setup.py runs it (`cffi_modules`) in the root of the repository."""

import os
import sys
from pathlib import Path

from cffi import FFI

_HERE = Path(__file__).parent
_FOLDER = "csrc"

_compile, _link = [], []
if sys.platform != "win32":
    _compile += ["-fvisibility=hidden", f"-ffile-prefix-map={Path.cwd()}=."]
if sys.platform == "linux":
    _link += ["-Wl,-z,relro,-z,now"]
# A debugger and the sanitizers need the symbols.
_keep_symbols = any(flag.startswith(("-g", "-fsanitize")) for flag in os.environ.get("CFLAGS", "").split())
if sys.platform != "win32" and not _keep_symbols:
    _compile += ["-g0"]
    _link += ["-Wl,--strip-all"] if sys.platform == "linux" else []

ffibuilder = FFI()
ffibuilder.cdef((_HERE / "wvtoken.cdef.h").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "wvtoken.engine._native",
    '#include "wvtoken.h"',
    sources=sorted(f"{_FOLDER}/{path.name}" for path in _HERE.glob("*.c")),
    include_dirs=[_FOLDER],
    extra_compile_args=_compile,
    extra_link_args=_link,
    depends=sorted(f"{_FOLDER}/{path.name}" for path in _HERE.glob("*.h")),
)
