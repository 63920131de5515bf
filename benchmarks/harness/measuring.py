"""Interleaved timing, and what is said of it: medians of per-round ratios with their errors."""

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

RESAMPLES = 4000  # bootstrap samples behind a standard error


@dataclass(frozen=True)
class Target:
    """A limit that a number should keep to."""

    bound: Literal["at most", "at least"]
    value: float


@dataclass(frozen=True)
class Line:
    """One measured number: `value` in `unit` ("x": a ratio; "MB"; "s") with standard error `se`
    over `rounds` rounds (NaN where it was measured once), the target where there is one, and what
    a reader must know of how it came about. A value of NaN was not measured."""

    label: str
    value: float
    se: float
    unit: str
    rounds: int
    target: Target | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the target is met with the standard error on either side: "met", "missed",
        "undecided", "not measured", or "" without a target."""
        if math.isnan(self.value):
            return "not measured"
        if self.target is None:
            return ""
        se = 0.0 if math.isnan(self.se) else self.se
        sign = 1 if self.target.bound == "at most" else -1
        excess = sign * (self.value - self.target.value)
        if abs(excess) < se:
            return "undecided"
        return "met" if excess <= 0 else "missed"


@dataclass(frozen=True)
class Outcome:
    """What a case found: its lines, and the seconds of every round behind them."""

    lines: list[Line]
    seconds: dict[str, list[float]]


def interleaved(
    candidates: Mapping[str, Callable[[], Any]],
    rounds: int,
    before: Mapping[str, Callable[[], Any]] | None = None,
) -> dict[str, np.ndarray]:
    """Seconds (rounds,) of each candidate, one after the other in every round.

    Each round starts with another candidate, so that what one leaves in the caches helps or hurts
    all alike. A round before the first, not counted, warms up. What `before` holds under a
    candidate's name runs first, untimed.
    """
    before = before or {}
    names = list(candidates)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            if name in before:
                before[name]()
            gc.collect()
            started = time.perf_counter()
            result = candidates[name]()
            elapsed = time.perf_counter() - started
            del result
            if turn:
                seconds[name].append(elapsed)
    return {name: np.array(values) for name, values in seconds.items()}


def ratio(
    label: str,
    over: np.ndarray,
    under: np.ndarray,
    target: Target | None = None,
    note: str = "",
) -> Line:
    """The median over rounds of `over` / `under` (rounds,), with its bootstrap standard error."""
    return median(label, over / under, "x", target, note)


def median(
    label: str, values: np.ndarray, unit: str, target: Target | None = None, note: str = ""
) -> Line:
    """The median of `values` (rounds,) with its bootstrap standard error, NaN for one round."""
    se = math.nan
    if len(values) > 1:
        draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
        se = float(np.median(values[draws], axis=1).std())
    return Line(label, float(np.median(values)), se, unit, len(values), target, note)


def once(label: str, value: float, unit: str, target: Target | None = None, note: str = "") -> Line:
    """A number that was measured once."""
    return Line(label, float(value), math.nan, unit, 1, target, note)


def unmeasured(label: str, unit: str, target: Target | None, note: str) -> Line:
    """A number that this machine cannot give; `note` says why."""
    return Line(label, math.nan, math.nan, unit, 0, target, note)


def as_lists(seconds: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """The seconds of each candidate as lists, for JSON."""
    return {name: [round(float(s), 6) for s in values] for name, values in seconds.items()}
