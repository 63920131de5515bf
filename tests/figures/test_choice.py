"""What a figure shows of a study, and what it says about the rest."""

import pytest
from repatlas import labels
from repatlas.catalogue import FIGURES, figure_settings
from repatlas.errors import ConfigError, DataError
from repatlas.figures import _DRAW, choice


def arranged(study, axis, rows=4, columns=6):
    cells = choice.cells_of(study, study.runs)
    return choice.arrange(study, cells, axis, rows, columns)


def grid(plan, *axes):
    return {place: tuple(cell[a] for a in axes) for place, cell in plan.places.items()}


def test_columns_are_the_axis_and_rows_the_other(study_of):
    study = study_of(depths=(20, 8, 14), widths=(1.0, 2.0), seeds=(0,), across="none")
    plan = arranged(study, "depth")
    assert (plan.rows, plan.columns) == (2, 3)
    assert grid(plan, "depth", "width") == {
        (0, 0): (8, 1.0),
        (0, 1): (14, 1.0),
        (0, 2): (20, 1.0),
        (1, 0): (8, 2.0),
        (1, 1): (14, 2.0),
        (1, 2): (20, 2.0),
    }
    assert plan.notes == []
    turned = arranged(study, "width")
    assert grid(turned, "depth", "width")[2, 1] == (20, 2.0)


def test_what_does_not_fit_is_thinned_evenly_and_said(study_of):
    study = study_of(depths=(8, 14, 20, 26), widths=(1.0, 2.0), seeds=(0,), across="none")
    plan = arranged(study, "depth", rows=1, columns=3)
    assert grid(plan, "depth", "width") == {(0, 0): (8, 1), (0, 1): (20, 1), (0, 2): (26, 1)}
    assert plan.notes == [
        "Of the values of depth (8, 14, 20, 26), 8, 20, 26 are shown.",
        "Of the values of width (1, 2), 1 are shown.",
    ]


def test_a_long_row_is_broken_into_equal_ones(study_of):
    study = study_of(depths=(8, 14, 20, 26), widths=(1.0,), seeds=(0,), across="none")
    plan = arranged(study, "depth", columns=3)
    assert (plan.rows, plan.columns) == (2, 2)
    assert grid(plan, "depth") == {(0, 0): (8,), (0, 1): (14,), (1, 0): (20,), (1, 1): (26,)}


def test_further_axes_are_held_at_most_data(study_of):
    study = study_of(fractions=(0.0625, 1.0), seeds=(0,), across="none")
    plan = arranged(study, "depth")
    assert set(grid(plan, "fraction").values()) == {(1.0,)}
    assert plan.notes == ["Shown at all data, one of 2 settings of the study."]


def test_an_axis_is_not_held_where_all_networks_failed(study_of):
    failed = [(8, 2.0, 0), (14, 2.0, 0)]
    study = study_of(seeds=(0,), diverged=failed, extra=("l2", (0.1,)), across="none")
    cells = choice.cells_of(study, study.runs)
    assert cells["completed"].tolist() == [1, 0, 1, 0]
    held, _ = choice.hold(cells, ["width"])
    assert set(held["width"]) == {1.0}
    held, _ = choice.hold(cells.assign(completed=1 - cells["completed"]), ["width"])
    assert set(held["width"]) == {2.0}


def test_networks_that_failed_are_named_by_what_varies(study_of):
    study = study_of(depths=(8,), seeds=(0,), diverged=[(8, 2.0, 0)], extra=("l2", (0.1, 0.2)))
    assert labels.failures(study.runs) == (
        "2 of 4 networks did not complete and are left out: ResNet-8, width 2, l2 0.1, seed 0 "
        "(diverged); ResNet-8, width 2, l2 0.2, seed 0 (diverged)."
    )
    assert labels.failures(study.completed) == ""


def test_an_axis_of_one_value_leaves_its_place(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,), seeds=(0,), across="none")
    assert grid(arranged(study, "fraction"), "depth") == {(0, 0): (8,), (0, 1): (14,)}


def test_rows_with_a_single_cell_make_way(study_of):
    study = study_of(depths=(8, 14), widths=(1.0, 2.0), seeds=(0,), across="none")
    cells = choice.cells_of(study, study.runs)
    cells = cells[(cells["width"] == 1) | (cells["depth"] == 8)]
    plan = choice.arrange(study, cells, "depth", 4, 6)
    assert grid(plan, "width") == {(0, 0): (1.0,), (0, 1): (1.0,)}
    assert plan.notes == ["Alone in its row and not shown: ResNet-8, width 2."]


def test_cells_all_alone_in_their_rows_stand_side_by_side(study_of):
    study = study_of(depths=(8, 14), widths=(1.0, 2.0), seeds=(0,), across="none")
    cells = choice.cells_of(study, study.runs)
    cells = cells[(cells["width"] == 1) == (cells["depth"] == 14)]
    plan = choice.arrange(study, cells, "depth", 4, 6)
    assert grid(plan, "depth", "width") == {(0, 0): (8, 2.0), (0, 1): (14, 1.0)}
    assert (plan.rows, plan.columns, plan.notes) == (1, 2, [])


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("most", range(1, 7))
def test_evenly_keeps_the_ends_and_nothing_twice(n, most):
    shown = choice.evenly(list(range(n)), most)
    assert len(shown) == min(n, most) == len(set(shown))
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert most == 1 or shown[-1] == n - 1


def test_corners_are_the_extremes_or_what_is_nearest(study_of):
    study = study_of(depths=(8, 14, 20), widths=(1.0, 2.0, 4.0), seeds=(0,), across="none")
    cells = choice.cells_of(study, study.runs)
    chosen = choice.corners(study, cells, 4)
    assert list(zip(chosen["depth"], chosen["width"], strict=True)) == [
        *[(8, 1.0), (8, 4.0)],
        *[(20, 1.0), (20, 4.0)],
    ]
    costly = cells[(cells["depth"] < 20) | (cells["width"] < 4)].reset_index(drop=True)
    assert (20, 4.0) not in list(zip(costly["depth"], costly["width"], strict=True))
    nearest = choice.corners(study, costly, 4).iloc[-2:]
    assert {(20, 1.0)} < set(zip(nearest["depth"], nearest["width"], strict=True))
    assert len(choice.corners(study, cells, 2)) == 2


def test_an_axis_as_a_setting_pins_it(study):
    runs = choice.select_runs(study, {"depth": 8, "max_rows": 4})
    assert set(runs["depth"]) == {8}
    with pytest.raises(ConfigError, match=r"found depth 9; the networks that are left have: 8, 14"):
        choice.select_runs(study, {"depth": 9})


def test_a_study_without_a_completed_network_says_so(study_of):
    study = study_of(depths=(8,), widths=(1.0, 2.0), seeds=(0,), diverged=[(8, 1.0, 0)])
    with pytest.raises(DataError, match="none of 1 network of the study made completed"):
        choice.select_runs(study, {"width": 1.0})


def test_every_figure_of_the_catalogue_is_drawn_and_none_else():
    assert set(_DRAW) == set(FIGURES)


def test_settings_are_checked_by_name_and_type():
    assert figure_settings("accuracy", {}) == {"max_columns": 4}
    given = {"layers": "relu", "seed": None, "width": 2.0}
    assert figure_settings("within_by_depth", given, ["width", "seed"])["width"] == 2.0
    with pytest.raises(ConfigError, match="'acuracy'; did you mean 'accuracy'"):
        figure_settings("acuracy", {})
    wrong = {"layer": "relu", "seed": "0", "max_rows": 0, "max_columns": True, "measure": "ckaa"}
    with pytest.raises(ConfigError) as caught:
        figure_settings("within_by_depth", wrong, ["depth"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith(
        "figure_settings.within_by_depth.layer: unknown setting; did you mean 'layers'?"
    )
    assert "depth" in lines[0]
    assert lines[1].endswith(".seed: found '0', accepted is a whole number")
    assert lines[2].endswith(".max_rows: found 0, accepted is a whole number from 1 up")
    assert lines[3].endswith(".max_columns: found True, accepted is a whole number")
    assert "did you mean 'cka" in lines[4]


def test_values_are_named_as_a_reader_names_them():
    assert labels.setting("fraction", 0.0625) == "1/16 of the data"
    assert labels.setting("fraction", 0.3) == "30 % of the data"
    assert labels.setting("fraction", 1.0) == "all data"
    assert labels.setting("learning_rate", 0.1) == "learning rate 0.1"
    assert labels.setting("flip", False) == "flip off"
    design = {"architecture": "cnn", "depth": 38, "width": 2.0}
    assert labels.network(design) == "CNN-38, width 2"
    assert labels.layer_axis("conv") == "Convolution"
    assert labels.layer_axis("stage2.*") == "Layer (stage2.*)"
    assert labels.seeds([0, 1, 2]) == "seeds 0, 1 and 2"


def test_the_probe_is_told_from_its_name(study):
    assert labels.probes(study.runs) == "512 probe images of digits in batches of 64 (1 pass)"
    short = study.runs.assign(probe="cifar10-x-n1000-b256-p2-0123abcd")
    assert labels.probes(short) == ("768 probe images of cifar10-x in batches of 256 (2 passes)")
