"""A finished study as one zip whose bytes follow from its files alone."""

import json
import zipfile
from pathlib import Path
from typing import Any

from repatlas.files import whole_file
from repatlas.report.findings import findings
from repatlas.report.finished import finished
from repatlas.report.tables import described
from repatlas.results import StudyResults

# What a reader needs; the rest of a study's folder is the workflow's own.
PARTS = ("report.html", "config.json", "grid.json", "provenance.json")
# The first moment that a zip can name.
DATE = (1980, 1, 1, 0, 0, 0)
CRATE = "ro-crate-metadata.json"
NO_LICENSE = "None is given: ask the authors before you use it further."
_MEDIA = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


def write_archive(study: StudyResults, output: Path, license: str = NO_LICENSE) -> int:
    """Write the zip of `study` to `output`, in which all lies in one folder of the study's name.
    Returns the number of files. `license` says how others may use it, by address or in words.
    StoreError where the study is not finished."""
    record = finished(study.folder)
    paths = _files(study.folder, record)
    files = {path.relative_to(study.folder).as_posix(): path for path in paths}
    crate = json.dumps(_crate(study, record, files, license), indent=1, ensure_ascii=False)
    names = sorted([*files, CRATE])
    with whole_file(output) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in names:
            about = zipfile.ZipInfo(f"{study.name}/{name}", DATE)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            content = f"{crate}\n".encode() if name == CRATE else files[name].read_bytes()
            archive.writestr(about, content)
    return len(names)


def _files(folder: Path, record: dict[str, Any]) -> list[Path]:
    found = [folder / name for name in PARTS]
    found += [folder / "tables" / name for name in record["tables"]]
    for name in record["figures"]:
        found += (folder / "figures").glob(f"{name}.*")
    found += (folder / "explorer").rglob("*")
    return sorted(p for p in found if p.is_file() and not p.name.startswith("."))


def _crate(
    study: StudyResults, record: dict[str, Any], files: dict[str, Path], license: str
) -> dict[str, Any]:
    """The description of the archive by RO-Crate 1.1 (https://w3id.org/ro/crate/1.1)."""
    described_files = [_entity(name, path) for name, path in sorted(files.items())]
    software = {
        "@id": "#repatlas",
        "@type": "SoftwareApplication",
        "name": "repatlas",
        "softwareVersion": record["repatlas"],
        "identifier": record["commit"] or "unknown",
    }
    made = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"The workflow's run of the study {study.name}",
        "instrument": {"@id": "#repatlas"},
        "result": {"@id": "./"},
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": study.config["title"] or study.name,
        "description": " ".join(findings(study)),
        "datePublished": record["date"],
        "license": license,
        "hasPart": [{"@id": entity["@id"]} for entity in described_files],
        "mentions": {"@id": "#run"},
    }
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [descriptor, root, made, software, *described_files],
    }


def _entity(name: str, path: Path) -> dict[str, Any]:
    about = {"@id": name, "@type": "File", "contentSize": str(path.stat().st_size)}
    if path.suffix in _MEDIA:
        about["encodingFormat"] = _MEDIA[path.suffix]
    caption = path.with_suffix(".txt")
    if name.startswith("tables/"):
        about["description"] = f"{described(path.stem)}."
    elif name.startswith("figures/") and caption.is_file():
        about["description"] = caption.read_text(encoding="utf-8").strip()
    return about
