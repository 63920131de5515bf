"""From axes, exclusions, extra rows and overrides to one row a network."""

import itertools
from pathlib import Path

import pytest
import yaml
from repatlas.naming import digest
from repatlas.study import Study

ROOT = Path(__file__).resolve().parents[2]


def cells(study):
    """The design of every network, as tuples."""
    return [tuple(run.design.values()) for run in study.runs]


def test_the_networks_of_running_trainings_keep_their_names():
    file = ROOT / "config/studies/cifar10-sixteenth.yaml"
    study = Study(yaml.safe_load(file.read_text()))
    assert list(study.by_name) == [
        "cifar10-resnet-d14-w1-f0.0625-s0-50738fbf",
        "cifar10-resnet-d14-w1-f0.0625-s1-a503e615",
        "cifar10-resnet-d14-w1-f0.0625-s2-c0124e0f",
        "cifar10-resnet-d26-w1-f0.0625-s0-977b37df",
        "cifar10-resnet-d26-w1-f0.0625-s1-fda7acfa",
        "cifar10-resnet-d26-w1-f0.0625-s2-badcf4d1",
        "cifar10-resnet-d38-w1-f0.0625-s0-46aca813",
        "cifar10-resnet-d38-w1-f0.0625-s1-1a8385a1",
        "cifar10-resnet-d38-w1-f0.0625-s2-708cad67",
    ]
    assert list(study.datasets) == ["cifar10-066d24d2"]


def test_a_name_is_the_digest_of_the_whole_spec(small):
    run = Study(small).runs[0]
    assert run.spec == {
        "data": {"dataset": {"source": "digits"}, "evaluate_on": "test", "fraction": 1},
        "model": {
            "architecture": "resnet",
            "bn_momentum": 0.01,
            "depth": 8,
            "init": "he_normal",
            "width": 1,
        },
        "training": {
            "batch_size": 128,
            "crop_padding": 4,
            "epochs": 300,
            "evaluate_every": 1,
            "flip": True,
            "l2": 0.001,
            "learning_rate": 0.01,
            "momentum": 0.9,
            "precision": "float32",
            "schedule": "cosine",
            "threads": 1,
        },
        "seed": 0,
    }
    assert run.name == f"digits-resnet-d8-w1-f1-s0-{digest(run.spec)}"
    unseeded = {k: v for k, v in run.spec.items() if k != "seed"}
    assert run.group == f"digits-resnet-d8-w1-f1-{digest(unseeded)}"


def test_lists_are_crossed_and_sorted_by_design():
    grid = {"seed": [1, 0], "width": [2, 1], "depth": [14, 8], "fraction": [1, 0.25]}
    study = Study({"study": "x", "grid": grid})
    wanted = itertools.product([0.25, 1.0], [8, 14], [1.0, 2.0], [0, 1])
    assert cells(study) == [("digits", f, "resnet", d, w, s) for f, d, w, s in wanted]


def test_the_order_of_the_file_changes_no_name():
    one = {
        "study": "x",
        "grid": {"depth": [8, 14], "width": [1, 2], "seed": [0, 1]},
        "comparisons": {"across_architectures": "all", "layers": ["relu", "add"]},
        "taps": ["relu", "add", "conv"],
    }
    other = {
        "taps": ["conv", "relu", "add"],
        "comparisons": {"layers": ["add", "relu"], "across_architectures": "all"},
        "grid": {"seed": [1, 0], "width": [2, 1.0], "depth": [14, 8]},
        "training": {"epochs": 300},
        "study": "x",
    }
    a, b = Study(one), Study(other)
    assert list(a.by_name) == list(b.by_name)
    assert [p.id for p in a.probes.values()] == [p.id for p in b.probes.values()]
    assert a.tiles == b.tiles
    assert a.frame.equals(b.frame)


def test_exclude_takes_cells_out_by_any_of_its_values(small):
    small["grid"] = {"depth": [8, 14, 20], "width": [1, 2], "seed": 0}
    small["exclude"] = [{"depth": [14, 20], "width": 2}]
    assert [c[3:5] for c in cells(Study(small))] == [(8, 1), (8, 2), (14, 1), (20, 1)]


def test_exclude_also_matches_what_the_grid_does_not_vary(small):
    small["training"] = {"epochs": 20}
    small["exclude"] = [{"epochs": 20, "depth": 8}]
    assert {c[3] for c in cells(Study(small))} == {14}


def test_exclude_runs_takes_networks_out_by_name(small):
    first, *rest = Study(small).by_name
    small["exclude_runs"] = [first]
    assert list(Study(small).by_name) == rest


def test_include_adds_rows_after_exclusion_and_keeps_the_other_axes_crossed(small):
    small["exclude"] = [{"depth": 14}]
    small["include"] = [{"depth": 14, "width": 2}, {"depth": 110, "seed": 5}, {"depth": 8}]
    assert [c[3:] for c in cells(Study(small))] == [
        (8, 1, 0),
        (8, 1, 1),
        (14, 2, 0),
        (14, 2, 1),
        (110, 1, 5),
    ]


def test_overrides_change_those_that_match_and_the_later_one_wins(small):
    small["overrides"] = [
        {"where": {"depth": 14}, "set": {"epochs": 10, "learning_rate": 0.5}},
        {"where": {"depth": [8, 14], "seed": 1}, "set": {"epochs": 20}},
    ]
    found = {
        (r.design["depth"], r.design["seed"]): (
            r.spec["training"]["epochs"],
            r.spec["training"]["learning_rate"],
        )
        for r in Study(small).runs
    }
    assert found == {
        (8, 0): (300, 0.01),
        (8, 1): (20, 0.01),
        (14, 0): (10, 0.5),
        (14, 1): (20, 0.5),
    }


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("learning_rate", [0.1, 0.2]),
        ("l2", [0, 0.001]),
        ("init", ["he_normal", "orthogonal"]),
        ("architecture", ["cnn", "resnet"]),
        ("random_labels", [0.0, 0.5]),
        ("flip", [False, True]),
        ("bn_momentum", [0.1, 0.2]),
        ("batch_size", [32, 64]),
        ("evaluate_every", [1, 10]),
    ],
)
def test_any_setting_is_an_axis_and_a_column(axis, values, small):
    small["grid"][axis] = values
    study = Study(small)
    assert len(study.runs) == 8
    assert sorted(study.frame[axis].unique()) == values
    named = {(r.design[axis], r.name) for r in study.runs}
    assert len(named) == 8


@pytest.mark.parametrize("axis", ["pc_penalty", "random_labels"])
def test_a_setting_that_only_some_networks_have_is_off_in_the_others(small, axis):
    small["include"] = [{"depth": 14, axis: 0.5}]
    values = Study(small).frame.groupby(axis, dropna=False).size()
    assert set(values.index) == {0, 0.5}


def test_a_setting_that_only_an_override_changes_is_a_column_too(small):
    small["overrides"] = [{"where": {"depth": 14}, "set": {"epochs": 10}}]
    assert dict(zip(Study(small).frame["depth"], Study(small).frame["epochs"], strict=True)) == {
        8: 300,
        14: 10,
    }


def test_equal_networks_have_one_name(small):
    plain = Study(small)
    small["grid"]["random_labels"] = 0
    assert list(Study(small).by_name) == list(plain.by_name)
    small["grid"]["random_labels"] = 0.5
    unseeded = Study(small)
    small["data"] = {"label_seed": 0}
    assert list(Study(small).by_name) == list(unseeded.by_name)
    small["data"] = {"label_seed": 1}
    assert set(Study(small).by_name).isdisjoint(unseeded.by_name)


def test_a_new_seed_leaves_the_other_networks_as_they_are(small):
    before = Study(small)
    small["grid"]["seed"] = [0, 1, 2]
    after = Study(small)
    assert set(before.by_name) < set(after.by_name)
    assert len(after.runs) == len(before.runs) + 2
    assert {r.group for r in before.runs} == {r.group for r in after.runs}


def test_an_own_data_set_with_the_same_name_elsewhere_is_another(small, tmp_path):
    import numpy as np

    names = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "x.npz"
        np.savez(path, x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 2)
        small["datasets"] = {"mine": {"source": "npz", "path": str(path)}}
        small["data"] = {"dataset": "mine"}
        small["training"] = {"batch_size": 8}
        small["probe"] = {"batch_size": 4}
        names.append(Study(small).runs[0].name)
    assert names[0] != names[1]


def test_the_effective_settings_make_the_same_study(small):
    small["exclude"] = [{"depth": 8, "seed": 1}]
    small["overrides"] = [{"where": {"depth": 14}, "set": {"epochs": 10}}]
    study = Study(small)
    again = Study(study.settings.model_dump(mode="json"))
    assert list(again.by_name) == list(study.by_name)
    assert again.tiles == study.tiles


def test_interventions_that_are_off_are_no_part_of_a_name(small):
    plain = Study(small)
    small["training"] = {"pc_penalty": 0, "colour_jitter": 0, "pc_threshold": None}
    assert list(Study(small).by_name) == list(plain.by_name)
    small["grid"] |= {"pc_penalty": [0, 1], "dataset": "cifar10"}
    del small["training"]
    implicit = Study(small)
    small["training"] = {"pc_threshold": 0.2}
    assert list(Study(small).by_name) == list(implicit.by_name)
    small["training"] = {"pc_threshold": 0.3}
    changed = {r.name for r in Study(small).runs if r.design["pc_penalty"]}
    assert changed.isdisjoint(implicit.by_name)
    assert "interventions" in implicit.figures
    assert "interventions" not in plain.figures


def test_where_an_intervention_is_not_named_it_is_off(small):
    small["include"] = [{"depth": 20, "pc_penalty": 1}]
    assert set(Study(small).frame.groupby("depth")["pc_penalty"].unique().explode()) == {0, 1}
    assert not Study(small).frame["pc_penalty"].isna().any()


def test_checkpoints_name_a_network_in_one_way_and_are_no_column(small):
    plain = Study(small)
    small["training"] = {"checkpoints": {"steps": [3, 0, 3], "epochs": 2}}
    saved = Study(small)
    assert set(saved.by_name).isdisjoint(plain.by_name)
    assert saved.runs[0].spec["training"]["checkpoints"] == {"steps": [0, 3], "epochs": [2]}
    small["training"] = {"checkpoints": {"epochs": [2], "steps": [0, 3]}}
    assert list(Study(small).by_name) == list(saved.by_name)
    assert "checkpoints" not in saved.frame
    del small["training"]
    small["overrides"] = [{"where": {"depth": 14}, "set": {"checkpoints": {"steps": 1}}}]
    small["analyses"] = ["dynamics"]
    some = Study(small)
    assert {some.by_name[run].design["depth"] for run in some.analysed("dynamics")} == {14}
    assert {r.name for r in plain.runs if r.design["depth"] == 8} < set(some.by_name)
    assert list(some.frame.columns) == list(plain.frame.columns)
