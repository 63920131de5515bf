"""The smoke study on a cluster, with the profile as it is shipped."""

import pytest
from repatlas import load_study

from ..fingerprint import fingerprint
from .conftest import SMOKE, Driver, on_one_machine

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

# Rules that compute with torch; everything else has no use for a GPU.
ON_GPU = ("rule_train", "rule_extract", "rule_block_deletion_wildcards")


@pytest.fixture(scope="module")
def smoke(cluster, tmp_path_factory):
    """The finished study: driver, console, and its jobs as SLURM remembers them."""
    driver = Driver(cluster, tmp_path_factory.mktemp("smoke"), SMOKE)
    code, console = driver.finish()
    assert code == 0, console
    mine = [job for job in cluster.history() if job["WorkDir"] == str(driver.folder)]
    return driver, console, mine


def test_every_table_and_figure_is_there_and_every_job_has_its_cost(smoke):
    driver, console, _ = smoke
    assert "(100%) done" in console
    study = load_study(driver.folder / "results/studies/smoke")
    assert (study.runs["status"] == "completed").all()
    assert len(study.runs) == 4
    assert study.table("layer_similarity")["value"].notna().all()
    cost = study.table("cost")
    assert (cost["seconds"] > 0).all()
    assert cost["peak_memory_mb"].notna().all()
    for name in ("within_by_depth", "across_seeds", "accuracy", "learning_curves"):
        for kind in ("png", "pdf", "svg", "parquet", "txt"):
            path = driver.folder / f"results/studies/smoke/figures/{name}.{kind}"
            assert path.stat().st_size > 50
    assert (driver.folder / "results/studies/smoke/provenance.json").exists()


def test_only_jobs_that_compute_with_torch_ask_for_a_gpu(smoke):
    _, _, jobs = smoke
    assert len(jobs) > 15
    for job in jobs:
        wanted = job["Comment"].startswith(ON_GPU)
        assert ("gpu" in job.get("TresPerJob", "")) == wanted, job["Comment"]
        assert int(job["MinMemoryNode"].removesuffix("M")) >= 2000
        assert job["TimeLimit"] != "UNLIMITED"


def test_the_queue_says_what_runs_and_is_empty_in_the_end(smoke):
    driver, _, jobs = smoke
    assert all(job["JobName"].startswith("repatlas_") for job in jobs)
    comments = {job["Comment"] for job in jobs}
    for run in (driver.folder / "results/runs").iterdir():
        if run.name.startswith("."):
            continue
        assert f"rule_train_wildcards_{run.name}" in comments
    assert not driver.cluster.jobs()


def test_logs_are_where_a_person_looks(smoke):
    driver, _, _ = smoke
    logs = driver.folder / "results/logs"
    assert len(list(logs.glob("train/*.log"))) == 4
    # Those of SLURM are kept for jobs that failed.
    assert not list(logs.glob("slurm/**/*.log"))
    assert not (driver.folder / ".snakemake/slurm_logs").exists()


def test_a_second_start_does_nothing(smoke):
    driver, _, _ = smoke
    before = len(driver.cluster.history())
    code, console = driver.finish()
    assert code == 0
    assert "Nothing to be done" in console
    assert len(driver.cluster.history()) == before


def test_results_are_those_of_one_machine_without_a_cluster(smoke, tmp_path):
    driver, _, _ = smoke
    on_one_machine(SMOKE, tmp_path)
    made, expected = fingerprint(driver.folder), fingerprint(tmp_path)
    assert made.keys() == expected.keys()
    assert [name for name in made if made[name] != expected[name]] == []
