"""Measures that depend on which of two layers comes first (linear regression, PWCCA) are computed
both ways. Tables of layer pairs keep both; a summary takes their mean, (S_ab + S_ba') / 2, as
Kornblith et al. (2019, section 6.1) do. For a symmetric measure that is the value itself."""

import numpy as np
import pandas as pd
from pandas.api.typing import SeriesGroupBy


def symmetrised(matrix: np.ndarray) -> np.ndarray:
    """The mean of a square matrix (layers, layers) and its transpose; NaN where either is."""
    return (matrix + matrix.T) / 2


def each_pair_once(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """One row a pair of networks and combination of `by`, in order of appearance: the mean `value`
    of the two directions, NaN where one of them is undefined. Both rows of a pair must agree in
    `by`."""
    a, b = table["run_a"].astype(str), table["run_b"].astype(str)
    turned = table.assign(run_a=a.where(a <= b, b), run_b=b.where(a <= b, a))
    values = turned.groupby([*by, "run_a", "run_b"], sort=False, observed=True)["value"]
    return mean_of_all(values).reset_index()


def mean_of_all(values: SeriesGroupBy) -> pd.Series:
    """The mean of each group of values; NaN where any of them is undefined."""
    found = values.agg(["mean", "size", "count"])
    return found["mean"].where(found["size"] == found["count"]).rename("value")
