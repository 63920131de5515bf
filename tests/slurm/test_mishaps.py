"""One night on a cluster in which everything goes wrong, and the networks of the morning after.

Each seed of the first study meets a fate of its own: too little memory, too little time with and
without a warning, somebody's `scancel`, a more urgent job. In the second the driver is killed, then
a node goes down.
"""

import time

import pytest

from .conftest import (
    PATIENCE,
    Driver,
    process_of,
    same_network,
    wait_for,
    write_profile,
    write_study,
)

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

STARVED, LATE, CANCELLED, PREEMPTED, FIRST, SECOND, WARNED = range(7)
FATES = [STARVED, LATE, WARNED, CANCELLED, PREEMPTED]


class Night:
    """What happened: driver, its exit code and console."""

    def __init__(self, driver: Driver, code: int, console: str):
        self.driver, self.code, self.console = driver, code, console


@pytest.fixture(scope="module")
def night(cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    config = write_study(folder / "study.yaml", "night", FATES)
    profile = write_profile(
        folder / "profile",
        mem_mb=f"300 * attempt**3 if '-s{STARVED}-' in wildcards.run else 4000 * attempt",
        # One job is not warned, and runs into its limit.
        slurm_extra=f"'' if '-s{LATE}-' in wildcards.run else '--signal=TERM@300'",
    )
    driver = Driver(cluster, folder, config, profile)
    fates = {LATE: _cut_short, WARNED: _cut_short, CANCELLED: _cancel, PREEMPTED: _preempt}
    process = driver.start("networks")
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        for seed in list(fates):
            if job := driver.hold(seed):
                fates.pop(seed)(cluster, job)
        time.sleep(0.3)
    process.kill()
    assert not fates, f"jobs too fast to step in: {fates}"
    return Night(driver, process.wait(), driver.console.read_text())


def _cut_short(cluster, job):
    cluster.run("scontrol", "update", f"JobId={job['JobId']}", "TimeLimit=1")


def _cancel(cluster, job):
    cluster.run("scancel", job["JobId"])


def _preempt(cluster, job):
    urgent = ["--partition=urgent", f"--nodelist={job['NodeList']}", "--gpus=1", "--mem=100"]
    cluster.run("sbatch", *urgent, "--output=/dev/null", "--wrap=sleep 1")


def test_every_network_is_there_in_the_morning_and_none_differs(night, uninterrupted):
    assert night.code == 0, night.console
    for seed in FATES:
        assert same_network(night.driver.folder / "results/runs", uninterrupted, seed), seed


def test_a_job_without_enough_memory_is_submitted_again_with_more(night):
    first, *more = night.driver.jobs_of(STARVED)
    assert more, night.console
    assert first["JobState"] in ("OUT_OF_MEMORY", "FAILED", "CANCELLED")
    memory = [int(job["MinMemoryNode"].removesuffix("M")) for job in (first, *more)]
    assert memory == [300 * attempt**3 for attempt in range(1, len(memory) + 1)]
    assert more[-1]["JobState"] == "COMPLETED"
    assert f"SLURM-job '{first['JobId']}' failed" in night.console


def test_a_job_over_its_time_is_reported_and_goes_on_with_more(night):
    first, second = night.driver.jobs_of(LATE)
    assert (first["JobState"], first["TimeLimit"]) == ("TIMEOUT", "00:01:00")
    assert (second["JobState"], second["TimeLimit"]) == ("COMPLETED", "12:00:00")
    assert f"SLURM-job '{first['JobId']}' failed, SLURM status is: 'TIMEOUT'" in night.console
    assert "DUE TO TIME LIMIT" in night.driver.said(LATE)
    assert "told to end; saved after epoch" in night.driver.said(LATE)
    assert "continues after epoch" in _log(night, LATE)


def test_a_job_that_is_warned_of_its_end_saves_and_goes_on_with_more(night):
    first, second = night.driver.jobs_of(WARNED)
    # It ends by itself; SLURM says so unless the limit has come meanwhile.
    assert first["JobState"] in ("FAILED", "TIMEOUT")
    assert (second["JobState"], second["TimeLimit"]) == ("COMPLETED", "12:00:00")
    assert "told to end; saved after epoch" in night.driver.said(WARNED)
    assert "continues after epoch" in _log(night, WARNED)


def test_a_cancelled_job_is_reported_and_goes_on(night):
    first, second = night.driver.jobs_of(CANCELLED)
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    assert f"SLURM-job '{first['JobId']}' failed, SLURM status is: 'CANCELLED'" in night.console
    assert "continues after epoch" in _log(night, CANCELLED)


def test_a_preempted_job_goes_on_when_the_urgent_one_is_through(night):
    jobs = night.driver.jobs_of(PREEMPTED)
    # SLURM requeues it under its number, or Snakemake submits it anew where it ended in its grace.
    assert len(jobs) > 1 or int(jobs[0]["Restarts"]) == 1
    assert jobs[-1]["JobState"] == "COMPLETED"
    assert "continues after epoch" in _log(night, PREEMPTED)


def _log(night, seed):
    (log,) = night.driver.folder.glob(f"results/logs/train/*-s{seed}-*.log")
    return log.read_text()


@pytest.fixture(scope="module")
def morning(cluster, tmp_path_factory):
    """A driver is killed and one started in its place; then the second node goes down."""
    folder = tmp_path_factory.mktemp("morning")
    driver = Driver(cluster, folder, write_study(folder / "study.yaml", "late", [FIRST, SECOND]))
    killed = driver.start("networks")
    both = (FIRST, SECOND)
    orphans = [wait_for(lambda s=s: driver.hold(s), "training", killed) for s in both]
    killed.kill()
    killed.wait()
    story = {"orphans": orphans, "alive": cluster.jobs()}
    story["refused"] = driver.finish("networks")

    # What config/CLUSTER.md says: end the jobs left over, unlock, start again.
    cluster.run("scancel", *(job["JobId"] for job in orphans))
    wait_for(lambda: not cluster.jobs(), "the jobs left over to end")
    story["unlocked"] = driver.finish("--unlock")
    process = driver.start("networks")
    try:
        held = [wait_for(lambda s=s: driver.hold(s), "training", process) for s in both]
        (story["lost"],) = [job for job in held if job["NodeList"] == "n2"]
        cluster.lose_node("n2")
        for seed in both:
            if training := process_of(seed, folder):
                training.resume()
        story["code"] = process.wait(PATIENCE)
        story["console"] = driver.console.read_text()
        story["states"] = cluster.states()
    finally:
        process.kill()
        cluster.start_node("n2")
    return driver, story


def test_jobs_outlive_a_killed_driver_and_the_next_start_says_what_to_do(morning):
    _, story = morning
    assert len(story["alive"]) == 2
    code, console = story["refused"]
    assert code != 0
    assert "--unlock" in console
    assert story["unlocked"][0] == 0


def test_after_the_recovery_and_the_loss_of_a_node_no_network_differs(morning, uninterrupted):
    driver, story = morning
    assert story["code"] == 0, story["console"]
    assert story["states"]["n2"].startswith("down")
    for seed in (FIRST, SECOND):
        assert same_network(driver.folder / "results/runs", uninterrupted, seed), seed
        (log,) = driver.folder.glob(f"results/logs/train/*-s{seed}-*.log")
        assert "continues after epoch" in log.read_text()


def test_the_job_of_the_lost_node_ran_on_the_other_one(morning):
    driver, story = morning
    lost = story["lost"]
    (seed,) = [seed for seed in (FIRST, SECOND) if f"-s{seed}-" in lost["Comment"]]
    jobs = driver.jobs_of(seed)
    # Requeued by SLURM under its number, or submitted anew.
    (after,) = [job for job in jobs if job["JobId"] == lost["JobId"]]
    assert int(after["Restarts"]) == 1 or jobs[-1]["JobId"] != lost["JobId"]
    assert (jobs[-1]["JobState"], jobs[-1]["NodeList"]) == ("COMPLETED", "n1")
