"""Block structure, similarity to the final network and accuracy on the way: a line a network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, lines, over_grid
from repatlas.figures.dynamics import probes
from repatlas.figures.style import Drawing, ordered
from repatlas.results import StudyResults

_METRICS = {
    "fraction_above": "Share of ReLU layer\npairs above {:g} (%)",
    "cka_to_final": "Mean CKA of ReLU layers\nwith the final network",
    "probe_accuracy": "Accuracy on\nprobe images (%)",
}
_PERCENT = ("fraction_above", "probe_accuracy")


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Rows of panels over the steps of training, coloured by the first axis that varies, a column
    of panels for each value of the next."""
    table = results.table("dynamics_blocks")
    runs = choice.select_runs(results, settings)
    runs = runs[runs["run"].isin(table["run"])].reset_index(drop=True)
    cells = choice.cells_of(results, runs)
    axes = choice.varying(results, cells)
    roles = over_grid.split(
        cells, "step", axes[0] if axes else None, axes[1:], settings["max_columns"]
    )
    done = runs.loc[runs["status"] == "completed", "run"]
    table = table[table["run"].isin(done)]
    metrics = {m: text for m, text in _METRICS.items() if table[m].notna().any()}
    kept = ["run", "group", *results.design, "step", "epoch", *metrics]
    data = over_grid.shown(table[kept].sort_values(["group", "seed", "step"]), roles)
    texts = over_grid.colour_texts(data, roles)
    figure, panels = lines.facets(len(metrics), [f.title for f in roles.facets], texts.values())
    for row, (metric, title) in zip(panels, metrics.items(), strict=True):
        ends = [
            _lines(ax, over_grid.within(data, facet), metric, roles.colour, texts)
            for ax, facet in zip(row, roles.facets, strict=True)
        ]
        row[0].set_ylabel(title.format(table["threshold"].max()))
        lines.share_limits(row, 0)
        for ax, own in zip(row, ends, strict=True):
            if metric in _PERCENT:
                lines.percent(ax)
            lines.label_ends(ax, own)
            ax.tick_params(labelbottom=row is panels[-1])
    for k, facet in enumerate(roles.facets):
        over_grid.title(panels[0][k], facet, over_grid.within(data, facet)["run"].nunique())
        panels[-1][k].set_xlabel("Training step")
    text = [
        f"{FIGURES['dynamics_blocks'].title}, on {probes(results, runs)}; a line a network, a dot "
        "a checkpoint.",
        "Above: share of the pairs of different ReLU layers whose CKA is above "
        f"{table['threshold'].max():g}."
        if "fraction_above" in metrics
        else "",
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        *roles.notes,
        labels.failures(runs),
    ]
    return Drawing(figure, data, " ".join(filter(None, text)))


def _lines(
    ax: Axes, data: pd.DataFrame, metric: str, axis: str | None, texts: Mapping[Any, str]
) -> list[tuple]:
    """Draw a metric of the networks of a facet; returns the ends of the lines, the mean of the
    networks of a colour."""
    ends = []
    for (level, text), colour in zip(texts.items(), ordered(len(texts)), strict=True):
        own = data if axis is None else data[data[axis] == level]
        for _, curve in own.groupby("run", sort=False):
            ax.plot(
                curve["step"], curve[metric], color=colour, lw=0.7, alpha=0.8, marker="o", ms=1.8
            )
        last = own.groupby("run")[metric].last().dropna()
        if text and len(last):
            ends.append((float(last.mean()), text, colour))
    # The first steps matter as much as the last epochs; 0 has a place too.
    ax.set_xscale("symlog", linthresh=1)
    top = int(np.log10(max(data["step"].max(), 1)))
    powers = list(range(0, top + 1, 1 + top // 5))
    ticks = [f"$10^{k}$" if k > 1 else f"{10**k}" for k in powers]
    ax.set_xticks([0, *(10**k for k in powers)], ["0", *ticks])
    ax.set_xlim(left=-0.1)
    ax.minorticks_off()
    return ends
