import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from repatlas.data import describe, fingerprint, load, npz_file, prepare
from repatlas.errors import ConfigError, DataError

RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (20, 8, 9), dtype=np.uint8)
LABELS = np.array([0, 1] * 10)


@pytest.fixture
def made(tmp_path):
    """A function that writes arrays to an .npz file and returns its spec."""

    def make(save=np.savez, spec=None, **arrays):
        path = tmp_path / "data.npz"
        save(path, **arrays)
        return {"source": "npz", "path": str(path), **(spec or {})}

    return make


def prepared(spec, tmp_path):
    prepare(spec, tmp_path / "set")
    return load(tmp_path / "set")


def everything(data):
    """All images, training first, as a sorted list of bytes with their labels."""
    images = np.concatenate([data.train_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.test_labels])
    return sorted((i.tobytes(), int(y)) for i, y in zip(images, labels, strict=True))


def test_given_halves(made, tmp_path):
    spec = made(x_train=IMAGES[:15], y_train=LABELS[:15], x_test=IMAGES[15:], y_test=LABELS[15:])
    found = describe(spec)
    assert (found.shape, found.classes) == ((1, 8, 9), ("0", "1"))
    assert (found.n_train, found.n_test) == (15, 5)
    data = prepared(spec, tmp_path)
    assert np.array_equal(data.train_images[:, 0], IMAGES[:15])
    assert np.array_equal(data.test_images[:, 0], IMAGES[15:])
    assert data.train_labels.tolist() == LABELS[:15].tolist()
    assert data.test_labels.tolist() == LABELS[15:].tolist()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_edit_is_noticed_where_the_size_stays_and_touching_is_not(made, save):
    spec = made(save, x=IMAGES, y=LABELS)
    path, before = Path(spec["path"]), fingerprint(spec)
    size = path.stat().st_size
    os.utime(path, (0, 0))
    assert fingerprint(spec) == before
    made(save, x=IMAGES, y=LABELS, notes=LABELS)
    assert fingerprint(spec) == before
    made(save, x=IMAGES, y=LABELS[::-1].copy())
    assert save is np.savez_compressed or path.stat().st_size == size
    assert fingerprint(spec) != before


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_one_pool_is_split(made, tmp_path, save):
    spec = made(save, {"test_fraction": 0.3}, x=IMAGES, y=LABELS)
    assert (describe(spec).n_train, describe(spec).n_test) == (14, 6)
    data = prepared(spec, tmp_path)
    assert np.bincount(data.test_labels).tolist() == [3, 3]
    assert everything(data) == sorted((i.tobytes(), y) for i, y in zip(IMAGES, LABELS, strict=True))


def test_the_split_is_drawn_by_its_seed_alone(made, tmp_path):
    chosen = []
    for name, more in (("a", {}), ("b", {"split_seed": 0}), ("c", {"split_seed": 1})):
        prepare(made(spec=more, x=IMAGES, y=LABELS), tmp_path / name)
        chosen.append(load(tmp_path / name).test_images.tobytes())
    assert chosen[0] == chosen[1] != chosen[2]


def test_blocks_smaller_than_the_data_give_the_same(made, tmp_path, monkeypatch):
    spec = made(x=IMAGES, y=LABELS)
    prepare(spec, tmp_path / "whole")
    monkeypatch.setattr(npz_file, "BLOCK_BYTES", 3 * 72)
    prepare(spec, tmp_path / "blocks")
    assert load(tmp_path / "whole").checksum == load(tmp_path / "blocks").checksum


COLOUR = RNG.integers(0, 256, (20, 3, 8, 9), dtype=np.uint8)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 2, 3, 1), COLOUR),
        (np.asfortranarray(COLOUR), COLOUR),
        (COLOUR[:, :1], COLOUR[:, :1]),
        (COLOUR[:, :1].transpose(0, 2, 3, 1), COLOUR[:, :1]),
        (COLOUR[:, 0], COLOUR[:, :1]),
    ],
)
@pytest.mark.parametrize("block", [1 << 24, 1000])
def test_layouts(made, tmp_path, monkeypatch, stored, expected, block):
    monkeypatch.setattr(npz_file, "BLOCK_BYTES", block)
    spec = made(x_train=stored, y_train=LABELS, x_test=stored[:4], y_test=LABELS[:4])
    assert describe(spec).shape == expected.shape[1:]
    data = prepared(spec, tmp_path)
    assert np.array_equal(data.train_images, expected)
    assert np.array_equal(data.test_images, expected[:4])


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f4", "float64"])
def test_floating_point_is_scaled_and_rounded(made, tmp_path, dtype):
    values = np.zeros((4, 8, 8), dtype=dtype)
    values[:, 0, :5] = [0, 0.25, 0.5, 0.999, 1]
    spec = made(x_train=values, y_train=[0, 0, 1, 1], x_test=values[:2], y_test=[0, 1])
    found = prepared(spec, tmp_path).train_images[0, 0, 0, :5]
    assert found.tolist() == [0, 64, 128, 255, 255]


def test_uint8_halves_and_float_halves_may_be_mixed_by_value(made, tmp_path):
    spec = made(x_train=IMAGES, y_train=LABELS, x_test=IMAGES / 255, y_test=LABELS)
    data = prepared(spec, tmp_path)
    assert np.array_equal(data.train_images, data.test_images)


def test_class_names(made):
    spec = made(x=IMAGES, y=LABELS, classes=np.array(["é", "../b"]))
    assert describe(spec).classes == ("é", "../b")


@pytest.mark.parametrize("dtype", ["uint8", "int32", ">i8", "uint64"])
def test_labels_of_any_integer_type_and_as_a_column(made, tmp_path, dtype):
    data = prepared(made(x=IMAGES, y=LABELS.astype(dtype)[:, None]), tmp_path)
    assert data.train_labels.dtype == np.int64
    assert np.bincount(data.train_labels).tolist() == [8, 8]


def test_other_arrays_are_left_alone(made):
    spec = made(x=IMAGES, y=LABELS, notes=np.array([{"a": 1}], dtype=object))
    assert describe(spec).n_train == 16


def test_one_image_wide_and_high(made):
    assert describe(made(x=IMAGES[:, :3, :3], y=LABELS)).shape == (1, 3, 3)


FLAT = IMAGES.reshape(20, -1)
FAULTS = [
    ({"x": IMAGES}, r"found x\. Accepted is either x_train"),
    ({"x_train": IMAGES, "y_train": LABELS}, r"found x_train, y_train\. Accepted"),
    ({}, "found no arrays"),
    (
        {"x": IMAGES, "y": LABELS}
        | {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS},
        "Accepted is either",
    ),
    ({"x": FLAT, "y": LABELS}, r"x has the shape \(20, 72\)"),
    ({"x": IMAGES[:0], "y": LABELS[:0]}, r"x has the shape \(0, 8, 9\)"),
    ({"x": COLOUR[:, :2], "y": LABELS}, r"x has the shape \(20, 2, 8, 9\)"),
    ({"x": COLOUR[..., :3], "y": LABELS}, r"x has the shape \(20, 3, 8, 3\)"),
    ({"x": IMAGES.astype(np.int64), "y": LABELS}, "x is of type int64"),
    ({"x": IMAGES > 9, "y": LABELS}, "x is of type bool"),
    ({"x": IMAGES.astype(object), "y": LABELS}, "x is of type object"),
    ({"x": IMAGES.astype(float), "y": LABELS}, "x holds values from 0 to 255"),
    ({"x": IMAGES / 255 - 0.1, "y": LABELS}, "x holds values from -0.1"),
    ({"x": np.full((20, 8, 8), np.nan), "y": LABELS}, "x holds values from nan"),
    ({"x": IMAGES, "y": LABELS[:19]}, r"y is of type int64 and shape \(19,\)"),
    ({"x": IMAGES, "y": LABELS.astype(float)}, "y is of type float64"),
    ({"x": IMAGES, "y": LABELS.astype(str)}, "y is of type <U21"),
    ({"x": IMAGES, "y": LABELS - 1}, "y ranges from -1 to 0"),
    ({"x": IMAGES, "y": LABELS * 10**9}, "y ranges from 0 to 1000000000"),
    ({"x": IMAGES, "y": LABELS * 2}, r"'1' \(0 images\)"),
    ({"x": IMAGES, "y": LABELS * 0}, "only the class '0'"),
    ({"x": IMAGES, "y": np.r_[LABELS[:19], 2]}, r"'2' \(1 image\)"),
    ({"x": IMAGES, "y": LABELS, "classes": np.array(["a"])}, "classes is of type"),
    ({"x": IMAGES, "y": LABELS, "classes": np.array([1, 2])}, "classes is of type"),
    ({"x": IMAGES, "y": LABELS, "classes": np.array(["a", "b", "c"])}, r"'c' \(0 images\)"),
    (
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :7], "y_test": LABELS},
        r"x_train \(1, 8, 9\), x_test \(1, 7, 9\)",
    ),
    (
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS + 1},
        r"'2' \(0 images\)",
    ),
]


@pytest.mark.parametrize(("arrays", "message"), FAULTS)
def test_faults_are_found_before_any_job(made, tmp_path, arrays, message):
    spec = made(**arrays)
    with pytest.raises(DataError, match=message) as caught:
        describe(spec)
    assert spec["path"] in str(caught.value)
    with pytest.raises(DataError, match=message):
        prepare(spec, tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.json").exists()


def test_a_value_out_of_range_late_in_the_file_is_found_in_the_data_job(
    made, tmp_path, monkeypatch
):
    values = IMAGES / 255
    values[-1, -1, -1] = 1.5
    spec = made(x=values, y=LABELS)
    monkeypatch.setattr(npz_file, "BLOCK_BYTES", 8 * 72)
    assert describe(spec).n_train == 16
    with pytest.raises(DataError, match="to 1.5"):
        prepare(spec, tmp_path / "set")


def test_a_missing_file(tmp_path):
    spec = {"source": "npz", "path": str(tmp_path / "none.npz")}
    for function in (describe, fingerprint):
        with pytest.raises(DataError, match=r"none\.npz does not exist"):
            function(spec)


def test_no_path():
    with pytest.raises(ConfigError, match="needs `path`"):
        describe({"source": "npz"})


@pytest.mark.parametrize("fraction", [0, 1])
def test_test_fraction(made, fraction):
    with pytest.raises(ConfigError, match="test_fraction: found"):
        describe(made(spec={"test_fraction": fraction}, x=IMAGES, y=LABELS))


@pytest.mark.parametrize("content", [b"", b"no archive", "npy", "folder"])
def test_no_npz_file(tmp_path, content):
    path = tmp_path / "data.npz"
    if content == "npy":
        with open(path, "wb") as handle:
            np.save(handle, IMAGES)
    elif content == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.npz cannot be read as an \.npz file"):
        describe({"source": "npz", "path": str(path)})


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_byte_among_the_images(made, tmp_path, save):
    spec = made(save, x=IMAGES, y=LABELS)
    with zipfile.ZipFile(spec["path"]) as archive:
        start = archive.getinfo("x.npy").header_offset
    data = bytearray(Path(spec["path"]).read_bytes())
    data[start + 1000] ^= 0x10
    Path(spec["path"]).write_bytes(data)
    with pytest.raises(DataError, match="cannot be read as an .npz file"):
        prepare(spec, tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.json").exists()


def test_a_truncated_file(made):
    spec = made(x=IMAGES, y=LABELS)
    os.truncate(spec["path"], 1000)
    with pytest.raises(DataError, match="cannot be read as an .npz file"):
        describe(spec)


@pytest.mark.parametrize("extra", [-10, 10])
def test_an_array_that_is_not_as_long_as_its_header_says(tmp_path, extra):
    path = tmp_path / "data.npz"
    np.savez(path, x=IMAGES, y=LABELS)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    x = members["x.npy"]
    members["x.npy"] = x + bytes(extra) if extra > 0 else x[:extra]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(DataError, match="x (ends early|is longer)"):
        prepare({"source": "npz", "path": str(path)}, tmp_path / "set")


def test_memory_does_not_grow_with_the_data(made, tmp_path):
    spec = made(np.savez_compressed, x=np.zeros((128, 1024, 1024), np.uint8), y=[0, 1] * 64)
    tracemalloc.start()
    try:
        describe(spec)
        prepare(spec, tmp_path / "set")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80e6  # of 134 MB of images


def test_members_with_paths_write_nothing(tmp_path):
    path = tmp_path / "in" / "data.npz"
    path.parent.mkdir()
    np.savez(path, x=IMAGES, y=LABELS, **{"../../escaped": LABELS})
    prepare({"source": "npz", "path": str(path)}, tmp_path / "in" / "set")
    assert os.listdir(tmp_path) == ["in"]
