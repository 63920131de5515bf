"""From a data set's spec to its source: what it will be, and its content."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repatlas.data import folder, npz
from repatlas.data.content import Content, Description
from repatlas.data.known import KNOWN
from repatlas.errors import ConfigError
from repatlas.own import ACCEPTED, is_own


def describe(spec: Mapping[str, Any]) -> Description:
    """What the data set `spec` will be, found without decoding, downloading or torch.

    The sets known by name are described from constants, a folder from its listing, an .npz file
    from the headers of its arrays and its labels. The user's own code is run, which a study has
    done in a process of its own (`repatlas.study.own`).

    Raises:
        ConfigError: the spec names no known source or lacks a setting.
        DataError: the data are missing or cannot make a data set.
    """
    source = _source(spec)
    if source == "folder":
        return folder.describe(spec)
    if source == "npz":
        return npz.describe(spec)
    if is_own(source):
        from repatlas.data import own

        return own.describe(spec)
    return KNOWN[source]


def fingerprint(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """What changes when a user's own data do, found cheaply; None for the sets known by name and
    those that the user's own code makes.

    Touching, copying or moving files changes nothing; neither does an edit that keeps every size.

    Raises:
        DataError: the data are missing.
    """
    source = _source(spec)
    if source == "folder":
        return folder.fingerprint(spec)
    if source == "npz":
        return npz.fingerprint(spec)
    return None


def open_content(
    spec: Mapping[str, Any], roots: Sequence[Path], download_to: Path | None
) -> Content:
    """The data set `spec` itself; see `vision.read` for `roots` and `download_to`."""
    source = _source(spec)
    if source == "folder":
        return folder.read(spec)
    if source == "npz":
        return npz.read(spec)
    if is_own(source):
        from repatlas.data import own

        return own.read(spec)
    if source == "digits":
        from repatlas.data import digits

        return digits.read()
    from repatlas.data import vision

    return vision.read(source, roots, download_to)


def _source(spec: Mapping[str, Any]) -> str:
    source = str(spec.get("source"))
    accepted = [*KNOWN, "folder", "npz"]
    if source not in accepted and not is_own(source):
        raise ConfigError(
            f"Data set source: found {source!r}, accepted is one of {', '.join(accepted)}, or "
            f"{ACCEPTED}."
        )
    return source
