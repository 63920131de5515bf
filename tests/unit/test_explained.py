"""The share of a difference between architectures that the class explains, on planted cases."""

import numpy as np
import pytest
from repatlas.analysis import explained
from repatlas.analysis.explained import explained_by_class
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

CLASSES = 10
LABELS = np.arange(200) % CLASSES


def full_design(right_a, right_b, n_a, n_b, classes):
    """The design matrix of model B (and with one class of A), a row an example and architecture."""
    examples = np.eye(len(classes))
    shifts = np.eye(int(classes.max()) + 1)[classes]
    design = np.block([[examples, np.zeros_like(shifts)], [examples, shifts]])
    return (
        design,
        np.r_[right_a, right_b],
        np.r_[np.full(len(classes), n_a), np.full(len(classes), n_b)],
    )


def irls(design, right, n):
    """Logistic regression by iteratively reweighted least squares on the full design matrix."""
    beta = np.zeros(design.shape[1])
    for _ in range(100):
        p = expit(design @ beta)
        weight = n * p * (1 - p)
        step = np.linalg.lstsq(
            (design.T * weight) @ design, design.T @ (right - n * p), rcond=None
        )[0]
        beta += step
        if np.abs(step).max() < 1e-12:
            break
    return expit(design @ beta)


@pytest.fixture(scope="module")
def counted():
    """Right answers of 6 and 9 networks, none all right or all wrong, on examples of 3 classes."""
    rng = np.random.default_rng(10)
    classes = rng.integers(3, size=90)
    odds = rng.normal(0, 1.5, 90)
    right = (
        rng.binomial(6, expit(odds)),
        rng.binomial(9, expit(odds + np.array([-1, 0.3, 1.5])[classes])),
    )
    mixed = (sum(right) > 0) & (sum(right) < 15)
    return *(r[mixed] for r in right), 6, 9, classes[mixed]


@pytest.mark.parametrize("model", ["a", "b"])
def test_nested_models_are_those_of_the_full_design(counted, model):
    *data, classes = counted
    design, right, n = full_design(*data, classes if model == "b" else np.zeros_like(classes))
    p = irls(design, right, n)
    found = explained_by_class(*counted)
    assert found[f"mse_{model}"] == pytest.approx(
        (right * (1 - p) ** 2 + (n - right) * p**2).sum() / n.sum(), rel=1e-9
    )
    likelihood = (right * np.log(p) + (n - right) * np.log1p(-p)).sum()
    assert found[f"aic_{model}"] == pytest.approx(2 * design.shape[1] - 2 * likelihood, rel=1e-9)


def test_model_b_is_scikit_learn_s(counted):
    right_a, right_b, n_a, n_b, classes = counted
    design, right, n = full_design(*counted)
    rows = np.concatenate([design, design])
    outcome = np.repeat([1, 0], len(design))
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=10_000)
    model.fit(rows, outcome, sample_weight=np.r_[right, n - right])
    odds_a, odds_b, cell, _ = explained.shifted(explained.Counts(*counted[:4]), classes)
    ours = {}
    keys = np.unique(classes * 1000 + explained.Counts(*counted[:4]).cell_of)
    for key, x, y in zip(keys, odds_a, odds_b, strict=True):
        ours[key] = expit([x, y])
    mine = np.array([ours[k] for k in classes * 1000 + explained.Counts(*counted[:4]).cell_of])
    theirs = model.predict_proba(design)[:, 1].reshape(2, -1).T
    np.testing.assert_allclose(mine, theirs, atol=1e-4)


def planted(by, n, rng):
    """Right answers of 2 x n networks on 600 examples whose difference lies in `by`."""
    classes = np.arange(600) % CLASSES
    odds = rng.normal(1, 1.5, 600)
    shift = {
        "class": np.linspace(-2, 2, CLASSES)[classes],
        "example": rng.permutation(np.linspace(-2, 2, 600)),
    }[by]
    return rng.binomial(n, expit(odds)), rng.binomial(n, expit(odds + shift)), n, n, classes


def test_a_difference_by_class_is_explained_by_class():
    found = explained_by_class(*planted("class", 500, np.random.default_rng(11)))
    assert found["v2"] > 0.95
    assert found["v2"] == pytest.approx(found["v2_ceiling"], abs=0.02)
    assert found["v2_chance"] < 0.05
    assert found["aic_b"] < min(found["aic_a"], found["aic_c"])


def test_a_difference_by_example_is_not():
    found = explained_by_class(*planted("example", 500, np.random.default_rng(12)))
    assert abs(found["v2"]) < 0.05
    assert found["v2"] == pytest.approx(found["v2_chance"], abs=0.03)
    assert found["aic_c"] < min(found["aic_a"], found["aic_b"])


def test_few_networks_lower_the_share_as_the_ceiling_says():
    """Model C fits the noise of few networks: even a pure class difference stays below 1."""
    found = explained_by_class(*planted("class", 5, np.random.default_rng(13)))
    assert found["v2"] < 0.8
    assert found["v2"] == pytest.approx(found["v2_ceiling"], abs=0.1)


def test_seeds_that_differ_by_class_are_no_difference_between_architectures():
    """Every network has a class that it fails in: v2 is large, and as large with any networks."""
    rng = np.random.default_rng(15)
    fails = rng.integers(CLASSES, size=8)
    correct = (fails[:, None] != LABELS).astype(float)
    a, b = correct[:4], correct[4:]
    found = explained_by_class(a.sum(axis=0), b.sum(axis=0), 4, 4, LABELS)
    assert found["v2"] > 0.9
    assert found["v2_chance"] < 0.2
    assert explained.exchanged_networks(a, b, LABELS) == pytest.approx(found["v2"], abs=0.05)


def test_no_difference_at_all_has_no_share():
    right = np.array([0, 3, 5, 5])
    found = explained_by_class(right, right, 5, 5, np.array([0, 0, 1, 1]))
    assert np.isnan(found["v2"])
    assert found["mse_a"] == pytest.approx(found["mse_c"])


def test_a_class_that_one_architecture_always_gets_right_is_fitted():
    """The likelihood has no maximum at a finite shift; its limit is what is fitted."""
    right_a, right_b = np.array([0, 2, 3, 1]), np.array([4, 4, 2, 1])
    found = explained_by_class(right_a, right_b, 4, 4, np.array([0, 0, 1, 1]))
    assert np.isfinite([found[k] for k in ("v2", "mse_b", "aic_b", "aic_c")]).all()
    # In class 0, b is right whenever a is: the fit has the data's own shares there.
    likelihood = 4 * np.log(0.5)
    others = explained_by_class(right_a[2:], right_b[2:], 4, 4, np.array([0, 0]))
    assert found["aic_b"] - others["aic_b"] == pytest.approx(2 * 3 - 2 * likelihood, abs=1e-6)


def test_the_cost_does_not_grow_with_examples_that_are_alike(counted):
    many = [np.tile(x, 50) if isinstance(x, np.ndarray) else x for x in counted]
    once, often = explained_by_class(*counted), explained_by_class(*many)
    assert often["v2"] == pytest.approx(once["v2"])
    assert len(explained.Counts(*many[:4]).cells) == len(explained.Counts(*counted[:4]).cells)


# --- files ----------------------------------------------------------------------------------------
