"""Build the distributions twice and check them, or check what cibuildwheel would build.

python .ci/check_dist.py build CHECKOUT FOLDER
python .ci/check_dist.py identifiers
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from itertools import product
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

EXTENSION_BYTES = 400_000
PYTHONS = ("cp311", "cp314t")
PLATFORMS = {
    "linux": ("manylinux_x86_64", "manylinux_aarch64", "musllinux_x86_64", "musllinux_aarch64"),
    "macos": ("macosx_x86_64", "macosx_arm64"),
    "windows": ("win_amd64", "win_arm64"),
}
SECRETS = ("tests/keys.json", "fuzz/.env", "src/wvtoken/docs/keyring.json")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return its standard output."""
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout


def only(folder: Path, pattern: str) -> Path:
    """Return the only file in `folder` that matches."""
    (path,) = folder.glob(pattern)
    return path


def build_once(checkout: Path, out: Path, scratch: Path) -> tuple[Path, Path]:
    """Build the sdist from a clone with untracked secrets in it, and the wheel from the sdist."""
    clone, source = scratch / "clone", scratch / "source"
    run("git", "clone", "-q", checkout, clone)
    difference = subprocess.run(("git", "diff", "--binary", "HEAD"), cwd=checkout, stdout=subprocess.PIPE, check=True)
    subprocess.run(("git", "apply", "--allow-empty"), cwd=clone, input=difference.stdout, check=True)
    for name in SECRETS:
        (clone / name).write_text("secret")
    run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", out, clone)
    sdist = only(out, "*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(source, filter="data")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, only(source, "*"))
    return sdist, only(out, "*.whl")


def check_sdist(sdist: Path, checkout: Path) -> None:
    """Check that the sdist contains exactly the tracked files that are not dotfiles."""
    tracked = {name for name in run("git", "ls-files", cwd=checkout).splitlines() if not name.startswith(".")}
    with tarfile.open(sdist) as archive:
        packed = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    generated = {name for name in packed if ".egg-info/" in name} | {"PKG-INFO", "setup.cfg"}
    assert packed - generated == tracked, (packed - generated) ^ tracked


def check_wheel(wheel: Path, checkout: Path) -> None:
    """Check that the wheel contains the tracked files of the package and the extension."""
    prefix = "src/"
    tracked = run("git", "ls-files", "src", cwd=checkout).splitlines()
    wanted = {name.removeprefix(prefix) for name in tracked} | {"wvtoken/engine/_native.abi3.so"}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}
        extension = archive.read("wvtoken/engine/_native.abi3.so")
    assert packed == wanted, packed ^ wanted
    check_extension(extension)


def check_extension(content: bytes) -> None:
    """Check that the extension is small, stripped, bound at load time, and exports only its init function."""
    assert len(content) < EXTENSION_BYTES, f"the extension has {len(content)} bytes; the limit is {EXTENSION_BYTES}"
    for folder in (tempfile.gettempdir(), str(Path.cwd())):
        assert folder.encode() not in content, f"the extension contains the path {folder}"
    elf = ELFFile(io.BytesIO(content))
    names = {section.name for section in elf.iter_sections()}
    assert not {name for name in names if name.startswith(".debug") or name == ".symtab"}, names
    assert any(segment["p_type"] == "PT_GNU_RELRO" for segment in elf.iter_segments()), "no RELRO"
    dynamic = next(section for section in elf.iter_sections() if isinstance(section, DynamicSection))
    flags = [tag.entry.d_val for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_FLAGS_1"]
    assert any(value & 1 for value in flags), "no BIND_NOW"
    symbols = next(s for s in elf.iter_sections() if isinstance(s, SymbolTableSection) and s.name == ".dynsym")
    exported = {
        symbol.name
        for symbol in symbols.iter_symbols()
        if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] in ("STB_GLOBAL", "STB_WEAK")
    }
    assert exported == {"PyInit__native"}, exported


def build(checkout: Path, out: Path) -> None:
    """Build twice, compare the bytes, check the content, and leave the sdist and the repaired wheel in `out`."""
    os.environ["SOURCE_DATE_EPOCH"] = run("git", "log", "-1", "--format=%ct", cwd=checkout).strip()
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "1"), Path(folder, "a longer name")
        for scratch in (first, second):
            scratch.mkdir()
        sdist, wheel = build_once(checkout, first / "dist", first)
        for path in build_once(checkout, second / "dist", second):
            assert path.read_bytes() == (first / "dist" / path.name).read_bytes(), f"{path.name} is not reproducible"
        check_sdist(sdist, checkout)
        check_wheel(wheel, checkout)
        print(*(f"{path.name}: {path.stat().st_size} bytes, reproducible" for path in (sdist, wheel)), sep="\n")
        out.mkdir()
        (out / sdist.name).write_bytes(sdist.read_bytes())
        run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", out, wheel)


def check_identifiers() -> None:
    """Check that cibuildwheel would build exactly the wanted wheels. It ignores a selector that matches nothing."""
    for platform, tags in PLATFORMS.items():
        wanted = {f"{python}-{tag}" for python, tag in product(PYTHONS, tags)}
        printed = run(sys.executable, "-m", "cibuildwheel", "--print-build-identifiers", "--platform", platform)
        assert set(printed.split()) == wanted, (platform, set(printed.split()) ^ wanted)
        print(f"{platform}: {', '.join(sorted(wanted))}")


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        check_identifiers()
