"""Measures with options: what tables, captions and readers call them."""

import pandas as pd
import pytest
from repatlas import labels
from repatlas.catalogue import MEASURES, chosen_measure, measure_label, measure_name
from repatlas.errors import StoreError
from repatlas.figures import draw
from repatlas.results import load_study

LABEL = "svcca(keep=0.9)"


def test_a_label_says_measure_and_options_in_one_order():
    label = measure_label("svcca", {"threshold_on": "singular_values", "keep": 0.9})
    assert label == "svcca(keep=0.9, threshold_on=singular_values)"
    assert measure_name(label) == "svcca"
    assert measure_label("cka", {}) == measure_name("cka") == "cka"
    assert labels.measure(label) == "SVCCA, keep 0.9, threshold on singular values"
    assert labels.measure("cka_rbf(median_fraction=0.4)") == "CKA (RBF kernel), median fraction 0.4"
    assert all(labels.measure(name) != name for name in MEASURES)


def test_the_name_alone_means_the_only_one_of_that_name():
    assert chosen_measure("svcca", ["cka", LABEL]) == LABEL
    assert chosen_measure(LABEL, ["cka", LABEL]) == LABEL
    assert chosen_measure("svcca", ["svcca", LABEL]) == "svcca"
    assert chosen_measure("svcca", [LABEL, "svcca(keep=0.8)"]) == "svcca", "which is not known"


def test_the_direction_is_said_of_measures_that_have_one():
    assert "first argument" in labels.direction("pwcca")
    assert "first argument" in labels.direction("linear_regression(target=y)")
    assert labels.direction("pwcca(weights=mean)") == labels.direction("cka") == ""


@pytest.fixture
def with_options(study_folder, tmp_path):
    """The made-up study, by a measure with an option and by one that is not symmetric."""
    folder = tmp_path / "results" / "studies" / "made"
    (folder / "tables").mkdir(parents=True)
    for path in (study_folder / "tables").iterdir():
        if path.suffix not in (".csv", ".parquet"):
            continue
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        if "measure" in table:
            plain = table.assign(measure=table["measure"].astype(str))
            table = pd.concat([plain.assign(measure=m) for m in (LABEL, "linear_regression")])
        write = table.to_csv if path.suffix == ".csv" else table.to_parquet
        write(folder / "tables" / path.name, index=False)
    return load_study(folder)


def test_a_study_is_read_by_label_or_name(with_options):
    run = with_options.runs["run"][0]
    assert with_options.measures == [LABEL, "linear_regression"]
    by_label = with_options.similarity(run, measure=LABEL)
    pd.testing.assert_frame_equal(with_options.similarity(run, measure="svcca"), by_label)
    assert len(with_options.pairs("svcca")) == len(with_options.pairs(LABEL)) > 0
    with pytest.raises(StoreError, match=r"it has: svcca\(keep=0\.9\), linear_regression"):
        with_options.similarity(run, measure="svcca(keep=0.5)")
    failed = with_options.runs.query("status == 'diverged'")["run"].iloc[0]
    with pytest.raises(StoreError, match="was not compared: its training diverged"):
        with_options.similarity(run, failed, measure="svcca")


@pytest.mark.parametrize("name", ["within_by_depth", "across_seeds", "block_metrics"])
def test_captions_say_the_options(with_options, name):
    for chosen in (None, "svcca", LABEL):
        caption = draw(name, with_options, {"measure": chosen} if chosen else {}).caption
        assert "SVCCA, keep 0.9 on" in caption
        assert "first argument" not in caption


@pytest.mark.parametrize("name", ["within_by_depth", "across_seeds", "across_architectures"])
def test_captions_say_the_direction(with_options, name):
    caption = draw(name, with_options, {"measure": "linear_regression"}).caption
    assert "the vertical axis has its first argument" in caption
