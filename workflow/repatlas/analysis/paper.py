"""A study's values beside those of Nguyen, Raghu & Kornblith (2021) and of their follow-up (2022),
cell by cell.

The published values are in paper_values.csv with their source and how each was read. Left out is
what has no sure counterpart here: similarities along the training (of which of the follow-up's
three networks they were read is not recorded), the first component's share after dominant points
were removed (its largest over layers; here that of one layer), best matches at or above a bound and
the similarity of a block's rows (figure E.1), everything on ImageNet, and Patch Camelyon.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.analysis.statistics import bootstrap_interval

VALUES = Path(__file__).with_name("paper_values.csv")
CELL = ["dataset", "fraction", "architecture", "depth", "width"]
SEEDS = 10
COLUMNS = [
    *("group", "other_group", *CELL, "training", "quantity", "layer"),
    *("n", "ours_mean", "ours_sd", "ours_low", "ours_high"),
    *("paper_mean", "paper_sd", "paper_low", "paper_high", "paper_n", "difference"),
    *("paper_source", "paper_read", "departures"),
]


def published() -> pd.DataFrame:
    """The published values: one row a network, quantity and layer ('' for a whole network), with
    source and how it was read. `training` is `standard`, or `pc_penalty` with the follow-up's
    regulariser; `other_network` is the architecture that the cell's was compared with, or ''. `sd`
    is the paper's own, `low` to `high` the range it shows where `value` is the middle of one."""
    return pd.read_csv(VALUES, keep_default_na=False, na_values={c: [""] for c in _NUMBERS})


_NUMBERS = ("value", "sd", "low", "high", "networks")


def comparison(
    ours: pd.DataFrame, departures: Callable[[Iterable[str], str], list[str]]
) -> pd.DataFrame:
    """One row for each group of networks, quantity, layer and published source of a cell of the
    paper.

    `ours`: rows of one network, or pair of networks with the other's name in `other`, and where
    that is of another architecture its group and cell in `other_group`, `other_network`: group, the
    cell's columns, training, run, quantity, layer, value, departure (of this value alone, several
    by '; ', or ''); see `repatlas.analysis.paper_quantities`. `departures` says of runs and a
    quantity in what they differ from the paper's protocol.

    Ours: mean, sd (n - 1) and 95 % bootstrap interval over the networks of the group, or mean and
    sd over its pairs of networks. The paper's: the printed value, or the mean over the networks
    that its figures show with their sd and range; `paper_n` is their number where it is known.
    `difference` is ours less the paper's, all in the units of the study's tables (accuracies and
    shares of 1). Fewer networks than the paper's are one of the departures.
    """
    theirs = published()
    # Figures of the paper show single networks, to be averaged; a printed accuracy and a range are
    # of several already, and the follow-up trained otherwise.
    single = theirs["source"].str.startswith("Figure") & theirs["low"].isna()
    single &= theirs["quantity"] != "test_accuracy"
    theirs["family"] = theirs["source"].mask(single, "figures")
    keys = [*CELL, "training", "other_network", "quantity", "layer"]
    rows = []
    known = {key: part for key, part in theirs.groupby(keys, sort=False)}
    for (group, other_group, *key), found in ours.groupby(
        ["group", "other_group", *keys], sort=False
    ):
        same = known.get(tuple(key))
        if same is None:
            continue
        cell = dict(zip(keys, key, strict=True))
        values = found["value"].astype(float)
        runs = pd.concat([found["run"], found["other"]])
        text = departures(runs[runs != ""], cell["quantity"])
        of_values = {one for several in set(found["departure"]) for one in several.split("; ")}
        text += sorted(of_values - {"", *text})
        for _, part in same.groupby("family", sort=False):
            rows.append(
                {
                    "group": group,
                    "other_group": other_group,
                    **cell,
                    "n": len(values),
                    **_ours(values, pairs=(found["other"] != "").any()),
                    **_theirs(part),
                    "difference": values.mean() - part["value"].mean(),
                    "paper_source": "; ".join(dict.fromkeys(part["source"])),
                    "paper_read": "; ".join(dict.fromkeys(part["read"])),
                    "departures": "; ".join([*_seeds(found, part), *text]),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _seeds(found: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Whether the networks, or those of either architecture, are fewer than the paper's: ten, or
    as many as a mean of more is over."""
    sides = [found["run"], found["other"][found["other"] != ""]]
    if (found["other_group"] == "").all():
        sides = [pd.concat(sides)]
    seeds = min(side.nunique() for side in sides)
    wanted = max(SEEDS, int(theirs["networks"].sum()))
    return [f"{seeds} seed{'s' * (seeds != 1)} for {wanted}"] if seeds < wanted else []


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
