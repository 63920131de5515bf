"""Linear probes along the depth of a network, before and after each residual connection.

The form of figure 4 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, frozen, lines
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import GREY, Drawing
from repatlas.results import StudyResults

_MARGINS = Margins(0.68, 0.08, 0.06 + frozen.KEY, 0.4, x_gap=0.2, y_gap=0.14)
_TITLE = 0.42  # inches
_METHODS = {
    "ridge": "ridge regression in closed form",
    "sgd": "stochastic gradient descent",
}


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture: test accuracy of a probe against the number of the block, filled
    after the residual connection and open before it, a colour a seed.

    Raises DataError when no network was probed.
    """
    runs = choice.select_runs(results, settings)
    table = results.table("linear_probes")
    table = table[table["accuracy"].notna()]
    shown = frozen.chosen(results, runs, table, settings)
    data = table[table["run"].isin(shown.networks["run"])].reset_index(drop=True)
    per_stage = data.groupby("group")["block"].transform("max")
    data["number"] = (data["stage"] - 1) * per_stage + data["block"]
    n = len(shown.cells)
    rows = Rows(_MARGINS, n, n if n <= 3 else 2, 1.75 if n <= 3 else 1.5, _TITLE)
    style = frozen.looks(shown.seeds)
    for ax, name, group in zip(rows.axes, shown.names, shown.cells["group"], strict=True):
        own = data[data["group"] == group]
        _panel(ax, own, style)
        counted = labels.count(own["run"].nunique(), "network")
        ax.set_title(f"{name}\nn = {counted}", loc="left", pad=11, linespacing=1.05)
    rows.name_axes("Block", f"{labels.accuracy(results.runs)}\nof the probe (%)")
    lines.share_limits(rows.axes)
    rows.number_leftmost()
    frozen.key(rows.sheet.figure, shown.seeds, "after the residual connection", "before it")
    return Drawing(rows.sheet.figure, data, _caption(results, shown, data, runs))


def _panel(ax: Axes, own: pd.DataFrame, style: Mapping[int, frozen.Look]) -> None:
    """The probes of the networks of one architecture, along their blocks."""
    for seed, part in own.groupby("seed"):
        for position, filled in (("before", False), ("after", True)):
            some = part[part["position"] == position].sort_values("number")
            if len(some):
                look = style[seed]
                frozen.draw_series(ax, some["number"], 100 * some["accuracy"], look, filled)
    _stages(ax, int(own["block"].max()))


def _stages(ax: Axes, blocks: int) -> None:
    """Lines between the stages, and their names above the panel."""
    for stage in (1, 2, 3):
        if stage > 1:
            ax.axvline((stage - 1) * blocks + 0.5, color=GREY, linewidth=0.5, linestyle=":")
        ax.annotate(
            f"stage {stage}",
            ((stage - 1) * blocks + (blocks + 1) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=6,
            color=GREY,
        )
    ax.set_xlim(0.4, 3 * blocks + 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True, min_n_ticks=1))


def _caption(
    results: StudyResults, shown: frozen.Shown, data: pd.DataFrame, runs: pd.DataFrame
) -> str:
    plain = (shown.networks["architecture"] != "resnet").any()
    method = " and ".join(_METHODS.get(m, m) for m in data["method"].unique())
    text = [
        f"{FIGURES['linear_probes'].title}: one probe a layer of the frozen network, fitted to its "
        f"own training images by {method}.",
        "Filled: the sum of branch and shortcut, before its ReLU; open: the batch normalisation at "
        "the end of the branch.",
        labels.accuracy_note(results.runs),
        _resolution(data),
        "Networks without residual connections: that batch normalisation, filled." if plain else "",
        f"n = {labels.count(len(shown.networks), 'network')}.",
        *shown.notes,
        labels.failures(runs),
    ]
    return " ".join(filter(None, text))


def _resolution(data: pd.DataFrame) -> str:
    """A sentence on the step in which accuracies come, as shares of a number of images."""
    values = np.unique(data["accuracy"].round(7))
    if len(values) < 2:
        return ""
    step = 100 * float(np.diff(values).min())
    return (
        "Accuracies come in steps of one image; the least difference between two shown is "
        f"{step:.2g} percentage points."
    )
