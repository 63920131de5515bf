"""Tests between two groups of networks, corrected for their number, and undefined where too few
networks allow none."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from repatlas.analysis.statistics import MIN_FOR_INTERVAL, RESAMPLES

ALPHA = 0.05


def welch(a: np.ndarray, b: np.ndarray, least: int) -> dict[str, float | str]:
    """Welch's t-test (1947) that two architectures have the same mean over networks.

    `a`, `b` (networks,): a value a network. Returns difference (a - b) with its 95 % interval (low,
    high), t, df, p (two-sided) and reason. With fewer than `least` networks on a side, and where no
    network differs from another of its side, all but the difference is NaN and the reason says why.
    """
    result: dict[str, float | str] = dict.fromkeys(["low", "high", "t", "df", "p"], np.nan)
    difference = a.mean() - b.mean() if len(a) and len(b) else np.nan
    reason = too_few(len(a), len(b), least)
    if not reason and np.ptp(a) == 0 and np.ptp(b) == 0:
        reason = "not tested: no spread over seeds"
    if not reason:
        parts = [values.var(ddof=1) / len(values) for values in (a, b)]
        error = np.sqrt(sum(parts))
        df = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
        # Student's t by the special functions alone: importing scipy.stats takes half a second.
        t, reach = difference / error, stdtrit(df, 0.975) * error
        values = (difference - reach, difference + reach, t, df, 2 * stdtr(df, -abs(t)))
        result = dict(zip(result, map(float, values), strict=True))
    return {"difference": float(difference), **result, "reason": reason}


def too_few(n_a: int, n_b: int, least: int) -> str:
    """Why two groups of so many networks are not tested, or ''."""
    if min(n_a, n_b) >= least:
        return ""
    return f"not tested: n={n_a}" if n_a == n_b else f"not tested: n={n_a} and {n_b}"


def holm_sidak(p: ArrayLike) -> np.ndarray:
    """Holm's (1979) step-down p-values with Sidak's (1967) bound, in the given order: each at most
    alpha keeps the family-wise error at alpha for independent tests. Undefined p-values are no
    tests: they stay NaN and do not count."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    left = np.arange(len(order), 0, -1)
    # 1 - (1 - p) ** left, which would round to 0 for small p.
    steps = -np.expm1(left * np.log1p(-np.minimum(p[order], 1 - 1e-16)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def adjust(p: pd.Series) -> pd.Series:
    """The Holm-Sidak values (see :func:`holm_sidak`) of a column, with its index."""
    return pd.Series(holm_sidak(p), index=p.index)


def spreads(values: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, sd (n - 1), low and high (95 % bootstrap interval of the mean, as
    `statistics.bootstrap_interval`) of each column of `values` (networks, columns), each
    (columns,); NaN where there are too few networks: none, one for the sd, fewer than 3 for the
    interval."""
    n, columns = values.shape
    undefined = np.full(columns, np.nan)
    low, high = undefined, undefined
    if n >= MIN_FOR_INTERVAL:
        drawn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
        low, high = np.quantile(_counts(drawn, n) @ values / n, [0.025, 0.975], axis=0)
    return {
        "mean": values.mean(axis=0) if n else undefined,
        "sd": values.std(axis=0, ddof=1) if n > 1 else undefined,
        "low": low,
        "high": high,
    }


def _counts(drawn: np.ndarray, n: int) -> np.ndarray:
    """How often each of n was drawn, a row a resample."""
    rows = np.arange(len(drawn))[:, None] * n
    return np.bincount((rows + drawn).ravel(), minlength=len(drawn) * n).reshape(-1, n)
