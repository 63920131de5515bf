"""The public interface: tables, matrices, stores and folders."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from repatlas import similarity
from repatlas.catalogue import MEASURES as CATALOGUE
from repatlas.errors import ConfigError, DataError, StoreError
from repatlas.grams import gram_vector
from repatlas.similarity import MEASURES, compare, compare_layers, similarity_table
from repatlas.similarity.folders import load
from repatlas.stores import ActivationWriter, GramWriter, StoredLayer

N, BATCH = 72, 8


def network(seed):
    rng = np.random.default_rng(seed)
    images = np.random.default_rng(99).standard_normal((N, 6))
    one = np.maximum(images @ rng.standard_normal((6, 8)), 0).astype(np.float32)
    two = np.maximum(one @ rng.standard_normal((8, 18)), 0).astype(np.float32)
    return {"conv": one, "relu": two.reshape(N, 2, 3, 3), "dead": np.zeros((N, 4), np.float32)}


def described(layers):
    return [StoredLayer(name, "relu", x.shape[1:]) for name, x in layers.items()]


def about(**changes):
    return {"run": "r", "probe": "abc", "batch_size": BATCH, "passes": 1} | changes


def activations(path, layers, **changes):
    writer = ActivationWriter(path, about(n_examples=N, **changes), N)
    for index, x in enumerate(layers.values()):
        for start in range(0, N, BATCH):
            writer.write(index, start, x[start : start + BATCH])
    writer.finish(described(layers))
    return path


def grams(path, layers, **changes):
    settings = about(n_batches=N // BATCH, **changes)
    size = settings["batch_size"]
    count = settings["n_batches"]
    writer = GramWriter(path, settings, count, len(layers))
    for batch in range(count):
        rows = slice(batch * size, (batch + 1) * size)
        packed, diagonals = zip(*(gram_vector(x[rows]) for x in layers.values()), strict=True)
        writer.write(batch, np.stack(packed), np.stack(diagonals))
    writer.finish(described(layers))
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return {
        (kind.__name__, seed): kind(folder / f"{kind.__name__}{seed}.zarr", network(seed))
        for kind in (activations, grams)
        for seed in (1, 2)
    }


def test_tables_are_tidy_and_matrices_are_their_pivots():
    a, b = network(1), network(2)
    table = similarity_table(a, b)
    assert list(table.columns) == ["layer_a", "layer_b", "value", "se", "n_batches", "reason"]
    assert table["layer_a"].tolist() == [name for name in a for _ in b]
    assert table["layer_b"].tolist() == list(b) * 3
    assert table["value"].dtype == table["se"].dtype == float
    for _, row in table.iterrows():
        if "dead" not in (row["layer_a"], row["layer_b"]):
            alone = compare(a[row["layer_a"]], b[row["layer_b"]])
            assert row["value"] == pytest.approx(alone, abs=1e-6)
    matrix = compare_layers(a, b)
    assert list(matrix.index) == list(matrix.columns) == ["conv", "relu", "dead"]
    assert matrix.loc["conv", "relu"] == table["value"][1]
    assert matrix.loc["relu", "conv"] == table["value"][3]
    assert matrix.attrs == {"measure": "cka"}


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_a_network_with_itself_is_the_same_from_one_side_or_two(name):
    layers = list(network(1).values())[:2]
    alone = similarity_table(layers, measure=name)
    both = similarity_table(layers, layers, name)
    np.testing.assert_allclose(alone["value"], both["value"], rtol=0, atol=1e-6)
    if MEASURES[name].self_value == 1:
        assert alone["value"][[0, 3]].tolist() == [pytest.approx(1, abs=1e-12)] * 2


def test_each_layer_is_read_once_for_all_its_pairs():
    class Lazy(dict):
        def __getitem__(self, key):
            reads.append(key)
            return super().__getitem__(key)

    for name in MEASURES:
        reads = []
        similarity_table(Lazy(network(1)), measure=name)
        # The first layer also for the number of examples.
        most = 2 if name == "cka_debiased_features" else 1
        assert max(reads.count(key) for key in ("relu", "dead")) == most, name


def test_sequences_are_named_by_position():
    x = list(network(1).values())
    assert similarity_table(x, tuple(x[:1]))["layer_a"].tolist() == ["0", "1", "2"]


def test_options_are_kept_with_the_table():
    table = similarity_table(network(1), measure="cka_rbf", bandwidth=2.0)
    assert table.attrs["bandwidth"] == 2.0
    assert table.attrs["unbiased"] is True


@pytest.mark.parametrize("kind", ["activations", "grams"])
def test_minibatch_cka_of_stores_is_that_of_their_arrays(stores, kind):
    expected = similarity_table(
        network(1), network(2), "cka_minibatch", batch_size=BATCH, seed=None
    )
    found = similarity_table(str(stores[kind, 1]), stores[kind, 2], "cka_minibatch")
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=0, atol=1e-6)
    assert found["se"].notna().sum() == 4
    assert found.attrs["batches"] == "9 of 8 examples in 1 pass(es)"
    mixed = similarity_table(stores["activations", 1], stores["grams", 2], "cka_minibatch")
    pd.testing.assert_frame_equal(mixed, found, check_exact=False, rtol=0, atol=1e-9)


def test_a_short_last_batch_of_a_store_is_left_out(tmp_path):
    short = {name: x[:70] for name, x in network(1).items()}
    writer = ActivationWriter(tmp_path / "short.zarr", about(n_examples=70), 70)
    for index, x in enumerate(short.values()):
        for start in range(0, 70, BATCH):
            writer.write(index, start, x[start : start + BATCH])
    writer.finish(described(short))
    found = similarity_table(tmp_path / "short.zarr", measure="cka_minibatch")
    assert found.attrs["batches"] == "8 of 8 examples, 6 examples left out in 1 pass(es)"
    whole = {name: x[:64] for name, x in short.items()}
    expected = similarity_table(whole, measure="cka_minibatch", batch_size=BATCH, seed=None)
    np.testing.assert_allclose(found["value"], expected["value"], atol=1e-6)
    writer = ActivationWriter(tmp_path / "tiny.zarr", about(n_examples=6), 6)
    writer.finish(described(short))
    with pytest.raises(DataError, match="6 examples, not one whole batch of 8"):
        similarity_table(tmp_path / "tiny.zarr", measure="cka_minibatch")


@pytest.mark.parametrize("name", ["cka", "svcca", "rsa", "procrustes", "knn_jaccard"])
def test_other_measures_of_activation_stores_are_those_of_their_arrays(stores, name):
    found = similarity_table(stores["activations", 1], stores["activations", 2], name)
    expected = similarity_table(network(1), network(2), name)
    pd.testing.assert_frame_equal(found, expected)


def test_gram_stores_are_refused_by_measures_that_need_activations(stores):
    with pytest.raises(ConfigError, match=r"svcca needs the activations .*grams1\.zarr holds Gram"):
        similarity_table(stores["grams", 1], measure="svcca")


@pytest.mark.parametrize("kind", [activations, grams])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probe": "xyz"}, "probe set, or the order of its examples, differs: abc in .*xyz in"),
        ({"batch_size": 4, "n_batches": 18}, "batch size differs: 8 in .*, 4 in "),
        ({"passes": 3}, "number of passes differs: 1 in .*, 3 in "),
    ],
)
def test_stores_of_different_probes_are_refused(stores, tmp_path, kind, changes, said):
    if kind is activations:
        changes = {key: value for key, value in changes.items() if key != "n_batches"}
    settings = {"n_batches": N // BATCH} | changes
    if kind is grams:
        writer = GramWriter(tmp_path / "other.zarr", about(**settings), settings["n_batches"], 3)
        writer.finish(described(network(2)))
    else:
        activations(tmp_path / "other.zarr", network(2), **changes)
    measure = "cka_minibatch" if kind is grams else "cka"
    with pytest.raises(StoreError, match=said) as error:
        similarity_table(stores[kind.__name__, 1], tmp_path / "other.zarr", measure)
    assert f"{kind.__name__}1.zarr" in str(error.value)
    assert "other.zarr" in str(error.value)


def test_batches_of_stores_are_settled(stores):
    with pytest.raises(ConfigError, match="settled where a store was made"):
        similarity_table(stores["grams", 1], measure="cka_minibatch", batch_size=16)
    with pytest.raises(ConfigError, match="Give two stores"):
        similarity_table(stores["grams", 1], network(2), "cka_minibatch")


def test_a_network_that_failed_has_nothing_to_compare(tmp_path):
    writer = GramWriter(tmp_path / "bad.zarr", about(n_batches=0), 0, 1)
    writer.finish([StoredLayer("conv", "conv", ())], status="diverged")
    with pytest.raises(StoreError, match=r"bad\.zarr diverged"):
        similarity_table(tmp_path / "bad.zarr", measure="cka_minibatch")


def test_folders_of_arrays_are_networks(tmp_path):
    layers = {f"layer{k}": np.random.default_rng(k).standard_normal((20, 3)) for k in (10, 2, 1)}
    for name, x in layers.items():
        np.save(tmp_path / f"{name}.npy", x)
    (tmp_path / "notes.txt").write_text("not a layer")
    found = load(tmp_path)
    assert list(found) == ["layer1", "layer2", "layer10"]
    assert all((found[name] == layers[name]).all() for name in layers)
    assert similarity_table(tmp_path)["layer_a"].unique().tolist() == list(found)
    np.savez(tmp_path / "all.npz", **layers)
    assert list(load(tmp_path / "all.npz")) == ["layer1", "layer2", "layer10"]
    (tmp_path / "archives").mkdir()
    np.savez(tmp_path / "archives" / "net.npz", **layers)
    assert list(load(tmp_path / "archives")) == ["net/layer1", "net/layer2", "net/layer10"]


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(StoreError, match="There is nothing at"):
        load(tmp_path / "absent")
    with pytest.raises(StoreError, match="missing or was never finished"):
        load(tmp_path / "absent.zarr")
    with pytest.raises(DataError, match="holds no activations"):
        load(tmp_path)
    (tmp_path / "x.npy").write_bytes(b"not an array")
    with pytest.raises(DataError, match="cannot be read as NumPy data"):
        load(tmp_path)
    with pytest.raises(ConfigError, match=r"A single array goes in a list"):
        similarity_table(np.ones((4, 3)))
    with pytest.raises(DataError, match="no layers"):
        similarity_table([])


def test_arrays_that_cannot_be_compared_are_refused():
    x = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(DataError, match="'a' and 'b' hold 20 and 19 examples"):
        similarity_table({"a": x, "b": x[:19]})
    with pytest.raises(DataError, match="two sides hold 20 and 19 examples"):
        compare(x, x[:19])
    with pytest.raises(DataError, match="two sides hold 20 and 19 examples"):
        compare(x, x[:19], "cka_minibatch")
    with pytest.raises(DataError, match="'x' holds complex128"):
        compare(x + 1j, x)
    for bad in (np.float64(3), np.zeros((0, 3)), np.zeros((20, 0))):
        with pytest.raises(DataError, match="at least one"):
            compare(bad, x)
    for name in MEASURES:
        with pytest.raises(DataError, match="3 examples are too few"):
            compare(x[:3], x[:3], name)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("cka2", {}, "no measure 'cka2'; did you mean 'cka'. Known are angular_shape, cca_mean"),
        ("cka", {"batch_size": 3}, "cka has no option 'batch_size'; accepted options: none"),
        ("svcca", {"kep": 1}, "accepted options: keep, threshold_on"),
        ("svcca", {"keep": 0}, "keep is 0; a number above 0 and at most 1"),
        ("svcca", {"keep": 99}, "keep is 99"),
        ("svcca", {"threshold_on": "sd"}, "accepted are 'variance', 'singular_values'"),
        ("pwcca", {"weights": "z"}, "weights is 'z'"),
        ("linear_regression", {"target": "z"}, "target is 'z'"),
        ("rsa", {"rdm": "dot"}, "rdm is 'dot'"),
        ("rsa", {"comparison": "dot"}, "comparison is 'dot'"),
        ("knn_jaccard", {"k": 19}, "k is 19; a whole number from 1 to 18"),
        ("knn_jaccard", {"metric": "l1"}, "metric is 'l1'"),
        ("cka_rbf", {"bandwidth": -1}, "bandwidth is -1"),
        ("cka_rbf", {"median_fraction": 0}, "median_fraction is 0"),
        ("cka_rbf", {"bandwidth": 2, "median_fraction": 0.5}, "exclude each other"),
        ("cka_rbf", {"median_of": "some"}, "median_of is 'some'"),
        ("cka_rbf", {"unbiased": "yes"}, "unbiased is 'yes'"),
        ("cka_minibatch", {"batch_size": 3}, "batch_size is 3; a whole number from 4"),
        ("cka_minibatch", {"passes": 0}, "passes is 0"),
        ("cka_minibatch", {"passes": 2, "seed": None}, "give a seed"),
        ("cka_minibatch", {"seed": -1}, "seed is -1"),
        ("cka_minibatch", {"weighting": "sum"}, "accepted are 'pairs', 'equal'"),
    ],
)
def test_wrong_settings_are_named_with_what_is_accepted(name, options, said):
    x = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(ConfigError, match=said):
        compare(x, x, name, **options)


def test_integers_booleans_and_half_precision_are_numbers():
    x = np.random.default_rng(0).integers(0, 9, (30, 5))
    expected = compare(x.astype(float), x[:, :2].astype(float))
    assert compare(x, x[:, :2]) == expected
    assert compare(x.astype(np.float16), x[:, :2].astype(np.float16)) == pytest.approx(
        expected, abs=1e-6
    )
    assert compare(x > 4, x[:, :2] > 4) == compare((x > 4) * 1.0, (x[:, :2] > 4) * 1.0)
    assert compare(x.tolist(), x[:, :2].tolist()) == expected


def test_layers_of_one_name_make_a_table_but_no_matrix(tmp_path):
    x = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(ConfigError, match="Two layers have the same name"):
        compare_layers({1: x, "1": x})


def test_measures_are_callables_that_tell_their_options():
    assert set(MEASURES) == set(CATALOGUE)
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert list(inspect.signature(measure).parameters) == ["x", "y", *measure.options]
        assert measure.from_grams is not CATALOGUE[name]
    x = np.random.default_rng(0).standard_normal((20, 3))
    assert MEASURES["svcca"](x, x[:, :2], keep=0.9) == compare(x, x[:, :2], "svcca", keep=0.9)


def test_measures_survive_pickling_and_are_listed():
    for name, measure in MEASURES.items():
        assert pickle.loads(pickle.dumps(measure)) is MEASURES[name]
    assert {"MEASURES", "compare", "compare_layers", "similarity_table"} <= set(dir(similarity))


def test_numbers_of_numpy_are_numbers():
    x, y = np.random.default_rng(0).standard_normal((2, 24, 3))
    for name, option, value in (
        ("cka_rbf", "bandwidth", np.float32(2)),
        ("cka_rbf", "bandwidth", np.int64(2)),
        ("svcca", "keep", np.float32(0.5)),
        ("knn_jaccard", "k", np.int32(3)),
        ("cka_minibatch", "batch_size", np.int64(8)),
    ):
        expected = compare(x, y, name, **{option: value.item()})
        assert compare(x, y, name, **{option: value}) == expected
    with pytest.raises(ConfigError, match="passes is True"):
        compare(x, y, "cka_minibatch", passes=True)


def test_settings_are_those_that_took_effect():
    x = np.random.default_rng(0).standard_normal((300, 3))
    table = similarity_table([x], measure="cka_minibatch")
    assert (table.attrs["batch_size"], table.attrs["passes"], table.attrs["seed"]) == (256, 1, 0)
