"""Figures of networks on their way, and of interventions in their training."""

import numpy as np
import pytest
from component_tables import share
from dynamics_tables import STEPS, alike, pc1, to_final
from repatlas.errors import DataError
from repatlas.figures import draw
from repatlas.layers import layers_of
from repatlas.results import load_study

RESNET_8 = layers_of({"architecture": "resnet", "depth": 8})


@pytest.fixture
def one_architecture(study_of):
    return study_of(depths=(8,), widths=(1.0,), across="none")


def images(drawing):
    return [ax for ax in drawing.figure.axes if ax.images and ax.get_title(loc="left")] or [
        ax for ax in drawing.figure.axes if ax.images and ax.get_title()
    ]


def test_a_heat_map_a_checkpoint_with_its_moment(one_architecture):
    drawing = draw("dynamics_within", one_architecture)
    panels = images(drawing)
    titles = [ax.get_title(loc="left").split("\n") for ax in panels]
    assert titles[0] == ["ResNet-8, width 1", "initialisation"]
    assert [t[-1] for t in titles] == ["initialisation", "step 1", "epoch 1", "epoch 4 (end)"]
    for ax, step in zip(panels, STEPS, strict=True):
        expected = [[alike(i, j, step) for j in range(30)] for i in range(30)]
        np.testing.assert_allclose(ax.images[0].get_array(), expected)
        (box,) = ax.patches
        relu = [k for k, layer in enumerate(RESNET_8) if layer.kind == "relu"]
        assert (box.get_x(), box.get_width()) == (relu[1] + 0.5, relu[3] - relu[1] + 1)
    assert "n = 1 network, seed 0." in drawing.caption
    assert "statistics of each probe batch" in drawing.caption


def test_checkpoints_that_do_not_fit_are_thinned_out_with_both_ends_kept(one_architecture):
    drawing = draw("dynamics_within", one_architecture, {"max_columns": 2, "seed": 1})
    assert [ax.get_title(loc="left").split("\n")[-1] for ax in images(drawing)] == [
        "initialisation",
        "epoch 4 (end)",
    ]
    assert set(drawing.data["run"].str.contains("-s1-")) == {True}
    assert "Of the values of step (0, 1, 10, 40), 0, 40 are shown." in drawing.caption
    assert "Of the values" not in draw("dynamics_within", one_architecture).caption


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (
            "dynamics_to_final",
            lambda i, step: np.mean([to_final(i, step, s) for s in (0, 1)]),
        ),
        ("dynamics_component", pc1),
    ],
)
def test_layers_over_training_are_means_over_seeds(name, value, one_architecture):
    drawing = draw(name, one_architecture)
    (ax,) = images(drawing)
    relu = [k for k, layer in enumerate(RESNET_8) if layer.kind == "relu"]
    expected = [[value(i, step) for step in STEPS] for i in relu]
    np.testing.assert_allclose(ax.images[0].get_array(), expected)
    assert [t.get_text() for t in ax.get_xticklabels()] == [str(step) for step in STEPS]
    assert ax.get_title() == "ResNet-8, width 1\nn = 2 networks"
    everything = draw(name, one_architecture, {"layers": "all"})
    assert images(everything)[0].images[0].get_array().shape == (30, 4)


def test_lines_over_training_are_the_networks(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,), across="none", diverged=[(14, 1.0, 1)])
    drawing = draw("dynamics_blocks", study)
    above, _, accuracy = [ax for ax in drawing.figure.axes if ax.lines]
    assert len(above.lines) == 3, "a network that failed has no line"
    for line in above.lines:
        assert line.get_xdata().tolist() == STEPS
    ends = sorted(float(line.get_ydata()[-1]) for line in above.lines)
    np.testing.assert_allclose(ends, [0.4, 0.4, 0.5])
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [0.1, 0.12, 0.3, 0.9])
    assert "1 of 4 networks did not complete" in drawing.caption


@pytest.mark.parametrize(
    "name", ["dynamics_within", "dynamics_to_final", "dynamics_component", "dynamics_blocks"]
)
def test_the_caption_counts_the_images_that_were_read_out(name, study_of):
    study = study_of(depths=(8, 14), widths=(1.0,), across="none", diverged=[(14, 1.0, 1)])
    tables = study.folder / "tables"
    runs = study.runs.assign(probe="digits-n512-b64-p10-481d85b1")
    runs.to_csv(tables / "runs.csv", index=False)
    assert "on 512 probe images of digits in batches of 64 (1 pass)" in draw(name, study).caption
    table = study.table("dynamics")
    table.assign(n_batches=table["n_batches"].clip(upper=2)).to_csv(tables / "dynamics.csv")
    limited = draw(name, load_study(study.folder)).caption
    assert "on 128 probe images of digits in batches of 64 (1 pass)" in limited


def test_networks_that_all_failed_give_no_figure(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,), seeds=(0,), diverged=[(8, 1.0, 0)])
    for name in ("dynamics_within", "dynamics_to_final", "dynamics_component", "dynamics_blocks"):
        with pytest.raises(DataError, match="No network to draw"):
            draw(name, study, {"depth": 8})


@pytest.mark.parametrize(
    ("axis", "values", "words"),
    [
        ("pc_penalty", (0.0, 1.0), ["none", "PC penalty 1"]),
        ("colour_jitter", (0.0, 0.5), ["none", "colour jitter 0.5"]),
        ("batch_size", (16, 128), ["none", "batch size 16"]),
    ],
)
def test_interventions_stand_beside_networks_without(axis, values, words, study_of):
    study = study_of(depths=(8, 14), widths=(1.0,), extra=(axis, values), across="none")
    drawing = draw("interventions", study, {"pc1_share": False})
    axes = [ax for ax in drawing.figure.axes if ax.lines]
    assert len(axes) == 6, "three metrics for two depths"
    assert [ax.get_title(loc="left").split("\n")[0] for ax in axes[:2]] == ["depth 8", "depth 14"]
    assert [t.get_text() for t in axes[-1].get_xticklabels()] == words
    usual = values[-1] if axis == "batch_size" else values[0]
    runs = study.runs
    for ax, depth in zip(axes[4:], (8, 14), strict=True):
        own = runs[runs["depth"] == depth]
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        for dot, chosen in zip(dots, (own[axis] == usual, own[axis] != usual), strict=True):
            np.testing.assert_allclose(sorted(dot.get_ydata()), own[chosen]["test_accuracy"])
    assert "n = 8 networks" in drawing.caption


def test_interventions_show_the_share_that_the_penalty_acts_on(study_of):
    settings = {"depths": (8,), "widths": (1.0,), "seeds": range(3), "across": "none"}
    study = study_of(extra=("pc_penalty", (0.0, 1.0)), **settings)
    drawing = draw("interventions", study)
    (ax,) = [ax for ax in drawing.figure.axes if ax.get_ylabel().startswith("Largest share of PC1")]
    last = 6  # of the ReLU layers; the logits have more
    for dots in (line for line in ax.lines if line.get_marker() == "o"):
        np.testing.assert_allclose(sorted(dots.get_ydata()), [share(last, s) for s in range(3)])
    means = drawing.data[drawing.data["metric"].eq("pc1_share") & drawing.data["series"].eq("mean")]
    np.testing.assert_allclose(means["value"], [share(last, 1)] * 2)
    assert (means["low"] < means["value"]).all()
    assert "PC1: the largest share" in drawing.caption
    (study.folder / "tables" / "principal_components.csv").unlink()
    assert "PC1" not in draw("interventions", load_study(study.folder)).caption
