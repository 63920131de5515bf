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
    return cost_table(tmp_path / "benchmarks", tmp_path / "logs", jobs).set_index("job")


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
