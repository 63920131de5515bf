"""What a study cost: one row a job, from Snakemake's benchmark files and what jobs say of GPUs."""

import json
from pathlib import Path

import pandas as pd

from repatlas.files import read_json

NUMBERS = [
    "seconds",
    "cpu_seconds",
    "peak_memory_mb",
    "read_mb",
    "written_mb",
    "gpu_memory_mb",
    "waited_seconds",
]
COLUMNS = ["rule", "job", *NUMBERS[:-2], "gpu", *NUMBERS[-2:]]


def cost_table(benchmarks: Path, logs: Path, jobs: dict[str, list[str]]) -> pd.DataFrame:
    """Wall and CPU time (s), peak resident memory (MB) and I/O (MB) of every job of the study; for
    one that computed on a GPU also its model, its peak memory (MB) and the time (s) that the job
    waited for it, which is not in the wall time.

    `jobs` names the jobs of each rule as their files in `benchmarks`/<rule> and `logs`/<rule> are
    named. A job whose files are missing (made elsewhere and copied in) is a row without numbers;
    NaN too is what a job was too short to be sampled for.
    """
    rows = []
    for rule, names in jobs.items():
        for name in names:
            path = benchmarks / rule / f"{name}.jsonl"
            text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
            record = json.loads(text.splitlines()[-1]) if text else {}
            path = logs / rule / f"{name}.gpu.json"
            gpu = read_json(path) if path.exists() else {}
            rows.append(
                {
                    "rule": rule,
                    "job": name,
                    "seconds": record.get("s"),
                    "cpu_seconds": record.get("cpu_time"),
                    "peak_memory_mb": record.get("max_rss"),
                    "read_mb": record.get("io_in"),
                    "written_mb": record.get("io_out"),
                    "gpu": gpu.get("gpu"),
                    "gpu_memory_mb": gpu.get("gpu_memory_mb"),
                    "waited_seconds": gpu.get("waited_seconds"),
                }
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    # Snakemake writes "NA" and "-" where a job was too short to be sampled.
    table[NUMBERS] = table[NUMBERS].apply(pd.to_numeric, errors="coerce")
    table["seconds"] -= table["waited_seconds"].fillna(0)
    return table
