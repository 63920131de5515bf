"""What a study cost: one row a job, from Snakemake's benchmark files and what jobs say of GPUs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.files import read_json
from repatlas.run_record import RESUMED

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


def cost_table(
    benchmarks: Path, logs: Path, runs: Path, jobs: dict[str, list[str]]
) -> pd.DataFrame:
    """Wall and CPU time (s), peak resident memory (MB) and I/O (MB) of every job of the study; for
    one that computed on a GPU also its model, its peak memory (MB) and the time (s) that the job
    waited for it, which is not in the wall time. A training that went on after it was cut off has
    the time of all its attempts, by its record in `runs`.

    `jobs` names the jobs of each rule as their files in `benchmarks`/<rule> and `logs`/<rule> are
    named. A job whose files are missing (made elsewhere and copied in) is a row without numbers;
    NaN too is what a job was too short to be sampled for.
    """
    rows, before = [], []
    for rule, names in jobs.items():
        for name in names:
            path = benchmarks / rule / f"{name}.jsonl"
            text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
            record = json.loads(text.splitlines()[-1]) if text else {}
            path = logs / rule / f"{name}.gpu.json"
            gpu = read_json(path) if path.exists() else {}
            log = logs / rule / f"{name}.log"
            before.append(_earlier(runs / name, log) if rule == "train" else [0, 0])
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
    table[["seconds", "cpu_seconds"]] += np.asarray(before, dtype=float).reshape(-1, 2)
    return table


def _earlier(run: Path, log: Path) -> list[float]:
    """Seconds and processor seconds of the attempts before the one that came to the end; NaN where
    there were some that nothing is known of."""
    path = run / "hardware.json"
    earlier = read_json(path).get("earlier") if path.exists() else None
    if earlier:
        return [earlier["seconds"], earlier["cpu_seconds"]]
    resumed = log.exists() and RESUMED in log.read_text(encoding="utf-8", errors="replace")
    return [np.nan, np.nan] if resumed else [0, 0]
