"""The table of what every job cost."""

import json
import math

import pytest
from repatlas.analysis.cost import cost_table


@pytest.fixture
def table(tmp_path):
    """Two jobs of `train`, the second on a GPU, and one that was made elsewhere."""
    for folder in ("benchmarks", "logs"):
        (tmp_path / folder / "train").mkdir(parents=True)
    record = {"s": 2.5, "cpu_time": 2.0, "max_rss": 300.0, "io_in": "-", "io_out": 1.0}
    for name in ("r", "on-gpu-0.5"):
        (tmp_path / "benchmarks" / "train" / f"{name}.jsonl").write_text(json.dumps(record))
    said = {"gpu": "NVIDIA H100", "gpu_memory_mb": 812.0, "waited_seconds": 2.0}
    (tmp_path / "logs" / "train" / "on-gpu-0.5.gpu.json").write_text(json.dumps(said))
    jobs = {"train": ["r", "on-gpu-0.5", "copied"]}
    return made(tmp_path, jobs)


def made(folder, jobs):
    folders = (folder / name for name in ("benchmarks", "logs", "runs"))
    return cost_table(*folders, jobs).set_index("job")


def test_cost_of_jobs_that_were_measured_and_that_were_not(table):
    assert table.loc["r", "seconds"] == 2.5
    assert table.loc["r", "peak_memory_mb"] == 300
    assert math.isnan(table.loc["r", "read_mb"])
    assert table.loc["copied"].drop("rule").isna().all()


def test_cost_on_a_gpu_names_it_and_waiting_for_it_is_no_work(table):
    on_gpu = table.loc["on-gpu-0.5"]
    assert (on_gpu["gpu"], on_gpu["gpu_memory_mb"]) == ("NVIDIA H100", 812)
    assert (on_gpu["seconds"], on_gpu["waited_seconds"]) == (0.5, 2)
    assert table.loc["r", ["gpu", "gpu_memory_mb"]].isna().all()


def test_a_training_that_went_on_has_the_time_of_all_its_attempts(table, tmp_path):
    jobs = {"train": ["r", "on-gpu-0.5", "copied"], "extract": ["r"]}
    (tmp_path / "benchmarks" / "extract").mkdir()
    record = (tmp_path / "benchmarks" / "train" / "r.jsonl").read_text()
    (tmp_path / "benchmarks" / "extract" / "r.jsonl").write_text(record)
    (tmp_path / "runs" / "r").mkdir(parents=True)
    (tmp_path / "logs" / "train" / "r.log").write_text("r: continues after epoch 7\n")
    unknown = made(tmp_path, jobs)
    assert unknown.loc["r", ["seconds", "cpu_seconds"]].isna().iloc[0].all()
    assert unknown["peak_memory_mb"].iloc[0] == 300
    told = {"device": "cpu", "earlier": {"seconds": 10.0, "cpu_seconds": 9.0}}
    (tmp_path / "runs" / "r" / "hardware.json").write_text(json.dumps(told))
    rows = made(tmp_path, jobs).loc["r", ["rule", "seconds", "cpu_seconds"]].to_numpy().tolist()
    assert rows == [["train", 12.5, 11.0], ["extract", 2.5, 2.0]]
