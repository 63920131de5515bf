"""Linear probes: against scikit-learn, by hand, and on features with known answers."""

import numpy as np
import pandas as pd
import pytest
import torch
from repatlas.analysis.design import Grid
from repatlas.analysis.linear_probes import probe_summary, probe_table
from repatlas.data.dataset import Dataset
from repatlas.errors import ResourceError
from repatlas.frozen.closed_form import groups, ridge_probes
from repatlas.frozen.examples import Examples, evaluation_examples, training_examples
from repatlas.frozen.features import feature_counts, flattened
from repatlas.frozen.linear_probes import COLUMNS, no_probes, probe_network, probed_layers
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
from repatlas.frozen.sgd import Course, DenseProbe, sgd_probes
from repatlas.layers import layers_of
from repatlas.models.layers import TRUNCATED_STD
from repatlas.models.registry import build
from repatlas.models.taps import tapped
from repatlas.probe_sizes import LARGEST, check_size, closed_form_bytes, probed_features
from repatlas.training.batches import TrainingBatches, as_input
from repatlas.training.seeds import generator
from sklearn.linear_model import Ridge
from torch import nn

CPU = torch.device("cpu")
CLASSES = 4


def model(depth=8, architecture="resnet", width=0.25):
    base = {"architecture": architecture, "depth": depth, "width": width}
    return {**base, "init": "he_normal", "bn_momentum": 0.1}


def spec(**changes):
    return {
        "data": {"fraction": 1, "evaluate_on": "test"},
        "model": model(**changes),
        "training": {"crop_padding": 1, "flip": False},
        "seed": 3,
    }


@pytest.fixture(scope="module")
def network():
    made = build(model(), (1, 8, 8), CLASSES, torch.Generator().manual_seed(0))
    return made.to(memory_format=torch.channels_last).eval()


def examples(n, seed):
    """Images whose class is the quadrant that is bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    images = rng.integers(0, 120, (n, 1, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(label, 2)
        image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 110
    return Examples(images, labels)


@pytest.fixture(scope="module")
def train():
    return examples(150, 1)


@pytest.fixture(scope="module")
def test():
    return examples(90, 2)


def features(network, layer, images, pool=None):
    kept = []
    with torch.no_grad(), tapped(network, [layer], lambda _i, out: kept.append(out)):
        network(as_input(images, CPU))
    return flattened(kept[0], pool).double().numpy()


# --- closed form ----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("method", ["ridge", "sgd"])
def test_random_labels_are_found_by_chance_alone(network, train, test, method):
    rng = np.random.default_rng(5)
    large = examples(400, 3)
    large = large._replace(labels=rng.integers(0, CLASSES, 400))
    drawn = test._replace(labels=rng.integers(0, CLASSES, len(test.labels)))
    layers = ["stage2.block1.add", "stage3.block1.add"]
    if method == "ridge":
        accuracies = [
            r.accuracy for r in ridge_probes(network, layers, large, drawn, CLASSES, None, CPU)
        ]
    else:
        options = {"epochs": 3, "batch_size": 50, "learning_rate": 0.01, "momentum": 0.9}
        options["evaluate_every"] = 3
        courses = sgd_probes(network, layers, large, drawn, CLASSES, spec(), options, CPU)
        accuracies = [course.final for course in courses]
    # Four standard deviations of 90 draws of chance 1/4.
    assert all(abs(a - 0.25) < 4 * (0.25 * 0.75 / 90) ** 0.5 for a in accuracies)


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


# --- the paper's protocol -------------------------------------------------------------------------


def test_sgd_steps_are_those_of_autograd_and_torchs_sgd():
    draw = torch.Generator().manual_seed(0)
    probe = DenseProbe(20, CLASSES, 0.01, 0.9, draw, CPU)
    dense = nn.Linear(20, CLASSES)
    dense.weight.data.copy_(probe.weight)
    nn.init.zeros_(dense.bias)
    optimiser = torch.optim.SGD(dense.parameters(), lr=0.01, momentum=0.9)
    for step in range(5):
        x = torch.randn(8, 20, generator=draw)
        labels = torch.arange(step, step + 8) % CLASSES
        probe.learn(x, labels)
        optimiser.zero_grad()
        nn.functional.cross_entropy(dense(x), labels).backward()
        optimiser.step()
    torch.testing.assert_close(probe.weight, dense.weight.data, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(probe.bias, dense.bias.data, rtol=1e-5, atol=1e-6)


def test_a_probe_starts_as_keras_he_normal():
    probe = DenseProbe(5000, 10, 0.01, 0.9, torch.Generator().manual_seed(0), CPU)
    target = (2 / 5000) ** 0.5
    assert probe.weight.double().std().item() == pytest.approx(target, rel=0.01)
    assert probe.weight.abs().max().item() <= 2 * target / TRUNCATED_STD * (1 + 1e-6)
    assert probe.bias.abs().max() == 0


def test_sgd_probes_are_a_loop_in_numpy(network, train, test):
    """Two epochs of augmented batches through the frozen network, the softmax regression written
    out in float64."""
    layer = "stage2.block1.bn2"
    options = {"epochs": 2, "batch_size": 40, "learning_rate": 0.05, "momentum": 0.9}
    options["evaluate_every"] = 1
    before = {k: v.clone() for k, v in network.state_dict().items()}
    (course,) = sgd_probes(network, [layer], train, test, CLASSES, spec(), options, CPU)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items()), "frozen"
    probe = DenseProbe(128, CLASSES, 0, 0, generator(3, "linear_probes", layer), CPU)
    w, b = probe.weight.double().numpy(), np.zeros(CLASSES)
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    batches = TrainingBatches(train.images, train.labels, 40, 1, False, "3:linear_probes", CPU)
    expected = []
    for epoch in range(2):
        seen = 0
        for images, labels in batches.epoch(epoch):
            kept = []
            with torch.no_grad(), tapped(network, [layer], lambda _i, out, k=kept: k.append(out)):
                network(images)
            x = flattened(kept[0], None).double().numpy()
            z = x @ w.T + b
            p = np.exp(z - z.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            error = (p - np.eye(CLASSES)[labels.numpy()]) / len(x)
            vw, vb = 0.9 * vw + error.T @ x, 0.9 * vb + error.sum(0)
            w, b = w - 0.05 * vw, b - 0.05 * vb
            seen += len(x)
        assert seen == 120, "the remainder of an epoch is dropped"
        predicted = (features(network, layer, test.images) @ w.T + b).argmax(1)
        expected.append((epoch + 1, (predicted == test.labels).mean()))
    assert course.features == 128
    assert [e for e, _ in course.evaluated] == [1, 2]
    np.testing.assert_allclose(course.evaluated, expected, atol=1e-9)


def test_probes_do_not_depend_on_which_others_are_fitted(network, train, test):
    options = {"epochs": 1, "batch_size": 50, "learning_rate": 0.05, "momentum": 0.9}
    options["evaluate_every"] = 1
    layers = ["stage1.block1.add", "stage3.block1.add"]
    both = sgd_probes(network, layers, train, test, CLASSES, spec(), options, CPU)
    (alone,) = sgd_probes(network, layers[1:], train, test, CLASSES, spec(), options, CPU)
    assert both[1] == alone


def test_the_best_epoch_is_named_beside_the_last():
    course = Course(8, ((1, 0.5), (2, 0.8), (3, 0.8), (4, 0.7)))
    assert course.final == 0.7
    assert course.best == (2, 0.8)


# --- which layers, which images, which rows -------------------------------------------------------


def test_probed_are_the_sums_and_what_stands_before_them():
    found = probed_layers(model(20))
    names = [layer.name for layer in layers_of(model(20))]
    assert len(found) == 2 * 9
    for before, after in zip(found[::2], found[1::2], strict=True):
        assert names.index(after.layer) == names.index(before.layer) + 1
        assert (before.position, after.position) == ("before", "after")
    assert found[-1] == ("stage3.block3.add", 3, 3, "after")


def test_without_residual_connections_the_end_of_each_block_is_probed_once():
    found = probed_layers(model(14, "cnn"))
    assert [one.layer for one in found] == [
        f"stage{s}.block{b}.bn2" for s in (1, 2, 3) for b in (1, 2)
    ]
    assert {one.position for one in found} == {"after"}


@pytest.fixture
def dataset(train, test):
    return Dataset(
        spec={},
        shape=(1, 8, 8),
        classes=tuple("abcd"),
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
        train_order=np.arange(150)[::-1],
        test_order=np.arange(90),
        checksum="",
    )


def test_the_images_are_those_of_the_networks_training_and_test(dataset):
    half = spec()
    half["data"] = {"fraction": 0.5, "evaluate_on": "held_out"}
    np.testing.assert_array_equal(
        training_examples(half, dataset).images, dataset.train_images[149:74:-1]
    )
    tested = evaluation_examples(half, dataset).images
    np.testing.assert_array_equal(tested, dataset.train_images[74::-1])
    tested = evaluation_examples(spec(), dataset).images
    np.testing.assert_array_equal(tested, dataset.test_images)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "ridge"},
        {"method": "ridge", "pool": 2},
        {
            **{"method": "sgd", "epochs": 4, "batch_size": 30, "learning_rate": 0.01},
            **{"momentum": 0.9, "evaluate_every": 2},
        },
    ],
)
def test_a_network_gives_a_row_a_layer(network, dataset, options):
    rows = probe_network(network, spec(), dataset, options, CPU)
    assert [list(row) for row in rows] == [COLUMNS] * 6
    assert {row["method"] for row in rows} == {options["method"]}
    sgd = options["method"] == "sgd"
    for row in rows:
        assert row["accuracy"] > 0.8, "bright quadrants are told apart from every layer"
        assert (row["penalty"] is None) == sgd
        assert (row["best_epoch"] in (2, 4)) == sgd
        if sgd:
            assert row["best_accuracy"] >= row["accuracy"]


def test_the_tables_keep_a_failed_network_as_rows_with_its_reason(tmp_path, network, dataset):
    options = {"method": "ridge"}
    rows = {
        "a": probe_network(network, spec(), dataset, options, CPU),
        "b": no_probes(spec(), options, "network diverged: loss is nan"),
    }
    paths = {}
    for run, own in rows.items():
        paths[run] = str(tmp_path / run)
        pd.DataFrame(own, columns=COLUMNS).to_csv(paths[run], index=False)
    runs = pd.DataFrame({"run": ["a", "b"], "group": "g", "width": 0.25, "seed": [0, 1]})
    grid = Grid(runs, ["width", "seed"], {}, {"linear_probes": paths})
    table = probe_table(grid)
    assert len(table) == 12
    failed = table[table["run"] == "b"]
    assert failed["accuracy"].isna().all()
    assert set(failed["reason"]) == {"network diverged: loss is nan"}
    summary = probe_summary(grid, table)
    assert len(summary) == 6
    assert set(summary["n"]) == {1}
    np.testing.assert_allclose(summary["accuracy_mean"], [row["accuracy"] for row in rows["a"]])
