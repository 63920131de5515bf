"""Figures of numbers over the grid and over training."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from repatlas.errors import DataError
from repatlas.figures import draw, over_grid
from repatlas.figures.lines import share_limits, spread
from repatlas.figures.style import legible, ordered


def panels(drawing):
    return [ax for ax in drawing.figure.axes if ax.lines]


def test_accuracy_is_that_of_the_tables(study):
    drawing = draw("accuracy", study)
    points = drawing.data[drawing.data["series"] == "network"].set_index("run")["value"]
    runs = study.completed.set_index("run")["test_accuracy"]
    assert points.to_dict() == runs.to_dict()
    means = drawing.data[drawing.data["series"] == "mean"].set_index("group")
    table = study.accuracy.set_index("group")
    for column, source in (("value", "mean"), ("low", "low"), ("high", "high")):
        expected = table[f"test_accuracy_{source}"].reindex(means.index)
        np.testing.assert_array_equal(means[column], expected)
    assert means["n"].sum() == 7
    assert "n = 7 networks" in drawing.caption
    assert "1 of 8 networks did not complete" in drawing.caption


def test_every_network_is_a_dot_at_its_depth(study_of):
    drawing = draw("accuracy", study_of(depths=(8, 14, 38), widths=(1.0,), across="none"))
    (ax,) = panels(drawing)
    dots, means = ax.lines
    assert sorted(set(dots.get_xdata())) == [8, 14, 38]
    assert len(dots.get_xdata()) == 6
    assert means.get_xdata().tolist() == [8, 14, 38]
    assert ax.get_xticks().tolist() == [8, 14, 38]
    assert ax.get_ylabel() == "Test accuracy (%)"
    assert ax.get_title(loc="left") == "n = 6 networks"


@pytest.mark.parametrize(
    "name", ["accuracy", "learning_curves", "linear_probes", "block_deletion", "interventions"]
)
@pytest.mark.parametrize(
    ("images", "word"), [("test", "Test accuracy"), ("held_out", "Held-out accuracy")]
)
def test_the_images_behind_an_accuracy_are_named(study_of, name, images, word):
    drawing = draw(name, study_of(evaluate_on=images, extra=("pc_penalty", (0.0, 1.0))))
    words = [text.get_text() for text in drawing.figure.findobj(Text)]
    assert any(text.replace("\n", " ").startswith(word) for text in words)
    assert ("not the test set" in drawing.caption) == (images == "held_out")


def test_widths_are_colours_with_their_names(study):
    (ax,) = panels(draw("accuracy", study))
    assert {text.get_text() for text in ax.texts} == {"width 1", "width 2"}
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert len(set(map(tuple, colours.values()))) == 2
    markers = {line.get_marker() for line in ax.lines if line.get_linestyle() != "None"}
    assert len(markers) == 2


@pytest.mark.parametrize("name", ["accuracy", "block_metrics"])
def test_labels_stand_beside_the_panel_behind_the_marker_of_their_line(study_of, name):
    """Also of a line that ends early, where a label would cover others."""
    study = study_of(depths=(8, 20), diverged=[(20, 2.0, 0), (20, 2.0, 1)])
    figure = draw(name, study).figure
    figure.draw_without_rendering()
    for ax in (ax for ax in figure.axes if ax.lines):
        assert [text.get_text() for text in ax.texts] == ["width 1", "width 2"]
        keys = [key for key in figure.artists if key.get_transform() == ax.transAxes]
        means = [line for line in ax.lines if line.get_linestyle() == "-"]
        assert [key.get_marker() for key in keys] == [line.get_marker() for line in means]
        assert [key.get_color() for key in keys] == [line.get_color() for line in means]
        for text, key in zip(ax.texts, keys, strict=True):
            box, mark = text.get_window_extent(), key.get_window_extent()
            assert box.x0 > mark.x1 > mark.x0 > ax.bbox.x1
            assert box.y0 < mark.y0 < mark.y1 < box.y1


def test_labels_are_dark_enough_to_read():
    for colour in ordered(5):
        made = legible(colour)
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in made]
        assert 1.05 / (np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05) >= 4.5
    assert legible((0.0, 0.0, 0.5, 1.0)) == (0.0, 0.0, 0.5), "dark ones stay as they are"


def test_a_mark_does_not_lie_on_the_edge_of_panels_that_share_their_limits():
    narrow, wide = Figure().subplots(1, 2)
    narrow.plot([0, 1], [95.7, 96.7])
    wide.plot([0, 1], [97.6, 99.4])
    share_limits([narrow, wide])
    assert narrow.get_ylim() == wide.get_ylim()
    np.testing.assert_allclose(narrow.get_ylim(), (95.7 - 0.05 * 3.7, 99.4 + 0.05 * 3.7))
    share_limits([narrow, wide], 0)
    np.testing.assert_allclose(narrow.get_ylim(), (0, 99.4 + 0.05 * 99.4))


def test_a_third_axis_makes_panels(study_of):
    study = study_of(fractions=(0.25, 1.0), seeds=(0,), across="none")
    drawing = draw("accuracy", study)
    titles = [ax.get_title(loc="left") for ax in panels(drawing)]
    assert titles == ["1/4 of the data\nn = 4 networks", "all data\nn = 4 networks"]
    limits = {ax.get_ylim() for ax in panels(drawing)}
    assert len(limits) == 1
    one = draw("accuracy", study, {"max_columns": 1})
    assert set(one.data["fraction"]) == {0.25}
    assert "Of the values of fraction (1/4, all), 1/4 are shown." in one.caption


def test_an_empty_panel_does_not_stretch_the_axes():
    full, empty = Figure().subplots(1, 2)
    full.plot([0, 1], [5, 6])
    empty.plot([0, 1], [np.nan, np.nan])
    share_limits([empty, full])
    assert empty.get_ylim() == full.get_ylim()
    assert full.get_ylim()[0] > 4.9
    share_limits([empty])


def test_block_metrics_are_those_of_the_tables(study):
    drawing = draw("block_metrics", study)
    points = drawing.data[drawing.data["series"] == "network"]
    table = study.block_metrics.set_index("run")
    for metric in ("fraction_above", "longest_run"):
        own = points[points["metric"] == metric].set_index("run")["value"]
        assert own.to_dict() == table[metric].to_dict()
    for ax in panels(drawing):
        assert ax.get_ylim()[0] == 0
    assert [ax.get_ylabel() for ax in panels(drawing)] == [
        "Share of ReLU layer\npairs above 0.9 (%)",
        "Longest run\n(ReLU layers)",
    ]
    with pytest.raises(DataError, match=r"No block metrics of 'rsa'.*has cka_minibatch"):
        draw("block_metrics", study, {"measure": "rsa"})


def test_learning_curves_are_those_of_the_table(study):
    drawing = draw("learning_curves", study)
    table = study.learning_curves
    merged = drawing.data.merge(table, on=["run", "epoch"], suffixes=("", "_table"))
    assert len(merged) == len(table)
    for metric in ("train_loss", "test_accuracy"):
        np.testing.assert_array_equal(merged[metric], merged[f"{metric}_table"])
    assert drawing.data["run"].nunique() == 8


def test_curves_join_the_epochs_that_were_evaluated(study):
    drawing = draw("learning_curves", study, {"width": 1})
    loss, accuracy = panels(drawing)
    assert all(line.get_xdata().tolist() == [1, 2, 3] for line in loss.lines)
    assert all(line.get_xdata().tolist() == [1, 3] for line in accuracy.lines)
    assert len(loss.lines) == 4


def test_a_network_that_diverged_ends_in_a_cross(study):
    drawing = draw("learning_curves", study, {"depth": 14, "width": 2})
    loss, _ = panels(drawing)
    crosses = [line for line in loss.lines if line.get_marker() == "x"]
    assert [line.get_xdata().tolist() for line in crosses] == [[2]]
    assert "Crosses: where 1 network diverged." in drawing.caption


def test_networks_that_all_diverged_still_have_curves(study_of):
    study = study_of(depths=(8,), seeds=(0,), diverged=[(8, 1.0, 0)])
    drawing = draw("learning_curves", study, {"width": 1})
    assert drawing.data["epoch"].tolist() == [1, 2]
    assert "Crosses: where 1 network diverged." in drawing.caption


def test_one_network_is_enough(study_of):
    study = study_of(depths=(8,), widths=(1.0,), seeds=(0,))
    for name in ("accuracy", "block_metrics", "learning_curves", "within_by_width"):
        assert len(draw(name, study).data)


def test_a_study_of_another_axis_is_drawn_along_it(study_of):
    study = study_of(depths=(8,), widths=(1.0,), extra=("learning_rate", (0.01, 0.1)))
    (ax,) = panels(draw("accuracy", study))
    assert ax.get_xlabel() == "Learning rate"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.01", "0.1"]
    np.testing.assert_allclose(ax.get_xticks(), np.log2([0.01, 0.1]))
    drawing = draw("across_seeds", study)
    names = {text.get_text() for text in drawing.figure.texts}
    assert names == {
        f"ResNet-8, width 1, learning rate {v}: n = 2 networks" for v in ("0.01", "0.1")
    }


def test_what_has_no_order_is_not_joined(study_of):
    names = ("he_normal", "glorot_uniform")
    settings = {"architectures": ("resnet", "cnn"), "extra": ("init", names), "across": "none"}
    drawing = draw("accuracy", study_of(depths=(8,), widths=(1.0,), seeds=range(5), **settings))
    (ax,) = panels(drawing)
    assert all(line.get_linestyle() == "None" for line in ax.lines)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["CNN", "ResNet"]
    assert ax.get_xlim() == (-0.5, 1.5)
    means = [line.get_xdata() for line in ax.lines[1::2]]
    np.testing.assert_allclose(means, [[-0.0625, 0.9375], [0.0625, 1.0625]])
    bars = [[bar[0, 0] for bar in own.get_segments()] for own in ax.collections]
    np.testing.assert_allclose(bars, means)


def test_long_names_of_categories_stand_upright(study_of):
    names = ("he_normal", "he_uniform", "lecun_normal", "orthogonal", "truncated", "zeros")
    study = study_of(depths=(8,), widths=(1.0,), extra=("init", names), across="none")
    drawing = draw("accuracy", study)
    (ax,) = panels(drawing)
    assert [t.get_text() for t in ax.get_xticklabels()] == sorted(names)
    drawing.figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in ax.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
    title = ax.xaxis.label.get_window_extent()
    assert min(box.y0 for box in boxes) > title.y1 > title.y0 > 0


def test_positions_along_an_axis():
    assert over_grid.positions("depth", np.array([38, 8])) == {8: 8.0, 38: 38.0}
    assert over_grid.positions("width", [4.0, 1.0, 2.0]) == {1: 0.0, 2: 1.0, 4: 2.0}
    assert over_grid.positions("init", ["b", "a"]) == {"a": 0.0, "b": 1.0}
    assert over_grid.positions("flip", [False, True]) == {False: 0.0, True: 1.0}


def test_ticks_that_would_touch_are_left_out(study_of):
    depths = (8, 14, 20, 164)
    drawing = draw("accuracy", study_of(depths=depths, widths=(1.0,), seeds=(0,), across="none"))
    assert panels(drawing)[0].get_xticks().tolist() == [8, 20, 164]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.1))
def test_labels_are_kept_apart_in_order_and_inside(wanted, gap):
    placed = spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    steps = np.diff(np.array(placed)[order])
    assert (steps >= gap * (1 - 1e-9)).all()
    assert min(placed) >= -1e-9
    assert max(placed) <= 1 + 1e-9


def test_labels_with_room_stay_where_they_belong():
    assert spread([0.9, 0.1, 0.5], 0.1) == pytest.approx([0.9, 0.1, 0.5])
    assert spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    assert spread([1.0, 1.0], 0.1) == pytest.approx([0.9, 1.0])


@pytest.mark.parametrize(("seeds", "single"), [((0,), True), ((0, 1), False)])
def test_one_network_is_no_mean(study_of, seeds, single):
    drawing = draw("accuracy", study_of(depths=(8, 14), widths=(1.0,), seeds=seeds))
    (ax,) = drawing.figure.axes
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert bool(hollow) == single
    assert (":" in {line.get_linestyle() for line in ax.lines}) == single
    assert ("one network" in drawing.caption) == single
