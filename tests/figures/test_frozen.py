"""Figures of frozen networks: linear probes and block deletions."""

import numpy as np
import pytest
from frozen_tables import kept, probed
from repatlas.errors import DataError
from repatlas.figures import draw


def panels(drawing):
    return [ax for ax in drawing.figure.axes if ax.lines]


def series(ax):
    """(filled, x, y) of the lines of data."""
    data = [line for line in ax.lines if line.get_marker() not in ("None", "", None)]
    return [
        (line.get_markerfacecolor() != "white", line.get_xdata().tolist(), line.get_ydata())
        for line in data
    ]


def test_probes_are_drawn_along_the_blocks_before_and_after_each_connection(study_of):
    study = study_of(depths=(14, 20), widths=(1.0,), across="none")
    drawing = draw("linear_probes", study)
    shallow, deep = panels(drawing)
    for ax, blocks in ((shallow, 2), (deep, 3)):
        found = series(ax)
        assert len(found) == 4, "two seeds, before and after"
        numbers = list(range(1, 3 * blocks + 1))
        for seed in (0, 1):
            for filled, position in ((True, "after"), (False, "before")):
                expected = [100 * probed(k, position, seed) for k in numbers]
                assert any(
                    f == filled and x == numbers and np.allclose(y, expected) for f, x, y in found
                )
        assert [t.get_text() for t in ax.texts] == ["stage 1", "stage 2", "stage 3"]
    assert shallow.get_ylim() == deep.get_ylim()
    assert shallow.get_title(loc="left") == "ResNet-14, width 1\nn = 2 networks"
    (key,) = drawing.figure.legends
    texts = [text.get_text() for text in key.get_texts()]
    assert texts == ["after the residual connection", "before it", "seed 0", "seed 1"]
    assert "n = 4 networks" in drawing.caption
    assert "least difference between two shown is 1 percentage points" in drawing.caption


def test_deletions_are_drawn_by_stage_from_the_end(study_of):
    study = study_of(depths=(20,), widths=(1.0,), seeds=(0, 1), across="none")
    drawing = draw("block_deletion", study)
    axes = panels(drawing)
    assert len(axes) == 3
    for stage, ax in enumerate(axes, 1):
        found = series(ax)
        assert len(found) == 4
        for seed in (0, 1):
            whole = [100 * kept(stage, n, seed) for n in range(4)]
            alone = [100 * kept(stage, n, seed, alone=True) for n in range(1, 4)]
            assert any(f and x == [0, 1, 2, 3] and np.allclose(y, whole) for f, x, y in found)
            assert any(not f and x == [1, 2, 3] and np.allclose(y, alone) for f, x, y in found)
    assert axes[0].get_title(loc="left") == "ResNet-20, width 1, n = 2 networks\nstage 1"
    assert "without retraining" in drawing.caption


def test_networks_without_residual_connections_have_probes_and_nothing_to_delete(study_of):
    study = study_of(
        depths=(14,), widths=(1.0, 2.0), architectures=("resnet", "cnn"), across="none"
    )
    probes = draw("linear_probes", study)
    titles = [ax.get_title(loc="left").split("\n")[0] for ax in panels(probes)]
    assert sorted(titles) == [f"{a}-14, width {w}" for a in ("CNN", "ResNet") for w in (1, 2)]
    for ax in panels(probes):
        plain = ax.get_title(loc="left").startswith("CNN")
        assert {filled for filled, *_ in series(ax)} == ({True} if plain else {True, False})
    assert "Networks without residual connections" in probes.caption
    deletions = draw("block_deletion", study)
    assert set(deletions.data["architecture"]) == {"resnet"}
    assert "4 networks without residual connections have nothing to delete." in deletions.caption


def test_a_heat_map_of_layers_that_a_network_lacks_says_so(study_of):
    study = study_of(
        depths=(14,), widths=(1.0, 2.0), architectures=("resnet", "cnn"), across="none"
    )
    drawing = draw("within_by_width", study, {"layers": "residual"})
    assert set(drawing.data["architecture"]) == {"resnet"}
    texts = [text.get_text() for ax in drawing.figure.axes for text in ax.texts]
    assert texts.count("no residual sums") == 2


def test_a_study_without_residual_connections_says_that_nothing_can_be_deleted(study_of):
    study = study_of(depths=(14,), widths=(1.0,), architectures=("cnn",), across="none")
    with pytest.raises(DataError, match="No network to draw"):
        draw("block_deletion", study)


@pytest.mark.parametrize("name", ["linear_probes", "block_deletion"])
def test_failed_networks_and_further_ones_are_named(study_of, name):
    study = study_of(
        depths=(8, 14, 20),
        widths=(1.0, 2.0),
        seeds=(0, 1, 2),
        diverged=[(8, 1.0, 0)],
        across="none",
    )
    drawing = draw(name, study, {"max_groups": 2, "max_seeds": 1})
    assert drawing.data["run"].nunique() == 2
    assert "2 of 6 architectures are shown" in drawing.caption
    assert "Of each architecture the first 1 seeds are shown." not in drawing.caption
    assert "Of each architecture the first seed is shown." in drawing.caption
    assert "1 of 18 networks did not complete" in drawing.caption
    assert drawing.data.loc[drawing.data["group"].str.contains("-d8-w1"), "seed"].eq(1).all()
