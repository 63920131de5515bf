"""How often two networks predict different classes, and what figures of predictions share."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice
from repatlas.figures.pairs import Pair, choose, names
from repatlas.figures.style import GREY, Drawing, Sheet, markers, ordered
from repatlas.results import StudyResults

_SIDES = {"a": "b", "b": "a"}
_TOP, _BOTTOM, _RIGHT, _PITCH, _LETTER = 0.25, 0.42, 0.1, 0.15, 0.051  # inches


def select_pairs(
    results: StudyResults, runs: pd.DataFrame, most: int, least: int
) -> tuple[pd.DataFrame, int, list[Pair]]:
    """The table of pairs, how many can be shown, and at most `most` of them; of those with at least
    `least` completed networks a side.

    Raises DataError when there is none.
    """
    table = results.table("prediction_pairs")
    done = runs[runs["status"] == "completed"]
    stored = table[
        (table[["n_a", "n_b"]].min(axis=1) >= least)
        & table["group_a"].isin(done["group"])
        & table["group_b"].isin(done["group"])
    ]
    if stored.empty:
        raise DataError(
            f"No predictions to compare: no two architectures of the study {results.name} have "
            f"{labels.count(least, 'completed network')} each."
        )
    total, pairs = choose(results, done, stored, most)
    return table, total, pairs


def oriented(table: pd.DataFrame, pair: Pair) -> pd.Series:
    """The row of a pair, its smaller architecture as a, in a table with one row a pair that has
    it."""
    return rows_of(table, pair).iloc[0]


def rows_of(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """The rows of a pair, its smaller architecture as a; differences change their sign with it."""
    a, b = pair.small["group"], pair.large["group"]
    found = table[(table["group_a"] == a) & (table["group_b"] == b)]
    if len(found):
        return found
    found = table[(table["group_a"] == b) & (table["group_b"] == a)]
    turned = found.rename(columns={c: _turned(c) for c in found.columns})
    if "low" in turned:
        turned["low"], turned["high"] = -turned["high"], -turned["low"]
    for column in turned.columns.intersection(
        ["difference", "t", "difference_selection", "difference_confirmation"]
    ):
        turned[column] = -turned[column]
    if "favours" in turned:
        turned["favours"] = turned["favours"].map(_SIDES)
    return turned


def _turned(column: str) -> str:
    parts = column.split("_")
    return (
        "_".join(_SIDES.get(part, part) for part in parts)
        if parts[0] not in ("mse", "aic")
        else column
    )


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A line a pair: between its architectures, and within either, with bootstrap intervals.

    Raises DataError when no pair has two completed networks a side.
    """
    runs = choice.select_runs(results, settings)
    table, total, pairs = select_pairs(results, runs, settings["max_pairs"], least=2)
    named = names(results, pairs)
    data = pd.DataFrame([row for pair in pairs for row in _disagreements(table, pair, named)])
    networks = int(
        runs.loc[runs["status"] == "completed", "group"]
        .isin({*data["group_a"], *data["group_b"]})
        .sum()
    )
    text = [
        f"{FIGURES['prediction_disagreement'].title}: mean over all pairs of different networks.",
        "Bars: 95 % bootstrap intervals over networks, from three networks a side on.",
        f"n = {labels.count(networks, 'network')}.",
        choice.left_out(len(pairs), total, "pairs of architectures"),
        labels.failures(runs),
    ]
    figure = _figure(data, networks)
    return Drawing(figure, data.drop(columns="name"), " ".join(filter(None, text)))


def _disagreements(
    table: pd.DataFrame, pair: Pair, named: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The rows of a pair: within either architecture, and between the two. `named`: the name of
    each group."""
    row = oriented(table, pair)
    found = {
        "within_a": f"within {named[pair.small['group']]}",
        "within_b": f"within {named[pair.large['group']]}",
        "between": "between the two",
    }
    return [
        {
            **dict(group_a=row["group_a"], group_b=row["group_b"], where=where, name=name),
            **dict(n_a=row["n_a"], n_b=row["n_b"], value=row[f"disagreement_{where}"]),
            **{end: row[f"disagreement_{where}_{end}"] for end in ("low", "high")},
        }
        for where, name in found.items()
    ]


def _figure(data: pd.DataFrame, networks: int) -> Figure:
    """Three lines a pair, with a gap below each pair."""
    pairs = len(data) // 3
    height = (len(data) + pairs - 1) * _PITCH
    left = 0.15 + _LETTER * data["name"].str.len().max()
    sheet = Sheet(left + 2.3, _TOP + height + 0.1 + _BOTTOM)
    ax = sheet.axes(left, _TOP, sheet.width - left - _RIGHT, height + 0.1)
    places = [k + k // 3 for k in range(len(data))]
    for colour, marker, where in zip(
        ordered(3), markers(3), ("between", "within_a", "within_b"), strict=True
    ):
        own = (data["where"] == where).to_numpy()
        y = [place for place, chosen in zip(places, own, strict=True) if chosen]
        part = 100 * data.loc[own, ["value", "low", "high"]]
        ax.plot(part["value"], y, ls="", marker=marker, ms=4, color=colour, clip_on=False)
        known = part["low"].notna().to_numpy()
        ax.hlines(
            [k for k, ok in zip(y, known, strict=True) if ok],
            part["low"][known],
            part["high"][known],
            color=colour,
            lw=1,
        )
    ax.set_yticks(places, data["name"])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(places) + 0.7, -0.7)
    ax.set_xlabel("Test examples predicted differently (%)")
    ax.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.5)
    ax.set_title(f"n = {labels.count(networks, 'network')}", loc="left", pad=4)
    return sheet.figure
