"""Builds `wvtoken.engine._native` from this folder, for setup.py (`cffi_modules`), from the root of the repository."""

from pathlib import Path

from cffi import FFI

_HERE = Path(__file__).parent
_FOLDER = "csrc"

ffibuilder = FFI()
ffibuilder.cdef((_HERE / "wvtoken.cdef.h").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "wvtoken.engine._native",
    '#include "wvtoken.h"',
    sources=sorted(f"{_FOLDER}/{path.name}" for path in _HERE.glob("*.c")),
    include_dirs=[_FOLDER],
    depends=sorted(f"{_FOLDER}/{path.name}" for path in _HERE.glob("*.h")),
)
