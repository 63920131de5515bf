import errno
import json
import os
from contextlib import contextmanager

import numpy as np
import pytest
from repatlas.data import artifact, load, prepare
from repatlas.data.content import Content, Part
from repatlas.errors import DataError, ResourceError, StoreError
from repatlas.locks import sole_writer

FILES = [
    f"{half}_{kind}.npy" for half in ("train", "test") for kind in ("images", "labels", "order")
]


@pytest.fixture
def folder(small_spec, tmp_path):
    prepare(small_spec, tmp_path / "set")
    return tmp_path / "set"


def test_the_manifest_says_what_there_is_and_not_where(folder, small_spec):
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    assert set(manifest["files"]) == set(FILES)
    assert manifest["class_counts"] == {"train": [24, 8], "test": [6, 2]}
    assert manifest["spec"] == {"source": "npz"}
    assert small_spec["path"] not in text
    assert str(folder.parent) not in text


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, -1])
def test_a_flipped_byte_is_noticed_and_named(folder, name, where):
    data = bytearray((folder / name).read_bytes())
    data[where] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name} is damaged.*\n.*Delete the folder {folder}"):
        load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_off_file_is_noticed_even_unverified(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{name} is damaged"):
        load(folder, verify=False)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name} is missing"):
        load(folder, verify=False)


def test_unverified_loading_reads_no_checksum(folder):
    path = folder / "train_images.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert load(folder, verify=False).train_images.shape == (32, 1, 8, 8)


def test_an_altered_manifest_is_noticed(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"n_train": 32', '"n_train": 33'))
    with pytest.raises(DataError, match="does not match its own checksum"):
        load(folder)


def test_no_manifest(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"manifest\.json is missing"):
        load(folder)


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_manifest_that_is_none(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="start again"):
        load(folder)


def test_another_format_version(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(DataError, match="format version 2; this release reads version 1"):
        load(folder)


def test_images_are_mapped_and_read_only(folder):
    images = load(folder).train_images
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_the_checksum_follows_the_content(folder, small_spec, tmp_path):
    prepare(small_spec, tmp_path / "again")
    assert load(tmp_path / "again").checksum == load(folder).checksum
    prepare({**small_spec, "split_seed": 1}, tmp_path / "other")
    assert load(tmp_path / "other").checksum != load(folder).checksum


def test_orders_are_of_each_half(folder):
    data = load(folder)
    assert sorted(data.train_order) == list(range(32))
    assert sorted(data.test_order) == list(range(8))


def content_that(blocks) -> Content:
    labels = np.array([0, 1, 0, 1])
    part = Part(labels=labels, blocks=blocks)
    return Content((1, 2, 2), ("a", "b"), train=part, test=part)


def broken(error):
    def blocks():
        yield np.zeros((2, 1, 2, 2), dtype=np.uint8)
        raise error

    return blocks


@pytest.mark.parametrize(
    ("blocks", "expected", "message"),
    [
        (broken(OSError(errno.ENOSPC, "No space left")), ResourceError, "disk is full"),
        (broken(DataError("bad image")), DataError, "bad image"),
        (broken(KeyboardInterrupt()), KeyboardInterrupt, None),
        (lambda: iter([np.zeros((3, 1, 2, 2), np.uint8)]), DataError, "3 images for 4 labels"),
        (lambda: iter([np.zeros((4, 1, 2, 3), np.uint8)]), DataError, "expected"),
    ],
)
def test_what_fails_half_way_leaves_nothing_that_counts(
    folder, small_spec, monkeypatch, blocks, expected, message
):
    before = load(folder).checksum
    with monkeypatch.context() as patch:
        patch.setattr(artifact, "open_content", lambda *_: content_that(blocks))
        with pytest.raises(expected, match=message):
            prepare(small_spec, folder)
    with pytest.raises(DataError, match=r"manifest\.json is missing"):
        load(folder)
    assert not [name for name in os.listdir(folder) if name.endswith(".partial")]
    prepare(small_spec, folder)
    assert load(folder).checksum == before


def test_the_manifest_is_written_last(small_spec, tmp_path, monkeypatch):
    written = []

    @contextmanager
    def recorded(path):
        with original(path) as partial:
            yield partial
        written.append(path.name)

    original = artifact.whole_file
    monkeypatch.setattr(artifact, "whole_file", recorded)
    monkeypatch.setattr(artifact, "write_record", lambda path, _: written.append(path.name))
    prepare(small_spec, tmp_path / "set")
    assert written[-1] == "manifest.json"
    assert sorted(written[:-1]) == sorted(FILES)


def test_one_writer_at_a_time(small_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "sole_writer", lambda path: sole_writer(path, patience=0.1))
    with sole_writer(tmp_path / "set"), pytest.raises(StoreError, match="still writing"):
        prepare(small_spec, tmp_path / "set")
    assert not (tmp_path / "set").exists()
