"""Errors for people: each says what was found, where, what is accepted and what to do.

The command line prints these as one message and ends with the class's exit code; every other
exception is a defect of repatlas and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class RepatlasError(Exception):
    """Base of all errors that a user can act on."""

    exit_code = 1


class ConfigError(RepatlasError):
    """A study's configuration cannot be used."""


class DataError(RepatlasError):
    """A data set is missing, damaged or too small for what is asked of it."""


class StoreError(RepatlasError):
    """A stored artifact is damaged, incomplete, or was made from something else."""


class ResourceError(RepatlasError):
    """The machine lacks what the job needs: disk space, memory, a GPU."""


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """'; did you mean X?' where something known is close, whatever its case, otherwise nothing."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(found.lower(), sorted(by_lower), 1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""
