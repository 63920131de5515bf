"""Standard errors: against deletion done by hand, and against truly different probe samples."""

import numpy as np
import pytest
from repatlas.grams import gram_vector
from repatlas.similarity import similarity_table
from repatlas.similarity.jackknife import FEW_BATCHES, ExactJackknife, StreamedJackknife
from repatlas.similarity.minibatch import minibatch_cka

BATCH = 16


class Grams:
    """The Grams of some batches of arrays."""

    passes, batch_size = 1, BATCH

    def __init__(self, layers, batches):
        self.parts = [
            np.stack([gram_vector(x[i * BATCH : (i + 1) * BATCH], dtype=None)[0] for x in layers])
            for i in batches
        ]
        self.n_batches = len(self.parts)

    def batch(self, index):
        return self.parts[index], np.zeros((len(self.parts[index]), BATCH))


def network(images, seed, layers=3):
    """Activations of a random network on `images` (n, d)."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(layers):
        images = np.maximum(images @ rng.standard_normal((images.shape[1], 12)), 0)
        made.append(images)
    return made


def sample(seed, batches=20):
    rng = np.random.default_rng(seed)
    # A few directions carry most variance, as in images.
    return rng.standard_normal((batches * BATCH, 8)) * np.arange(1, 9) ** -1.0


def test_exact_jackknife_is_deletion_by_hand():
    images = sample(0, batches=9)
    a, b = network(images, 1), network(images, 2)
    block = minibatch_cka([Grams(a, range(9)), Grams(b, range(9))], [(0, 1)])[0]
    left = []
    for out in range(9):
        kept = [i for i in range(9) if i != out]
        left.append(minibatch_cka([Grams(a, kept), Grams(b, kept)], [(0, 1)])[0].value)
    expected = np.sqrt(8 / 9 * ((left - np.mean(left, axis=0)) ** 2).sum(axis=0))
    np.testing.assert_allclose(block.se, expected, rtol=1e-9)
    assert block.se_reason == ""


def test_streamed_sums_approximate_the_exact_jackknife():
    images = sample(0, batches=40)
    networks = [Grams(network(images, k), range(40)) for k in (1, 2)]
    exact = minibatch_cka(networks, [(0, 1), (0, 0)])
    streamed = minibatch_cka(networks, [(0, 1), (0, 0)], memory_budget=1)
    for one, two in zip(exact, streamed, strict=True):
        # Products of other shapes, which some processors round otherwise.
        np.testing.assert_allclose(two.value, one.value, rtol=1e-13)
        np.testing.assert_allclose(two.se, one.se, rtol=0.1, atol=1e-7)
        assert (one.se != two.se).all() or one.a == one.b
    assert (exact[1].se.diagonal() == 0).all()


def test_streamed_sums_are_the_linear_approximation():
    rng = np.random.default_rng(0)
    ab = rng.uniform(0.4, 0.6, (12, 2, 3))
    aa, bb = rng.uniform(0.9, 1.1, (12, 2)), rng.uniform(0.9, 1.1, (12, 3))
    kept = StreamedJackknife()
    for terms in zip(ab, aa, bb, strict=True):
        kept.add(*terms)
    a, b = aa.sum(axis=0)[:, None], bb.sum(axis=0)
    root = np.sqrt(a * b)
    ratio = ab.sum(axis=0) / root
    t = ab / root - ratio * (aa[:, :, None] / (2 * a) + bb[:, None, :] / (2 * b))
    np.testing.assert_allclose(t.sum(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(kept.error(), np.sqrt(12 / 11 * (t**2).sum(axis=0)), rtol=1e-10)


@pytest.mark.parametrize("kind", [ExactJackknife, StreamedJackknife])
def test_layers_without_variance_have_no_error(kind):
    kept = kind()
    for _ in range(9):
        kept.add(np.array([[0.0, 1.0]]), np.array([2.0]), np.array([0.0, 1.0]))
    error = kept.error()
    assert np.isnan(error[0, 0])
    assert error[0, 1] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("budget", [512e6, 1])
def test_errors_match_the_spread_over_truly_different_probe_samples(budget):
    values, errors = [], []
    for seed in range(150):
        images = sample(seed)
        networks = [Grams(network(images, k), range(20)) for k in (1, 2)]
        block = minibatch_cka(networks, [(0, 1)], memory_budget=budget)[0]
        values.append(block.value)
        errors.append(block.se)
    spread = np.std(values, axis=0, ddof=1)
    ratio = np.mean(errors, axis=0) / spread
    assert spread.min() > 1e-3
    # The spread of 150 samples is itself known to 6 %.
    assert ratio.min() > 0.8
    assert ratio.max() < 1.25


def test_reshuffled_passes_do_not_make_the_error_smaller():
    images = sample(3)
    a, b = network(images, 1), network(images, 2)
    one = similarity_table(a, b, "cka_minibatch", batch_size=BATCH)
    ten = similarity_table(a, b, "cka_minibatch", batch_size=BATCH, passes=10)
    assert ten["n_batches"].tolist() == [200] * 9
    np.testing.assert_allclose(ten["se"], one["se"], rtol=1e-12)
    assert (ten["value"] != one["value"]).all()


@pytest.mark.parametrize("batches", [7, 8])
def test_fewer_than_eight_batches_have_no_error(batches):
    images = sample(0, batches)
    table = similarity_table(network(images, 1), measure="cka_minibatch", batch_size=BATCH)
    if batches < 8:
        assert table["se"].isna().all()
        assert (table["reason"] == FEW_BATCHES).all()
    else:
        assert table["se"].notna().all()
        assert (table["reason"] == "").all()
    assert table["value"].notna().all()
    # Ten passes of seven batches are still seven disjoint ones.
    options = {"batch_size": BATCH, "passes": 10}
    table = similarity_table(network(images, 1), measure="cka_minibatch", **options)
    assert table["se"].isna().all() == (batches < 8)
