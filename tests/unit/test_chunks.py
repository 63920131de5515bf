"""Stores as they lie on disk: what any Zarr reads, digests, damage."""

import os
import shutil
import tracemalloc

import google_crc32c
import numpy as np
import pytest
import zarr
from repatlas import chunks
from repatlas.chunks import ArrayWriter, array_digest, chunk_name, make_group, read_chunk
from repatlas.errors import StoreError
from repatlas.grams import pairs
from repatlas.stores import ActivationStore, ActivationWriter, GramStore, GramWriter, StoredLayer

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("block", [1, 100, 1 << 19])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("last", [False, True], ids=["in-order", "channels-last"])
def test_zarr_reads_what_is_written(tmp_path, monkeypatch, dtype, block, last):
    monkeypatch.setattr(chunks, "BLOCK", block)
    values = np.maximum(RNG.standard_normal((10, 3, 5)), 0).astype(dtype)
    given = np.asfortranarray(values) if last else values
    make_group(tmp_path / "a.zarr")
    writer = ArrayWriter(tmp_path / "a.zarr" / "x", values.shape, 4, dtype)
    for number in range(3):  # the last one is short
        writer.write(number, given[4 * number : 4 * number + 4])
    found = zarr.open_group(tmp_path / "a.zarr", mode="r")["x"]
    assert found.chunks == (4, 3, 5)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:], values)
    np.testing.assert_array_equal(
        read_chunk(tmp_path / "a.zarr" / "x" / chunk_name(1, 3), (4, 3, 5), dtype), values[4:8]
    )


def test_a_layer_is_written_without_a_copy_of_it(tmp_path):
    values = RNG.standard_normal((64, 128, 128, 4), dtype=np.float32).transpose(0, 3, 1, 2)
    writer = ArrayWriter(tmp_path / "x", values.shape, 64, "float32")
    tracemalloc.start()
    writer.write(0, values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * chunks.BLOCK < values.nbytes / 10


def test_a_chunk_of_another_shape_is_refused(tmp_path):
    writer = ArrayWriter(tmp_path / "x", (8, 3), 4, "float32")
    with pytest.raises(ValueError, match=r"\(4, 2\) is none of \(4, 3\)"):
        writer.write(0, np.zeros((4, 2)))


def test_checksums_are_those_of_the_files(tmp_path):
    writer = ArrayWriter(tmp_path / "x", (12, 2), 1, "float32")
    for number in range(12):
        writer.write(number, RNG.standard_normal((1, 2)))
    found = {}
    for file in (p for p in (tmp_path / "x").rglob("*") if p.is_file()):
        content, name = file.read_bytes(), file.relative_to(tmp_path / "x").as_posix()
        if name != "zarr.json":
            content, end = content[:-4], content[-4:]
            assert google_crc32c.value(content) == int.from_bytes(end, "little")
        found[name] = google_crc32c.value(content)
    assert len(found) == 13
    assert writer.checksums == found
    assert chunks.read_digest(tmp_path / "x") == array_digest(found)


def _without_metadata(store):
    (store / "grams/zarr.json").unlink()


def _without_a_chunk(store):
    (store / "diagonals" / chunk_name(1, 3)).unlink()


def _cut_off(store):
    os.truncate(store / "grams" / chunk_name(0, 3), 7)


@pytest.mark.parametrize("happens", [_without_metadata, _without_a_chunk, _cut_off, shutil.rmtree])
def test_a_store_that_was_cleared_away_while_it_was_written_never_exists(tmp_path, happens):
    """By the next workflow, while a job that was left over from one before still writes."""
    about = {"run": "r", "probe": "p", "batch_size": 5, "passes": 1, "n_batches": 2}
    writer = GramWriter(tmp_path / "g.zarr", about, 2, 1)
    for batch in range(2):
        writer.write(batch, np.ones((1, pairs(5)), np.float32), np.zeros((1, 5)))
    happens(tmp_path / "g.zarr")
    with pytest.raises(StoreError, match="g.zarr were deleted while it was being written"):
        writer.finish([StoredLayer("a", "relu", (3,))])
    with pytest.raises(StoreError, match="missing or was never finished"):
        GramStore(tmp_path / "g.zarr")


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
    with pytest.raises(StoreError, match="digest is not the manifest's"):
        store.verify()
    one.write_bytes(content)
    store.verify()
    two.unlink()
    with pytest.raises(StoreError, match="digest is not the manifest's"):
        store.verify()
    with pytest.raises(StoreError, match="Array grams .* is damaged"):
        store.packed(2)


@pytest.mark.parametrize("where", [0, 7, -5, -4, -1], ids=str)
@pytest.mark.parametrize("bit", [0, 7])
def test_any_flipped_bit_is_found(grams, where, bit):
    """In the numbers and in the checksum behind them."""
    store, _ = grams
    file = store.path / "diagonals" / chunk_name(5, 3)
    content = bytearray(file.read_bytes())
    content[where] ^= 1 << bit
    file.write_bytes(content)
    with pytest.raises(StoreError, match="Array diagonals .* checksum does not match"):
        store.verify()
    with pytest.raises(StoreError, match="Array diagonals .* checksum does not match"):
        store.batch(5)


def test_changed_metadata_are_found(grams):
    store, _ = grams
    file = store.path / "grams" / "zarr.json"
    file.write_text(file.read_text().replace("12", "13"))
    with pytest.raises(StoreError, match="Array grams .* digest is not the manifest's"):
        store.verify()


def test_a_missing_chunk_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_chunk(tmp_path / "0", (2, 3))


@pytest.fixture
def activations(tmp_path):
    """A store of 10 examples in batches of 4 of layers (3, 2) and (), and what is in it."""
    about = {"run": "r", "probe": "p", "batch_size": 4, "passes": 1, "n_examples": 10}
    writer = ActivationWriter(tmp_path / "a.zarr", about, 10)
    content = [RNG.standard_normal((10, *shape)).astype(np.float32) for shape in ((3, 2), ())]
    for start in (0, 4, 8):
        for index, values in enumerate(content):
            writer.write(index, start, values[start : start + 4])
    writer.finish([StoredLayer("a", "relu", (3, 2)), StoredLayer("b", "relu", ())])
    return ActivationStore(tmp_path / "a.zarr"), content


def test_activations_are_read_whole_and_by_batch(activations):
    store, content = activations
    for index, values in enumerate(content):
        np.testing.assert_array_equal(store.read(index), values)
        for batch in range(3):
            expected = values[4 * batch : 4 * batch + 4]
            np.testing.assert_array_equal(store.read_batch(index, batch), expected)
        np.testing.assert_array_equal(zarr.open_array(store.path / f"{index:04d}")[:], values)
    store.verify()


def test_a_missing_chunk_of_activations_is_damage_not_zeros(activations):
    store, _ = activations
    (store.path / "0000" / chunk_name(1, 3)).unlink()
    store.read_batch(0, 0)
    for read in (lambda: store.read(0), lambda: store.read_batch(0, 1), store.verify):
        with pytest.raises(StoreError, match="Array 0000 .* is damaged"):
            read()
