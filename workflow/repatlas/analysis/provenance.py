"""Provenance of a study: enough to say what made it, and to make it again."""

import importlib.metadata
import os
import platform
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from repatlas import __version__
from repatlas.files import read_json, sha256_file

PACKAGES = ["snakemake", "torch", "torchvision", "numpy", "scipy", "pandas", "zarr", "pyarrow"]
PACKAGES += ["scikit-learn", "pydantic", "matplotlib", "seaborn"]


def record(study: Path, runs: Path, repository: Path) -> dict[str, Any]:
    """The provenance of the study in folder `study`: versions, commit, lock file, machine, the
    hardware that trained the networks, and the checksums of the data sets they were trained on."""
    grid = read_json(study / "grid.json")
    names = [run["run"] for run in grid["runs"]]
    hardware = Counter(tuple(sorted(read_json(runs / n / "hardware.json").items())) for n in names)
    lock = repository / "envs" / "requirements.lock"
    return {
        "repatlas": __version__,
        "commit": _git(repository, "rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git(repository, "status", "--porcelain")),
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
            name: read_json(runs.parent / "data" / name / "manifest.json")["checksum"]
            for name in sorted({run["dataset_folder"] for run in grid["runs"]})
        },
        "networks": len(names),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command; None outside a repository or without git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
