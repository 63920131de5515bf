"""The table of what every job cost."""

import json
import math

from repatlas.analysis.cost import cost_table


def test_cost_of_jobs_that_were_measured_and_that_were_not(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "r.jsonl").write_text(
        json.dumps({"s": 2.5, "cpu_time": 2.0, "max_rss": 300.0, "io_in": "-", "io_out": 1.0})
    )
    table = cost_table(tmp_path, {"train": ["r", "copied"]}).set_index("job")
    assert table.loc["r", "seconds"] == 2.5
    assert table.loc["r", "peak_memory_mb"] == 300
    assert math.isnan(table.loc["r", "read_mb"])
    assert table.loc["copied"].drop("rule").isna().all()
