"""JSON records that carry a format version and their own checksum."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repatlas.errors import DataError, StoreError
from repatlas.files import read_json, write_json
from repatlas.naming import digest

FORMAT_VERSION = 1


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` with the format version and the SHA-256 of both, in one step."""
    record = {"format_version": FORMAT_VERSION, **content}
    write_json(path, {**record, "checksum": digest(record, length=64)})


def read_record(path: Path, remake: str) -> dict[str, Any]:
    """The record at `path`, verified; its `checksum` names the content.

    Args:
        remake: what the user can do when it cannot be used.

    Raises:
        DataError: it is missing, altered, or of another format version.
    """
    try:
        record = read_json(path)
    except StoreError as error:
        raise DataError(f"{error}\n{remake}") from None
    version = record.get("format_version") if isinstance(record, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version}; this release reads version {FORMAT_VERSION}.\n"
            f"{remake}"
        )
    content = {key: value for key, value in record.items() if key != "checksum"}
    if record.get("checksum") != digest(content, length=64):
        raise DataError(f"{path} is damaged: it does not match its own checksum.\n{remake}")
    return record
