"""float32 inputs give what the same values give in float64, wherever their mean lies."""

import warnings

import numpy as np
import pytest
from repatlas.similarity import MEASURES, compare
from repatlas.similarity.tiles import inner_products


def pair(p, q, mean, scale):
    rng = np.random.default_rng(p)
    shared = rng.standard_normal((120, 6))
    x = shared @ rng.standard_normal((6, p)) + rng.standard_normal((120, p))
    y = shared @ rng.standard_normal((6, q)) + rng.standard_normal((120, q))
    x, y = x / x.std(), y / y.std()
    return [((z + mean) * scale).astype(np.float32) for z in (x, y)]


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
@pytest.mark.parametrize("mean", [0, 10, 100])
@pytest.mark.parametrize("name", sorted(MEASURES))
def test_float32_agrees_with_float64(name, mean, scale):
    wide = name not in ("cca_mean", "cca_r2", "svcca", "pwcca", "linear_regression")
    options = {"batch_size": 40} if name == "cka_minibatch" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for p, q in [(20, 30), (700, 2000)] if wide else [(20, 30)]:
            x, y = pair(p, q, mean, scale)
            expected = compare(x.astype(np.float64), y.astype(np.float64), name, **options)
            assert compare(x, y, name, **options) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", ["cka", "cka_minibatch", "cka_biased", "cka_lange"])
def test_float32_is_computed_in_float32(name, monkeypatch):
    """The test above must not pass for having widened everything first."""
    seen = set()

    def watched(a, b, *options):
        seen.add(a.dtype)
        return inner_products(a, b, *options)

    for module in ("tiles", "profiles"):
        monkeypatch.setattr(f"repatlas.similarity.{module}.inner_products", watched)
    compare(*pair(20, 30, 0, 1), name)
    assert seen == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("cka_minibatch", 1e-12),
        ("cka_minibatch", 1e12),
        ("cka", 1e-25),
        ("cka", 1e25),
        ("cka_biased", 1e25),
    ],
)
def test_scales_that_overflow_float32_products(name, scale):
    x, y = pair(20, 30, 0, 1)
    expected = compare(x, y, name)
    found = compare(x * np.float32(scale), y * np.float32(scale), name)
    assert found == pytest.approx(expected, abs=1e-6)
