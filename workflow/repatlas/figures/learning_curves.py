"""Learning curves: a line a network."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, lines, over_grid
from repatlas.figures.style import Drawing, ordered
from repatlas.results import StudyResults


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Training loss and test accuracy by epoch, coloured by the first axis that varies, a column
    of panels for each value of the others. The line of a network that diverged ends in a cross."""
    runs = choice.select_runs(results, settings, completed=False)
    cells = choice.cells_of(results, runs)
    axes = choice.varying(results, cells)
    roles = over_grid.split(
        cells, "epoch", axes[0] if axes else None, axes[1:], settings["max_columns"]
    )
    curves = results.learning_curves
    curves = curves[curves["run"].isin(runs["run"])].merge(
        runs[["run", "status"]], on="run", validate="many_to_one"
    )
    titles = {
        "train_loss": "Training loss\n(cross-entropy)",
        "test_accuracy": f"{labels.accuracy(results.runs)} (%)",
    }
    kept = ["run", "group", *results.design, "status", "epoch", *titles]
    data = over_grid.shown(curves[kept].sort_values(["group", "seed", "epoch"]), roles)
    texts = over_grid.colour_texts(data, roles)
    figure, panels = lines.facets(2, [f.title for f in roles.facets], texts.values())
    for row, (metric, title) in zip(panels, titles.items(), strict=True):
        ends = [
            _draw(ax, over_grid.within(data, facet), metric, roles.colour, texts)
            for ax, facet in zip(row, roles.facets, strict=True)
        ]
        row[0].set_ylabel(title)
        lines.share_limits(row)
        for ax, own in zip(row, ends, strict=True):
            lines.label_ends(ax, own)
    for k, facet in enumerate(roles.facets):
        over_grid.title(panels[0][k], facet, over_grid.within(data, facet)["run"].nunique())
        panels[0][k].tick_params(labelbottom=False)
        panels[1][k].set_xlabel("Epoch")
        lines.percent(panels[1][k])
    diverged = data.loc[data["status"] != "completed", "run"].nunique()
    text = [
        f"{FIGURES['learning_curves'].title}: cross-entropy over each epoch's training batches, "
        "and test accuracy where it was evaluated; a line a network. Early on the running averages "
        "of batch normalisation may lag behind the weights, which makes accuracy jump.",
        labels.accuracy_note(results.runs),
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        f"Crosses: where {labels.count(diverged, 'network')} diverged." if diverged else "",
        *roles.notes,
    ]
    return Drawing(figure, data, " ".join(filter(None, text)))


def _draw(
    ax: Axes, data: pd.DataFrame, metric: str, axis: str | None, texts: Mapping[Any, str]
) -> list[tuple]:
    """Draw a metric of the networks of a facet, coloured by `axis`, whose values have `texts`.

    Returns the ends of the lines, for `lines.label_ends`: the mean of the networks of a colour.
    """
    ends = []
    for (level, text), colour in zip(texts.items(), ordered(len(texts)), strict=True):
        own = data if axis is None else data[data[axis] == level]
        last = []
        for _, curve in own.groupby("run", sort=False):
            known = curve[curve[metric].notna()]
            if known.empty:
                continue
            ax.plot(
                known["epoch"],
                known[metric],
                color=colour,
                lw=0.6,
                alpha=0.8,
                marker="o" if len(known) == 1 else "",
                ms=2,
            )
            if known["status"].iloc[-1] == "completed":
                last.append(known[metric].iloc[-1])
            else:
                ax.plot(known["epoch"].iloc[-1], known[metric].iloc[-1], "x", color=colour, ms=4)
        if text and last:
            ends.append((sum(last) / len(last), text, colour))
    if metric == "train_loss":
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    return ends
