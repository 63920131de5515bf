"""The command that starts the workflow, as users give it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def snakemake(
    *arguments: str | Path, root: Path = ROOT, profile: Path | None = None, cores: int | None = 2
) -> list[str]:
    """The command, with further `arguments`, of the workflow whose code lies in `root`: with its
    default profile unless told otherwise, on `cores` (None: the profile says where jobs run)."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--workflow-profile", str(profile or root / "workflow/profiles/default")]
    command += [] if cores is None else ["--cores", str(cores)]
    return [*command, *map(str, arguments)]
