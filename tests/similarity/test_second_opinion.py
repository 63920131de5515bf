"""The same quantities from other people's code and from the definitions written out."""

import numpy as np
import pytest
from oracle_cases import cases
from repatlas.similarity import compare
from scipy.spatial.distance import cdist

INPUTS = cases()
SMALL = ["tall n200 p30 q50", "conv n48 8x6x6 16x3x3 (p>n)", "independent n120 p40 q60"]


def rdm_of(x, method):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    return rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(x), method=method)


@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize(
    ("rdm", "theirs"), [("correlation", "correlation"), ("squared_euclidean", "euclidean")]
)
@pytest.mark.parametrize(
    ("comparison", "method"),
    [("spearman", "spearman"), ("pearson", "corr"), ("cosine", "cosine"), ("kendall", "tau-b")],
)
def test_rsa_is_rsatoolbox(case, rdm, theirs, comparison, method):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    x, y = INPUTS[case]
    expected = rsatoolbox.rdm.compare(rdm_of(x, theirs), rdm_of(y, theirs), method=method)
    assert compare(x, y, "rsa", rdm=rdm, comparison=comparison) == pytest.approx(
        float(expected.item()), abs=1e-8
    )


@pytest.mark.parametrize("case", SMALL)
def test_biased_cka_is_rsatoolbox_whitened_cosine(case):
    """Another formula for the same quantity (Diedrichsen et al. 2020)."""
    rsatoolbox = pytest.importorskip("rsatoolbox")
    x, y = INPUTS[case]
    expected = rsatoolbox.rdm.compare(
        rdm_of(x, "euclidean"), rdm_of(y, "euclidean"), method="cosine_cov"
    )
    assert compare(x, y, "cka_biased") == pytest.approx(float(expected.item()), abs=1e-8)


@pytest.mark.parametrize("case", SMALL)
def test_linear_regression_is_least_squares(case):
    x, y = (z - z.mean(axis=0) for z in INPUTS[case])
    if x.shape[1] >= len(x):
        x = x[:, :20]
        y = y[:, :15]

    def explained(target, predictor):
        fit = predictor @ np.linalg.lstsq(predictor, target, rcond=None)[0]
        return 1 - ((target - fit) ** 2).sum() / (target**2).sum()

    forward, backward = explained(x, y), explained(y, x)
    assert compare(x, y, "linear_regression") == pytest.approx(forward, abs=1e-10)
    assert compare(x, y, "linear_regression", target="y") == pytest.approx(backward, abs=1e-10)
    both = compare(x, y, "linear_regression", target="mean")
    assert both == pytest.approx((forward + backward) / 2, abs=1e-10)


@pytest.mark.parametrize("case", SMALL)
def test_distance_correlation_is_its_definition(case):
    x, y = INPUTS[case]

    def centred(z):
        d = cdist(z, z)
        return d - d.mean(axis=0) - d.mean(axis=1)[:, None] + d.mean()

    a, b = centred(x), centred(y)
    expected = np.sqrt((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))
    assert compare(x, y, "distance_correlation") == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_knn_jaccard_is_its_definition(metric):
    x, y = INPUTS["tall n200 p30 q50"]

    def neighbours(z):
        d = cdist(z - z.mean(axis=0), z - z.mean(axis=0), metric)
        np.fill_diagonal(d, np.inf)
        return [set(row[:7]) for row in np.argsort(d, axis=1)]

    pairs = zip(neighbours(x), neighbours(y), strict=True)
    expected = np.mean([len(a & b) / len(a | b) for a, b in pairs])
    assert compare(x, y, "knn_jaccard", k=7, metric=metric) == pytest.approx(expected, abs=1e-12)


def test_pwcca_weights_of_both_sides():
    x, y = INPUTS["powerlaw n300 p80 q40 +mean"]  # more features in x than in y
    forward, backward = compare(x, y, "pwcca"), compare(y, x, "pwcca")
    assert compare(x, y, "pwcca", weights="y") == pytest.approx(backward, abs=1e-12)
    both = compare(x, y, "pwcca", weights="mean")
    assert both == pytest.approx((forward + backward) / 2, abs=1e-12)
    assert abs(forward - backward) > 0.01
