"""What a study cost: one row a job, from Snakemake's benchmark files."""

import json
from pathlib import Path

import pandas as pd

COLUMNS = ["rule", "job", "seconds", "cpu_seconds", "peak_memory_mb", "read_mb", "written_mb"]


def cost_table(folder: Path, jobs: dict[str, list[str]]) -> pd.DataFrame:
    """Wall and CPU time (s), peak resident memory (MB) and I/O (MB) of every job of the study.

    `jobs` names the jobs of each rule as their benchmark files in `folder`/<rule> are named. A job
    whose benchmark is missing (made elsewhere and copied in) is a row without numbers.
    """
    rows = []
    for rule, names in jobs.items():
        for name in names:
            path = folder / rule / f"{name}.jsonl"
            text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
            record = json.loads(text.splitlines()[-1]) if text else {}
            rows.append(
                {
                    "rule": rule,
                    "job": name,
                    "seconds": record.get("s"),
                    "cpu_seconds": record.get("cpu_time"),
                    "peak_memory_mb": record.get("max_rss"),
                    "read_mb": record.get("io_in"),
                    "written_mb": record.get("io_out"),
                }
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = COLUMNS[2:]
    # Snakemake writes "NA" and "-" where a job was too short to be sampled.
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce")
    return table
