"""The logger of the package."""

from __future__ import annotations


def log_failure(message: str, failure: BaseException) -> None:
    """Log `failure` with its traceback under the logger "wvtoken"."""
    import logging  # noqa: PLC0415  # a third of the time of `import wvtoken`, needed only here

    logging.getLogger("wvtoken").error(message, exc_info=failure)
