"""Which pairs of architectures a figure shows: all, or those that contrast most."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from repatlas.figures import choice
from repatlas.results import StudyResults


class Pair(NamedTuple):
    """Two architectures, the one with fewer weights first, and why this pair is shown."""

    small: pd.Series
    large: pd.Series
    why: str


def choose(
    results: StudyResults, done: pd.DataFrame, stored: pd.DataFrame, most: int
) -> tuple[int, list[Pair]]:
    """How many pairs of architectures there are, and at most `most` of them: all, or those that
    contrast size, depth, width or share of the data most, or accuracy least. `done`: the completed
    networks, rows of `runs`; `stored`: rows with group_a and group_b, both of networks in
    `done`."""
    cells = choice.cells_of(results, done).set_index("group", drop=False)
    means = done.groupby("group")[["parameters", "test_accuracy"]].mean()
    cells = cells.join(means)
    groups = {
        tuple(sorted(p, key=lambda g: (cells.loc[g, "parameters"], g)))
        for p in zip(stored["group_a"], stored["group_b"], strict=True)
    }
    pairs = sorted(
        (Pair(cells.loc[a], cells.loc[b], "") for a, b in groups),
        key=lambda p: [list(cells.index).index(side["group"]) for side in p[:2]],
    )
    if len(pairs) <= most:
        return len(pairs), pairs
    axes = choice.varying(results, cells)
    chosen: dict[tuple[str, str], Pair] = {}
    for why, fits, score in _CONTRASTS:
        candidates = [p for p in pairs if _key(p) not in chosen and fits(p, axes)]
        if candidates and len(chosen) < most:
            best = max(candidates, key=score)
            chosen[_key(best)] = best._replace(why=why)
    return len(pairs), list(chosen.values())


def names(results: StudyResults, pairs: Sequence[Pair]) -> dict[str, str]:
    """The name of each architecture of the pairs by its group, see :func:`choice.names`."""
    return choice.names(results, pd.DataFrame([side for pair in pairs for side in pair[:2]]))


def _key(pair: Pair) -> tuple[str, str]:
    return pair.small["group"], pair.large["group"]


def _ratio(pair: Pair, column: str) -> float:
    return abs(math.log(pair.large[column] / pair.small[column]))


def _only(axis: str) -> Callable[[Pair, Sequence[str]], bool]:
    """Whether a pair differs in this axis and in no other."""

    def fits(pair: Pair, axes: Sequence[str]) -> bool:
        return [a for a in axes if pair.small[a] != pair.large[a]] == [axis]

    return fits


def _traded(pair: Pair, axes: Sequence[str]) -> bool:
    """Whether one network is deeper and the other wider, all else equal."""
    differ = {a for a in axes if pair.small[a] != pair.large[a]}
    return differ == {"depth", "width"} and (
        (pair.small["depth"] < pair.large["depth"]) != (pair.small["width"] < pair.large["width"])
    )


_CONTRASTS: list[tuple[str, Callable, Callable]] = [
    ("fewest and most weights", lambda p, _: True, lambda p: _ratio(p, "parameters")),
    ("shallow and deep", _only("depth"), lambda p: _ratio(p, "depth")),
    ("narrow and wide", _only("width"), lambda p: _ratio(p, "width")),
    ("shallow, wide and deep, narrow", _traded, lambda p: _ratio(p, "depth") + _ratio(p, "width")),
    ("little and much data", _only("fraction"), lambda p: _ratio(p, "fraction")),
    (
        "closest in test accuracy",
        lambda p, _: True,
        lambda p: -abs(p.small["test_accuracy"] - p.large["test_accuracy"]),
    ),
]
