"""Test accuracy after residual branches are deleted, stage by stage.

The form of figure 5 of Nguyen, Raghu & Kornblith (ICLR 2021), with each block deleted alone beside
it.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, frozen
from repatlas.figures.style import DOUBLE, Drawing, Sheet
from repatlas.results import StudyResults

_LEFT, _TOP, _BOTTOM, _RIGHT, _TITLE = 0.55, 0.06 + frozen.KEY, 0.4, 0.08, 0.34  # inches
_X_GAP, _Y_GAP, _HEIGHT = 0.2, 0.2, 1.35


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A row of panels an architecture, a column a stage: accuracy against the number of blocks
    deleted from the end of the stage (filled), and with the last of these alone deleted (open)."""
    runs = choice.select_runs(results, settings)
    table = results.table("block_deletion")
    shown = frozen.chosen(results, runs, table[table["test_accuracy"].notna()], settings)
    data = table[table["run"].isin(shown.networks["run"])].reset_index(drop=True)
    # The place of a block deleted alone is its number from the end of the stage.
    alone = data["deletion"] == "alone"
    data["from_the_end"] = data["n_deleted"].mask(alone, data["blocks"] - data["first_block"] + 1)
    rows = len(shown.cells)
    width = (DOUBLE - _LEFT - _RIGHT - 2 * _X_GAP) / 3
    pitch = _HEIGHT + _TITLE + _Y_GAP
    sheet = Sheet(DOUBLE, _TOP + rows * pitch - _Y_GAP + _BOTTOM)
    style = frozen.looks(shown.seeds)
    for row, (name, (_, cell)) in enumerate(zip(shown.names, shown.cells.iterrows(), strict=True)):
        own = data[data["group"] == cell["group"]]
        counted = labels.count(own["run"].nunique(), "network")
        for stage in (1, 2, 3):
            ax = sheet.axes(
                _LEFT + (stage - 1) * (width + _X_GAP),
                _TOP + _TITLE + row * pitch,
                width,
                _HEIGHT,
            )
            for (seed, kind), part in own[own["stage"] == stage].groupby(["seed", "deletion"]):
                part = part.sort_values("from_the_end")
                accuracy = 100 * part["test_accuracy"]
                frozen.draw_series(
                    ax, part["from_the_end"], accuracy, style[seed], kind == "from_the_end"
                )
            ax.set_title(
                f"{name}, n = {counted}\nstage 1" if stage == 1 else f"stage {stage}",
                loc="left",
                pad=4,
                linespacing=1.05,
            )
            ax.set_xlim(-0.2, int(own["blocks"].max()) + 0.2)
            ax.set_ylim(0, 100)
            ax.xaxis.set_major_locator(MaxNLocator(9, integer=True, min_n_ticks=1))
            ax.tick_params(labelleft=stage == 1)
            if stage == 1:
                ax.set_ylabel("Test accuracy (%)")
            if row == rows - 1:
                ax.set_xlabel("Block, counted from the end of the stage")
    frozen.key(
        sheet.figure, shown.seeds, "this block and all after it deleted", "this block alone deleted"
    )
    return Drawing(sheet.figure, data, _caption(shown, table, runs))


def _caption(shown: frozen.Shown, table: pd.DataFrame, runs: pd.DataFrame) -> str:
    whole = table["run"].isin(runs.loc[runs["status"] == "completed", "run"])
    without = table[whole & table["stage"].isna()]["run"].nunique()
    text = [
        f"{FIGURES['block_deletion'].title}, one by one from the end of a stage, without "
        "retraining; shortcut and ReLU stay, batch normalisation is not recalibrated.",
        "0: the whole network.",
        f"n = {labels.count(len(shown.networks), 'network')}.",
        f"{labels.count(without, 'network')} without residual connections "
        f"{'has' if without == 1 else 'have'} nothing to delete."
        if without
        else "",
        *shown.notes,
        labels.failures(runs),
    ]
    return " ".join(filter(None, text))
