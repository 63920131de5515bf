"""Linear probes of a network: which layers, which images, which rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_examples import CLASSES, CPU, examples, model, spec
from repatlas.analysis.design import Grid
from repatlas.analysis.linear_probes import probe_summary, probe_table
from repatlas.analysis.writing import write_checked_csv
from repatlas.data.dataset import Dataset
from repatlas.data.selection import evaluation_examples, training_examples
from repatlas.frozen.closed_form import ridge_probes
from repatlas.frozen.linear_probes import COLUMNS, no_probes, probe_network, probed_layers
from repatlas.frozen.sgd import sgd_probes
from repatlas.layers import layers_of


@pytest.mark.parametrize("method", ["ridge", "sgd"])
def test_random_labels_are_found_by_chance_alone(network, train, test, method):
    rng = np.random.default_rng(5)
    large = examples(400, 3)
    large = large._replace(labels=rng.integers(0, CLASSES, 400))
    drawn = test._replace(labels=rng.integers(0, CLASSES, len(test.labels)))
    layers = ["stage2.block1.add", "stage3.block1.add"]
    if method == "ridge":
        accuracies = [
            r.accuracy for r in ridge_probes(network, layers, large, drawn, CLASSES, None, CPU)
        ]
    else:
        options = {"epochs": 3, "batch_size": 50, "learning_rate": 0.01, "momentum": 0.9}
        options["evaluate_every"] = 3
        courses = sgd_probes(network, layers, large, drawn, CLASSES, spec(), options, CPU)
        accuracies = [course.final for course in courses]
    # Four standard deviations of 90 draws of chance 1/4.
    assert all(abs(a - 0.25) < 4 * (0.25 * 0.75 / 90) ** 0.5 for a in accuracies)


def test_probed_are_the_sums_and_what_stands_before_them():
    found = probed_layers(model(20))
    names = [layer.name for layer in layers_of(model(20))]
    assert len(found) == 2 * 9
    for before, after in zip(found[::2], found[1::2], strict=True):
        assert names.index(after.layer) == names.index(before.layer) + 1
        assert (before.position, after.position) == ("before", "after")
    assert found[-1] == ("stage3.block3.add", 3, 3, "after")


def test_without_residual_connections_the_end_of_each_block_is_probed_once():
    found = probed_layers(model(14, "cnn"))
    assert [one.layer for one in found] == [
        f"stage{s}.block{b}.bn2" for s in (1, 2, 3) for b in (1, 2)
    ]
    assert {one.position for one in found} == {"after"}


@pytest.fixture
def dataset(train, test):
    return Dataset(
        spec={},
        shape=(1, 8, 8),
        classes=tuple("abcd"),
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
        train_order=np.arange(150)[::-1],
        test_order=np.arange(90),
        checksum="",
    )


def test_the_images_are_those_of_the_networks_training_and_test(dataset):
    half = spec()
    half["data"] = {"fraction": 0.5, "evaluate_on": "held_out"}
    np.testing.assert_array_equal(
        training_examples(half, dataset).images, dataset.train_images[149:74:-1]
    )
    tested = evaluation_examples(half, dataset).images
    np.testing.assert_array_equal(tested, dataset.train_images[74::-1])
    tested = evaluation_examples(spec(), dataset).images
    np.testing.assert_array_equal(tested, dataset.test_images)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "ridge"},
        {"method": "ridge", "pool": 2},
        {
            "method": "sgd",
            "epochs": 4,
            "batch_size": 30,
            "learning_rate": 0.01,
            "momentum": 0.9,
            "evaluate_every": 2,
        },
    ],
)
def test_a_network_gives_a_row_a_layer(network, dataset, options):
    rows = probe_network(network, spec(), dataset, options, CPU)
    assert [list(row) for row in rows] == [COLUMNS] * 6
    assert {row["method"] for row in rows} == {options["method"]}
    sgd = options["method"] == "sgd"
    for row in rows:
        assert row["accuracy"] > 0.8, "bright quadrants are told apart from every layer"
        assert (row["penalty"] is None) == sgd
        assert (row["best_epoch"] in (2, 4)) == sgd
        if sgd:
            assert row["best_accuracy"] >= row["accuracy"]


def test_the_tables_keep_a_failed_network_as_rows_with_its_reason(tmp_path, network, dataset):
    options = {"method": "ridge"}
    rows = {
        "a": probe_network(network, spec(), dataset, options, CPU),
        "b": no_probes(spec(), options, "network diverged: loss is nan"),
    }
    paths = {}
    for run, own in rows.items():
        paths[run] = str(tmp_path / run)
        write_checked_csv(pd.DataFrame(own, columns=COLUMNS), Path(paths[run]))
    runs = pd.DataFrame({"run": ["a", "b"], "group": "g", "width": 0.25, "seed": [0, 1]})
    grid = Grid(runs, ["width", "seed"], {}, {"linear_probes": paths})
    table = probe_table(grid)
    assert len(table) == 12
    failed = table[table["run"] == "b"]
    assert failed["accuracy"].isna().all()
    assert set(failed["reason"]) == {"network diverged: loss is nan"}
    summary = probe_summary(grid, table)
    assert len(summary) == 6
    assert set(summary["n"]) == {1}
    np.testing.assert_allclose(summary["accuracy_mean"], [row["accuracy"] for row in rows["a"]])
