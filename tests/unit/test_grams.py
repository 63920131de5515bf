"""Gram matrices against the definitions written out, in float64."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from repatlas import grams
from repatlas.errors import DataError
from repatlas.grams import (
    batch_of,
    doubly_centred,
    gram_vector,
    gram_vectors,
    host,
    pack,
    pairs,
    u_centre,
    unpack,
)
from repatlas.triangles import packed_upper, upper_product
from threadpoolctl import threadpool_info, threadpool_limits


def features(n, p, mean=0.0, seed=0, dtype=np.float32):
    return (np.random.default_rng(seed).standard_normal((n, p)) + mean).astype(dtype)


def exact_gram(x):
    x = x.reshape(len(x), -1).astype(np.float64)
    x = x - x.mean(axis=0)
    return x @ x.T


def exact_u_centred(x):
    """U-centring as Székely and Rizzo write it, sum by sum."""
    k = exact_gram(x)
    np.fill_diagonal(k, 0)
    n = len(k)
    g = np.zeros_like(k)
    for i in range(n):
        for j in range(n):
            if i != j:
                g[i, j] = (
                    k[i, j]
                    - k[i].sum() / (n - 2)
                    - k[:, j].sum() / (n - 2)
                    + k.sum() / ((n - 1) * (n - 2))
                )
    return g


def hsic1(k, other):
    """The unbiased estimator as Song et al. 2012 write it."""
    n = len(k)
    k, other = k.copy(), other.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(other, 0)
    product = k @ other
    middle = k.sum() * other.sum() / ((n - 1) * (n - 2))
    return (np.trace(product) + middle - 2 / (n - 2) * product.sum()) / (n * (n - 3))


@pytest.mark.parametrize("mean", [0, 10, 100])
@pytest.mark.parametrize("p", [1, 7, 3000])
def test_packed_grams_are_the_u_centred_ones(p, mean):
    x = features(24, p, mean)
    expected = pack(exact_u_centred(x))
    scale = np.abs(expected).max()
    packed, _ = gram_vector(x)
    assert packed.dtype == np.float32
    np.testing.assert_allclose(packed, expected, rtol=0, atol=2e-6 * scale)
    exact, _ = gram_vector(x.astype(np.float64), dtype=None)
    assert exact.dtype == np.float64
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("mean", [0.3, 5])
def test_blocks_of_features_add_up(mean, monkeypatch):
    x = features(24, 1000, mean, dtype=np.float64)
    monkeypatch.setattr(host, "BLOCK", 24 * 70)
    monkeypatch.setattr(host, "STRETCH", 24 * 90)
    expected = pack(exact_u_centred(x))
    for rows in (None, np.arange(24)):
        packed, _ = gram_vector(x, rows=rows, dtype=None)
        np.testing.assert_allclose(packed, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("mean", [0, 0.5, 0.9, 1.1, 3])
@pytest.mark.parametrize("told", [True, False])
def test_means_are_taken_away_where_they_would_cost_digits(mean, told, monkeypatch):
    monkeypatch.setattr(host, "WIDE", 800)
    x = features(40, 800, mean)
    if not told:
        # The features that are asked beforehand say otherwise.
        asked = np.unique(host._asked(800))
        x[:, asked] = features(40, len(asked), 0 if mean > 1 else 50, seed=1)
        if mean <= 1:
            x[:, asked] /= 1000
    centred = []
    centre = host._centred_gram

    def watched(*arguments):
        centred.append(True)
        return centre(*arguments)

    monkeypatch.setattr(host, "_centred_gram", watched)
    packed, diagonal = gram_vector(x)
    assert bool(centred) == (mean > 1 or not told)
    # A product is rounded by its factors' size, of which up to half may be that of the means.
    atol = 2 * 4 * np.finfo(np.float32).eps * exact_gram(x).max()
    np.testing.assert_allclose(packed, pack(exact_u_centred(x)), rtol=0, atol=atol)
    hkh = doubly_centred(packed, diagonal)
    np.testing.assert_allclose(hkh, exact_gram(x), rtol=0, atol=atol)


@pytest.mark.parametrize("channels", [16, 64, 160, 640])
def test_features_of_many_channels_are_asked_for_their_means(channels):
    positions = 64
    asked = host._asked(channels * positions)
    # Channels that come one after the other in memory, and positions.
    assert len(set(asked % channels)) >= min(channels, host.ASKED) * 0.6
    assert len(set(asked // channels)) >= host.ASKED / 2


def test_inner_products_are_the_unbiased_hsic():
    x, y = features(20, 9, 1, dtype=np.float64), features(20, 5, 2, seed=1, dtype=np.float64)
    g, _ = u_centre(exact_gram(x))
    h, _ = u_centre(exact_gram(y))
    expected = 20 * 17 * hsic1(exact_gram(x), exact_gram(y))
    assert (g * h).sum() == pytest.approx(expected, rel=1e-10)


def test_both_ways_to_the_packed_gram_agree():
    x = features(32, 50, 3)
    packed, diagonal = gram_vector(x)
    g, d = u_centre(exact_gram(x))
    np.testing.assert_allclose(packed, pack(g), rtol=0, atol=1e-6 * np.abs(g).max())
    np.testing.assert_allclose(diagonal, d, rtol=1e-5)
    assert not g.diagonal().any()


def test_the_doubly_centred_gram_is_exact_again():
    x = features(30, 12, 4, dtype=np.float64)
    hkh = doubly_centred(*gram_vector(x, dtype=None))
    np.testing.assert_allclose(hkh, exact_gram(x), rtol=0, atol=1e-12 * np.trace(hkh))


def test_packing_goes_row_by_row_and_back():
    g = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]], dtype=np.float64)
    assert pack(g).tolist() == [1, 2, 3, 4, 5, 6]
    assert (unpack(pack(g), 4) == g).all()
    assert [batch_of(pairs(n)) for n in (4, 16, 64, 256)] == [4, 16, 64, 256]
    with pytest.raises(DataError, match=r"7 is no length .* 6 for n = 4"):
        batch_of(7)


@pytest.mark.parametrize("value", [0.1, 3e7, -1e-8, 0.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [7, 100, 256])
def test_a_constant_layer_is_exactly_zero(value, dtype, n):
    x = np.broadcast_to(np.array([value, 3 * value, -value], dtype=dtype), (n, 3))
    packed, diagonal = gram_vector(x)
    assert not packed.any()
    assert not diagonal.any()


def test_a_layer_constant_up_to_rounding_is_zero_and_a_weak_signal_is_not():
    rng = np.random.default_rng(0)
    constant = np.float32(0.1) * np.ones((64, 40), dtype=np.float32)
    last_bit = np.nextafter(constant, np.float32(1), dtype=np.float32)
    noisy = np.where(rng.random((64, 40)) < 0.5, constant, last_bit)
    assert not gram_vector(noisy)[0].any()
    assert not device_vector(noisy)[0].any()
    weak = (constant + 1e-5 * rng.standard_normal((64, 40))).astype(np.float32)
    assert gram_vector(weak)[0].any()


def test_examples_at_equal_distances_leave_no_signal():
    # One-hot features: the Gram is not zero, its U-centred form is, and rounding must not fill it.
    packed, diagonal = gram_vector(np.eye(48, dtype=np.float32) * 0.3)
    assert not packed.any()
    assert diagonal.all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_features_give_nan_without_a_warning(bad, recwarn):
    x = features(8, 5)
    x[2, 3] = bad
    packed, _ = gram_vector(x)
    assert np.isnan(packed).all()
    assert not recwarn.list


def test_shapes_orders_and_dtypes_of_the_input_make_no_difference():
    x = features(16, 24)
    expected, _ = gram_vector(x)
    np.testing.assert_allclose(gram_vector(x.reshape(16, 2, 3, 4))[0], expected)
    tolerance = {"rtol": 0, "atol": 1e-6 * np.abs(expected).max()}
    np.testing.assert_allclose(gram_vector(np.asfortranarray(x))[0], expected, **tolerance)
    picked = np.array([3, 1, 15, 8, 2])
    chosen, _ = gram_vector(x, rows=picked)
    np.testing.assert_allclose(chosen, gram_vector(x[picked])[0], **tolerance)
    small = np.arange(32, dtype=np.int8).reshape(8, 4) ** 2
    np.testing.assert_allclose(
        gram_vector(small)[0], gram_vector(small.astype(np.float64))[0], rtol=1e-4
    )


@pytest.mark.parametrize("mean", [0, 10])
def test_the_input_stays_as_it_was(mean):
    x = features(16, 24, mean)
    before = x.copy()
    gram_vector(x)
    gram_vector(x, rows=np.arange(9))
    assert (x == before).all()


@pytest.mark.parametrize("shape", [(3, 5), (0, 5), (8, 0), ()])
def test_too_small_input_is_refused(shape):
    with pytest.raises(DataError, match="at least"):
        gram_vector(np.zeros(shape, dtype=np.float32))


def test_too_small_a_gram_is_refused():
    with pytest.raises(DataError, match="at least 4"):
        u_centre(np.eye(3))
    with pytest.raises(DataError, match="A batch of 3 examples is too small"):
        gram_vector(np.eye(8), rows=np.array([0, 1, 2]))


def test_torch_tensors_on_the_cpu_are_viewed():
    torch = pytest.importorskip("torch")
    x = features(16, 24, 2)
    tensor = torch.from_numpy(x).requires_grad_()
    assert np.shares_memory(host.as_features(tensor), x)
    assert (gram_vector(tensor)[0] == gram_vector(x)[0]).all()
    half = torch.from_numpy(x).to(torch.bfloat16)
    assert (gram_vector(half)[0] == gram_vector(half.float().numpy())[0]).all()


def device_vector(x, **options):
    """What a CUDA tensor goes through, run on whatever device there is."""
    torch = pytest.importorskip("torch")
    from repatlas.grams.device import packed_gram

    tensor = torch.from_numpy(x)
    if torch.cuda.is_available():
        tensor = tensor.cuda()
    packed, diagonal = packed_gram(tensor, **{"dtype": np.float32} | options)
    return packed.cpu().numpy(), diagonal.cpu().numpy()


@pytest.mark.parametrize("mean", [0, 100])
def test_the_device_path_agrees_with_the_host(mean, monkeypatch):
    x = features(40, 700, mean)
    monkeypatch.setattr("repatlas.grams.device.BLOCK", 40 * 90)
    packed, diagonal = device_vector(x)
    expected = pack(exact_u_centred(x))
    np.testing.assert_allclose(packed, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    np.testing.assert_allclose(diagonal, gram_vector(x)[1], rtol=1e-5)
    exact, _ = device_vector(x.astype(np.float64), dtype=None)
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_what_is_made_on_a_device_comes_over_in_its_layers_place(monkeypatch):
    torch = pytest.importorskip("torch")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layers = [features(12, p, seed=p) for p in (30, 40, 50)]
    with monkeypatch.context() as patched:
        patched.setattr(grams, "_is_cuda", host.is_torch)
        made = grams.BatchGrams(3, 12)
        for _ in range(2):  # one batch after another
            for index in (2, 0, 1):  # in the order of the forward pass
                made.add(index, torch.from_numpy(layers[index]).to(device))
            made.fetch()
    for index, x in enumerate(layers):
        packed, diagonal = gram_vector(x)
        np.testing.assert_allclose(made.packed[index], packed, atol=1e-4 * np.abs(packed).max())
        np.testing.assert_allclose(made.diagonals[index], diagonal, rtol=1e-5)
    whole = grams.BatchGrams(1, 12)
    whole.add(0, layers[0])
    assert (whole.packed[0] == gram_vector(layers[0])[0]).all(), "on the CPU nothing is left over"


def test_the_device_path_knows_constant_and_broken_layers():
    assert not device_vector(np.full((50, 9), 0.1, dtype=np.float32))[0].any()
    x = features(8, 5)
    x[2, 3] = np.nan
    assert np.isnan(device_vector(x)[0]).all()


def test_the_device_path_multiplies_in_full_precision_and_leaves_the_settings_alone(monkeypatch):
    torch = pytest.importorskip("torch")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    matmul = torch.backends.cuda.matmul
    seen = []
    multiply = torch.Tensor.addmm_

    def watched(*arguments):
        seen.append((matmul.fp32_precision, torch.is_autocast_enabled(device)))
        return multiply(*arguments)

    monkeypatch.setattr(torch.Tensor, "addmm_", watched)
    before = matmul.fp32_precision
    matmul.fp32_precision = "tf32"
    try:
        with torch.autocast(device, dtype=torch.bfloat16):
            device_vector(features(40, 700))
            assert torch.is_autocast_enabled(device)
        assert seen == [("ieee", False)]
        assert matmul.fp32_precision == "tf32"
    finally:
        matmul.fp32_precision = before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "p"), [(1, 1), (5, 3), (4, 0), (70, 1000)])
def test_rank_k_products_of_any_layout(n, p, dtype):
    x = features(n, p, dtype=dtype)
    wider = np.ones((n, p + 7), dtype=dtype)
    wider[:, 3 : p + 3] = x
    tall = np.repeat(x, 2, axis=0)
    layouts = [x, wider[:, 3 : p + 3], tall[::2], np.asfortranarray(x), x[:, ::-1][:, ::-1]]
    expected = np.triu(x.astype(np.float64) @ x.astype(np.float64).T)
    for layout in layouts:
        found = upper_product(layout)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(upper_product(x[::-1]), np.triu(expected[::-1, ::-1].T), atol=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 70])
def test_triangles_of_any_layout_are_packed(n, dtype):
    g = features(n, n, dtype=dtype)
    wider = np.ones((n, n + 5), dtype=dtype)
    wider[:, 2 : n + 2] = g
    expected = g[np.triu_indices(n, 1)]
    for layout in (g, wider[:, 2 : n + 2], np.asfortranarray(g), np.repeat(g, 2, axis=0)[::2]):
        found = packed_upper(layout)
        assert found.dtype == dtype
        assert (found == expected).all()


def test_rank_k_products_let_other_threads_run():
    """A thread that holds Python's lock for a whole product would stop the clock of another."""
    x = features(400, 60_000)
    upper_product(x)
    with ThreadPoolExecutor(1) as pool, threadpool_limits(limits=1, user_api="blas"):
        ticks = []
        running = pool.submit(upper_product, x)
        while not running.done():
            ticks.append(1)
            sleep(0.001)
    assert len(ticks) > 5


@pytest.mark.parametrize("module", ["grams", "cli.similarity"])
def test_similarity_of_stored_grams_imports_no_torch(module):
    code = f"import sys, repatlas.{module}; sys.exit('torch' in sys.modules)"
    path = {**os.environ, "PYTHONPATH": str(Path(grams.__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=path).returncode == 0


@pytest.mark.parametrize("rows", [None, np.arange(40)[::-1]])
def test_layers_of_a_batch_are_made_side_by_side_to_the_same_bits(rows):
    """Several threads with a BLAS of one each, or one thread: the same numbers, in order."""
    rng = np.random.default_rng(0)
    layers = [rng.standard_normal((40, p), dtype=np.float32) for p in (3, 5000, 70, 1, 900)]
    drawn = []

    def one_by_one():
        for k, x in enumerate(layers):
            drawn.append(k)
            yield x

    with threadpool_limits(limits=3, user_api="blas"):
        packed, diagonals = gram_vectors(one_by_one(), rows=rows)
        blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
        assert {library["num_threads"] for library in blas} == {3}, "put back"
    assert drawn == [0, 1, 2, 3, 4]
    with threadpool_limits(limits=1, user_api="blas"):
        expected = [gram_vector(x, rows=rows) for x in layers]
    np.testing.assert_array_equal(packed, [p for p, _ in expected])
    np.testing.assert_array_equal(diagonals, [d for _, d in expected])


def test_an_error_in_one_layer_is_raised():
    with (
        threadpool_limits(limits=2, user_api="blas"),
        pytest.raises(DataError, match="at least 4"),
    ):
        gram_vectors([np.ones((9, 2)), np.ones((3, 2)), np.ones((9, 2))])
