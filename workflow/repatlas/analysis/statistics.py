"""Spread over seeds, said honestly: how many networks, their standard deviation, an interval."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

RESAMPLES = 10_000
MIN_FOR_INTERVAL = 3
SPREAD = ("n", "mean", "sd", "low", "high")


def bootstrap_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979), from 10,000 resamples with a fixed
    seed; (NaN, NaN) for fewer than 3 values, where resampling says nothing."""
    values = np.asarray(values, dtype=float)
    if len(values) < MIN_FOR_INTERVAL:
        return float("nan"), float("nan")
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    tail = (1 - level) / 2
    return float(np.quantile(means, tail)), float(np.quantile(means, 1 - tail))


def spread(table: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """One row for each combination of `by`, in order of appearance, with `<column>_mean`, `_sd`
    (n - 1), `_low` and `_high` (95 % bootstrap interval of the mean) of the defined values of each
    column and `<column>_n`, their number. A single value has no sd: NaN."""
    rows = []
    for key, part in table.groupby(by, sort=False, dropna=False):
        row = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        for column in columns:
            values = part[column].dropna().to_numpy(float)
            low, high = bootstrap_interval(values)
            row |= {
                f"{column}_n": len(values),
                f"{column}_mean": values.mean() if len(values) else np.nan,
                f"{column}_sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                f"{column}_low": low,
                f"{column}_high": high,
            }
        rows.append(row)
    made = [f"{column}_{part}" for column in columns for part in SPREAD]
    return pd.DataFrame(rows, columns=[*by, *made])
