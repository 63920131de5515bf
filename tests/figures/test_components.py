"""Figures of first principal components and of dominant examples."""

import numpy as np
import pytest
from component_tables import share, write_components, zeros
from repatlas.errors import DataError
from repatlas.figures import draw
from repatlas.results import load_study


@pytest.fixture
def components(study_of):
    """`components(without=True, depths=..., ...)`: a made study with the tables of the analyses."""

    def make(without=True, **settings):
        study = study_of(**{"depths": (8, 14), "widths": (1.0,), "across": "none"} | settings)
        tables = study.folder / "tables"
        for path in [*tables.glob("cka_without_pc1*")]:
            path.unlink()
        write_components(tables, study.runs, study.design, without)
        return study

    return make


def maps(drawing):
    return [ax for ax in drawing.figure.axes if ax.images]


def titles(drawing):
    found = (ax.get_title(loc="left") for ax in drawing.figure.axes)
    return [text for text in found if text]


def test_a_row_has_the_four_panels_of_the_paper(components):
    drawing = draw("first_component", components())
    assert [t.splitlines()[-1] for t in titles(drawing)] == [
        "Squared cosine of PC1",
        "CKA",
        "Share of PC1 (%)",
        "CKA without PC1",
    ] * 2
    assert titles(drawing)[0].splitlines()[0] == "ResNet-8, width 1"
    assert titles(drawing)[4].splitlines()[0] == "ResNet-14, width 1"
    pc, _, without = (np.asarray(ax.images[0].get_array()) for ax in maps(drawing)[:3])
    near = np.exp(-0.2 * np.abs(np.subtract.outer(range(8), range(8))))
    np.testing.assert_allclose(pc, near**2)
    np.testing.assert_allclose(without, near / 2)
    line = next(ax for ax in drawing.figure.axes if len(ax.lines) == 4).lines[0]
    np.testing.assert_allclose(line.get_ydata(), [100 * share(k, 0) for k in range(8)])
    assert "0.75, 0.75" in drawing.caption
    assert "all 512 probe images" in drawing.caption
    assert "n = 2 networks, seed 0" in drawing.caption


@pytest.mark.parametrize(("without", "settings"), [(True, {"without_pc1": False}), (False, {})])
def test_the_fourth_panel_is_left_out(components, without, settings):
    drawing = draw("first_component", components(without), settings)
    assert len(maps(drawing)) == 2 * 2
    assert "CKA without PC1" not in " ".join(titles(drawing))
    assert "taken out" not in drawing.caption


@pytest.mark.parametrize(
    ("name", "expected", "n"), [("pc1_share", share, 8), ("sparsity", zeros, 7)]
)
def test_shares_are_drawn_by_layer(components, name, expected, n):
    drawing = draw(name, components())
    shallow = drawing.figure.axes[0]
    single = [line for line in shallow.lines if line.get_alpha()]
    assert len(single) == 2
    for seed, line in enumerate(single):
        np.testing.assert_allclose(line.get_ydata(), [100 * expected(k, seed) for k in range(n)])
    mean = next(line for line in shallow.lines if not line.get_alpha())
    np.testing.assert_allclose(mean.get_ydata(), [100 * expected(k, 0.5) for k in range(n)])
    assert titles(drawing) == [
        "ResNet-8, width 1\nn = 2 networks",
        "ResNet-14, width 1\nn = 2 networks",
    ]
    assert "n = 4 networks" in drawing.caption
    hollow = [line for line in shallow.lines if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == 3, "one inside each of three blocks"


def test_networks_that_failed_are_left_out_and_said(components):
    study = components(diverged=[(8, 1.0, 0), (14, 1.0, 0), (14, 1.0, 1)])
    for name in ("pc1_share", "first_component", "cka_without_pc1", "dominant_removal"):
        drawing = draw(name, study)
        assert "3 of 4 networks did not complete" in drawing.caption
        assert not any("ResNet-14" in t for t in titles(drawing))
    with pytest.raises(DataError):
        draw("first_component", study, {"seed": 5})


def test_with_and_without_stand_above_each_other(components):
    study = components()
    drawing = draw("cka_without_pc1", study)
    assert len(maps(drawing)) == 4
    above, below = (np.asarray(ax.images[0].get_array()) for ax in maps(drawing)[:2])
    assert above.shape == (7, 7), "ReLU layers alone"
    np.testing.assert_allclose(below, above / 2)
    heads = titles(drawing)
    assert heads[0] == "ResNet-8, width 1\nwith PC1\n20.0 % above 0.9; run 4"
    assert heads[1].endswith("without PC1\n2.0 % above 0.9; run 1")
    whole = draw("cka_without_pc1", study, {"layers": "all"})
    assert np.asarray(maps(whole)[0].images[0].get_array()).shape == (8, 8)


@pytest.mark.parametrize("name", ["pc1_share", "cka_without_pc1", "best_matches"])
def test_layers_are_chosen_by_group_kind_or_pattern(study_of, name):
    study = study_of(depths=(8, 14), widths=(1.0,))
    column = "layer_a" if name == "cka_without_pc1" else "layer"

    def layers(chosen):
        return set(draw(name, study, {"layers": chosen}).data[column].astype(str))

    assert layers("all") >= layers("relu") > layers("stage2.*") > set()
    assert all(layer.startswith("stage2.") for layer in layers("stage2.*"))
    with pytest.raises(DataError, match="No layer 'residual' has values to draw"):
        layers("residual")


@pytest.mark.parametrize(
    ("kept", "axis", "marks"),
    [
        (
            "relu|dense",
            "ReLU layer, logits last",
            "Filled: at the end of a block, and the first; open: within a block; diamond: logits.",
        ),
        ("relu2|dense", "ReLU layer, logits last", "Diamond: logits."),
        ("relu[12]", "ReLU layer", "Filled: at the end of a block; open: within a block."),
        ("dense", "Layer (dense)", "Diamond: logits."),
        ("relu2", "ReLU layer", ""),
        ("add", "Residual sum", ""),
        (
            "relu1|add|dense",
            "Layer, logits last",
            "Filled: other layers; open: ReLU layers within a block; diamond: logits.",
        ),
        ("relu1|fc", "Layer", "Filled: other layers; open: ReLU layers within a block."),
    ],
)
@pytest.mark.parametrize("name", ["first_component", "pc1_share"])
def test_axes_and_marks_are_those_of_the_layers_taken(components, name, kept, axis, marks):
    study = components(depths=(8,))
    tables = study.folder / "tables"
    table = study.table("principal_components")
    if "add" in kept:
        ends = table["layer"].str.endswith("relu2")
        table.loc[ends, "kind"] = "add"
        table["layer"] = table["layer"].str.replace("relu2", "add")
    if "fc" in kept:
        # A hidden dense layer of a user's network, in the middle.
        hidden = table["layer"] == "stage2.block1.relu2"
        table.loc[hidden, ["layer", "kind"]] = ["fc", "dense"]
    table = table[table["layer"].str.contains(kept)]
    table.to_csv(tables / "principal_components.csv", index=False)
    drawing = draw(name, load_study(study.folder))
    found = {ax.get_xlabel() for ax in drawing.figure.axes}
    assert found - {""} == {axis}
    told = [s for s in drawing.caption.split(". ") if s.startswith(("Filled", "Open", "Diamond"))]
    assert told == ([marks.removesuffix(".")] if marks else [])
    ax = next(ax for ax in drawing.figure.axes if ax.lines)
    low, high = ax.get_xlim()
    assert all(low < x < high for line in ax.lines for x in line.get_xdata())
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_matches_of_several_kinds_are_said_to_be_within_their_kind(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,))
    relu = draw("best_matches", study, {"layers": "all"}).caption
    assert "all compared layers, matched by CKA" in relu
    assert "The layers are those of the architecture with fewer weights" in relu
    path = study.folder / "tables" / "best_matches.csv"
    table = study.table("best_matches")
    table.loc[table["index"] == 3, "kind"] = "add"
    table.to_csv(path, index=False)
    both = draw("best_matches", load_study(study.folder), {"layers": "all"}).caption
    assert "all compared layers, matched, within their kind, by CKA" in both


def test_projections_are_counted(components):
    drawing = draw("dominant_projections", components())
    assert drawing.data.groupby("run")["examples"].sum().tolist() == [512] * 4
    head = titles(drawing)[0]
    assert "n = 2 networks" in head
    assert "stage1.block1.relu2: PC1 13 to 14 %" in head
    assert "top 1 % carries 50 to 60 %" in head
    assert "bimodality 0.70" in head


def test_a_seed_has_one_colour_in_all_panels(components):
    drawing = draw("dominant_projections", components(diverged=[(8, 1.0, 0)]))
    one, two = ([tuple(p.get_edgecolor()) for p in ax.patches] for ax in drawing.figure.axes)
    assert len(one) == 1
    assert len(set(two)) == 2
    assert one[0] == two[1], "seed 1"
    assert "seeds 0 and 1 from dark to light" in drawing.caption


def test_projections_keep_their_sign_their_two_modes_and_what_lies_far_out(components):
    study = components(depths=(8,), seeds=(0,))
    drawing = draw("dominant_projections", study)
    data = drawing.data
    inside = data[data["to"] <= 4]
    np.testing.assert_allclose(inside["to"] - inside["from"], 0.25)
    assert data.loc[data["from"].between(-2, -0.5), "examples"].sum() >= 395
    assert data.loc[data["from"].between(0, 1.1), "examples"].sum() == 0, "a trough between modes"
    assert data.loc[data["from"].between(1.2, 4), "examples"].sum() == 111
    (far,) = data[(data["from"] > 5) & (data["examples"] > 0)].to_dict("records")
    assert far["from"] <= 20 < far["to"]
    (ax,) = drawing.figure.axes
    places = ax.transData.transform([(x, 1) for x in [*data["from"], far["to"]]])[:, 0]
    np.testing.assert_allclose(np.diff(places), np.diff(places)[0], rtol=1e-6)
    assert ax.get_xlim()[0] < 0 < 20 < ax.get_xlim()[1]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["−2", "0", "2", "4", "10"]
    assert "logarithmic beyond 4" in drawing.caption


def test_networks_of_different_layers_have_each_named(components):
    study = components(depths=(8,), seeds=range(5))
    path = study.folder / "tables" / "dominant_layers.csv"
    table = study.table("dominant_layers")
    number = table["seed"].clip(upper=3) + 1
    table["is_reference"] = table["index"] == number
    table.to_csv(path, index=False)
    (head,) = titles(draw("dominant_projections", load_study(study.folder)))
    names = ["stage1.block1.relu1", "stage1.block1.relu2", "stage2.block1.relu1"]
    shares = [f"{n}: PC1 {100 * share(k + 1, k):.0f} %" for k, n in enumerate(names)]
    assert head.splitlines()[-6:-2] == [*shares, "and of 1 further layer"]


def test_removals_stand_beside_each_other(components):
    drawing = draw("dominant_removal", components())
    assert len(maps(drawing)) == 2 * 3
    heads = titles(drawing)
    assert [h.splitlines()[1] for h in heads[:3]] == [
        "all examples",
        "without 10 % dominant",
        "without 10 % random",
    ]
    assert heads[1].endswith("20.0 % above 0.9\nrun 4")
    whole, left = (np.asarray(ax.images[0].get_array()) for ax in maps(drawing)[:2])
    np.testing.assert_allclose(left, 0.9 * whole)


def test_the_contact_sheet_shows_the_images(components):
    study = components()
    drawing = draw("dominant_images", study, {"max_examples": 6})
    assert len(maps(drawing)) == 2 * (12 + 6)
    table = study.table("dominant_images")
    first = table[(table["run"] == study.runs["run"][0]) & (table["shown"] == "dominant")].iloc[0]
    pixels = np.frombuffer(first["pixels"], np.uint8).reshape(3, 2, 2).transpose(1, 2, 0)
    np.testing.assert_array_equal(maps(drawing)[0].images[0].get_array(), pixels)
    assert maps(drawing)[0].get_xlabel() == "cat\n30.0"
    assert "pixels" not in drawing.data


def test_matches_say_how_many_networks_of_either_side_were_compared(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,), seeds=range(3))
    runs = study.runs
    (small, large) = (runs.loc[runs["depth"] == depth, "run"].tolist() for depth in (8, 14))
    table = study.layer_similarity.astype({"run_a": str, "run_b": str})
    across = table["group_a"].astype(str) != table["group_b"].astype(str)
    kept = table[~across | (table["run_a"].isin(small[:2]) & (table["run_b"] == large[0]))]
    kept = kept.astype({"run_a": "category", "run_b": "category"})
    kept.to_parquet(study.folder / "tables" / "layer_similarity.parquet", index=False)
    drawing = draw("best_matches", load_study(study.folder))
    heads = {ax.get_title().splitlines()[-1] for ax in drawing.figure.axes if ax.get_title()}
    assert "n = 2 and 1 networks" in heads
