"""What two runs of a study have to agree in, byte for byte."""

import hashlib
from pathlib import Path

# What is not a result: how long it took, on what, and what Snakemake and the locks keep.
APART = ("results/logs/", "results/benchmarks/", "results/.scratch/", ".snakemake/")
VOLATILE = (
    "cost.csv",
    "cost.html",
    "cost.rst",
    "provenance.json",
    "hardware.json",
    ".snakemake_timestamp",
)


def fingerprint(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that is a result, by its path."""
    found = {}
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder).as_posix()
        apart = name.startswith(APART) or path.name in VOLATILE or name.endswith(".lock")
        if path.is_file() and not apart:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
