"""Test accuracy after residual branches are deleted, stage by stage.

The form of figure 5 of Nguyen, Raghu & Kornblith (ICLR 2021), with each block deleted alone beside
it.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, frozen
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults

_MARGINS = Margins(0.55, 0.08, 0.06 + frozen.KEY, 0.4, x_gap=0.2, y_gap=0.2)
_HEIGHT, _TITLE = 1.35, 0.34  # inches
_STAGES = (1, 2, 3)


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A row of panels an architecture, a column a stage: accuracy against the number of blocks
    deleted from the end of the stage (filled), and with the last of these alone deleted (open).

    Raises DataError when no network had a block deleted.
    """
    runs = choice.select_runs(results, settings)
    table = results.table("block_deletion")
    shown = frozen.chosen(results, runs, table[table["test_accuracy"].notna()], settings)
    data = table[table["run"].isin(shown.networks["run"])].reset_index(drop=True)
    # The place of a block deleted alone is its number from the end of the stage.
    alone = data["deletion"] == "alone"
    data["from_the_end"] = data["n_deleted"].mask(alone, data["blocks"] - data["first_block"] + 1)
    panels = list(itertools.product(zip(shown.names, shown.cells["group"], strict=True), _STAGES))
    rows = Rows(_MARGINS, len(panels), len(_STAGES), _HEIGHT, _TITLE)
    style = frozen.looks(shown.seeds)
    for ax, ((name, group), stage) in zip(rows.axes, panels, strict=True):
        own = data[data["group"] == group]
        _panel(ax, own[own["stage"] == stage], style)
        counted = labels.count(own["run"].nunique(), "network")
        head = f"{name}, n = {counted}\nstage 1" if stage == 1 else f"stage {stage}"
        ax.set_title(head, loc="left", pad=4, linespacing=1.05)
        ax.set_xlim(-0.2, int(own["blocks"].max()) + 0.2)
    rows.name_axes(
        "Block, counted from the end of the stage", f"{labels.accuracy(results.runs)} (%)"
    )
    rows.number_leftmost()
    frozen.key(
        rows.sheet.figure,
        shown.seeds,
        "this block and all after it deleted",
        "this block alone deleted",
    )
    return Drawing(rows.sheet.figure, data, _caption(results, shown, table, runs))


def _panel(ax: Axes, own: pd.DataFrame, style: Mapping[int, frozen.Look]) -> None:
    """The deletions in one stage of the networks of one architecture."""
    for (seed, kind), part in own.groupby(["seed", "deletion"]):
        part = part.sort_values("from_the_end")
        accuracy = 100 * part["test_accuracy"]
        filled = kind == "from_the_end"
        frozen.draw_series(ax, part["from_the_end"], accuracy, style[seed], filled)
    ax.set_ylim(0, 100)
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True, min_n_ticks=1))


def _caption(
    results: StudyResults, shown: frozen.Shown, table: pd.DataFrame, runs: pd.DataFrame
) -> str:
    whole = table["run"].isin(runs.loc[runs["status"] == "completed", "run"])
    without = table[whole & table["stage"].isna()]["run"].nunique()
    text = [
        f"{FIGURES['block_deletion'].title}, one by one from the end of a stage, without "
        "retraining; shortcut and ReLU stay, batch normalisation is not recalibrated.",
        "0: the whole network.",
        labels.accuracy_note(results.runs),
        f"n = {labels.count(len(shown.networks), 'network')}.",
        f"{labels.count(without, 'network')} without residual connections "
        f"{'has' if without == 1 else 'have'} nothing to delete."
        if without
        else "",
        *shown.notes,
        labels.failures(runs),
    ]
    return " ".join(filter(None, text))
