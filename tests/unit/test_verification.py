"""A results folder, compared with its checksums (whole studies: tests/faults)."""

import logging

import pytest
from repatlas.cli import main
from repatlas.data.artifact import prepare
from repatlas.data.probe import make_probe
from repatlas.files import checked_file, sha256_file, write_json, write_text
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
    write_json(run / "hardware.json", {"device": "cpu"})
    (run / "trajectory").mkdir()
    entries = []
    for name in ("trajectory/step-000000.pt", "trajectory/step-000009.pt"):
        write_text(run / name, f"content of {name}")
        entries.append({"file": name, "sha256": sha256_file(run / name)})
    write_json(run / "trajectory.json", {"checkpoints": entries})
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


def test_checkpoints_on_the_way_are_made_anew_with_their_network(results, capsys):
    """They are the outputs of no rule by themselves: the status is, and is named once."""
    run = results / "runs/one"
    write_text(run / "trajectory/step-000000.pt", "another")
    (run / "trajectory/step-000009.pt").unlink()
    assert [item.path for item in verify(results).damaged] == [run / "status.json"] * 2
    assert main(["verify", "--remove", str(results)]) == 0
    said = capsys.readouterr().err
    assert f"{run}/trajectory/step-000009.pt is missing" in said
    assert f"-- {run}/status.json\n" in said
    assert verify(results).unfinished == [run]


@pytest.mark.parametrize("content", ["", '{"device": "c', None])
def test_a_record_of_hardware_that_is_none_is_found(results, content):
    path = results / "runs/one/hardware.json"
    path.unlink() if content is None else path.write_text(content)
    assert [item.path for item in verify(results).damaged] == [path]


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
