"""The tile engine, against the same sums written out in float64."""

import itertools

import numpy as np
import pytest
from fresh import run_alone
from repatlas.errors import StoreError
from repatlas.grams import batch_of, pairs
from repatlas.similarity import minibatch
from repatlas.similarity.minibatch import Block, explain, minibatch_cka
from repatlas.similarity.tiles import Plan, inner_products, squared_norms, tiles

BATCH = 16


class Source:
    """Packed Grams made up of numbers, with a count of the reads."""

    def __init__(self, grams, passes=1, probe="p"):
        self.grams, self.passes, self.probe = grams, passes, probe
        self.n_batches = len(grams)
        self.batch_size = batch_of(grams[0].shape[1])
        self.reads = 0

    def batch(self, index):
        self.reads += 1
        return self.grams[index], np.zeros((len(self.grams[index]), self.batch_size))


def source(layers, seed, batches=9, dtype=np.float32, **options):
    shared = np.random.default_rng(0).standard_normal((batches, 1, pairs(BATCH)))
    own = np.random.default_rng(seed + 1).standard_normal((batches, layers, pairs(BATCH)))
    return Source((shared + 0.5 * own).astype(dtype), **options)


def expected(networks, block: Block):
    a = networks[block.a].grams[:, block.layers_a].astype(np.float64)
    b = networks[block.b].grams[:, block.layers_b].astype(np.float64)
    ab = 2 * np.einsum("ilp,imp->lm", a, b)
    aa, bb = 2 * (a**2).sum(axis=(0, 2)), 2 * (b**2).sum(axis=(0, 2))
    return ab, aa, bb


def check(networks, blocks):
    for block in blocks:
        ab, aa, bb = expected(networks, block)
        np.testing.assert_allclose(block.value, ab / np.sqrt(np.outer(aa, bb)), atol=3e-7)
        np.testing.assert_allclose(block.hsic_ab, ab, rtol=1e-5, atol=1e-6 * np.abs(ab).max())
        np.testing.assert_allclose(block.hsic_aa, aa, rtol=1e-6)
        np.testing.assert_allclose(block.hsic_bb, bb, rtol=1e-6)


def some_layers(a, b):
    """All layers of a network with itself, some, not in order, between networks."""
    return ([2, 0], [1, 3, 0]) if a != b else (range(4 + a), range(4 + a))


@pytest.fixture
def networks():
    return [source(4 + k, k) for k in range(5)]


ALL = list(itertools.combinations_with_replacement(range(5), 2))
MIXED = [(3, 1), (2, 2), (0, 4), (4, 0), (1, 3)]


@pytest.mark.parametrize("budget", [512e6, 100e3, 20e3, 1])
@pytest.mark.parametrize("layers", [None, some_layers])
@pytest.mark.parametrize("blocks", [ALL, MIXED, [(2, 2)], [(0, 0), (1, 1), (3, 3)]])
def test_blocks_are_the_ratios_of_sums(networks, blocks, layers, budget):
    found = minibatch_cka(networks, blocks, layers, memory_budget=budget)
    assert [(block.a, block.b) for block in found] == blocks
    check(networks, found)
    for block in found:
        assert block.n_batches == 9
        assert not block.reason.any()
        if layers is not None:
            assert [list(block.layers_a), list(block.layers_b)] == [
                list(x) for x in layers(block.a, block.b)
            ]
        if block.a == block.b:
            assert (np.diag(block.value) == 1).all()


def test_each_batch_is_read_once_where_memory_allows(networks):
    minibatch_cka(networks, ALL, lambda a, b: ([0, 1], [0, 1]))
    assert [network.reads for network in networks] == [9] * 5
    for network in networks:
        network.reads = 0
    minibatch_cka(networks, ALL, lambda a, b: ([0, 1], [0, 1]), memory_budget=1)
    # The left network of a row of tiles is kept while the others pass by.
    assert [network.reads for network in networks] == [9, 18, 27, 36, 45]


def test_products_are_as_few_as_what_is_wanted_allows():
    layers = (0, 1, 2)

    def count(blocks, capacity=100):
        plans = [Plan(a, b, layers, layers) for a, b in blocks]
        found = tiles(plans, capacity)
        answers = [answer.plan for tile in found for p in tile.products for answer in p.answers]
        assert sorted(answers) == list(range(len(plans)))
        return sum(len(tile.products) for tile in found)

    assert count(ALL) == 1
    assert count([(a, b) for a, b in ALL if a != b]) == 1
    assert count([(k, k) for k in range(5)]) == 5
    assert count([(0, 1), (2, 3)]) == 2
    assert count([(a, b) for a in (0, 1) for b in (2, 3, 4)], capacity=9) == 3
    assert count(ALL, capacity=6) == 6


def test_networks_beside_one_are_read_one_by_one_and_once(networks):
    star = [(2, k) if k < 3 else (k, 2) for k in range(5)]
    layers = (0, 1, 2)
    plans = [Plan(a, b, layers, layers) for a, b in star]
    found = tiles(plans, 100, cached=6)
    assert [list(tile.right) for tile in found] == [[2], [0, 1], [3, 4]]
    assert all(list(tile.left) == [2] for tile in found)
    together = minibatch_cka(networks, ALL, lambda a, b: (layers, layers))
    before = [network.reads for network in networks]
    alone = minibatch_cka(networks, star, lambda a, b: (layers, layers))
    assert [n.reads - b for n, b in zip(networks, before, strict=True)] == [9] * 5
    for block in alone:
        (expected,) = (x for x in together if {x.a, x.b} == {block.a, block.b})
        value = (
            expected.value if (expected.a, expected.b) == (block.a, block.b) else expected.value.T
        )
        np.testing.assert_allclose(block.value, value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("blocks", [ALL, [(0, k) for k in range(5)], [(3, 3)]])
@pytest.mark.parametrize("ahead", [1, 1 << 20])
def test_what_is_read_was_announced_once(networks, monkeypatch, blocks, ahead):
    monkeypatch.setattr(minibatch, "AHEAD", ahead)
    for network in networks:
        network.announced = []
        network.announce = network.announced.append
    minibatch_cka(networks, blocks)
    for k in {k for block in blocks for k in block}:
        # What the first tile reads in the first batch comes too soon for that.
        assert networks[k].announced in (list(range(9)), list(range(1, 9)))


def test_the_reads_cover_only_the_wanted_networks(networks):
    minibatch_cka(networks, [(1, 1)], lambda a, b: ([0], [0]))
    assert [network.reads for network in networks] == [0, 9, 0, 0, 0]


def test_weighting_of_batches_of_unequal_size():
    rng = np.random.default_rng(0)
    sizes = [8, 8, 8, 8, 8, 8, 8, 5]
    grams = [rng.standard_normal((3, pairs(n))) for n in sizes]
    network = Source(grams)
    by_pairs = minibatch_cka([network], [(0, 0)])[0]
    equal = minibatch_cka([network], [(0, 0)], weighting="equal")[0]
    products = [2 * g @ g.T for g in grams]
    ab = sum(products)
    np.testing.assert_allclose(by_pairs.hsic_ab, ab, rtol=1e-12)
    ab = sum(p / (n * (n - 3)) for p, n in zip(products, sizes, strict=True))
    np.testing.assert_allclose(equal.hsic_ab, ab, rtol=1e-12)
    assert np.abs(by_pairs.value - equal.value).max() > 1e-3


def test_dead_and_broken_layers_are_named_and_leave_the_others_alone(networks):
    check_against = minibatch_cka(networks[:2], [(0, 1)])[0]
    networks[0].grams[:, 1] = 0
    networks[0].grams[4, 2] = np.nan
    networks[1].grams[:, 3] = 0
    block = minibatch_cka(networks[:2], [(0, 1)])[0]
    undefined = np.zeros((4, 5), dtype=bool)
    undefined[[1, 2]] = True
    undefined[:, 3] = True
    assert (np.isnan(block.value) == undefined).all()
    assert (np.isnan(block.se) == undefined).all()
    assert ((block.reason != 0) == undefined).all()
    assert explain(block.reason[0, 0]) == ""
    assert explain(block.reason[1, 0]).startswith("layer_a does not tell the examples apart")
    assert explain(block.reason[2, 0]).startswith("layer_a has values that are not finite")
    assert explain(block.reason[2, 3]).count("layer_") == 2
    alive = ~undefined
    np.testing.assert_allclose(block.value[alive], check_against.value[alive], atol=1e-12)
    # Dead in some batches only is alive.
    networks[2].grams[0, 0] = 0
    assert not minibatch_cka(networks, [(2, 2)])[0].reason.any()


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_grams_of_any_size_stay_in_range(networks, scale):
    before = minibatch_cka(networks[:2], [(0, 1), (0, 0)])
    networks[0].grams[:, 1] *= np.float32(scale)
    stored = networks[0].grams.copy()
    after = minibatch_cka(networks[:2], [(0, 1), (0, 0)])
    alone = minibatch_cka(networks[:1], [(0, 0)])[0]
    np.testing.assert_allclose(alone.value, before[1].value, atol=3e-7)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_allclose(two.value, one.value, atol=3e-7)
        np.testing.assert_allclose(two.se, one.se, rtol=1e-3, atol=1e-7)
    assert after[0].hsic_aa[1] == pytest.approx(before[0].hsic_aa[1] * scale**2, rel=1e-5)
    assert (networks[0].grams == stored).all()


def test_long_float32_products_do_not_drift():
    a = np.random.default_rng(0).random((3, 200_000), dtype=np.float32)
    exact = a.astype(np.float64) @ a.T.astype(np.float64)
    np.testing.assert_allclose(inner_products(a, a), exact, rtol=1e-7)
    np.testing.assert_allclose(inner_products(a, a.copy()), exact, rtol=1e-7)
    np.testing.assert_allclose(squared_norms(a), exact.diagonal(), rtol=1e-7)


def test_float64_grams_are_summed_in_float64():
    networks = [source(4, k, dtype=np.float64) for k in range(2)]
    block = minibatch_cka(networks, [(0, 1)])[0]
    ab, aa, bb = expected(networks, block)
    np.testing.assert_allclose(block.value, ab / np.sqrt(np.outer(aa, bb)), rtol=1e-13)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (source(4, 1, probe="q"), "probe set, or the order of its examples, differs: p in network"),
        (source(4, 1, batches=8), "number of batches differs: 9 in network 0, 8 in network 1"),
        (source(4, 1, passes=3), "number of passes differs: 1 in network 0, 3 in network 1"),
        (Source(np.zeros((9, 4, pairs(8)), np.float32), probe="p"), "batch size differs: 16"),
    ],
)
def test_networks_that_were_probed_differently_are_refused(other, said):
    with pytest.raises(StoreError, match=said):
        minibatch_cka([source(4, 0), other], [(0, 1)])


def test_a_refusal_names_each_difference_once():
    others = [source(4, 1, probe="q", passes=3), source(4, 2, probe="q")]
    with pytest.raises(StoreError) as error:
        minibatch_cka([source(4, 0), *others], [(0, 1)])
    assert str(error.value).count("probe set") == 1
    assert str(error.value).count("number of passes") == 1


def test_no_blocks_are_no_work(networks):
    assert minibatch_cka(networks, []) == []


def test_the_engine_imports_neither_torch_nor_stores():
    code = (
        "import sys, repatlas.similarity.minibatch\n"
        "sys.exit(bool({'torch', 'zarr', 'pandas'} & set(sys.modules)))"
    )
    assert run_alone(code) == 0
