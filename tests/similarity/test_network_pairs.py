"""Tiles: the table of many networks says what comparing them two by two says."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from repatlas.errors import ConfigError, ResourceError, StoreError
from repatlas.grams import gram_vector, pairs
from repatlas.similarity import compare
from repatlas.similarity.forms import compare_forms
from repatlas.similarity.network_pairs import compare_networks, write_table
from repatlas.similarity.profiles import sums
from repatlas.stores import ActivationStore, ActivationWriter, GramStore, GramWriter, StoredLayer

LAYERS = [("conv", "conv", 6), ("relu", "relu", 5), ("stage1.relu", "relu", 4)]
N, BATCH = 64, 8


def make(folder, name, rng, probe="p", batch=BATCH, dead=None):
    """Both stores of a made-up network."""
    about = {"run": name, "probe": probe, "batch_size": batch, "passes": 1}
    grams = GramWriter(folder / f"{name}-g.zarr", {**about, "n_batches": N // batch}, N // batch, 3)
    activations = ActivationWriter(folder / f"{name}-a.zarr", {**about, "n_examples": N}, N)
    arrays = [rng.standard_normal((N, p)).astype(np.float32) for _, _, p in LAYERS]
    if dead is not None:
        arrays[dead][:] = 1
    for index, array in enumerate(arrays):
        activations.write(index, 0, array)
    for number in range(N // batch):
        part = slice(number * batch, (number + 1) * batch)
        made = [gram_vector(array[part]) for array in arrays]
        packed = np.array([m[0] for m in made]).reshape(3, pairs(batch))
        grams.write(number, packed, np.array([m[1] for m in made]))
    stored = [
        StoredLayer(name_, kind, (p,), "constant" if index == dead else "")
        for index, (name_, kind, p) in enumerate(LAYERS)
    ]
    grams.finish(stored)
    activations.finish(stored)
    return GramStore(folder / f"{name}-g.zarr"), ActivationStore(folder / f"{name}-a.zarr"), arrays


@pytest.fixture
def networks(tmp_path):
    rng = np.random.default_rng(0)
    return [make(tmp_path, f"r{k}", rng) for k in range(3)]


PAIRS = [(0, 0), (1, 1), (0, 1), (1, 2)]


@pytest.mark.parametrize(
    "measure", ["cka_minibatch", "cka", "procrustes", "pwcca", "angular_shape"]
)
@pytest.mark.parametrize("layers", [["relu"], ["all"]])
def test_every_row_is_the_comparison_of_two_layers(networks, measure, layers):
    kind = 0 if measure == "cka_minibatch" else 1
    table = compare_networks(measure, [n[kind] for n in networks], PAIRS, layers).to_pandas()
    options = {"batch_size": BATCH, "seed": None} if measure == "cka_minibatch" else {}
    for row in table.itertuples():
        x = networks[int(row.run_a[1])][2][row.index_a]
        y = networks[int(row.run_b[1])][2][row.index_b]
        assert row.value == pytest.approx(compare(x, y, measure, **options), abs=1e-6)
    within, across = 9, 9 if layers == ["all"] else 4
    both_ways = 2 if measure == "pwcca" else 1
    assert len(table) == 2 * within + 2 * both_ways * across


def test_a_measure_that_is_not_symmetric_is_computed_in_both_directions(networks):
    stores = [n[1] for n in networks]
    table = compare_networks("linear_regression", stores, [(0, 1)], ["relu"]).to_pandas()
    forth = table[table["run_a"] == "r0"].set_index(["index_a", "index_b"])["value"]
    back = table[table["run_a"] == "r1"].set_index(["index_b", "index_a"])["value"]
    assert len(forth) == len(back) == 4
    assert not np.allclose(forth, back.reindex(forth.index))


def test_a_dead_layer_is_undefined_with_its_reason_and_the_rest_is_not(tmp_path):
    rng = np.random.default_rng(1)
    stores = [make(tmp_path, "r0", rng)[0], make(tmp_path, "r1", rng, dead=1)[0]]
    table = compare_networks("cka_minibatch", stores, [(0, 1), (1, 1)], ["all"]).to_pandas()
    dead = (table["index_b"] == 1) | ((table["run_a"] == "r1") & (table["index_a"] == 1))
    assert table.loc[dead, "value"].isna().all()
    assert (table.loc[dead, "reason"].astype(str) != "").all()
    assert table.loc[~dead, "value"].notna().all()


@pytest.mark.parametrize(
    ("change", "named"), [({"probe": "q"}, "probe set"), ({"batch": 16}, "batch size")]
)
@pytest.mark.parametrize("measure", ["cka_minibatch", "cka"])
def test_networks_probed_differently_are_refused(tmp_path, change, named, measure):
    rng = np.random.default_rng(2)
    kind = 0 if measure == "cka_minibatch" else 1
    stores = [make(tmp_path, "r0", rng)[kind], make(tmp_path, "r1", rng, **change)[kind]]
    with pytest.raises(StoreError, match=f"the {named}"):
        compare_networks(measure, stores, [(0, 1)], ["all"])


def test_the_same_tile_has_the_same_bytes(networks, tmp_path):
    stores = [n[0] for n in networks]
    for name in ("one", "two"):
        table = compare_networks("cka_minibatch", stores, PAIRS, ["relu"])
        write_table(table, tmp_path / f"{name}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_failed_network_leaves_the_others_of_its_tile_alone(networks, tmp_path):
    """Its store holds no batches; its rows are undefined with its status as the reason."""
    about = {"run": "bad", "probe": "p", "batch_size": BATCH, "passes": 1, "n_batches": 0}
    stored = [StoredLayer(name, kind, (), "network diverged") for name, kind, _ in LAYERS]
    GramWriter(tmp_path / "bad.zarr", about, 0, 3).finish(stored, "diverged: loss is nan")
    stores = [networks[0][0], GramStore(tmp_path / "bad.zarr"), networks[1][0]]
    pairs_ = [(0, 0), (1, 1), (0, 1), (0, 2), (1, 2)]
    table = compare_networks("cka_minibatch", stores, pairs_, ["all"]).to_pandas()
    bad = (table["run_a"] == "bad") | (table["run_b"] == "bad")
    assert bad.sum() == 27
    assert table.loc[bad, "value"].isna().all()
    assert table.loc[bad, "reason"].astype(str).str.contains("diverged: loss is nan").all()
    assert table.loc[~bad, "value"].notna().all()


@pytest.mark.parametrize("measure", ["cka_minibatch", "cka"])
def test_negative_estimates_stay_negative_in_tables(networks, measure, tmp_path):
    kind = 0 if measure == "cka_minibatch" else 1
    table = compare_networks(measure, [n[kind] for n in networks], [(0, 1), (0, 2)], ["all"])
    write_table(table, tmp_path / "t.parquet")
    values = pq.read_table(tmp_path / "t.parquet")["value"].to_numpy()
    # Independent layers scatter around zero.
    assert (values < 0).sum() > 3
    assert (values > 0).sum() > 3


def test_options_reach_the_measure_and_can_make_it_symmetric(networks):
    stores = [n[1] for n in networks]
    options = {"weights": "mean"}
    table = compare_networks("pwcca", stores, [(0, 1)], ["relu"], options).to_pandas()
    assert set(table["run_a"]) == {"r0"}, "once, not in both directions"
    for row in table.itertuples():
        x, y = networks[0][2][row.index_a], networks[1][2][row.index_b]
        assert row.value == pytest.approx(compare(x, y, "pwcca", **options), abs=1e-12)
    both = compare_networks("pwcca", stores, [(0, 1)], ["relu"], {"weights": "y"}).to_pandas()
    assert len(both) == 2 * len(table)
    with pytest.raises(ConfigError, match="pwcca has no option 'keep'"):
        compare_networks("pwcca", stores, [(0, 1)], ["relu"], {"keep": 0.9})


@pytest.mark.parametrize("layers", [["relu"], ["all"]])
@pytest.mark.parametrize("measure", ["cka", "svcca", "linear_regression", "knn_jaccard"])
def test_a_table_is_the_same_when_one_layer_fits_at_a_time(networks, measure, layers, monkeypatch):
    stores = [n[1] for n in networks]
    expected = compare_networks(measure, stores, PAIRS, layers)
    monkeypatch.setattr(compare_forms, "__defaults__", (*compare_forms.__defaults__[:-1], 1))
    monkeypatch.setattr(sums, "__defaults__", (*sums.__defaults__[:-1], N * 8 * 9 * 7))
    found = compare_networks(measure, stores, PAIRS, layers)
    exact = {"check_exact": True} if measure != "cka" else {"rtol": 0, "atol": 1e-6}
    pd.testing.assert_frame_equal(found.to_pandas(), expected.to_pandas(), **exact)


def test_what_does_not_fit_the_machine_is_refused_before_anything_is_read(networks, monkeypatch):
    stores = [n[1] for n in networks]
    monkeypatch.setattr("repatlas.similarity.network_pairs.total_memory", lambda: 10**6)
    monkeypatch.setattr(ActivationStore, "read", lambda *_args: pytest.fail("read"))
    said = r"svcca on 64 examples and layers of up to 6 features would take about .* GB of memory"
    with pytest.raises(ResourceError, match=said):
        compare_networks("svcca", stores, PAIRS, ["all"])
