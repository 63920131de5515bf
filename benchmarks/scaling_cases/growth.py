"""Measured sizes beside a law, and the rates that make the law fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class Growth:
    """How one quantity grows with one size, the others held.

    quantity, unit, by: what was measured, in what, along which size; sizes, measured, errors: the
    points, with standard errors (0 where there is no chance in them); expected: the law at the same
    points.
    """

    quantity: str
    unit: str
    by: str
    sizes: Sequence[float]
    measured: Sequence[float]
    expected: Sequence[float]
    errors: Sequence[float] = field(default_factory=tuple)

    @property
    def exponent(self) -> float:
        """Slope of the measured points on logarithmic axes, by least squares."""
        return slope(self.sizes, self.measured)

    @property
    def law_exponent(self) -> float:
        """The same of the law."""
        return slope(self.sizes, self.expected)

    @property
    def deviation(self) -> float:
        """The largest factor between a measured point and the law."""
        logs = np.abs(np.log(np.divide(self.measured, self.expected)))
        return float(np.exp(logs.max()))


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope on logarithmic axes; NaN for a single size."""
    if len(set(sizes)) < 2:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def fit(counts: Mapping[str, Sequence[float]], measured: Sequence[float]) -> dict[str, float]:
    """Rates, none below zero, for which sum(rate * count) is closest to the measured values in
    relative terms. `counts`: of each rate, the count that it multiplies, one a point."""
    values = np.asarray(measured, float)
    matrix = np.column_stack([np.asarray(column, float) for column in counts.values()])
    # Columns of like size, or the solver sees the small ones as nothing.
    scales = (matrix / values[:, None]).max(axis=0)
    found, _ = nnls(matrix / values[:, None] / scales, np.ones(len(values)))
    return {name: float(x / s) for name, x, s in zip(counts, found, scales, strict=True)}
