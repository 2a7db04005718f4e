"""Build the C extension, unless WVTOKEN_NO_EXTENSION=1, and an sdist of exactly the files that git tracks."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sysconfig
import tarfile
import tomllib
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import BaseError, CompileError, LinkError

ROOT = Path(__file__).parent
HINT = """\
The C extension could not be built. It needs a C compiler and Python's headers.
To install without it, set WVTOKEN_NO_EXTENSION=1 and install the extra "openssl": wvtoken[openssl]"""


class ExtensionBuild(build_ext):
    """End a failed build with the way to do without the extension."""

    def build_extensions(self) -> None:
        try:
            super().build_extensions()
        except (BaseError, CompileError, LinkError) as error:
            raise CompileError(f"{error}\n\n{HINT}") from error


class SourceDistribution(sdist):
    """Pack the files that git tracks, except dotfiles. The same commit always gives the same bytes."""

    def make_distribution(self) -> None:
        # An untracked file may hold a secret, so the list cannot come from the folders.
        tracked = [name for name in _git("ls-files", "-z").split("\0") if name and not name.startswith(".")]
        generated = [name for name in self.filelist.files if ".egg-info" in name]
        self.filelist.files = [*generated, *tracked]
        super().make_distribution()

    def make_archive(self, base_name: Any, *_: Any, **options: Any) -> str:
        """Write a tar.gz without the time of the build, the user's name or the umask in it."""
        time = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct"))

        def normalized(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mtime = time
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        path = f"{base_name}.tar.gz"
        with (
            open(path, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=time) as compressed,
            tarfile.open(mode="w", fileobj=compressed, format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(options["base_dir"], filter=normalized)
        return path


def _git(*arguments: str) -> str:
    try:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit("an sdist can only be built in a git checkout, with git installed") from error


def description() -> str:
    """Return the README for a package index: links and pictures lead to the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Repository"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^]]*\]\()(?!https?:|#)", rf"\1{repository}/raw/main/", text)
    return re.sub(r"((?<!!)\[[^]]*\]\()(?!https?:|#)", rf"\1{repository}/blob/main/", text)


arguments: dict[str, Any] = {}
if os.environ.get("WVTOKEN_NO_EXTENSION") != "1":
    arguments["cffi_modules"] = ["csrc/build_native.py:extension"]
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        arguments["options"] = {"bdist_wheel": {"py_limited_api": "cp311"}}

arguments["long_description"] = description()
arguments["long_description_content_type"] = "text/markdown"
setup(cmdclass={"build_ext": ExtensionBuild, "sdist": SourceDistribution}, **arguments)
