"""Difference in accuracy between two architectures class by class, a panel a pair.

Behind section 6 and appendix F of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from repatlas import labels
from repatlas.analysis.significance import ALPHA
from repatlas.catalogue import FIGURES
from repatlas.figures import choice
from repatlas.figures.pairs import Pair, names
from repatlas.figures.prediction_pairs import oriented, rows_of, select_pairs
from repatlas.figures.style import DOUBLE, GREY, SINGLE, Drawing, Sheet, ordered
from repatlas.results import StudyResults

_TOP, _BOTTOM, _TITLE = 0.08, 0.42, 0.5  # inches
_X_GAP, _Y_GAP, _PITCH = 0.25, 0.35, 0.14
_LETTER, _LINE = 0.055, 0.12


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """The larger architecture minus the smaller, with Welch intervals, by class and class group.

    Raises DataError when no pair has completed networks on both sides.
    """
    runs = choice.select_runs(results, settings)
    table, total, pairs = select_pairs(results, runs, settings["max_pairs"], least=1)
    classes, groups = results.table("prediction_classes"), results.table("prediction_groups")
    parts, hidden = [], 0
    for pair in pairs:
        own = _oriented(classes, pair, "class")
        kept = own.reindex(
            own["difference"].abs().sort_values(ascending=False, kind="stable").index
        )
        kept = kept.head(settings["max_classes"])
        hidden = max(hidden, len(own) - len(kept))
        kept = kept.sort_values("difference", kind="stable")
        parts.append(pd.concat([kept, _oriented(groups, pair, "class_group")], ignore_index=True))
    data = pd.concat(parts, ignore_index=True)
    networks = int(
        runs.loc[runs["status"] == "completed", "group"]
        .isin({*data["group_a"], *data["group_b"]})
        .sum()
    )
    text = [
        f"{FIGURES['prediction_classes'].title}: mean accuracy over the seeds of the larger "
        "architecture minus that of the smaller.",
        "Bars: 95 % intervals (Welch). Filled: p < .05 after Holm-Sidak over the classes of a pair "
        "(diamonds: class groups, over the groups); open: not; crosses: not tested.",
        f"The {settings['max_classes']} classes with the largest differences are shown; {hidden} "
        "are not."
        if hidden
        else "",
        _untested(data),
        _explained([oriented(table, pair) for pair in pairs]),
        f"n = {labels.count(networks, 'network')}.",
        choice.left_out(len(pairs), total, "pairs of architectures"),
        labels.failures(runs),
    ]
    return Drawing(
        _sheet(parts, pairs, names(results, pairs)).figure, data, " ".join(filter(None, text))
    )


def _oriented(table: pd.DataFrame, pair: Pair, column: str) -> pd.DataFrame:
    """The rows of a pair with differences larger minus smaller."""
    own = rows_of(table, pair).rename(columns={column: "name"}).assign(kind=column)
    own["name"] = own["name"].astype(str)
    own["low"], own["high"] = -own["high"], -own["low"]
    own[["difference", "t"]] = -own[["difference", "t"]]
    return own


def _sheet(parts: list[pd.DataFrame], pairs: list[Pair], named: Mapping[str, str]) -> Sheet:
    """A panel a pair; `named`: the name of each group."""
    columns = min(2, len(parts))
    width = SINGLE if columns == 1 else DOUBLE
    left = 0.2 + _LETTER * max(len(name) for part in parts for name in part["name"])
    inner = (width - 0.1 - (columns - 1) * _X_GAP) / columns - left
    heads = [_head(part, pair, named, inner) for part, pair in zip(parts, pairs, strict=True)]
    title = _TITLE + _LINE * (max(head.count("\n") for head in heads) - 2)
    rows = [parts[k : k + columns] for k in range(0, len(parts), columns)]
    heights = [max(len(part) + _gap(part) for part in row) * _PITCH + 0.1 for row in rows]
    sheet = Sheet(
        width, _TOP + sum(heights) + len(rows) * (title + _Y_GAP + 0.1) - _Y_GAP + _BOTTOM - 0.1
    )
    top, axes = _TOP, []
    for r, (row, height) in enumerate(zip(rows, heights, strict=True)):
        top += title
        for c, part in enumerate(row):
            ax = sheet.axes(left + c * (inner + left + _X_GAP), top, inner, height)
            _panel(ax, part)
            axes.append(ax)
            ax.set_title(heads[r * columns + c], loc="left", pad=4, linespacing=1.05)
        top += height + _Y_GAP + 0.1
    limits = [ax.get_xlim() for ax in axes]
    for ax in axes:  # one scale, so that differences are seen against each other
        ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    return sheet


def _gap(part: pd.DataFrame) -> int:
    return int((part["kind"] == "class_group").any())


def _head(part: pd.DataFrame, pair: Pair, named: Mapping[str, str], width: float) -> str:
    """What stands over a panel of that width."""
    large = labels.wrapped(named[pair.large["group"]], width)
    small = labels.wrapped(f"minus {named[pair.small['group']]}", width)
    n = part.iloc[0]
    return f"{large}\n{small}\nn = {int(n['n_b'])} and {int(n['n_a'])} networks"


def _panel(ax: Axes, part: pd.DataFrame) -> None:
    part = part.reset_index(drop=True)
    grouped = (part["kind"] == "class_group").astype(int)
    places = part.index.to_numpy() + grouped.to_numpy()
    colour = ordered(2)[0]
    ax.axvline(0, color=GREY, linewidth=0.7, linestyle=":")
    for y, (_, row) in zip(places, part.iterrows(), strict=True):
        marker = "D" if row["kind"] == "class_group" else "o"
        if pd.isna(row["p_adjusted"]):
            ax.plot(100 * row["difference"], y, marker="x", ms=3.5, color=GREY, ls="")
            continue
        face = colour if row["p_adjusted"] < ALPHA else "white"
        ax.hlines(y, 100 * row["low"], 100 * row["high"], color=colour, lw=0.9)
        ax.plot(100 * row["difference"], y, marker=marker, ms=3.8, mfc=face, mec=colour, mew=0.8)
    ax.set_yticks(places, part["name"])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.7, max(places) + 0.7)
    ax.set_xlabel("Difference in accuracy (percentage points)", labelpad=2)


def _untested(data: pd.DataFrame) -> str:
    counts = data.loc[data["p_adjusted"].isna(), "reason"].value_counts()
    listed = ", ".join(
        f"{reason.removeprefix('not tested: ')} ({number})" for reason, number in counts.items()
    )
    return f"Not tested: {listed}." if listed else ""


def _explained(rows: list[pd.Series]) -> str:
    """How much of the differences in single examples class explains, pair by pair."""
    texts = [
        f"{row['v2']:.2f} ({row['v2_exchanged']:.2f}, {row['v2_ceiling']:.2f})"
        for row in rows
        if pd.notna(row["v2"])
    ]
    return (
        "Share of the example-level difference that class explains, v² (in brackets with networks "
        f"exchanged at random, and if class explained all): {'; '.join(texts)}."
        if texts
        else ""
    )
