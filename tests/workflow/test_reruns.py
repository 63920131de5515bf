"""The rerun contract: dry runs on the finished smoke study name exactly what would be made."""

import os
import time

import pytest
import yaml
from repatlas.study import Study

from .conftest import ROOT, SMOKE, start, write_config

# One worker runs the workflow, so that the finished smoke study is made once.
pytestmark = pytest.mark.xdist_group("workflow")

GRID = {"dataset": "digits", "fraction": 0.25, "depth": [8, 14], "width": 1, "seed": [0, 1]}


def plan(smoke, tmp_path, **changes):
    return start(smoke[0], write_config(tmp_path / "study.yaml", **changes), "--dry-run")


def names(**changes):
    return set(Study({**yaml.safe_load(SMOKE.read_text()), **changes}).by_name)


def test_reordering_yaml_reruns_nothing(smoke, tmp_path):
    content = yaml.safe_load(SMOKE.read_text())
    reordered = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(content.items())
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(reordered, sort_keys=False))
    assert start(smoke[0], path, "--dry-run").nothing_to_do


def test_writing_numbers_otherwise_reruns_nothing(smoke, tmp_path):
    grid = {**GRID, "width": 1.0, "seed": [0, 1], "fraction": 0.250}
    assert plan(smoke, tmp_path, grid=grid).nothing_to_do


@pytest.mark.parametrize(
    "pattern", ["results/runs/*/model.pt", "results/data/*/manifest.json", "results/grams/*.json"]
)
def test_touching_a_small_file_reruns_nothing(smoke, tmp_path, pattern):
    for path in smoke[0].glob(pattern):
        os.utime(path, (time.time() + 5,) * 2)
    assert plan(smoke, tmp_path).nothing_to_do


def test_a_new_seed_trains_only_the_new_networks(smoke, tmp_path):
    grid = {**GRID, "seed": [0, 1, 2]}
    outcome = plan(smoke, tmp_path, grid=grid)
    new = names(grid=grid) - names()
    assert len(new) == 2
    assert outcome.of("train") == outcome.of("extract") == new
    assert outcome.jobs["similarity"] == 3
    assert "data" not in outcome.jobs


def test_a_new_depth_trains_only_the_new_networks(smoke, tmp_path):
    grid = {**GRID, "depth": [8, 14, 20]}
    outcome = plan(smoke, tmp_path, grid=grid)
    assert outcome.of("train") == names(grid=grid) - names()
    assert outcome.jobs["similarity"] == 3, "the new group with itself and with each other"


def test_a_changed_hyper_parameter_of_one_architecture_retrains_only_that(smoke, tmp_path):
    overrides = [{"where": {"depth": 14}, "set": {"learning_rate": 0.05}}]
    outcome = plan(smoke, tmp_path, overrides=overrides)
    new = names(overrides=overrides) - names()
    assert len(new) == 2
    assert outcome.of("train") == outcome.of("extract") == new
    assert outcome.jobs["similarity"] == 2, "not the other group with itself"


def test_swapping_two_values_is_a_change(smoke, tmp_path):
    training = yaml.safe_load(SMOKE.read_text())["training"]
    training |= {"learning_rate": training["crop_padding"] / 10, "l2": 0.1, "momentum": 0.001}
    swapped = {**training, "l2": training["momentum"], "momentum": training["l2"]}
    assert names(training=training).isdisjoint(names(training=swapped))


def test_a_figure_setting_redraws_only_that_figure(smoke, tmp_path):
    outcome = plan(smoke, tmp_path, figure_settings={"within_by_depth": {"layers": "relu"}})
    assert outcome.jobs == {"figure": 1, "record": 1, "report_pages": 1}


@pytest.mark.parametrize(
    "change", [{"device": "cpu"}, {"jobs_per_gpu": 4}, {"title": "Another"}, {"data_root": "/x"}]
)
def test_settings_that_change_no_number_rerun_no_number(smoke, tmp_path, change):
    jobs = plan(smoke, tmp_path, **change).jobs
    # The explorer shows the title, the report all settings.
    shown = ["record", "report_pages", *(["explorer"] if "title" in change else [])]
    assert set(jobs) <= set(shown)


def test_not_keeping_activations_any_longer_reruns_no_network(smoke, tmp_path):
    jobs = plan(smoke, tmp_path, keep_activations=False).jobs
    assert set(jobs) <= {"record", "report_pages"}


def test_another_number_of_cores_reruns_nothing(smoke):
    assert start(smoke[0], SMOKE, "--dry-run", "--cores", "1").nothing_to_do


def test_a_second_study_shares_the_networks_that_both_have(smoke, tmp_path):
    grid = {**GRID, "depth": [14, 20]}
    outcome = plan(smoke, tmp_path, study="other", grid=grid)
    assert outcome.of("train") == names(grid=grid) - names()


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_study_can_be_planned(tmp_path, path):
    outcome = start(tmp_path, path, "--dry-run")
    assert outcome.code == 0, outcome.output
    trained = sum(outcome.jobs.get(rule, 0) for rule in ("train", "train_with_checkpoints"))
    assert trained == len(Study(yaml.safe_load(path.read_text())).runs)


def test_planning_the_papers_whole_grid_takes_seconds(tmp_path):
    """20 s on two cores by the project's promise; the bound leaves room for a busy machine."""
    began = time.perf_counter()
    outcome = start(tmp_path, ROOT / "config/studies/cifar10-paper.yaml", "--dry-run", "--quiet")
    assert outcome.code == 0, outcome.output
    assert time.perf_counter() - began < 120
