"""Spread over seeds, said honestly: how many networks, their standard deviation, an interval."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

RESAMPLES = 10_000
MIN_FOR_INTERVAL = 3
TAIL = (1 - 0.95) / 2  # outside a 95 % interval, on either side
SPREAD = ("n", "mean", "sd", "low", "high")


def bootstrap_interval(values: ArrayLike) -> tuple[float, float]:
    """Percentile bootstrap interval (low, high) of the mean of `values` (n,), none of them NaN
    (Efron 1979), from 10,000 resamples with a fixed seed; (NaN, NaN) for fewer than 3 values, where
    resampling says nothing. Of few values it is too narrow: of normal samples it holds the true
    mean in 74 % of cases with 3, 90 % with 10 (results/README.md)."""
    values = np.asarray(values, dtype=float)
    if len(values) < MIN_FOR_INTERVAL:
        return float("nan"), float("nan")
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    return float(np.quantile(means, TAIL)), float(np.quantile(means, 1 - TAIL))


def pair_intervals(
    first: Sequence[str], second: Sequence[str], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap intervals of means over pairs of networks: (low, high), each (columns,).

    `values` (pairs, columns): pair i compares networks `first[i]` and `second[i]`; NaN is left out.
    Networks are resampled, not pairs, because pairs that share a network are not independent
    (Snijders & Borgatti 1999, "Non-parametric standard errors and tests for network statistics",
    Connections 22): a pair counts as often as its networks are drawn together. Where no network
    stands on both sides, each side is resampled by itself. NaN for fewer than 3 networks on a side.
    """
    values = np.asarray(values, dtype=float)
    undefined = np.full(values.shape[1], np.nan)
    one, other = (np.unique(np.asarray(side, dtype=str)) for side in (first, second))
    one_population = bool(np.intersect1d(one, other).size)
    sides = [np.union1d(one, other)] * 2 if one_population else [one, other]
    if min(len(side) for side in sides) < MIN_FOR_INTERVAL:
        return undefined, undefined.copy()
    rng = np.random.default_rng(0)
    drawn = [_times_drawn(rng, len(side)) for side in sides[: 1 if one_population else 2]]
    places = [np.searchsorted(s, p) for s, p in zip(sides, (first, second), strict=True)]
    times = drawn[0][:, places[0]] * drawn[-1][:, places[1]]
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        # A resample without a single pair has no mean: 0 / 0.
        means = (times @ np.where(known, values, 0)) / (times @ known)
    some = known.any(axis=0)
    low, high = undefined, undefined.copy()
    low[some], high[some] = np.nanquantile(means[:, some], [TAIL, 1 - TAIL], axis=0)
    return low, high


def layer_intervals(
    pairs: pd.DataFrame, sides: tuple[str, str], layer: str, value: str
) -> pd.DataFrame:
    """One row a layer: `layer` and the :func:`pair_intervals` of column `value`, `<value>_low` and
    `<value>_high`.

    `pairs` has a row a pair of networks, named in the columns `sides`, and layer.
    """
    wide = pairs.pivot(index=list(sides), columns=layer, values=value)
    first, second = (wide.index.get_level_values(side) for side in sides)
    low, high = pair_intervals(first, second, wide.to_numpy())
    return pd.DataFrame({layer: wide.columns, f"{value}_low": low, f"{value}_high": high})


def _times_drawn(rng: np.random.Generator, n: int) -> np.ndarray:
    """(resamples, n): how often each of n networks is drawn when n are drawn with replacement."""
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float)


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
