"""The workflow as a module of another one, as Snakemake's documentation has it."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from repatlas.study import Study

from .conftest import ROOT, SMOKE, Outcome

SNAKEFILE = """
configfile: "study.yaml"


module repatlas:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from repatlas{renamed}


rule count:
    default_target: True
    input:
        rules.{prefix}{target}.{files},
    output:
        "count.txt",
    shell:
        "wc -l {{input}} > {{output}}"
"""


def run(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        check=False,
    )
    return Outcome(done.returncode, done.stdout)


@pytest.fixture
def written(tmp_path):
    """Write another workflow that uses this one, in a folder of its own, with the smoke study."""

    def write(**changes):
        text = SNAKEFILE.format(snakefile=ROOT / "workflow/Snakefile", **changes)
        (tmp_path / "Snakefile").write_text(text)
        shutil.copy(SMOKE, tmp_path / "study.yaml")
        return tmp_path

    return write


@pytest.mark.parametrize("prefix", ["", "repatlas_"])
def test_another_workflow_plans_the_whole_study(written, prefix):
    renamed = f" as {prefix}*" if prefix else ""
    folder = written(renamed=renamed, prefix=prefix, target="all", files="input")
    outcome = run(folder, "--dry-run")
    assert outcome.code == 0, outcome.output
    assert outcome.jobs[f"{prefix}train"] == 4
    assert outcome.jobs[f"{prefix}figure"] == 8
    assert outcome.jobs["count"] == 1


def test_another_workflow_runs_its_jobs_in_its_own_folder(written):
    folder = written(renamed="", prefix="", target="record", files="output.grid")
    (data,) = Study(yaml.safe_load(SMOKE.read_text())).datasets
    outcome = run(folder, "count.txt", f"results/data/{data}/manifest.json")
    assert outcome.code == 0, outcome.output
    assert (folder / f"results/data/{data}/train_images.npy").exists()
    assert (folder / "count.txt").read_text().split()[1] == "results/studies/smoke/grid.json"


def test_mistakes_in_its_configuration_are_told_in_the_same_way(written):
    folder = written(renamed="", prefix="", target="all", files="input")
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace("epochs:", "epoch:"))
    outcome = run(folder, "--dry-run")
    assert outcome.code != 0
    assert "training.epoch: unknown key; did you mean 'epochs'?" in outcome.output
