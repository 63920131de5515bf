"""A cluster for these tests, and the workflow's driver as it is started on a login node."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
import yte

from ..starting import snakemake
from .cluster import Cluster, obstacle

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "config" / "studies" / "smoke.yaml"
PROFILE = ROOT / "workflow" / "profiles" / "slurm"
EPOCHS = 40  # seconds of training; the tests hold one up where they step in
PATIENCE = 1500  # seconds, far more than any of this takes on an idle machine


@pytest.fixture(scope="session")
def cluster():
    """Two idle nodes of a SLURM of its own."""
    if reason := obstacle():
        pytest.skip(f"no SLURM can be started here: {reason}")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("no SLURM executor in this environment; `make setup-slurm` makes one that has")
    folder = Path(tempfile.mkdtemp(prefix="repatlas-slurm-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Driver:
    """Snakemake on the login node of a cluster, with results under `folder`."""

    def __init__(self, cluster: Cluster, folder: Path, config: Path, profile: Path = PROFILE):
        self.cluster, self.folder = cluster, folder
        where = ("--configfile", config, "--directory", folder)
        self._command = snakemake(*where, "--latency-wait", "20", profile=profile, cores=None)
        self._command += ["--slurm-init-seconds-before-status-checks", "3"]
        self.console = folder / "console.txt"

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start it and come back at once; what it says goes to `console`."""
        with open(self.console, "w") as out:
            return subprocess.Popen(
                [*self._command, *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | self.cluster.environment,
            )

    def finish(self, *arguments: str) -> tuple[int, str]:
        """Start it, wait for its end; exit code and console."""
        code = self.start(*arguments).wait(PATIENCE)
        return code, self.console.read_text()

    def hold(self, seed: int) -> dict[str, str] | None:
        """The job that trains the network of `seed`, held up once it has an epoch behind it; None
        until then. SLURM wakes what it is about to end."""
        process = process_of(seed, self.folder)
        (log, *_) = [*self.folder.glob(f"results/logs/train/*-s{seed}-*.log"), None]
        # The log begins anew with each attempt.
        if process is None or log is None or "epoch " not in log.read_text():
            return None
        process.suspend()
        running = [job for job in self.jobs_of(seed) if job["JobState"] == "RUNNING"]
        assert running, f"the training of seed {seed} runs outside SLURM"
        return running[-1]

    def jobs_of(self, seed: int) -> list[dict[str, str]]:
        """Every job so far that was to train the network of `seed` here, oldest first."""
        return [
            job
            for job in self.cluster.history()
            if f"-s{seed}-" in job.get("Comment", "") and job["WorkDir"] == str(self.folder)
        ]

    def said(self, seed: int) -> str:
        """All that SLURM's logs of failed jobs say about the network of `seed`."""
        logs = sorted(self.folder.glob(f"results/logs/slurm/rule_train/*-s{seed}-*/*.log"))
        return "\n".join(log.read_text() for log in logs)


def process_of(seed: int, folder: Path) -> psutil.Process | None:
    """The training of `seed` with results under `folder`."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if line[1:4] == ["-m", "repatlas", "train"] and f"-s{seed}-" in " ".join(line):
            try:
                if process.cwd() == str(folder):
                    return process
            except psutil.Error:
                continue
    return None


def wait_for(condition: Callable, what: str, driver: subprocess.Popen | None = None):
    """Wait until `condition` gives something, and return it; no longer than `driver` lives."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and (driver is None or driver.poll() is None):
        if found := condition():
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited in vain for {what}")


def write_study(path: Path, name: str, seeds: list[int]) -> Path:
    """Networks like those of the smoke study that train for a while."""
    content = yaml.safe_load(SMOKE.read_text())
    content |= {"study": name, "comparisons": {}}
    content["grid"] |= {"depth": 8, "seed": seeds}
    content["training"] |= {"epochs": EPOCHS, "evaluate_every": 50}
    path.write_text(yaml.safe_dump(content))
    return path


def write_profile(folder: Path, **train: str | None) -> Path:
    """The profile that is shipped, with other resources for training (None takes one out)."""
    with open(PROFILE / "profile.v9+.yaml") as text:
        profile = yte.process_yaml(text, require_use_yte=True)
    resources = profile["set-resources"]["train"] | train
    profile["set-resources"]["train"] = {k: v for k, v in resources.items() if v is not None}
    folder.mkdir()
    (folder / "profile.v9+.yaml").write_text(yaml.safe_dump(profile))
    return folder


def on_one_machine(config: Path, folder: Path, *arguments: str) -> None:
    """The study without SLURM, with two jobs at once."""
    command = snakemake("--configfile", config, "--directory", folder, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """Folders of the networks of all seeds used here, trained on this machine without SLURM."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    config = write_study(folder / "study.yaml", "whole", [0, 1, 2, 3, 4, 5, 6])
    on_one_machine(config, folder, "networks")
    return folder / "results" / "runs"


def same_network(folder: Path, uninterrupted: Path, seed: int) -> bool:
    """Whether both folders of runs hold the same network for `seed`, byte for byte."""
    (one,) = (path for path in folder.glob(f"*-s{seed}-*") if path.is_dir())
    names = ("spec.json", "model.pt", "curve.csv", "test_logits.npy", "status.json")
    return all(
        (one / name).read_bytes() == (uninterrupted / one.name / name).read_bytes()
        for name in names
    )
