"""Linear probes in closed form: against scikit-learn, by hand, and within memory."""

import numpy as np
import pytest
import torch
from made_examples import CLASSES, CPU, features, model
from repatlas.errors import ResourceError
from repatlas.frozen.closed_form import groups, ridge_probes
from repatlas.frozen.features import feature_counts
from repatlas.frozen.linear_probes import probed_layers
from repatlas.frozen.ridge import (
    SHARES,
    Moments,
    add_gram,
    choose,
    complete,
    fit_gram,
    fit_size,
    indicators,
    solve,
)
from repatlas.models.registry import build
from repatlas.probe_sizes import LARGEST, check_size, closed_form_bytes, probed_features
from sklearn.linear_model import Ridge


def reference(x, labels, test_x, test_labels):
    """Penalty chosen and accuracies, by scikit-learn's Ridge with the same rule."""
    y, first = np.eye(CLASSES)[labels], fit_size(len(labels))

    def fitted(n, share):
        alpha = share * ((x[:n] - x[:n].mean(0)) ** 2).sum()
        return Ridge(alpha=alpha, solver="svd").fit(x[:n], y[:n])

    correct = [
        (fitted(first, share).predict(x[first:]).argmax(1) == labels[first:]).sum()
        for share in SHARES
    ]
    best = max(range(len(SHARES)), key=lambda k: (correct[k], k))
    predicted = fitted(len(x), SHARES[best]).predict(test_x).argmax(1)
    held_out = correct[best] / (len(x) - first)
    return SHARES[best], held_out, (predicted == test_labels).mean()


@pytest.mark.parametrize("pool", [None, 2])
def test_probes_of_a_network_are_scikit_learns_ridge(network, train, test, pool):
    layers = ["stage1.block1.bn2", "stage1.block1.add", "stage2.block1.add", "stage3.block1.add"]
    found = ridge_probes(network, layers, train, test, CLASSES, pool, CPU)
    # 256, 256, 128 and 64 features on 150 images: both forms of the solution, pooled or not.
    assert [r.features for r in found] == [n // (4 if pool else 1) for n in (256, 256, 128, 64)]
    for layer, result in zip(layers, found, strict=True):
        x, test_x = (features(network, layer, e.images, pool) for e in (train, test))
        share, held_out, accuracy = reference(x, train.labels, test_x, test.labels)
        assert result.share == share
        assert result.held_out == pytest.approx(held_out)
        assert result.accuracy == pytest.approx(accuracy)


def weights(x, labels, form):
    """Weight, mean and bias of one form of the solution at the penalty that it chose."""
    labels, x = torch.as_tensor(labels), torch.as_tensor(x)
    if form == "moments":
        moments = Moments(x.shape[1], CLASSES, CPU)
        for start in range(0, len(x), 40):
            part = slice(start, start + 40)
            moments.add(x[part], indicators(labels[part], CLASSES))
        return moments.solve([SHARES[6]])[0]
    gram = torch.zeros(len(x), len(x), dtype=torch.float64)
    for start in range(0, x.shape[1], 17):
        add_gram(gram, x[:, start : start + 17])
    complete(gram)
    dual, bias, share, _ = fit_gram(gram, labels, CLASSES)
    return (x.T @ dual, x.mean(0), bias), share


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_both_forms_are_scikit_learns_coefficients(mean):
    """Also where the features' mean is ten thousand times their spread."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 50)) * np.linspace(0.1, 3, 50) + mean
    labels = np.arange(100) % CLASSES
    total = ((x - x.mean(0)) ** 2).sum()

    def check(weight, centre, bias, share):
        expected = Ridge(alpha=share * total, solver="svd").fit(x, np.eye(CLASSES)[labels])
        np.testing.assert_allclose(weight.numpy().T, expected.coef_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(
            (bias - centre @ weight).numpy(),
            expected.intercept_,
            rtol=1e-6,
            atol=1e-8 + 1e-9 * mean,
        )

    check(*weights(x, labels, "moments"), SHARES[6])
    fitted, share = weights(x, labels, "gram")
    check(*fitted, share)


def test_a_large_gram_is_filled_in_blocks():
    """More examples and features than a block of either holds, in float32 as activations are."""
    x = torch.randn(1100, 1500, generator=torch.Generator().manual_seed(0)) + 3
    gram = torch.zeros(1100, 1100, dtype=torch.float64)
    add_gram(gram, x[:, :700])
    add_gram(gram, x[:, 700:])
    complete(gram)
    centred = x.double() - x.double().mean(0)
    np.testing.assert_allclose(gram, centred @ centred.T, atol=1e-8)


def test_classes_apart_by_a_plane_are_all_found():
    rng = np.random.default_rng(0)
    labels = torch.as_tensor(np.arange(200) % CLASSES)
    x = torch.as_tensor(rng.standard_normal((200, 400)))
    x[:, :CLASSES] += 50 * indicators(labels, CLASSES)
    gram = torch.zeros(200, 200, dtype=torch.float64)
    add_gram(gram, x)
    complete(gram)
    dual, bias, _, held_out = fit_gram(gram, labels, CLASSES)
    assert held_out == 1
    new = torch.as_tensor(rng.standard_normal((100, 400)))
    new[:, :CLASSES] += 50 * indicators(labels[:100], CLASSES)
    logits = (new - x.mean(0)) @ (x.T @ dual) + bias
    assert (logits.argmax(1) == labels[:100]).all()


@pytest.mark.parametrize("layer", ["stage1.block1.add", "stage3.block1.add"])
def test_a_layer_that_does_not_vary_gives_the_largest_class(train, test, layer):
    """Both forms: a network whose layers are 0 for every image."""
    silent = build(model(), (1, 8, 8), CLASSES, None).eval()
    for parameter in silent.parameters():
        parameter.data.zero_()
    largest = np.bincount(train.labels).argmax()
    (result,) = ridge_probes(silent, [layer], train, test, CLASSES, None, CPU)
    assert result.accuracy == (np.asarray(test.labels) == largest).mean()


def test_the_images_of_the_test_never_choose_the_penalty(network, train, test):
    layers = ["stage2.block1.add"]
    (one,) = ridge_probes(network, layers, train, test, CLASSES, None, CPU)
    shifted = test._replace(labels=(np.asarray(test.labels) + 1) % CLASSES)
    (other,) = ridge_probes(network, layers, train, shifted, CLASSES, None, CPU)
    assert (one.share, one.held_out) == (other.share, other.held_out)
    assert one.accuracy > 0.9 > 0.1 > other.accuracy


def test_passes_of_any_size_give_the_same(network, train, test):
    layers = [layer.layer for layer in probed_layers(model())]
    whole = ridge_probes(network, layers, train, test, CLASSES, None, CPU)
    done = []
    # Room for 100 of the up to 256 features of 150 images at a time.
    parts = ridge_probes(
        network, layers, train, test, CLASSES, None, CPU, lambda *a: done.append(a), 4 * 150 * 100
    )
    assert parts == whole
    assert done == [(k, 6) for k in range(1, 7)]


def test_features_are_cut_into_groups_that_fit():
    counts = [5, 3, 9]
    found = [[tuple(part) for part in group] for group in groups([0, 2], counts, 6)]
    assert found == [[(0, 0, 5), (2, 0, 1)], [(2, 1, 7)], [(2, 7, 9)]]


def test_of_equal_penalties_the_strongest_is_chosen():
    correct = [3] * len(SHARES)
    assert choose(correct, 6) == (SHARES[-1], 0.5)
    correct[4] = 5
    assert choose(correct, 6) == (SHARES[4], 5 / 6)


def test_a_matrix_without_full_rank_is_solved():
    x = torch.ones(5, 3, dtype=torch.float64)
    found = solve(x.T @ x, x.T @ torch.ones(5, 1, dtype=torch.float64), 1.0)
    np.testing.assert_allclose(found, np.full((3, 1), 5 / 16), rtol=1e-12)


def test_what_does_not_fit_into_memory_is_refused_by_name():
    check_size(3125, 163_840, "stage1.block1.add")
    check_size(50_000, LARGEST, "stage1.block1.add")
    with pytest.raises(ResourceError, match=r"stage1\.block1\.add has 163,840 features on 50,000"):
        check_size(50_000, 163_840, "stage1.block1.add")


def test_memory_is_known_beforehand():
    """Three stages of the paper's ResNet-38 of width 10."""
    wide = {"architecture": "resnet", "depth": 38, "width": 10}
    assert probed_features(wide, (3, 32, 32)) == [163_840, 81_920, 40_960]
    assert probed_features(wide, (3, 32, 32), 2) == [40_960, 20_480, 10_240]
    # 1/16 of the data: the Gram matrix of 3,125 images, 78 MB, four times.
    assert closed_form_bytes(3125, [163_840]) == (2_000 << 20) + (1 << 30) + 4 * 8 * 3125**2


@pytest.mark.parametrize(("shape", "pool"), [((1, 8, 8), None), ((3, 9, 13), 2), ((1, 8, 8), 3)])
def test_the_features_known_beforehand_are_the_networks(shape, pool):
    net = build(model(width=0.5), shape, CLASSES, None).eval()
    layers = [f"stage{stage}.block1.add" for stage in (1, 2, 3)]
    image = torch.rand(1, *shape)
    counts = feature_counts(net, layers, image, pool)
    assert counts == probed_features(model(width=0.5), shape, pool)
