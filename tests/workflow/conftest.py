"""Running the real workflow: Snakemake in a folder of its own, on the digits."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ..starting import snakemake

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "config" / "studies" / "smoke.yaml"


@dataclass
class Outcome:
    """What a start of Snakemake did: exit code, its output, and the jobs it planned by rule."""

    code: int
    output: str

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs by rule, from the "Job stats" table; empty where there was nothing to do."""
        table = re.search(r"Job stats:\n.*?\n-+.*?\n(.*?)\ntotal", self.output, re.DOTALL)
        rows = table.group(1).splitlines() if table else []
        found = {name: int(count) for name, count in (row.split()[:2] for row in rows)}
        return {name: count for name, count in found.items() if name != "all"}

    @property
    def planned(self) -> dict[str, str]:
        """Every planned job, by its message, which names what it makes, and Snakemake's reason."""
        return dict(re.findall(r"^Job \d+: (.+)\nReason: (.+)$", self.output, re.MULTILINE))

    def of(self, rule: str) -> set[str]:
        """Names of the outputs' stems that jobs of `rule` would make, from the messages."""
        purpose = {"train": "training ", "extract": "reading out "}[rule]
        return set(re.findall(rf"Job \d+: {purpose}(\S+)", self.output))

    @property
    def nothing_to_do(self) -> bool:
        """Whether Snakemake said so."""
        return self.code == 0 and "Nothing to be done" in self.output


def start(
    folder: Path, config: Path, *arguments: str, root: Path = ROOT, **environment: str
) -> Outcome:
    """Start the workflow, whose code lies in `root`, with results under `folder`."""
    done = subprocess.run(
        snakemake("--directory", folder, "--configfile", config, *arguments, root=root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
        timeout=900,
        check=False,
    )
    return Outcome(done.returncode, done.stdout)


def write_config(path: Path, base: Path = SMOKE, **changes) -> Path:
    """A study file like `base` with some top-level keys replaced (None removes one)."""
    content = {**yaml.safe_load(base.read_text()), **changes}
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The finished smoke study: (folder, outcome of its first start)."""
    folder = tmp_path_factory.mktemp("smoke")
    outcome = start(folder, SMOKE)
    assert outcome.code == 0, outcome.output
    return folder, outcome
