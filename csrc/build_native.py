"""Builds `wvtoken.engine._native` from this folder, for setup.py (`cffi_modules`).

`python csrc/build_native.py FOLDER` only writes the generated headers there, for the C tests and the fuzz targets.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent / "src")]


def write_headers(folder: Path) -> list[Path]:
    """Write the headers that are generated from values.py and parameters.py. Return their paths."""
    import grammar_header  # noqa: PLC0415  # from this folder

    from wvtoken import values  # noqa: PLC0415  # from src

    headers = {
        "wvt_limits.h": _limits(vars(values)),
        "wvt_grammar.h": grammar_header.constants(),
        "wvt_grammar_table.h": grammar_header.table(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in headers.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return [folder / name for name in headers]


def _limits(constants: Mapping[str, object]) -> str:
    """Every integer constant of values.py, with WVT_ before its name."""
    lines = ["/* Generated from values.py. */"]
    for name, value in constants.items():
        if type(value) is int and name.isupper():
            literal = f"{value}u" if 0 <= value < 2**32 else f"INT64_C({value})"
            lines.append(f"#define WVT_{name} {literal}")
    return "\n".join([*lines, ""])


def declarations() -> str:
    """The declarations of wvtoken.h, for cffi. C gives the values of its constants."""
    header = re.sub(r"/\*.*?\*/", "", (_HERE / "wvtoken.h").read_text(encoding="utf-8"), flags=re.DOTALL)
    header = re.sub(r"#ifdef __cplusplus.*?#endif", "", header, flags=re.DOTALL)
    constants = re.findall(r"^#define (WVT_\w+) ", header, flags=re.MULTILINE)
    return re.sub(r"^#.*$", "", header, flags=re.MULTILINE) + "".join(f"#define {name} ...\n" for name in constants)


def flags() -> tuple[list[str], list[str]]:
    """The flags for the compiler and for the linker."""
    if sys.platform == "win32":
        return [], []
    compiling = ["-fvisibility=hidden", f"-ffile-prefix-map={Path.cwd()}=."]
    linking = ["-Wl,-z,relro,-z,now"] if sys.platform == "linux" else []
    # A debugger and the sanitizers need the symbols.
    if not any(flag.startswith(("-g", "-fsanitize")) for flag in os.environ.get("CFLAGS", "").split()):
        compiling += ["-g0"]
        linking += ["-Wl,--strip-all"] if sys.platform == "linux" else []
    return compiling, linking


def extension() -> Any:
    """The builder that cffi runs from setup.py."""
    from cffi import FFI  # noqa: PLC0415  # the C tests and the fuzz targets do not need it

    generated = Path("build") / "generated"
    headers = write_headers(generated)
    compiling, linking = flags()
    builder = FFI()
    builder.cdef(declarations())
    builder.set_source(
        "wvtoken.engine._native",
        '#include "wvtoken.h"',
        sources=sorted(f"csrc/{path.name}" for path in _HERE.glob("*.c")),
        include_dirs=["csrc", str(generated)],
        extra_compile_args=compiling,
        extra_link_args=linking,
        depends=[*sorted(f"csrc/{path.name}" for path in _HERE.glob("*.h")), *map(str, headers)],
    )
    return builder


if __name__ == "__main__":
    write_headers(Path(sys.argv[1]))
