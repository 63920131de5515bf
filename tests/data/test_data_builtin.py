import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
from repatlas.data import (
    describe,
    fingerprint,
    held_out,
    load,
    load_probe,
    make_probe,
    prepare,
    subset,
)
from repatlas.errors import ConfigError


def test_digits_are_what_was_described(digits_set):
    description = describe({"source": "digits"})
    assert (description.shape, description.n_train, description.n_test) == ((1, 8, 8), 1285, 512)
    assert digits_set.train_images.shape == (1285, 1, 8, 8)
    assert digits_set.test_images.shape == (512, 1, 8, 8)
    assert digits_set.classes == description.classes == tuple("0123456789")
    assert digits_set.spec == {"source": "digits"}
    assert digits_set.train_images.dtype == np.uint8
    assert digits_set.train_labels.dtype == np.int64


def test_digits_are_scikit_learns_images_scaled_and_split_once(digits_set):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    expected = np.round(bunch.images * 255 / 16).astype(int).reshape(1797, -1)
    expected = {(*image, label) for image, label in zip(expected, bunch.target, strict=True)}
    images = np.concatenate([digits_set.train_images, digits_set.test_images]).reshape(1797, -1)
    labels = np.concatenate([digits_set.train_labels, digits_set.test_labels])
    found = {(*image.astype(int), label) for image, label in zip(images, labels, strict=True)}
    assert found == expected
    assert images.max() == 255


def test_digits_are_fixed_for_good(digits_set):
    # Written down once: another release of NumPy or scikit-learn must give the same.
    arrays = {
        "a6431986f82dda03": digits_set.train_images,
        "2a89cb282a1398dc": digits_set.test_images,
        "fa32df8c671b0a9b": digits_set.train_order,
        "d115789bf1287264": digits_set.test_order,
    }
    for expected, array in arrays.items():
        assert hashlib.sha256(array.tobytes()).hexdigest()[:16] == expected


def test_digits_test_set_is_stratified(digits_set):
    everything = np.bincount(digits_set.train_labels) + np.bincount(digits_set.test_labels)
    shares = everything * 512 / 1797
    assert np.abs(np.bincount(digits_set.test_labels) - shares).max() < 1.6


def test_same_images_same_bytes(digits, tmp_path):
    prepare({"source": "digits"}, tmp_path / "again")
    names = sorted(p.name for p in (tmp_path / "again").iterdir())
    assert names == [
        "manifest.json",
        "test_images.npy",
        "test_labels.npy",
        "test_order.npy",
        "train_images.npy",
        "train_labels.npy",
        "train_order.npy",
    ]
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (digits / name).read_bytes()


def test_describing_and_loading_need_no_heavy_library(digits):
    code = (
        "import sys, repatlas.data as d\n"
        "for s in ('digits', 'cifar10', 'cifar100', 'mnist', 'fashion-mnist'):\n"
        "    d.describe({'source': s})\n"
        "d.load(sys.argv[1])\n"
        "heavy = {'torch', 'torchvision', 'sklearn', 'PIL', 'scipy', 'pandas', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(digits)], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("source", "shape", "n_classes", "n_train"),
    [
        ("cifar10", (3, 32, 32), 10, 50_000),
        ("cifar100", (3, 32, 32), 100, 50_000),
        ("mnist", (1, 28, 28), 10, 60_000),
        ("fashion-mnist", (1, 28, 28), 10, 60_000),
    ],
)
def test_known_sets(source, shape, n_classes, n_train):
    found = describe({"source": source})
    assert (found.shape, found.n_train, found.n_test) == (shape, n_train, 10_000)
    assert len(set(found.classes)) == n_classes
    assert fingerprint({"source": source}) is None


def test_fashion_classes_are_torchvisions():
    from torchvision.datasets import FashionMNIST

    assert describe({"source": "fashion-mnist"}).classes == tuple(FashionMNIST.classes)


def test_cifar100_classes_are_in_their_alphabetical_order():
    classes = describe({"source": "cifar100"}).classes
    assert list(classes) == sorted(classes)


@pytest.mark.parametrize("spec", [{"source": "imagenet"}, {}, {"source": None}])
def test_unknown_source(spec, tmp_path):
    for function in (describe, fingerprint, lambda s: prepare(s, tmp_path / "x")):
        with pytest.raises(ConfigError, match="accepted is one of digits, cifar10"):
            function(spec)
    assert not (tmp_path / "x").exists()


@pytest.fixture(scope="module")
def real_cifar_folder(cifar_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar10") / "cifar10"
    prepare({"source": "cifar10"}, folder, roots=[folder / "absent", cifar_root])
    return folder


@pytest.fixture(scope="module")
def real_cifar(real_cifar_folder):
    return load(real_cifar_folder)


class TestRealCifar10:
    def test_it_is_torchvisions(self, real_cifar, cifar_root):
        from torchvision.datasets import CIFAR10

        for train, images, labels in (
            (True, real_cifar.train_images, real_cifar.train_labels),
            (False, real_cifar.test_images, real_cifar.test_labels),
        ):
            theirs = CIFAR10(root=cifar_root, train=train)
            assert np.array_equal(images, theirs.data.transpose(0, 3, 1, 2))
            assert labels.tolist() == theirs.targets

    def test_class_names_are_the_files(self, real_cifar, cifar_root):
        with open(cifar_root / "cifar-10-batches-py" / "batches.meta", "rb") as handle:
            names = pickle.load(handle, encoding="latin1")["label_names"]
        assert real_cifar.classes == tuple(names) == describe({"source": "cifar10"}).classes

    def test_its_probe_set_is_fixed_for_good(self, real_cifar, real_cifar_folder, tmp_path):
        # Every store ever made on CIFAR-10 carries this hash.
        make_probe(real_cifar_folder, None, tmp_path / "probe.json")
        assert load_probe(tmp_path / "probe.json", real_cifar).hash == "b36c5288b4ffa9f5"

    def test_fractions(self, real_cifar):
        sixteenth, quarter = subset(real_cifar, 1 / 16), subset(real_cifar, 1 / 4)
        assert len(sixteenth) == 3125
        assert set(np.bincount(real_cifar.train_labels[sixteenth])) == {312, 313}
        assert np.bincount(real_cifar.train_labels[quarter]).tolist() == [1250] * 10
        assert set(sixteenth) < set(quarter)
        outside = held_out(real_cifar, 1 / 16)
        assert np.bincount(real_cifar.train_labels[outside]).tolist() == [1000] * 10
        assert not set(outside) & set(quarter)
