"""The record of a run: its status, written last, which vouches for every other file of the run.

status.json holds the SHA-256 of each file and of itself. Networks trained before it did are read
without that check.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repatlas.errors import StoreError
from repatlas.files import read_json, sha256_file, write_json
from repatlas.naming import canonical_json, digest
from repatlas.trajectory import INDEX

STATUS = "status.json"
RESUMED = "continues after epoch"  # what the log of a training says that was cut off before
FILES = ("spec.json", "model.pt", "curve.csv", "test_logits.npy", INDEX)


def write_status(folder: Path, status: Mapping[str, Any]) -> dict[str, Any]:
    """Write `status` with the checksums of the run's other files, which are all there by now, and
    return what was written."""
    present = [name for name in FILES if (folder / name).exists()]
    content = {**status, "sha256": {name: sha256_file(folder / name) for name in present}}
    content["checksum"] = digest(content, length=64)
    write_json(folder / STATUS, content)
    return content


def read_status(folder: Path) -> dict[str, Any]:
    """The status of the run in `folder`; StoreError where it is missing or damaged."""
    status = read_json(folder / STATUS)
    content = {key: value for key, value in status.items() if key != "checksum"}
    if "checksum" in status and status["checksum"] != digest(content, length=64):
        raise StoreError(
            f"{folder / STATUS} is damaged: it does not match its own checksum.\n{_again(folder)}"
        )
    return status


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(spec, status) of the run in `folder`, verified."""
    return read_json(run_file(folder, "spec.json")), read_status(folder)


def run_file(folder: Path, name: str) -> Path:
    """The path of file `name` of the run in `folder`, whose content is what was written; StoreError
    otherwise."""
    path = folder / name
    if not path.is_file():
        raise StoreError(f"{path} is missing. `make CONFIG=...` of its study trains the network.")
    recorded = read_status(folder).get("sha256", {})
    if name in recorded and sha256_file(path) != recorded[name]:
        raise StoreError(
            f"{path} is damaged: its content is not what was written.\n{_again(folder)}"
        )
    return path


def damaged_files(folder: Path) -> list[str]:
    """Names of the run's files that are missing or not what was written, checkpoints on the way
    included. Empty for a run without checksums."""
    try:
        recorded = read_status(folder).get("sha256", {})
        index = read_json(folder / INDEX) if INDEX in recorded else {"checkpoints": []}
    except StoreError:
        return [STATUS]
    expected = {**recorded, **{c["file"]: c["sha256"] for c in index["checkpoints"]}}
    return [
        name
        for name, digest_ in expected.items()
        if not (folder / name).is_file() or sha256_file(folder / name) != digest_
    ]


def is_made(folder: Path, identity: Mapping[str, Any]) -> bool:
    """Whether the run in `folder` is whole and was made from `identity` (spec, code and data)."""
    if not (folder / STATUS).is_file() or damaged_files(folder):
        return False
    status = read_json(folder / STATUS)
    made_from = {key: status.get(key) for key in ("code", "data")}
    return made_from == {key: identity[key] for key in made_from} and canonical_json(
        read_json(folder / "spec.json")
    ) == canonical_json(identity["spec"])


def _again(folder: Path) -> str:
    return f"Delete the folder {folder} and start again: the network is trained anew."
