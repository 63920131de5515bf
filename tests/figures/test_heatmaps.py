"""Heat maps show the similarity table, where it says, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from repatlas.errors import DataError, StoreError
from repatlas.figures import across_seeds, draw, heatmap
from repatlas.figures.matrix import draw_matrix
from repatlas.figures.style import style
from repatlas.results import load_study

DEAD = "stage3.block1.relu1"


def maps(drawing):
    """Title -> (axes, image array, NaN where masked) of the panels that show a matrix."""
    return {
        ax.get_title(): (ax, np.ma.filled(ax.images[0].get_array(), np.nan))
        for ax in drawing.figure.axes
        if ax.images
    }


def test_each_panel_shows_the_matrix_of_its_network(study):
    drawing = draw("within_by_depth", study)
    shown = maps(drawing)
    assert set(shown) == {f"ResNet-{d}, width {w}" for d in (8, 14) for w in (1, 2)}
    runs = study.runs
    for title, (ax, image) in shown.items():
        depth, width = int(title[7:-9]), int(title[-1])
        seed = 1 if (depth, width) == (14, 2) else 0
        row = runs[(runs["depth"] == depth) & (runs["width"] == width) & (runs["seed"] == seed)]
        matrix = study.similarity(row["run"].iloc[0])
        np.testing.assert_array_equal(image, matrix.to_numpy())
        assert ax.images[0].origin == "lower"
        assert ax.images[0].get_extent() == [0.5, len(matrix) + 0.5, 0.5, len(matrix) + 0.5]


def test_all_panels_share_the_scale_from_0_to_1(study):
    for ax, _ in maps(draw("within_by_width", study)).values():
        assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (0, 1)
        assert ax.images[0].cmap.name == "magma"


def test_the_plotted_data_are_the_rows_of_the_table(study):
    data = draw("within_by_depth", study, {"layers": "relu"}).data
    assert len(data) == 2 * 7**2 + 2 * 13**2
    for run, part in data.groupby("run_a"):
        expected = study.comparison(run, layers="relu")
        same = part[expected.columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(same, expected)
        n = part["number_a"].max()
        assert part["number_a"].tolist() == list(np.repeat(range(1, n + 1), n))
        assert part["number_b"].tolist() == list(np.tile(range(1, n + 1), n))
    assert (data["measure"] == "cka_minibatch").all()
    assert {"dataset", "fraction", "architecture", "depth", "width", "seed"} <= set(data)


def test_undefined_values_stay_undefined_and_are_explained(study):
    drawing = draw("within_by_depth", study)
    data = drawing.data
    dead = (data["layer_a"] == DEAD) | (data["layer_b"] == DEAD)
    assert (data["value"].isna() == dead).all()
    count = 2 * (2 * 30 - 1) + 2 * (2 * 51 - 1)
    assert f"Hatched: {count} undefined values, where a layer is dead." in drawing.caption
    assert any(text.get_text() == "undefined" for ax in drawing.figure.axes for text in ax.texts)


def test_the_box_outlines_the_longest_run(study):
    drawing = draw("within_by_depth", study, {"layers": "relu"})
    ax, _ = maps(drawing)["ResNet-14, width 1"]
    box = ax.patches[0]
    assert (box.get_x(), box.get_y(), box.get_width()) == (1.5, 1.5, 3)
    inside = drawing.data[drawing.data["in_box"]]
    assert set(inside["number_a"]) == {2, 3, 4}
    assert "all pairs reach a similarity of 0.9" in drawing.caption
    plain = draw("within_by_depth", study, {"block": False})
    assert not any(ax.patches for ax, _ in maps(plain).values())
    assert not plain.data["in_box"].any()
    assert "Box" not in plain.caption


def test_among_all_layers_the_box_spans_those_between(study):
    ax, _ = maps(draw("within_by_depth", study))["ResNet-8, width 1"]
    names = study.similarity(study.runs["run"].iloc[0]).index.tolist()
    first, last = names.index("stage1.block1.relu1"), names.index("stage2.block1.relu1")
    assert ax.patches[0].get_x() == first + 0.5
    assert ax.patches[0].get_width() == last - first + 1


def test_stages_are_marked_where_they_begin(study):
    ax, _ = maps(draw("within_by_depth", study, {"layers": "relu"}))["ResNet-14, width 1"]
    # 13 ReLU layers: the stem's, then 4 a stage.
    assert ax.get_xticks(minor=True).tolist() == [1.5, 5.5, 9.5]


def test_a_network_that_failed_is_a_gap_and_counted(study_of):
    failed = [(14, 2.0, 0), (14, 2.0, 1), (8, 1.0, 0)]
    drawing = draw("within_by_depth", study_of(diverged=failed))
    assert set(maps(drawing)) == {
        f"ResNet-{d}" for d in ("8, width 1", "8, width 2", "14, width 1")
    }
    texts = [text.get_text() for ax in drawing.figure.axes for text in ax.texts]
    assert texts == ["no network\ncompleted"]
    assert "n = 3 networks, seed 0 (ResNet-8, width 1: seed 1)." in drawing.caption
    assert "3 of 8 networks did not complete and are left out" in drawing.caption


def test_the_seed_can_be_chosen(study):
    drawing = draw("within_by_depth", study, {"seed": 0})
    assert set(drawing.data["seed"]) == {0}
    assert "ResNet-14, width 2" not in maps(drawing)
    with pytest.raises(DataError, match="with seed 7 completed"):
        draw("within_by_depth", study, {"seed": 7})


def test_axes_and_caption_say_which_layers(study):
    drawing = draw("within_by_depth", study, {"layers": "relu", "width": 1})
    assert {ax.get_xlabel() for ax, _ in maps(drawing).values()} == {"ReLU layer"}
    assert "between ReLU layers of one network a panel" in drawing.caption
    assert "512 probe images of digits in batches of 64 (1 pass)" in drawing.caption
    with pytest.raises(StoreError, match="'tanh' matches no layer"):
        draw("within_by_depth", study, {"layers": "tanh"})


def test_values_outside_the_scale_are_told_not_changed():
    frame = pd.DataFrame({"value": [-0.1, 0.5, 1.2, np.nan], "reason": ["", "", "", "layer_b odd"]})
    norm = heatmap.scale_of("cka_minibatch")
    text = heatmap.marks([], norm, frame)
    assert "2 of 4 values outside 0 to 1, by at most 0.2, take the colour of that end." in text
    assert "Hatched: 1 undefined value, where a layer odd." in text
    assert norm(-0.1) == 0
    assert heatmap.scale_of("rsa").vmax == 1
    assert heatmap.scale_of("angular_shape").vmax == np.pi / 2


def test_seeds_against_seeds(study):
    drawing = draw("across_seeds", study)
    data = drawing.data[drawing.data["part"] == "map"]
    # Three architectures with two seeds that completed, 2 x 2 panels each.
    assert data.groupby(["group", "seed_a", "seed_b"]).ngroups == 12
    panels = [ax for ax in drawing.figure.axes if ax.images]
    assert len(panels) == 12
    runs = study.completed["run"].tolist()[:2]  # the seeds of the first architecture
    cross = [ax for ax in panels if "seed 1" in ax.get_ylabel()]
    assert cross[0].get_xlabel() == "ReLU layer, seed 0"
    shown = np.ma.filled(cross[0].images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown, study.similarity(runs[1], runs[0]).to_numpy())


def test_the_curve_of_the_same_layer_is_that_of_the_table(study):
    drawing = draw("across_seeds", study)
    curves = drawing.data[drawing.data["part"] == "curve"]
    table = study.cross_seed
    merged = curves.merge(table, on=["group", "layer"], suffixes=("", "_table"))
    assert len(merged) == len(curves) == len(table)
    np.testing.assert_array_equal(merged["value_mean"], merged["value_mean_table"])
    ax = drawing.figure.axes[-1]
    drawn = [line.get_ydata() for line in ax.lines]
    own = table[table["group"] == table["group"].iloc[0]].sort_values("index")["value_mean"]
    assert any(np.array_equal(y, own, equal_nan=True) for y in drawn)
    assert "mean over 1 pair of networks" in drawing.caption


@pytest.mark.parametrize(
    ("tapped", "compared", "words"),
    [
        ({"relu", "add", "conv"}, {"relu", "add"}, "between ReLU layers and residual sums."),
        ({"relu", "add", "conv"}, {"add"}, "between residual sums."),
        ({"relu", "add"}, {"relu", "add"}, "between all tapped layers."),
        ({"relu"}, {"relu"}, "between ReLU layers."),
    ],
)
def test_the_caption_lists_the_kinds_of_layers_compared(study_of, tapped, compared, words):
    study = study_of(depths=(8,), widths=(1.0,))
    table = study.layer_similarity
    within = table[table["run_a"].astype(str) == table["run_b"].astype(str)]
    within = within[within["kind_a"].isin(tapped) & within["kind_b"].isin(tapped)]
    chosen = within[within["kind_a"].isin(compared) & within["kind_b"].isin(compared)]
    a, b = study.runs["run"]
    across = chosen[chosen["run_a"] == a].astype({"run_b": str}).assign(run_b=b, seed_b=1)
    made = pd.concat([within.astype({"run_b": str}), across]).astype({"run_b": "category"})
    made.to_parquet(study.folder / "tables" / "layer_similarity.parquet", index=False)
    drawing = draw("across_seeds", load_study(study.folder))
    assert words in drawing.caption


def test_one_seed_gives_no_figure_across_seeds(study_of):
    study = study_of(seeds=(0,))
    with pytest.raises(DataError, match=r"No two seeds to compare.*`grid\.seed`"):
        draw("across_seeds", study)
    assert len(maps(draw("within_by_depth", study))) == 4


def test_architectures_against_each_other(study):
    drawing = draw("across_architectures", study, {"max_pairs": 2})
    panels = [ax for ax in drawing.figure.axes if ax.images]
    assert [ax.get_title() for ax in panels] == ["fewest and most weights", "shallow and deep"]
    assert panels[0].get_ylabel() == "ReLU layer of ResNet-8, width 1,\nseed 0"
    assert panels[0].get_xlabel() == "ReLU layer of ResNet-14, width 2,\nseed 1"
    data = drawing.data[drawing.data["shown_as"] == "fewest and most weights"]
    expected = study.similarity(data["run_a"].iloc[0], data["run_b"].iloc[0])
    assert expected.shape == (7, 13)
    image = np.ma.filled(panels[0].images[0].get_array(), np.nan)
    np.testing.assert_array_equal(image, expected.to_numpy())
    assert "2 of 6 pairs of architectures are shown." in drawing.caption


def test_all_pairs_of_architectures_where_there_are_few(study):
    drawing = draw("across_architectures", study, {"depth": 8})
    assert len(maps(drawing)) == 1
    assert set(drawing.data["depth_a"]) == set(drawing.data["depth_b"]) == {8}


def test_the_network_with_fewer_weights_is_vertical(study):
    data = draw("across_architectures", study).data
    weights = study.runs.set_index("run")["parameters"]
    sizes = data.drop_duplicates(["run_a", "run_b"])
    assert len(sizes) == 6
    assert (sizes["run_a"].map(weights) < sizes["run_b"].map(weights)).all()


def test_no_comparison_of_architectures_is_said(study_of):
    with pytest.raises(DataError, match=r"`comparisons\.across_architectures: all`"):
        draw("across_architectures", study_of(across="none"))


def test_of_many_seeds_those_are_shown_that_were_all_compared():
    found = pd.DataFrame({"run": ["s0", "s1", "s2", "s3", "s4"]})
    pairs = pd.DataFrame({"run_a": ["s0", "s1", "s3", "s4"], "run_b": ["s2", "s4", "s1", "s3"]})

    def shown(most, some=pairs):
        return across_seeds._all_compared(found, some, most)["run"].tolist()

    assert shown(3) == shown(9) == ["s1", "s3", "s4"]
    assert shown(2) == ["s0", "s2"]
    assert shown(1) == ["s0"]
    chain = pd.DataFrame({"run_a": ["s0", "s1", "s2"], "run_b": ["s1", "s2", "s3"]})
    assert shown(3, chain) == ["s0", "s1"], "no panel is left without a comparison"


def test_a_block_of_seeds_says_how_many_were_compared(study_of):
    study = study_of(depths=(8,), widths=(1.0,), seeds=range(5))
    runs = study.runs["run"]
    table = study.layer_similarity.astype({"run_a": str, "run_b": str})
    chain = {frozenset(runs[k : k + 2]) for k in range(3)} | {frozenset([run]) for run in runs}
    kept = [frozenset(p) in chain for p in zip(table["run_a"], table["run_b"], strict=True)]
    made = table[kept].astype({"run_a": "category", "run_b": "category"})
    made.to_parquet(study.folder / "tables" / "layer_similarity.parquet", index=False)
    drawing = draw("across_seeds", load_study(study.folder))
    (title,) = [text.get_text() for text in drawing.figure.texts]
    assert title == "ResNet-8, width 1: 2 of n = 4 networks"
    assert len([ax for ax in drawing.figure.axes if ax.images]) == 4
    assert "n = 4 networks, 2 of them above." in drawing.caption


@pytest.mark.parametrize("name", ["a", "digits-resnet-d8-w1-f1-s0-81ee4d03", "long_name_" * 20])
def test_the_names_of_two_sides_stay_on_the_page(name):
    table = pd.DataFrame({"layer_a": ["x", "y"], "layer_b": ["x", "x"], "value": [1.0, 0.5]})
    with style():
        figure = draw_matrix(table, "cka", name, name).figure
        figure.draw_without_rendering()
    ax = figure.axes[0]
    for text in (ax.xaxis.label, ax.yaxis.label):
        box, page = text.get_window_extent(), figure.bbox
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert (name in text.get_text()) == (len(name) < 100)
