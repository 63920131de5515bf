"""What a study says of the machines that made it."""

import json
from hashlib import sha256
from pathlib import Path

from repatlas.analysis.provenance import record

ROOT = Path(__file__).resolve().parents[2]


def test_networks_are_counted_by_the_hardware_that_trained_them(tmp_path):
    """Also those that went on after they were cut off, whose record says what came before."""
    here, gpu = {"device": "cpu", "model": "A"}, {"device": "cuda", "model": "B"}
    resumed = {**here, "earlier": {"seconds": 3.0, "cpu_seconds": 2.0}}
    runs = {"one": here, "two": resumed, "three": gpu}
    for name, hardware in runs.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "hardware.json").write_text(json.dumps(hardware))
    (tmp_path / "data" / "digits").mkdir(parents=True)
    (tmp_path / "data" / "digits" / "manifest.json").write_text(json.dumps({"checksum": "c"}))
    grid = {"runs": [{"run": name} for name in runs], "jobs": {"data": ["digits"]}}
    (tmp_path / "grid.json").write_text(json.dumps(grid))
    table = tmp_path / "runs.csv"
    table.write_text("run\n")
    found = record(tmp_path / "grid.json", tmp_path, ROOT, [table], ["b", "a"])
    assert found["trained_on"] == [{**here, "networks": 2}, {**gpu, "networks": 1}]
    assert found["datasets"] == {"digits": "c"}
    assert found["networks"] == 3
    assert found["tables"] == {"runs.csv": sha256(b"run\n").hexdigest()}
    assert found["figures"] == ["a", "b"]
