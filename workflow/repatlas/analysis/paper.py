"""A study's values beside those of Nguyen, Raghu & Kornblith (2021), cell by cell.

The published values are in paper_values.csv with their source and how each was read.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.analysis.statistics import bootstrap_interval

VALUES = Path(__file__).with_name("paper_values.csv")
CELL = ["dataset", "fraction", "architecture", "depth", "width"]
COLUMNS = [
    *("group", *CELL, "quantity", "layer", "n", "ours_mean", "ours_sd", "ours_low", "ours_high"),
    *("paper_mean", "paper_sd", "paper_low", "paper_high", "paper_n", "difference"),
    *("paper_source", "paper_read", "departures"),
]


def published() -> pd.DataFrame:
    """The published values: one row a network, quantity and layer ('' for a whole network), with
    source and how it was read. `sd` is the paper's own, `low` to `high` the range it shows where
    `value` is the middle of one."""
    return pd.read_csv(VALUES, keep_default_na=False, na_values={c: [""] for c in _NUMBERS})


_NUMBERS = ("value", "sd", "low", "high", "networks")


def comparison(
    ours: pd.DataFrame, departures: Callable[[Iterable[str]], list[str]]
) -> pd.DataFrame:
    """One row for each group of networks, quantity, layer and published source of a cell of the
    paper.

    `ours`: rows of one network (or pair of networks, with the other's name in `other`): group, the
    cell's columns, run, other, quantity, layer, value, departure (one of this quantity alone, or
    ''); see `repatlas.analysis.paper_quantities`. `departures` says of runs in what they differ
    from the paper's protocol.

    Ours: mean, sd (n - 1) and 95 % bootstrap interval over the networks of the group, or mean and
    sd over its pairs of networks. The paper's: the printed value, or the mean over the networks
    that its figures show with their sd and range; `paper_n` is their number where it is known.
    `difference` is ours less the paper's, all in the units of the study's tables (accuracies and
    shares of 1).
    """
    theirs = published()
    # Figures show single networks, to be averaged; a printed accuracy is an average already.
    theirs["family"] = theirs["source"].where(theirs["quantity"] == "test_accuracy", "figures")
    keys = [*CELL, "quantity", "layer"]
    rows = []
    known = {key: part for key, part in theirs.groupby(keys, sort=False)}
    for (group, *key), found in ours.groupby(["group", *keys], sort=False):
        same = known.get(tuple(key))
        if same is None:
            continue
        values = found["value"].astype(float)
        runs = pd.concat([found["run"], found["other"]])
        text = departures(runs[runs != ""]) + sorted(set(found["departure"]) - {""})
        for _, part in same.groupby("family", sort=False):
            rows.append(
                {
                    **dict(zip(["group", *keys], [group, *key], strict=True)),
                    "n": len(values),
                    **_ours(values, pairs=(found["other"] != "").any()),
                    **_theirs(part),
                    "difference": values.mean() - part["value"].mean(),
                    "paper_source": "; ".join(dict.fromkeys(part["source"])),
                    "paper_read": "; ".join(dict.fromkeys(part["read"])),
                    "departures": "; ".join(text),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _ours(values: pd.Series, pairs: bool) -> dict[str, float]:
    """Mean, sd and 95 % bootstrap interval. Pairs share networks: resampling them as if they did
    not would make the interval too narrow, so that they have none."""
    low, high = (np.nan, np.nan) if pairs else bootstrap_interval(values)
    return {
        "ours_mean": values.mean(),
        "ours_sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "ours_low": low,
        "ours_high": high,
    }


def _theirs(part: pd.DataFrame) -> dict[str, float]:
    """The published values of one family as one: several networks by mean, sd and range."""
    values, one = part["value"], part.iloc[0]
    several = len(part) > 1
    return {
        "paper_mean": values.mean(),
        "paper_sd": values.std(ddof=1) if several else one["sd"],
        "paper_low": values.min() if several else one["low"],
        "paper_high": values.max() if several else one["high"],
        "paper_n": part["networks"].sum(min_count=1),
    }
