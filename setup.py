"""What pyproject.toml cannot say: the C extension, unless WVTOKEN_NO_EXTENSION=1, and what the sdist carries."""

import os
import sysconfig
from typing import Any

from setuptools import setup
from setuptools.command.sdist import sdist


class SourceDistribution(sdist):
    """With the C sources and headers, and with the tests and what they look at."""

    def make_distribution(self) -> None:
        # Not in add_defaults: setuptools takes the list of files from egg_info, which has another.
        for folder in ("csrc", "tests", "benchmarks", "fuzz"):
            self.filelist.graft(folder)
        for made in ("*.py[cod]", "*.so", "*.o"):
            self.filelist.global_exclude(made)
        self.filelist.prune("fuzz/build")
        self.filelist.include("CHANGELOG.md")
        super().make_distribution()


arguments: dict[str, Any] = {}
if os.environ.get("WVTOKEN_NO_EXTENSION") != "1":
    arguments["cffi_modules"] = ["csrc/build_native.py:ffibuilder"]
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        arguments["options"] = {"bdist_wheel": {"py_limited_api": "cp311"}}

setup(cmdclass={"sdist": SourceDistribution}, **arguments)
