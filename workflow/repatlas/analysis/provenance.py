"""Provenance of a study: enough to say what made it, and to make it again."""

import importlib.metadata
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from repatlas import __version__
from repatlas.files import read_json, sha256_file

PACKAGES = ["snakemake", "torch", "torchvision", "numpy", "scipy", "pandas", "zarr", "pyarrow"]
PACKAGES += ["scikit-learn", "pydantic", "matplotlib", "seaborn"]


def record(
    grid: Path, results: Path, repository: Path, tables: Iterable[Path], figures: Iterable[str]
) -> dict[str, Any]:
    """The provenance of the study whose networks `grid` lists: versions, commit, lock file,
    machine, the hardware that trained the networks, the checksums of all data sets they were
    trained, tested and compared on, and what was made: the checksums of `grid` and of the `tables`,
    and the names of the `figures`. `results` is the folder of all results, `repository` that of the
    workflow; without git, `commit` is None. StoreError where a record is missing or damaged."""
    content = read_json(grid)
    names = [run["run"] for run in content["runs"]]
    found = [read_json(results / "runs" / name / "hardware.json") for name in names]
    hardware = Counter(
        tuple((key, item[key]) for key in sorted(item) if key != "earlier") for item in found
    )
    lock = repository / "envs" / "requirements.lock"
    return {
        "repatlas": __version__,
        "commit": git_output(repository, "rev-parse", "HEAD"),
        "uncommitted_changes": bool(git_output(repository, "status", "--porcelain")),
        "lock_sha256": sha256_file(lock) if lock.exists() else None,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpu_cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        },
        "trained_on": [{**dict(items), "networks": n} for items, n in hardware.items()],
        "datasets": {
            name: read_json(results / "data" / name / "manifest.json")["checksum"]
            for name in sorted(content["jobs"]["data"])
        },
        "networks": len(names),
        "grid_sha256": sha256_file(grid),
        "tables": {table.name: sha256_file(table) for table in sorted(tables)},
        "figures": sorted(figures),
    }


def git_output(folder: Path, *arguments: str) -> str | None:
    """Output of a git command; None outside a repository or without git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
