"""Grams without a first component or without examples, against activations changed directly."""

from dataclasses import dataclass

import numpy as np
import pytest
from repatlas.data.order import pass_order
from repatlas.grams import gram_vector, u_centre
from repatlas.similarity.altered import AlteredGrams, without_examples, without_first_component
from repatlas.similarity.minibatch import minibatch_cka

PROBE, SIZE = "0123456789abcdef", 32


@dataclass
class Batches:
    """The Grams of layers (each (n, p) of all examples) in batches, as a store has them."""

    layers: list
    passes: int = 1
    dtype: type = np.float64
    batch_size: int = SIZE

    @property
    def orders(self):
        n = len(self.layers[0])
        return [pass_order(PROBE, turn, n) for turn in range(self.passes)]

    @property
    def rows(self):
        whole = len(self.layers[0]) // SIZE * SIZE
        return [o[k : k + SIZE] for o in self.orders for k in range(0, whole, SIZE)]

    @property
    def n_batches(self):
        return len(self.rows)

    def batch(self, index):
        made = [gram_vector(x[self.rows[index]], dtype=self.dtype) for x in self.layers]
        return np.stack([p for p, _ in made]), np.stack([d for _, d in made])


def layers(n=200, count=3, seed=0):
    """Layers with a strong component in common and something of their own."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 1))
    return [
        3 * common @ rng.standard_normal((1, p)) + rng.standard_normal((n, p)) + 2
        for p in (20, 50, 70)[:count]
    ]


def cka_of(batches):
    """Ratio of sums of n (n - 3) HSIC1 over batches, each a list of one Gram K = XX' a layer, by
    the three-term formula of Song et al. (2012)."""
    total = 0
    for grams in batches:
        n = len(grams[0])
        if n < 4:
            continue
        zeroed = [k - np.diag(np.diag(k)) for k in grams]
        one = np.ones(n)
        total = total + np.array(
            [
                [
                    np.trace(k @ m)
                    + (one @ k @ one) * (one @ m @ one) / (n - 1) / (n - 2)
                    - 2 / (n - 2) * (one @ k @ m @ one)
                    for m in zeroed
                ]
                for k in zeroed
            ]
        )
    return total / np.sqrt(np.outer(np.diag(total), np.diag(total)))


def rest(x):
    """Centred features of a batch less sigma1 u1 v1', by NumPy's SVD."""
    u, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return (u[:, 1:] * s[1:]) @ vt[1:]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_without_the_first_component_as_from_activations(dtype, tolerance):
    source = Batches(layers(), passes=2, dtype=dtype)
    altered = AlteredGrams(source, without_first_component, range(3))
    found = minibatch_cka([altered], [(0, 0)])[0].value
    parts = [[rest(x[rows]) for x in source.layers] for rows in source.rows]
    expected = cka_of([[x @ x.T for x in part] for part in parts])
    np.testing.assert_allclose(found, expected, atol=tolerance)
    # Independent noise is all that is left of layers that had one strong component in common.
    before = minibatch_cka([source], [(0, 0)])[0].value
    assert before[0, 1] > 0.8
    assert abs(found[0, 1]) < 0.1


def removed_of(n, some):
    removed = np.zeros(n, bool)
    removed[some] = True
    return removed


@pytest.mark.parametrize("passes", [1, 3])
def test_without_examples_as_from_activations(passes):
    source = Batches(layers(), passes=passes)
    n = 200
    # Very unequal batches, one of which keeps too few to count; 192..199 are in no batch of pass 1.
    removed = removed_of(n, [*range(30), 40, 41, 100, *range(128, 144), 195])
    change = without_examples(removed, source.orders, SIZE)
    altered = AlteredGrams(source, change, range(3))
    found = minibatch_cka([altered], [(0, 0)])[0].value
    kept = [[r for r in rows if not removed[r]] for rows in source.rows]
    if passes == 1:
        assert min(map(len, kept)) == 2
    expected = cka_of([[x[rows] @ x[rows].T for x in source.layers] for rows in kept])
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_removing_nothing_changes_nothing():
    source = Batches(layers())
    change = without_examples(np.zeros(200, bool), source.orders, SIZE)
    found = minibatch_cka([AlteredGrams(source, change, range(3))], [(0, 0)])[0]
    np.testing.assert_allclose(found.value, minibatch_cka([source], [(0, 0)])[0].value, atol=1e-12)


def test_chosen_layers_are_those_of_the_source():
    source = Batches(layers())
    some = AlteredGrams(source, without_first_component, [2, 0])
    whole = AlteredGrams(source, without_first_component, range(3))
    np.testing.assert_array_equal(some.batch(1)[0], whole.batch(1)[0][[2, 0]])


def test_a_layer_of_one_component_has_nothing_left():
    rng = np.random.default_rng(0)
    line = rng.standard_normal((200, 1)) @ rng.standard_normal((1, 40)) + 5
    for dtype in (np.float32, np.float64):
        source = Batches([line.astype(dtype), *layers(count=1)], dtype=dtype)
        altered = AlteredGrams(source, without_first_component, range(2))
        found = minibatch_cka([altered], [(0, 0)])[0]
        assert np.isnan(found.value[0]).all()
        assert found.value[1, 1] == 1
        assert found.reason[0, 0] != 0


def test_a_broken_layer_stays_so():
    broken = layers(count=1)[0]
    broken[3] = np.nan
    source = Batches([broken, *layers(count=1)])
    found = minibatch_cka([AlteredGrams(source, without_first_component, range(2))], [(0, 0)])[0]
    assert np.isnan(found.value[0]).all()
    assert found.value[1, 1] == 1


def test_the_altered_gram_is_that_of_the_features():
    source = Batches(layers())
    altered = AlteredGrams(source, without_first_component, range(3))
    packed, diagonal = altered.batch(0)
    x = rest(source.layers[1][source.rows[0]])
    g, d = u_centre(x @ x.T)
    np.testing.assert_allclose(packed[1], g[np.triu_indices(SIZE, 1)], atol=1e-9)
    np.testing.assert_allclose(diagonal[1], d, atol=1e-9)
    np.testing.assert_allclose(altered.doubly_centred(0, 1), x @ x.T, atol=1e-9)
