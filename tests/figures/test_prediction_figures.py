"""Figures of what networks predict: two architectures, of which one fails in one class."""

import numpy as np
import pandas as pd
import pytest
from made_predictions import CLASSES, IMAGES, LABELS, write_predictions
from repatlas.errors import DataError
from repatlas.figures import draw
from repatlas.figures.pairs import Pair
from repatlas.figures.prediction_pairs import rows_of


@pytest.fixture
def predicted(study_of):
    """A study of `seeds` seeds of two widths, with its predictions."""

    def make(seeds=12, **more):
        settings = {"depths": (8,), "widths": (1.0, 2.0), "across": "none"} | more
        study = study_of(seeds=range(seeds), **settings)
        write_predictions(study.folder)
        return study

    return make


def test_examples_stand_where_their_accuracies_are(predicted):
    study = predicted()
    drawing = draw("prediction_examples", study)
    table = study.table("prediction_examples")
    groups = table["group"].astype(str)
    halves = [table[groups == g]["accuracy_selection"].to_numpy() for g in sorted(set(groups))]
    data = drawing.data
    assert data.groupby("panel")["examples"].sum().to_dict() == dict.fromkeys(
        ["between", "within_a", "within_b"], 48
    )
    between = data[data["panel"] == "between"]
    expected = pd.Series(list(zip(*np.round(halves, 6), strict=True))).value_counts().to_dict()
    found = between.assign(x=between["x"].round(6), y=between["y"].round(6))
    assert {(r.x, r.y): r.examples for r in found.itertuples()} == expected
    texts = [t.get_text() for ax in drawing.figure.axes for t in ax.texts]
    row = study.table("prediction_pairs").iloc[0]
    assert texts[0] == (
        f"r = {row['correlation_between']:.2f}\n|Δ| = {100 * row['mean_abs_between']:.1f}\n"
        f"p = {row['dispersion_p_adjusted']:.3f}"
    )
    assert row["dispersion_p_adjusted"] < 0.01
    first = drawing.figure.axes[0]
    assert first.get_xlabel() == "ResNet-8, width 1\nright (%), n = 6"
    assert "n = 24 networks" in drawing.caption


def test_halves_of_an_odd_number_of_networks_are_not_called_equal(predicted):
    drawing = draw("prediction_examples", predicted(seeds=5))
    within = drawing.figure.axes[1]
    assert [within.get_xlabel()[-5:], within.get_ylabel()[-5:]] == ["n = 2", "n = 3"]
    assert "as many networks" not in drawing.caption


def test_too_few_networks_are_said_to_be_untested(predicted):
    study = predicted(seeds=2)
    scatter = draw("prediction_examples", study)
    assert "not tested: n = 2" in scatter.figure.axes[0].texts[0].get_text()
    classes = draw("prediction_classes", study)
    assert "Not tested: n=2 (5)." in classes.caption
    assert classes.data["p_adjusted"].isna().all()
    markers = {line.get_marker() for ax in classes.figure.axes for line in ax.lines}
    assert "x" in markers
    assert not markers & {"o", "D"}


def test_the_class_that_differs_is_filled_and_its_sign_is_the_larger_s(predicted):
    drawing = draw("prediction_classes", predicted())
    (ax,) = drawing.figure.axes
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert set(names[:4]) == set(CLASSES)
    assert names[4] == "pets"
    points = [line for line in ax.lines if line.get_marker() in ("o", "D")]
    filled = [
        n for n, line in zip(names, points, strict=True) if line.get_markerfacecolor() != "white"
    ]
    assert sorted(filled) == ["dog", "pets"]
    dog = drawing.data[drawing.data["name"] == "dog"].iloc[0]
    assert dog["difference"] < -0.4  # width 2 minus width 1
    assert dog["low"] < dog["difference"] < dog["high"]
    assert points[names.index("dog")].get_xdata()[0] == pytest.approx(100 * dog["difference"])
    assert ax.get_title(loc="left").endswith("n = 12 and 12 networks")


def test_classes_beyond_the_most_are_counted(predicted):
    drawing = draw("prediction_classes", predicted(), {"max_classes": 1})
    assert drawing.data["name"].tolist() == ["dog", "pets"]
    assert "The 1 classes with the largest differences are shown; 3 are not." in drawing.caption


def test_disagreement_has_its_intervals_where_there_are_networks_enough(predicted):
    study = predicted()
    drawing = draw("prediction_disagreement", study)
    row = study.table("prediction_pairs").iloc[0]
    values = drawing.data.set_index("where")
    for where in ("between", "within_a", "within_b"):
        assert values.loc[where, "value"] == row[f"disagreement_{where}"]
        assert values.loc[where, "low"] < values.loc[where, "value"] < values.loc[where, "high"]
    names = [t.get_text() for t in drawing.figure.axes[0].get_yticklabels()]
    assert names == ["within ResNet-8, width 1", "within ResNet-8, width 2", "between the two"]


def test_dividing_examples_show_their_images_and_the_other_half_s_accuracies(predicted):
    study = predicted()
    drawing = draw("dividing_examples", study)
    table = study.table("dividing_examples")
    axes = drawing.figure.axes
    assert len(axes) == len(table) <= 8
    for ax, (_, row) in zip(axes, table.iterrows(), strict=True):
        (image,) = ax.images
        expected = IMAGES[row["example"]].transpose(1, 2, 0)
        np.testing.assert_array_equal(image.get_array(), expected)
        shares = [f"{100 * row[f'accuracy_{s}_confirmation']:.0f}" for s in "ab"]
        assert ax.get_xlabel() == f"{CLASSES[LABELS[row['example']]]}\n{shares[0]} | {shares[1]}"
    assert set(table.loc[table["favours"] == "a", "class"]) == {"dog"}
    assert "had no part in the choice" in drawing.caption
    assert "n = 24 networks" in drawing.caption


def test_a_pair_that_is_stored_the_other_way_round_is_turned(predicted):
    study = predicted()
    for name in ("prediction_pairs", "prediction_classes", "dividing_examples"):
        table = study.table(name)
        row = table.iloc[0]
        a, b = ({"group": row[f"group_{side}"]} for side in "ab")
        straight = rows_of(table, Pair(pd.Series(a), pd.Series(b), ""))
        turned = rows_of(table, Pair(pd.Series(b), pd.Series(a), ""))
        pd.testing.assert_frame_equal(straight, table)
        assert (turned["group_a"] == row["group_b"]).all()
        if name == "dividing_examples":
            assert (turned["favours"] != table["favours"]).all()
            np.testing.assert_array_equal(
                turned["accuracy_a_confirmation"], table["accuracy_b_confirmation"]
            )
            continue
        np.testing.assert_array_equal(turned["difference"], -table["difference"])
        np.testing.assert_array_equal(turned["low"], -table["high"])
        np.testing.assert_array_equal(turned["accuracy_a_mean"], table["accuracy_b_mean"])
        if name == "prediction_pairs":
            np.testing.assert_array_equal(turned["sd_within_a"], table["sd_within_b"])
            for same in ("mse_a", "aic_a", "v2", "sd_between", "excess_low"):
                np.testing.assert_array_equal(turned[same], table[same])


def test_without_two_networks_a_side_there_is_nothing_to_compare(predicted):
    study = predicted(seeds=2, diverged=[(8, 2.0, 0)])
    for name in ("prediction_examples", "prediction_disagreement", "dividing_examples"):
        with pytest.raises(DataError, match="have 2 completed networks each"):
            draw(name, study)
    assert "n=2 and 1" in draw("prediction_classes", study).caption
