"""Everything in a results folder, compared with the checksums recorded when it was made."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from repatlas.data.dataset import MANIFEST
from repatlas.data.record import read_record
from repatlas.errors import RepatlasError
from repatlas.files import CHECKSUM, read_json, sha256_file, verified
from repatlas.run_record import STATUS, damaged_files, read_status
from repatlas.stores import manifest_path, open_store
from repatlas.trajectory import FOLDER


class Finding(NamedTuple):
    """An artifact that is not what was written: the file whose removal has the workflow make it
    anew, and what is wrong."""

    path: Path
    problem: str


@dataclass
class Verification:
    """What there is (numbers by kind), what is damaged, what was never finished (the next start of
    the workflow makes it), and what has no checksums to compare with."""

    counts: dict[str, int] = field(default_factory=dict)
    damaged: list[Finding] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)
    unchecked: list[Path] = field(default_factory=list)


def verify(results: Path) -> Verification:
    """Read everything below the folder `results`: data sets, networks, stores, tiles and what
    analyses made of single networks."""
    found = Verification()
    _data_sets(results / "data", found)
    _networks(results / "runs", found)
    for kind in ("grams", "activations"):
        _stores(results / kind, found)
    _files(results / "similarity", "tiles", found)
    _files(results / "analysis", "files of analyses", found)
    return found


def _data_sets(folder: Path, found: Verification) -> None:
    for place in _folders(folder, "data sets", found):
        manifest = place / MANIFEST
        if not manifest.exists():
            found.unfinished.append(place)
            continue
        try:
            files = read_record(manifest, "")["files"]
        except RepatlasError as error:
            found.damaged.append(Finding(manifest, _first_line(error)))
            continue
        for name, entry in files.items():
            path = place / name
            if not path.is_file() or sha256_file(path) != entry["sha256"]:
                found.damaged.append(_is_damaged(path))
        for probe in sorted(place.glob("probe-*.json")):
            try:
                read_record(probe, "")
            except RepatlasError as error:
                found.damaged.append(Finding(probe, _first_line(error)))


def _networks(folder: Path, found: Verification) -> None:
    for place in _folders(folder, "networks", found):
        if not (place / STATUS).exists():
            found.unfinished.append(place)
            continue
        damaged = damaged_files(place)
        found.damaged += [_of_network(place, name) for name in damaged]
        try:
            read_json(place / "hardware.json")  # has no checksum
        except RepatlasError as error:
            found.damaged.append(Finding(place / "hardware.json", _first_line(error)))
        if STATUS not in damaged and "sha256" not in read_status(place):
            found.unchecked.append(place)


def _of_network(place: Path, name: str) -> Finding:
    """The finding of a network's damaged file. A single checkpoint on the way is the output of no
    rule: its network is made anew, as without its status."""
    finding = _is_damaged(place / name)
    return finding._replace(path=place / STATUS) if name.startswith(f"{FOLDER}/") else finding


def _stores(folder: Path, found: Verification) -> None:
    for place in _folders(folder, "stores", found):
        manifest = manifest_path(place)
        if not manifest.exists():
            found.unfinished.append(place)
            continue
        try:
            open_store(place).verify()
        except RepatlasError as error:
            found.damaged.append(Finding(manifest, _first_line(error)))


def _files(folder: Path, kind: str, found: Verification) -> None:
    paths = sorted(p for p in folder.glob("*/[!.]*") if p.is_file() and p.suffix != CHECKSUM)
    if paths:
        found.counts[kind] = len(paths)
    for path in paths:
        try:
            verified(path)
        except RepatlasError as error:
            found.damaged.append(Finding(path, _first_line(error)))


def _folders(folder: Path, kind: str, found: Verification) -> Iterator[Path]:
    places = sorted(p for p in folder.glob("[!.]*") if p.is_dir())
    if places:
        found.counts[kind] = found.counts.get(kind, 0) + len(places)
    yield from places


def _is_damaged(path: Path) -> Finding:
    return Finding(path, f"{path} is missing or not what was written")


def _first_line(error: RepatlasError) -> str:
    return str(error).splitlines()[0]
