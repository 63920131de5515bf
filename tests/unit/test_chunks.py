"""Stores as they lie on disk: what any Zarr reads, digests, damage, writing in the background."""

import hashlib
import json
import threading
import time

import numpy as np
import pytest
import torch
import zarr
from repatlas.activations.background import in_background
from repatlas.chunks import ArrayWriter, chunk_name, make_group, read_chunk
from repatlas.errors import StoreError
from repatlas.grams import pairs
from repatlas.stores import GramStore, GramWriter, StoredLayer, manifest_path

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zarr_reads_what_is_written(tmp_path, dtype, compress):
    values = np.maximum(RNG.standard_normal((10, 3, 5)), 0).astype(dtype)
    make_group(tmp_path / "a.zarr")
    writer = ArrayWriter(tmp_path / "a.zarr" / "x", values.shape, 4, dtype, compress)
    for number in range(3):  # the last one is short
        writer.write(number, values[4 * number : 4 * number + 4])
    found = zarr.open_group(tmp_path / "a.zarr", mode="r")["x"]
    assert found.chunks == (4, 3, 5)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:], values)


def test_a_chunk_of_another_shape_is_refused(tmp_path):
    writer = ArrayWriter(tmp_path / "x", (8, 3), 4, "float32")
    with pytest.raises(ValueError, match=r"\(4, 2\) is none of \(4, 3\)"):
        writer.write(0, np.zeros((4, 2)))


def test_digests_are_those_of_the_files(tmp_path):
    writer = ArrayWriter(tmp_path / "x", (12, 2), 1, "float32")
    for number in range(12):
        writer.write(number, RNG.standard_normal((1, 2)))
    files = [p for p in (tmp_path / "x").rglob("*") if p.is_file()]
    assert len(files) == 13
    assert writer.digests == {
        p.relative_to(tmp_path / "x").as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
    }


@pytest.fixture
def grams(tmp_path):
    """A Gram store of 2 layers in 12 batches of 5 examples, and what is in it."""
    about = {"run": "r", "probe": "p", "batch_size": 5, "passes": 1, "n_batches": 12}
    writer = GramWriter(tmp_path / "g.zarr", about, 12, 2)
    content = RNG.standard_normal((12, 2, pairs(5))).astype(np.float32)
    for batch, packed in enumerate(content):
        writer.write(batch, packed, np.zeros((2, 5)))
    writer.finish([StoredLayer("a", "relu", (3,)), StoredLayer("b", "relu", (3,))])
    return GramStore(tmp_path / "g.zarr"), content


def test_packed_grams_are_read_into_given_memory(grams):
    store, content = grams
    place = np.empty((2, pairs(5)), np.float32)
    assert store.packed(7, place) is place
    np.testing.assert_array_equal(place, content[7])
    for unfit in (np.empty((3, pairs(5)), np.float32), np.empty((2, pairs(5)))):
        np.testing.assert_array_equal(store.packed(7, unfit), content[7])
    np.testing.assert_array_equal(store.batch(11)[0], zarr.open_array(store.path / "grams")[11])
    store.verify()


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c + b"0", lambda c: b"0" + c[1:]])
def test_a_damaged_gram_is_found_when_it_is_read(grams, damage):
    store, _ = grams
    file = store.path / "grams" / chunk_name(3, 3)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StoreError, match="Array grams .* is damaged"):
        store.packed(3)
    store.packed(4)


def test_an_exchanged_or_missing_chunk_is_found_before_use(grams):
    store, _ = grams
    one, two = (store.path / "grams" / chunk_name(k, 3) for k in (1, 2))
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    with pytest.raises(StoreError, match="SHA-256"):
        store.verify()
    one.write_bytes(content)
    store.verify()
    two.unlink()
    with pytest.raises(StoreError, match="SHA-256"):
        store.verify()


def test_a_store_with_digests_of_all_content_in_a_row_is_still_verified(grams):
    """As all stores had before files had digests of their own."""
    store, _ = grams
    manifest = json.loads(manifest_path(store.path).read_text())
    del manifest["digest"]
    for name in manifest["sha256"]:
        files = sorted(p for p in (store.path / name).rglob("*") if p.is_file())
        parts = [str(p.relative_to(store.path / name)).encode() + p.read_bytes() for p in files]
        manifest["sha256"][name] = hashlib.sha256(b"".join(parts)).hexdigest()
    manifest_path(store.path).write_text(json.dumps(manifest))
    GramStore(store.path).verify()
    file = store.path / "grams" / chunk_name(3, 3)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError, match="SHA-256"):
        GramStore(store.path).verify()


def test_a_missing_chunk_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_chunk(tmp_path / "0", (2, 3))


def test_writes_in_the_background_are_made_in_order_and_of_copies():
    made = []
    with in_background(lambda *call: made.append(call)) as write:
        x = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
        for index in range(5):
            write(index, 8, x)
            x += 1
    assert [(index, start) for index, start, _ in made] == [(k, 8) for k in range(5)]
    for index, _, values in made:
        assert values.flags.c_contiguous
        np.testing.assert_array_equal(values.ravel(), np.arange(24) + index)


@pytest.mark.parametrize(("held", "most"), [(0, 1), (35, 2), (1000, 6)])
def test_no_more_waits_to_be_written_than_may_be_held(held, most):
    """16 bytes each; with no room at all still one at a time."""
    goes_on, returned = threading.Event(), []

    def call():
        with in_background(lambda *_: goes_on.wait(5), held) as write_soon:
            for index in range(6):
                write_soon(index, 0, torch.zeros(4))
                returned.append(index)

    caller = threading.Thread(target=call)
    caller.start()
    end = time.monotonic() + 5
    while len(returned) < most and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(returned) == most
    goes_on.set()
    caller.join()
    assert len(returned) == 6


@pytest.mark.parametrize("calls", [1, 4])
def test_an_error_of_a_write_in_the_background_is_raised(calls):
    def write(index, _start, _values):
        if index == 0:
            raise OSError("no space")

    def run():
        with in_background(write, 0) as write_soon:
            for index in range(calls):
                write_soon(index, 0, torch.zeros(3))

    with pytest.raises(OSError, match="no space"):
        run()
