"""Which pairs of architectures have their predictions compared."""

import pytest
from repatlas.errors import ConfigError
from repatlas.study import Study
from repatlas.study.record import grid_record


def made(predictions=None, **more):
    grid = {"depth": [8, 14, 20], "seed": [0, 1]} | more.pop("grid", {})
    config = {"study": "x", "grid": grid, "analyses": ["predictions"], **more}
    return Study(config | ({"predictions": predictions} if predictions is not None else {}))


def depths(study):
    return [
        tuple(int(group.split("-d")[1].split("-")[0]) for group in p)
        for p in study.prediction_pairs
    ]


def message(*arguments, **settings):
    with pytest.raises(ConfigError) as error:
        made(*arguments, **settings)
    return str(error.value)


def test_all_pairs_with_two_seeds_are_compared():
    assert depths(made()) == [(8, 14), (8, 20), (14, 20)]
    single = made(include=[{"depth": 26, "seed": 0}])
    assert depths(single) == [(8, 14), (8, 20), (14, 20)]


def test_named_pairs_are_compared_each_once():
    pair = [{"depth": 20}, {"depth": [8, 14]}]
    assert depths(made({"pairs": [pair, pair[::-1]]})) == [(8, 20), (14, 20)]


def test_only_networks_tested_on_the_same_images_are_compared():
    study = made(grid={"depth": [8, 14], "dataset": ["digits", "mnist"]})
    assert len(study.prediction_pairs) == 2
    held_out = {"fraction": 0.5, "evaluate_on": "held_out"}
    assert "no two architectures with at least 2 seeds" in message(data=held_out)


def test_a_study_that_does_not_ask_compares_none():
    study = Study({"study": "x", "grid": {"depth": [8, 14], "seed": [0, 1]}})
    assert study.prediction_pairs == []
    assert grid_record(study)["prediction_pairs"] == []
    assert grid_record(made())["prediction_pairs"] == [list(p) for p in made().prediction_pairs]


def test_one_seed_is_refused():
    assert "at least 2 seeds each" in message(grid={"seed": 0})


def test_a_named_pair_with_one_seed_is_refused():
    more = {"include": [{"depth": 26, "seed": 0}]}
    text = message({"pairs": [[{"depth": 8}, {"depth": 26}]]}, **more)
    assert "predictions.pairs.0: the selected networks cannot be compared" in text
    assert "fewer than 2 seeds" in text


def test_seeds_saved_on_their_way_are_seeds_of_the_same_architecture():
    checkpoints = {"where": {"seed": 0}, "set": {"checkpoints": {"steps": [0]}}}
    study = made(overrides=[checkpoints])
    assert depths(study) == [(8, 14), (8, 20), (14, 20)]
    assert [run.group for run in study.runs] == [run.group for run in made().runs]


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ([[{"depth": 8}, {"depth": 26}]], "predictions.pairs.0.1: {depth: 26} selects no network"),
        ([[{"depth": 8}, {"depth": 8}]], "predictions.pairs.0: the selected networks cannot be"),
    ],
)
def test_pairs_of_nothing_are_refused(pairs, text):
    assert text in message({"pairs": pairs})


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            ["plane"],
            "class_groups.x.0: found 'plane', which is no class of digits (accepted: 0, 1,",
        ),
        ([3, 10], "class_groups.x.1: found class 10; accepted are numbers from 0 to 9, or names"),
        (["3", 3], "class_groups.x: a class is named twice in ['3', 3]"),
    ],
)
def test_classes_that_do_not_exist_are_refused(members, text):
    assert text in message({"class_groups": {"x": members}})


def test_class_groups_need_one_data_set_with_all_of_their_classes():
    grid = {"dataset": ["digits", "cifar10"], "depth": [8, 14]}
    made({"class_groups": {"x": ["cat", 0], "y": "7"}}, grid=grid)
    text = message({"class_groups": {"x": ["cat", "7"]}}, grid=grid)
    assert "no data set of the study has all classes of ['cat', '7']" in text
    assert "did you mean 'truck'?" in message({"class_groups": {"x": ["trucks"]}}, grid=grid)


def test_options_without_the_analysis_are_refused():
    with pytest.raises(ConfigError, match="`analyses` does not name 'predictions'"):
        Study({"study": "x", "grid": {"seed": [0, 1]}, "predictions": {"examples": 4}})
