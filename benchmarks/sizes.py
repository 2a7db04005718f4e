"""How long a token is in each format: `python -m benchmarks.sizes`.

All say the same: times, kid, content key, levels, duration; nothing that a request may leave out.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import data
from .formats import FORMATS
from .readers import Asked
from .test_pipeline import COMMERCIAL, JWT, PREFIX, commercial, signed
from .test_tokens import packed

WVTOKEN = "wvtoken"


class _Modules:
    """What a format needs of a `Run`."""

    @staticmethod
    def module(name: str) -> Any:
        return importlib.import_module(name)


def sizes() -> dict[str, int]:
    """Characters of a token, by the format."""
    run: Any = _Modules
    spec = data.specs(1)[0]
    payload = packed(spec)
    asked = Asked(spec.kid, spec.content_key, None, None, 1, 0, 0, 3600, None, (), None)
    found = {WVTOKEN: len(data.ISSUER.issue(spec, now=data.NOW)) - len(PREFIX)}
    found |= {name: len(make(run, data.SEALING_KEY).seal(payload)) for name, make in FORMATS.items()}
    found |= {name: len(make(run)(asked)) - len(PREFIX) for name, make in {JWT: signed, COMMERCIAL: commercial}.items()}
    return found


if __name__ == "__main__":
    for name, characters in sizes().items():
        print(f"{characters:4} {name}")
