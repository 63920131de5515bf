"""Wrong answers that other libraries are known to give, silently or not."""

import warnings

import numpy as np
import pytest
from fresh import run_alone
from oracle_cases import cases
from repatlas.similarity import MEASURES, compare, compare_layers, similarity_table
from repatlas.similarity.measure import UndefinedSimilarityWarning

NAMES = sorted(MEASURES)
OPTIONS = {"cka_minibatch": {"batch_size": 16}}


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def hsic1(x, y):
    """The unbiased estimator as Song et al. 2012 write it, from raw features."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    middle = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return ((k * m).sum() + middle - 2 / (n - 2) * (k @ m).sum()) / (n * (n - 3))


def minibatch(x, y, parts, weight):
    def total(a, b):
        return sum(weight(len(part)) * hsic1(a[part], b[part]) for part in parts)

    return total(x, y) / np.sqrt(total(x, x) * total(y, y))


def test_a_short_last_batch_counts_by_pairs_or_equally_and_the_table_says_so():
    x = random(84, 6)
    y = x @ random(6, 6, seed=1) + random(84, 6, seed=2)
    parts = [np.arange(start, min(start + 32, 84)) for start in (0, 32, 64)]
    by_pairs = minibatch(x, y, parts, lambda n: n * (n - 3))
    equal = minibatch(x, y, parts, lambda n: 1)
    options = {"batch_size": 32, "seed": None}
    assert compare(x, y, "cka_minibatch", **options) == pytest.approx(by_pairs, abs=1e-12)
    found = compare(x, y, "cka_minibatch", weighting="equal", **options)
    assert found == pytest.approx(equal, abs=1e-12)
    assert abs(by_pairs - equal) > 1e-3
    table = similarity_table([x], [y], "cka_minibatch", weighting="equal", **options)
    assert table.attrs["batches"] == "2 of 32 examples and one of 20 in 1 pass(es)"
    assert table.attrs["weighting"] == "equal"
    assert table["n_batches"].tolist() == [3]


def test_a_last_batch_too_short_for_the_estimator_is_left_out_and_the_table_says_so():
    x, y = random(67, 6), random(67, 6, seed=1)
    table = similarity_table([x], [y], "cka_minibatch", batch_size=32, seed=None)
    assert table.attrs["batches"] == "2 of 32 examples, 3 examples left out in 1 pass(es)"
    expected = compare(x[:64], y[:64], "cka_minibatch", batch_size=32, seed=None)
    assert table["value"].tolist() == [pytest.approx(expected, abs=1e-12)]


def test_the_ratio_is_of_sums_not_a_mean_of_ratios():
    x, y = random(64, 4), random(64, 4, seed=1) + random(64, 4)
    parts = np.arange(64).reshape(8, 8)
    ratios = [hsic1(x[p], y[p]) / np.sqrt(hsic1(x[p], x[p]) * hsic1(y[p], y[p])) for p in parts]
    found = compare(x, y, "cka_minibatch", batch_size=8, seed=None)
    assert found == pytest.approx(minibatch(x, y, parts, lambda n: 1), abs=1e-12)
    assert abs(found - np.mean(ratios)) > 1e-3


def test_passes_are_reshuffled_and_the_same_for_both_sides():
    x, y = random(64, 5), random(64, 5, seed=1) + random(64, 5)
    one = compare(x, y, "cka_minibatch", batch_size=16)
    assert compare(x, y, "cka_minibatch", batch_size=16) == one
    assert compare(x, y, "cka_minibatch", batch_size=16, seed=1) != one
    many = compare(x, y, "cka_minibatch", batch_size=16, passes=200)
    # Proposition 1: over random partitions the estimator tends to that of the whole set.
    whole = compare(x, y, "cka")
    assert abs(many - whole) < 0.005
    assert abs(one - whole) > 0.01
    # Shuffling each side by itself would leave no similarity on the diagonal.
    own = compare_layers({"a": x, "b": y}, {"a": x, "b": y}, "cka_minibatch", batch_size=16)
    np.testing.assert_allclose(np.diag(own), 1, atol=1e-12)


@pytest.mark.parametrize("dead", [np.zeros((48, 5)), np.full((48, 2, 3), 0.1, dtype=np.float32)])
@pytest.mark.parametrize("name", NAMES)
def test_a_dead_layer_is_undefined_and_leaves_the_others_alone(name, dead):
    layers = {"one": random(48, 6), "dead": dead, "two": random(48, 4, seed=1)}
    alive = {key: layers[key] for key in ("one", "two")}
    options = OPTIONS.get(name, {})
    table = similarity_table(layers, measure=name, **options).set_index(["layer_a", "layer_b"])
    expected = similarity_table(alive, measure=name, **options).set_index(["layer_a", "layer_b"])
    for pair, row in table.iterrows():
        if "dead" in pair:
            assert np.isnan(row["value"])
            assert "dead layer" in row["reason"]
            assert ("layer_a" in row["reason"]) == (pair[0] == "dead")
        else:
            np.testing.assert_equal(row["value"], expected.loc[pair, "value"])
            assert "dead" not in row["reason"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", NAMES)
def test_values_that_are_not_finite_are_reported_not_spread(name, bad):
    broken = random(48, 6)
    broken[5, 2] = bad
    layers = {"one": random(48, 6, seed=1), "broken": broken}
    table = similarity_table(layers, measure=name, **OPTIONS.get(name, {}))
    said = table["reason"].str.contains("not finite")
    assert said.tolist() == [False, True, True, True]
    assert table["value"].isna()[said].all()
    if name != "cka_debiased_features":  # undefined for so few features
        assert np.isfinite(table["value"][0])


def test_more_features_than_examples_do_not_look_alike():
    x, y = random(64, 4096), random(64, 4096, seed=1)
    assert compare(x, y, "cka_biased") > 0.9
    assert abs(compare(x, y, "cka")) < 0.05
    assert abs(compare(x, y, "cka_minibatch", batch_size=16)) < 0.05
    assert abs(compare(x, y, "cka_rbf")) < 0.05


def test_negative_estimates_are_kept():
    x, y = cases()["independent n120 p40 q60"]
    assert compare(x, y, "cka") == pytest.approx(-0.0136431, abs=1e-6)
    assert compare(x, y, "cka_minibatch", batch_size=120) < 0
    assert compare(x, y, "cka_rbf") < 0
    assert compare(x, y, "rsa") < 0


@pytest.mark.parametrize("name", ["cka", "cka_minibatch", "cka_rbf", "procrustes", "svcca"])
def test_small_features_do_not_meet_an_absolute_epsilon(name):
    x = random(48, 10)
    y = x[:, :7] + random(48, 7, seed=1)
    expected = compare(x, y, name)
    unit = [z / np.linalg.norm(z) for z in (x, y)]
    assert compare(*unit, name) == pytest.approx(expected, rel=1e-9)
    assert compare(x * 1e-9, y * 1e9, name) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_features_of_any_size_are_compared(name):
    x, y = random(48, 10), random(48, 7, seed=1)
    options = OPTIONS.get(name, {})
    # Minibatch CKA, whose scale must be the same in all batches, forms products of features.
    size = 1e60 if name == "cka_minibatch" else 1e200
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedSimilarityWarning)
        expected = compare(x, y, name, **options)
        found = compare(x / size, y * size, name, **options)
    assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cka", {}),
        ("cka_minibatch", {}),
        ("cka_rbf", {}),
        ("rsa", {"rdm": "euclidean"}),
        ("rsa", {"rdm": "cosine", "comparison": "kendall"}),
    ],
)
def test_examples_at_equal_distances_are_not_told_apart(name, options):
    """Rounding must not pass for signal where nothing else is left."""
    with pytest.warns(UndefinedSimilarityWarning, match="x does not tell the examples apart"):
        assert np.isnan(compare(0.3 * np.eye(48), random(48, 5), name, **options))


def test_equal_examples_are_at_no_distance():
    x, y = np.tile(random(24, 300), (2, 1)), random(48, 5, seed=1)
    expected = compare(np.tile(x[:24] * 3 + 1, (2, 1)), y, "distance_correlation")
    assert compare(x, y, "distance_correlation") == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(compare(x, x, "rsa", rdm="euclidean"))


def test_pwcca_takes_more_features_on_either_side():
    x, y = random(100, 20), random(100, 5, seed=1)
    assert 0 < compare(x, y, "pwcca") < 1
    assert compare(x, y, "pwcca") == pytest.approx(compare(y, x, "pwcca", weights="y"))


def morcos(x, y):
    """Projection-weighted CCA as the paper writes it, for layers without shared directions."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    u, rho, _ = np.linalg.svd(qx.T @ qy)
    variates = qx @ u[:, : len(rho)]
    weights = np.abs(variates.T @ x).sum(axis=1)
    return float(weights @ rho / weights.sum())


@pytest.mark.parametrize(("p", "q"), [(20, 5), (5, 20), (11, 11)])
def test_pwcca_is_the_papers_whichever_side_has_more_features(p, q):
    x, y = random(100, p), random(100, q, seed=1) + random(100, 1)
    expected = morcos(x, y)
    assert compare(x, y, "pwcca") == pytest.approx(expected, abs=1e-12)
    assert compare(y, x, "pwcca", weights="y") == pytest.approx(expected, abs=1e-12)
    assert compare(y, x, "pwcca") == pytest.approx(morcos(y, x), abs=1e-12)
    mean = (expected + morcos(y, x)) / 2
    assert compare(x, y, "pwcca", weights="mean") == pytest.approx(mean, abs=1e-12)


def test_every_batch_and_every_example_counts():
    """One library keeps the last batch alone, another compares positions instead of examples."""
    x, y = random(64, 3, 2, 2), random(64, 3, 2, 2, seed=1) + random(64, 3, 2, 2)
    options = {"batch_size": 16, "seed": None}
    expected = compare(x, y, "cka_minibatch", **options)
    for example in (0, 20, 40, 63):
        other = y.copy()
        other[example] *= -3
        assert abs(compare(x, other, "cka_minibatch", **options) - expected) > 1e-3


def test_the_same_object_twice_is_two_layers():
    x = random(48, 6)
    table = similarity_table([x, x], measure="cka")
    assert table["value"].tolist() == [pytest.approx(1)] * 4


def test_convolutional_maps_are_flattened_whatever_the_layers_are_called():
    x, y = random(48, 3, 4, 4), random(48, 2, 4, 4, seed=1)
    flat = compare(x.reshape(48, -1), y.reshape(48, -1))
    assert similarity_table({"same": x}, {"same": y})["value"][0] == flat
    assert similarity_table({"one": x}, {"two": y})["value"][0] == flat


def test_one_far_example_does_not_count_as_a_dead_layer():
    x = random(64, 10).astype(np.float32)
    x[7] *= 1e4
    for name in ("cka", "cka_minibatch"):
        assert np.isfinite(compare(x, random(64, 4, seed=1), name))


def test_the_caller_s_arrays_are_left_as_they_were():
    for dtype in (np.float32, np.float64):
        x = (random(48, 6) + 3).astype(dtype)
        before = x.copy()
        for name in NAMES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compare(x, x, name)
            assert (x == before).all(), name


def test_torch_tensors_with_a_graph_are_compared_without_one():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(random(48, 3, 2, 2)).requires_grad_()
    y = (2 * x).relu()
    expected = [z.detach().numpy() for z in (x, y)]
    for name in NAMES:
        options = OPTIONS.get(name, {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = compare(x, y, name, **options)
            np.testing.assert_equal(found, compare(*expected, name, **options))
    half = y.to(torch.bfloat16)
    assert compare(half, y) == pytest.approx(compare(y, y), abs=1e-3)
    assert x.grad is None


def test_undefined_values_warn_with_the_reason_at_the_caller():
    with pytest.warns(UndefinedSimilarityWarning, match="x does not tell the examples") as found:
        assert np.isnan(compare(np.ones((48, 3)), random(48, 3)))
    assert found[0].filename == __file__
    with pytest.warns(UndefinedSimilarityWarning, match="y does not tell") as found:
        assert np.isnan(MEASURES["rsa"](random(48, 3), np.ones((48, 3))))
    assert found[0].filename == __file__
    with pytest.warns(UndefinedSimilarityWarning, match="more examples, or pool"):
        assert compare(random(20, 30), random(20, 3), "cca_mean") == pytest.approx(1)
    with pytest.warns(UndefinedSimilarityWarning, match="y has as many independent directions"):
        assert compare(random(20, 3), random(20, 30), "linear_regression") == pytest.approx(1)
    with pytest.warns(UndefinedSimilarityWarning, match="self term of x and y is not positive"):
        compare(*cases()["rotated+scaled n100 p20"], "cka_debiased_features")
    zero_row = random(48, 5)
    zero_row[3] = 0
    with pytest.warns(UndefinedSimilarityWarning, match="an example whose features are all zero"):
        assert np.isnan(compare(zero_row, random(48, 5, seed=1), "rsa"))
    mostly_equal = np.repeat(random(1, 5), 48, axis=0)
    mostly_equal[:5] = random(5, 5, seed=1)
    with pytest.warns(UndefinedSimilarityWarning, match="x has a median distance of 0"):
        assert np.isnan(compare(mostly_equal, random(48, 5), "cka_rbf"))
    assert np.isfinite(compare(mostly_equal, random(48, 5), "cka_rbf", bandwidth=1.0))
    for bandwidth in (1e-200, 1e-3, 1e8, 1e200):
        with pytest.warns(UndefinedSimilarityWarning, match="bandwidth far from their distances"):
            assert np.isnan(compare(random(48, 5), random(48, 5), "cka_rbf", bandwidth=bandwidth))
    for seed in range(5):
        single, many = random(48, 1, seed=seed), random(48, 99, seed=9) + random(48, 1)
        with pytest.warns(UndefinedSimilarityWarning, match="self term of x is not positive"):
            assert np.isnan(compare(single, many, "cka_debiased_features"))
        with pytest.warns(UndefinedSimilarityWarning, match="self term of y is not positive"):
            assert np.isnan(compare(many, single, "cka_debiased_features"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(compare(zero_row, random(48, 5, seed=1), "rsa", rdm="euclidean"))
        # Too few batches for a standard error is nothing to warn of where none is returned.
        assert np.isfinite(compare(random(48, 5), random(48, 5, seed=1), "cka_minibatch"))


def test_comparing_arrays_imports_no_torch():
    code = (
        "import sys, numpy as np\n"
        "from repatlas.similarity import MEASURES, compare\n"
        "x = np.random.default_rng(0).standard_normal((60, 40))\n"
        "for name in MEASURES: compare(x, x[:, :9], name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert run_alone(code) == 0
