"""A results folder, compared with its checksums (whole studies: tests/faults)."""

import logging

import pytest
from repatlas.cli import main
from repatlas.data.artifact import prepare
from repatlas.data.probe import make_probe
from repatlas.files import checked_file, write_text
from repatlas.run_record import write_status
from repatlas.verification import verify


@pytest.fixture
def results(tmp_path):
    """A data set, a network and a tile, as the workflow leaves them."""
    prepare({"source": "digits"}, tmp_path / "data/digits")
    make_probe(tmp_path / "data/digits", 16, tmp_path / "data/digits/probe-16.json")
    run = tmp_path / "runs/one"
    run.mkdir(parents=True)
    for name in ("spec.json", "model.pt", "curve.csv", "test_logits.npy"):
        write_text(run / name, f"content of {name}")
    write_status(run, {"status": "completed", "test_accuracy": 0.5})
    with checked_file(tmp_path / "similarity/cka/a.parquet") as partial:
        partial.write_text("a tile")
    return tmp_path


FILES = [
    "data/digits/manifest.json",
    "data/digits/train_labels.npy",
    "data/digits/probe-16.json",
    "runs/one/model.pt",
    "runs/one/status.json",
    "similarity/cka/a.parquet",
]


def test_what_is_as_it_was_written_is_counted(results):
    found = verify(results)
    assert found.counts == {"data sets": 1, "networks": 1, "tiles": 1}
    assert not found.damaged + found.unfinished + found.unchecked


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.3, 0.6])
def test_a_flipped_byte_is_found_named_and_removed(results, name, place, capsys):
    path = results / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    assert [item.path for item in verify(results).damaged] == [path]
    assert main(["verify", str(results)]) == 1
    assert str(path) in capsys.readouterr().err
    assert path.exists()
    assert main(["verify", "--remove", str(results)]) == 0
    assert not path.exists()
    logging.getLogger("repatlas").handlers.clear()


def test_what_was_never_finished_is_told_apart(results):
    (results / "runs/two").mkdir()
    (results / "grams/two--p.zarr").mkdir(parents=True)
    found = verify(results)
    assert found.unfinished == [results / "runs/two", results / "grams/two--p.zarr"]
    assert not found.damaged


def test_a_network_without_checksums_is_told(results):
    write_text(results / "runs/one/status.json", '{"status": "completed"}')
    found = verify(results)
    assert found.unchecked == [results / "runs/one"]
    assert not found.damaged
