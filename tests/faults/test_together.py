"""Workflows beside and after each other: refused, shared, and the same to the byte."""

import re
import shutil
import subprocess
import time

import pytest

from ..fingerprint import fingerprint
from .conftest import ENVIRONMENT, command, run, write_study

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]


def test_a_second_workflow_in_the_folder_is_refused_and_told_what_to_do(tmp_path, fault):
    fault("two workflows in one folder")
    write_study(tmp_path)
    first = subprocess.Popen(
        command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT
    )
    try:
        end = time.monotonic() + 120
        while not list((tmp_path / ".snakemake").glob("locks/*")):
            assert first.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        code, output = run(tmp_path)
        assert code != 0
        assert "cannot be locked" in output
        assert "--unlock" in output
        assert "Traceback" not in output
        assert first.poll() is None, "the first one goes on"
    finally:
        first.kill()
        first.communicate()


def test_one_job_at_a_time_gives_the_same_bytes_as_two(reference, tmp_path):
    write_study(tmp_path)
    code, output = run(tmp_path, cores=1)
    assert code == 0, output
    made, expected = fingerprint(tmp_path), fingerprint(reference)
    assert made.keys() == expected.keys()
    assert [name for name in made if made[name] != expected[name]] == []


def test_a_second_study_takes_the_networks_that_the_first_has_made(reference, tmp_path):
    for name in ("results", ".snakemake"):
        shutil.copytree(reference / name, tmp_path / name, symlinks=True)
    write_study(tmp_path, study="other", analyses=["best_matches"])
    code, output = run(tmp_path)
    assert code == 0, output
    jobs = {line.split()[0] for line in output.splitlines() if re.fullmatch(r"\w+ +\d+", line)}
    assert "best_matches_table" in jobs
    assert not {"train", "extract", "similarity", "data", "probe"} & jobs
    before, after = fingerprint(reference), fingerprint(tmp_path)
    assert {name: after[name] for name in before} == before
