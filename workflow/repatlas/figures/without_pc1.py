"""CKA between the layers of a network with and without the first principal component.

The form of figure D.6 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, heatmap
from repatlas.figures.components import networks
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults

_MEASURE = "cka_minibatch"
_SIZE = 6.5  # points of the titles
_ROWS = (("value_with", "", "with PC1"), ("value", "_without_pc1", "without PC1"))


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A column a network: above with, below without the first component of each probe batch.

    Raises DataError for layers that were not read out, and where no network with the
    chosen seed completed.
    """
    table = results.table("cka_without_pc1")
    for end in "ab":
        table = table[choice.of_layers(table, settings["layers"], end)]
    runs = choice.select_runs(results, settings)
    runs = runs[runs["run"].isin(table["run"].unique())]
    shown, notes = networks(results, runs, settings["seed"], settings["max_columns"])
    blocks = results.table("cka_without_pc1_blocks").set_index("run")
    side = Grid(2, len(shown), 3).side
    names = choice.names(results, pd.DataFrame(shown)).values()
    heads = [labels.wrapped(name, side, _SIZE) for name in names]
    grid = Grid(2, len(shown), 3 + max(head.count("\n") for head in heads))
    sheet, norm = grid.sheet(), heatmap.scale_of(_MEASURE)
    axis = labels.layer_axis(settings["layers"])
    frames, panels = [], []
    for column, (run, head) in enumerate(zip(shown, heads, strict=True)):
        own = table[table["run"].astype(str) == run["run"]]
        own = own.astype(dict.fromkeys(["layer_a", "layer_b", "reason"], str))
        for row, (words, panel) in enumerate(_panels(own, blocks.loc[run["run"]])):
            panel.y_label = axis if column == 0 else ""
            panel.x_label = axis if row == 1 else ""
            ax = sheet.axes(*grid.corner(row, column), grid.side, grid.side)
            heatmap.draw_map(ax, panel, norm)
            words = words if row else f"{head}\n{words}"
            ax.set_title(words, loc="left", fontsize=_SIZE, linespacing=1.1, pad=4)
            panels.append(panel)
        design = {c: run[c] for c in ("run", *results.design)}
        kept = own.drop(columns=["run", "group", *results.design]).reset_index(drop=True)
        frames.append(heatmap.plotted(kept, _MEASURE, design))
    data = pd.concat(frames, ignore_index=True)
    undefined = heatmap.any_undefined(panels)
    heatmap.draw_scale(sheet, grid.scale_corner(), _MEASURE, norm, undefined)
    text = [
        f"{FIGURES['cka_without_pc1'].title}: {labels.measure(_MEASURE)} on "
        f"{labels.probes(runs)}, between {labels.layer_words(settings['layers'])} numbered from "
        "the input; below, after the first principal component of each batch is taken out.",
        "Over the panels: share of the pairs of different ReLU layers above the threshold, and the "
        "longest run of ReLU layers of which all pairs reach it.",
        f"{labels.networks_of(shown)}.",
        heatmap.marks(panels, norm, data),
        *notes,
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)), labels.networks_of(shown))


def _panels(own: pd.DataFrame, metrics: pd.Series) -> list[tuple[str, Panel]]:
    """The two heat maps of a network, each with what it is and its block metrics in words."""
    names = own.sort_values("index_a")["layer_a"].unique()
    panels = []
    for value, suffix, words in _ROWS:
        matrix = own.pivot(index="layer_a", columns="layer_b", values=value).loc[names, names]
        above, longest = (metrics[f"{m}{suffix}"] for m in ("fraction_above", "longest_run"))
        found = f"{100 * above:.1f} % above {metrics['threshold']:g}; run {longest:g}"
        panels.append((f"{words}\n{found}", Panel("", matrix)))
    return panels
