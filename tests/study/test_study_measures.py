"""Options of measures: checked before any job, part of a name only where set, those of the library
(names, defaults)."""

import json

import pytest
from repatlas import catalogue
from repatlas.analysis.design import read_grid
from repatlas.errors import ConfigError
from repatlas.files import write_json
from repatlas.similarity import MEASURES
from repatlas.study import Study
from repatlas.study.measures import (
    MeasureOptions,
    NeighbourSettings,
    PwccaSettings,
    RbfSettings,
    RegressionSettings,
    RsaSettings,
    SvccaSettings,
)
from repatlas.study.record import config_record, grid_record

SETTINGS = {
    "cka_rbf": RbfSettings,
    "svcca": SvccaSettings,
    "pwcca": PwccaSettings,
    "rsa": RsaSettings,
    "linear_regression": RegressionSettings,
    "knn_jaccard": NeighbourSettings,
}


def made(measures=("cka_minibatch", "cka_rbf", "svcca"), options=None, **more):
    settings = {"study": "x", "grid": {"seed": [0, 1]}, "measures": list(measures), **more}
    return Study(settings | ({} if options is None else {"measure_options": options}))


def names(study):
    return {tile.label: tile.name for tile in study.tiles}


def test_every_option_of_the_library_can_be_set_and_has_its_default():
    assert set(MeasureOptions.model_fields) == set(SETTINGS)
    for name, measure in MEASURES.items():
        if name == "cka_minibatch":
            assert name not in SETTINGS, "its batches are the probe's"
        elif measure.options:
            fields = SETTINGS[name].model_fields
            assert {key: field.default for key, field in fields.items()} == measure.options
        else:
            assert name not in SETTINGS


def test_the_catalogue_knows_which_measures_depend_on_the_direction():
    for name, measure in MEASURES.items():
        assert catalogue.is_directed(name) != measure.is_symmetric({})
    for label, option in (
        ("pwcca(weights=mean)", "weights"),
        ("linear_regression(target=mean)", ""),
    ):
        name = catalogue.measure_name(label)
        assert not catalogue.is_directed(label)
        assert MEASURES[name].is_symmetric({option or "target": "mean"})


def test_without_options_nothing_has_another_name():
    """Names as they were before options existed: of studies that are on disks."""
    assert names(made(["cka", "cka_rbf"])) == {
        "cka": "digits-resnet-d14-w1-f1--digits-resnet-d14-w1-f1--2a7543fe",
        "cka_rbf": "digits-resnet-d14-w1-f1--digits-resnet-d14-w1-f1--dbc57719",
    }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"svcca": {}},
        {"svcca": {"keep": 0.99}},
        {"cka_rbf": {"median_fraction": 1, "unbiased": True, "bandwidth": None}},
        {"cka_rbf": [{}]},
        {"rsa": None},
    ],
)
def test_an_option_at_its_default_is_no_option(options):
    assert names(made(options=options)) == names(made())


def test_a_list_computes_the_measure_once_for_each():
    options = {"cka_rbf": [{"median_fraction": 0.2}, {}], "svcca": {"keep": 0.9}}
    study, plain = made(options=options), made()
    assert list(names(study)) == [
        "cka_minibatch",
        "cka_rbf(median_fraction=0.2)",
        "cka_rbf",
        "svcca(keep=0.9)",
    ]
    assert names(study)["cka_rbf"] == names(plain)["cka_rbf"]
    assert names(study)["cka_minibatch"] == names(plain)["cka_minibatch"]
    assert len(set(names(study).values()) | set(names(plain).values())) == 5
    assert [tile.options for tile in study.tiles] == [
        {},
        {"median_fraction": 0.2},
        {},
        {"keep": 0.9},
    ]


def test_tables_are_asked_for_by_the_label_and_files_by_the_measure():
    study = made(["cka_rbf"], {"cka_rbf": {"median_fraction": 0.2}})
    tiles = dict(grid_record(study)["tiles"])
    (path,) = tiles["cka_rbf(median_fraction=0.2)"]
    assert path.startswith("results/similarity/cka_rbf/")


def test_the_tables_and_figures_have_the_measures_in_the_studys_order(tmp_path):
    order = ["cka_minibatch", "svcca", "angular_shape"]
    path = tmp_path / "grid.json"
    write_json(path, grid_record(made(order)))
    assert list(read_grid(path).tiles) == order


def test_two_settings_of_one_measure_are_a_ranking():
    study = made(["svcca"], {"svcca": [{}, {"keep": 0.9}]})
    assert "layer_matching" in study.figures
    assert "layer_matching" not in made(["svcca"]).figures


def test_the_recorded_configuration_is_the_same_study():
    options = {"cka_rbf": [{"bandwidth": 3.0}, {}], "svcca": {"keep": 0.9}}
    study = made(options=options)
    record = json.loads(json.dumps(config_record(study)))["measure_options"]
    again = made(options=record)
    assert names(again) == names(study)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cka_rbf": {"median_fraction": 0}}, "found 0; accepted is a number, above 0"),
        ({"svcca": {"keep": "0.9"}}, "found the text '0.9'; accepted is a number, above 0"),
        ({"svcca": {"keep": True}}, "svcca.keep: found true"),
        ({"cka_rbf": {"unbiased": 1}}, "unbiased: found 1; accepted is true or false"),
        ({"cka_rbf": {"sigma": 1}}, "sigma: unknown key (accepted: bandwidth, median_fraction"),
        ({"svcca": [{"keep": 0.9}, {"kep": 1}]}, "svcca.1.kep: unknown key; did you mean 'keep'?"),
        ({"svcca": []}, "an empty list"),
        ({"cka": {}}, "measure_options.cka: unknown key"),
        ({"pwcca": {"weights": "x"}}, "pwcca: it has no effect, because `measures` does not"),
        ({"svcca": [{}, {"keep": 0.99}]}, "svcca: the options {} stand twice"),
        ({"cka_rbf": {"bandwidth": 1, "median_fraction": 2}}, "no effect beside `bandwidth`"),
    ],
)
def test_a_mistake_is_said_before_any_job(options, said):
    with pytest.raises(ConfigError) as error:
        made(options=options)
    assert said in str(error.value)


@pytest.mark.parametrize(("k", "accepted"), [(14, True), (15, False), (None, True)])
def test_more_neighbours_than_probe_images(k, accepted):
    probe = {"size": 16, "batch_size": 16}
    options = {"knn_jaccard": {"k": k}} if k else {}
    if accepted:
        assert made(["knn_jaccard"], options, probe=probe).tiles
    else:
        with pytest.raises(ConfigError, match=r"knn_jaccard.*found 15.*16 images.*at most 14"):
            made(["knn_jaccard"], options, probe=probe)
    with pytest.raises(ConfigError, match=r"found 10, but the probe set has 8 images"):
        made(["knn_jaccard"], probe={"size": 8, "batch_size": 8})


@pytest.mark.parametrize(
    ("wanted", "fine"),
    [("svcca(keep=0.9)", True), ("svcca", True), ("cka_rbf", False), ("svcca(keep=0.8)", False)],
)
def test_a_figure_shows_a_measure_with_options_by_its_label_or_name(wanted, fine):
    options = {"svcca": {"keep": 0.9}, "cka_rbf": [{"median_fraction": 0.2}, {"bandwidth": 2}]}
    figures = {"block_metrics": {"measure": wanted}}
    if fine:
        made(options=options, figure_settings=figures)
    else:
        with pytest.raises(ConfigError, match=r"accepted is a measure of the study.*svcca\(keep"):
            made(options=options, figure_settings=figures)
