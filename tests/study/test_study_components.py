"""What the analyses of first principal components ask of a study, and names of their files."""

import pytest
from repatlas.errors import ConfigError
from repatlas.study import Study

ALL = ["principal_components", "cka_without_pc1", "dominant_examples"]


def made(**more):
    config = {"study": "x", "grid": {"depth": [8, 14], "seed": [0, 1]}, "analyses": ALL}
    return Study(config | more)


def message(**more):
    with pytest.raises(ConfigError) as error:
        made(**more)
    return str(error.value)


def test_dominant_examples_need_the_components():
    text = message(analyses=["dominant_examples"])
    assert "analyses.0: found 'dominant_examples'" in text
    assert "add 'principal_components' to `analyses`" in text
    assert made(analyses=["principal_components", "dominant_examples"]).runs


def test_components_are_compared_with_cka():
    text = message(analyses=["principal_components"], measures=["rsa"])
    assert "add 'cka_minibatch' to `measures`" in text


def test_layers_that_no_network_has_are_refused():
    assert "names no layer" in message(principal_components={"layers": ["stage4.*"]})
    text = message(dominant_examples={"layer": "stage2.block2.relu2"})
    assert "a network of architecture 'resnet' and depth 8" in text
    assert made(dominant_examples={"layer": "stage2.block1.relu2"}).runs
    assert "stage2.block1.add" in message(dominant_examples={"layer": "stage2.block1.add"})
    assert "ReLU layer" in message(taps=["conv"], comparisons={"layers": ["conv"]})


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ("principal_components", {"tolerance": 0}),
        ("principal_components", {"passes": 1}),
        ("dominant_examples", {"removed": [0.6]}),
        ("dominant_examples", {"removed": [0]}),
        ("dominant_examples", {"draws": 0}),
    ],
)
def test_options_out_of_range_are_refused(section, options):
    assert section in message(**{section: options})


def names(study):
    run = study.runs[0].name
    return [study.artifact(name, run) for name in ALL]


def test_files_are_named_for_what_decides_them():
    base = names(made())
    assert names(made(figures=["accuracy"])) == base
    tolerance = names(made(principal_components={"tolerance": 1e-3}))
    # Dominant examples are made from the components.
    assert [a == b for a, b in zip(base, tolerance, strict=True)] == [False, True, False]
    removed = names(made(dominant_examples={"removed": [0.2]}))
    assert [a == b for a, b in zip(base, removed, strict=True)] == [True, True, False]
    probe = names(made(probe={"size": 256}))
    assert all(a != b for a, b in zip(base, probe, strict=True))


def test_a_single_share_is_a_list_of_one():
    study = made(dominant_examples={"removed": 0.1})
    assert study.analysis_options("dominant_examples")["removed"] == [0.1]


def test_figures_show_what_the_study_names():
    both, one = made(), made(analyses=["principal_components"])
    assert both.figure_settings("first_component")["without_pc1"] is True
    assert "cka_without_pc1.parquet" in both.figure_tables("first_component")
    assert one.figure_settings("first_component")["without_pc1"] is False
    assert "cka_without_pc1.parquet" not in one.figure_tables("first_component")
    off = made(figure_settings={"first_component": {"without_pc1": False}})
    assert "cka_without_pc1.parquet" not in off.figure_tables("first_component")
    assert {"first_component", "pc1_share", "sparsity"} <= set(one.figures)
    assert {"cka_without_pc1", "dominant_images"}.isdisjoint(one.figures)
    text = message(
        analyses=["principal_components"],
        figure_settings={"first_component": {"without_pc1": True}},
    )
    assert "`analyses` does not name 'cka_without_pc1'" in text


def test_a_figure_shows_layers_that_its_table_has():
    """Components are taken of ReLU layers and logits, and networks compared by their ReLU layers,
    whatever is read out."""
    made(figure_settings={"pc1_share": {"layers": "dense"}, "within_by_depth": {"layers": "add"}})
    text = message(figure_settings={"pc1_share": {"layers": "add"}})
    assert "figure_settings.pc1_share.layers" in text
    assert "`principal_components.layers` names" in text
    assert "`comparisons.layers`" in message(figure_settings={"across_seeds": {"layers": "add"}})
    both = {"layers": ["relu", "add"]}
    made(figure_settings={"across_seeds": {"layers": "add"}}, comparisons=both)
