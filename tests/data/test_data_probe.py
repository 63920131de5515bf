import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from repatlas.data import load, load_probe, make_probe, prepare
from repatlas.errors import ConfigError, DataError


@pytest.fixture
def probe_file(digits, tmp_path):
    path = tmp_path / "probe.json"
    make_probe(digits, 256, path)
    return path


def test_a_probe_set_is_the_shuffled_start_of_the_test_order(probe_file, digits_set):
    probe = load_probe(probe_file, digits_set)
    assert probe.indices.tolist() != digits_set.test_order[:256].tolist()
    assert sorted(probe.indices) == sorted(digits_set.test_order[:256])
    assert np.array_equal(probe.images, digits_set.test_images[probe.indices])
    assert np.array_equal(probe.labels, digits_set.test_labels[probe.indices])
    assert probe.images.shape == (256, 1, 8, 8)
    assert probe.images.dtype == np.uint8


def test_its_hash_is_over_images_then_labels(probe_file, digits_set):
    probe = load_probe(probe_file, digits_set)
    content = probe.images.tobytes() + probe.labels.astype("<i8").tobytes()
    assert probe.hash == hashlib.sha256(content).hexdigest()[:16]


def test_the_same_again_and_another_size_another_set(probe_file, digits, digits_set, tmp_path):
    make_probe(digits, 256, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == probe_file.read_bytes()
    make_probe(digits, 128, tmp_path / "small.json")
    small, large = (
        load_probe(tmp_path / "small.json", digits_set),
        load_probe(probe_file, digits_set),
    )
    assert set(small.indices) < set(large.indices)
    assert small.hash != large.hash


def test_without_a_size_all_test_images(digits, digits_set, tmp_path):
    make_probe(digits, None, tmp_path / "all.json")
    assert sorted(load_probe(tmp_path / "all.json", digits_set).indices) == list(range(512))


def test_batches_are_not_stratified(digits, digits_set, tmp_path):
    # The prefix is balanced, its order is not: batches of 64 vary as random ones do.
    make_probe(digits, None, tmp_path / "all.json")
    labels = load_probe(tmp_path / "all.json", digits_set).labels.reshape(8, 64)
    counts = np.array([np.bincount(batch, minlength=10) for batch in labels])
    assert np.ptp(counts, axis=0).max() >= 4


def test_more_than_there_are(digits, tmp_path):
    with pytest.raises(DataError, match="has 512 test images"):
        make_probe(digits, 513, tmp_path / "probe.json")
    assert not (tmp_path / "probe.json").exists()


@pytest.mark.parametrize("size", [0, -1])
def test_fewer_than_one(digits, tmp_path, size):
    with pytest.raises(ConfigError, match="1 or more"):
        make_probe(digits, size, tmp_path / "probe.json")


def test_a_probe_set_of_other_data_is_refused(probe_file, small_spec, tmp_path):
    prepare(small_spec, tmp_path / "other")
    with pytest.raises(DataError, match="another data set"):
        load_probe(probe_file, load(tmp_path / "other"))


def test_a_changed_index_is_noticed(probe_file, digits_set):
    indices = json.loads(probe_file.read_text())["indices"]
    content = json.loads(probe_file.read_text())
    changed = {**content, "indices": [indices[1], indices[0], *indices[2:]]}
    probe_file.write_text(json.dumps(changed))
    with pytest.raises(DataError, match="does not match its own checksum"):
        load_probe(probe_file, digits_set)


def test_changed_images_are_noticed(probe_file, digits_set):
    probe = load_probe(probe_file, digits_set)
    images = np.array(digits_set.test_images)
    images[probe.indices[-1], 0, 0, 0] ^= 1
    with pytest.raises(DataError, match="have changed"):
        load_probe(probe_file, replace(digits_set, test_images=images))
    labels = np.roll(digits_set.test_labels, 1)
    with pytest.raises(DataError, match="have changed"):
        load_probe(probe_file, replace(digits_set, test_labels=labels))


def test_a_missing_or_cut_off_file(probe_file, digits_set, tmp_path):
    with pytest.raises(DataError, match="missing"):
        load_probe(tmp_path / "none.json", digits_set)
    probe_file.write_text(probe_file.read_text()[:100])
    with pytest.raises(DataError, match="damaged"):
        load_probe(probe_file, digits_set)
