"""Block structure and accuracy with and without what is done against it in training.

The comparison of Nguyen, Raghu & Kornblith (2022): a penalty on the first principal component,
colour jitter, small batches.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.analysis.statistics import spread
from repatlas.catalogue import FIGURES, INTERVENTIONS, chosen_measure
from repatlas.errors import DataError
from repatlas.figures import choice, lines, over_grid
from repatlas.figures.style import GREY, Drawing, ordered
from repatlas.results import StudyResults

_NONE = "none"
_WORDS = {
    "pc_penalty": "PC penalty {:g}",
    "colour_jitter": "colour jitter {:g}",
    "batch_size": "batch size {:g}",
}


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A column of panels an architecture; along x what is done in training, with nothing first.

    DataError where the measure has no block metrics.
    """
    runs = choice.select_runs(results, settings)
    cells = choice.cells_of(results, runs)
    axes = [a for a in INTERVENTIONS if a in results.design and cells[a].nunique() > 1]
    order, names = _conditions(cells, axes)
    others = [a for a in choice.varying(results, cells) if a not in axes]
    facets, notes = _facets(cells, others, settings["max_columns"])
    known = list(results.block_metrics["measure"].unique())
    measure = chosen_measure(settings["measure"] or next(iter(known), ""), known)
    data, threshold = _data(results, runs, cells, measure)
    if choice.is_shown(results, settings["pc1_share"], "principal_components"):
        data = pd.concat([data, _pc1_shares(results, runs, cells)], ignore_index=True)
    data["condition"] = data["group"].map(names)
    data = pd.concat([over_grid.within(data, f) for f in facets], ignore_index=True)
    accuracy = f"{labels.accuracy(results.runs)} (%)"
    figure = _figure(data, facets, order, threshold, accuracy)
    text = [
        f"{FIGURES['interventions'].title}: size of the block structure by "
        f"{labels.measure(measure)} on {labels.probes(runs)}, and "
        "accuracy after the last epoch.",
        labels.accuracy_note(results.runs),
        "PC1: the largest share of a first principal component in the variance of a ReLU layer, "
        "over all probe images at once."
        if (data["metric"] == "pc1_share").any()
        else "",
        over_grid.legend(data),
        f"Dotted: mean of the networks with {_NONE}." if _NONE in order else "",
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        *notes,
        labels.failures(runs),
    ]
    return Drawing(figure, data, " ".join(filter(None, text)))


def _figure(
    data: pd.DataFrame,
    facets: Sequence[over_grid.Facet],
    order: list[str],
    threshold: float,
    accuracy: str,
) -> Figure:
    titles = {
        "fraction_above": f"Share of ReLU layer\npairs above {threshold:g} (%)",
        "longest_run": "Longest run\n(ReLU layers)",
        "pc1_share": "Largest share of PC1\nin a ReLU layer (%)",
        "test_accuracy": accuracy,
    }
    titles = {metric: text for metric, text in titles.items() if metric in set(data["metric"])}
    figure, panels = lines.facets(len(titles), [f.title for f in facets], [])
    for row, (metric, title) in zip(panels, titles.items(), strict=True):
        for ax, facet in zip(row, facets, strict=True):
            own = over_grid.within(data[data["metric"] == metric], facet)
            _draw(ax, own, order)
            if row is panels[0]:
                over_grid.title(ax, facet, own["run"].nunique())
            ax.tick_params(labelbottom=row is panels[-1])
        row[0].set_ylabel(title)
        lines.share_limits(row, None if metric == "test_accuracy" else 0)
        for ax in row:
            if metric == "longest_run":
                ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
            else:
                lines.percent(ax)
    over_grid.name_places(figure, panels, order)
    return figure


def _conditions(cells: pd.DataFrame, axes: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """What is done to the networks, in words, with nothing first; and by group. Nothing is no
    penalty, no jitter and the largest batch."""
    usual = {a: cells["batch_size"].max() if a == "batch_size" else 0 for a in axes}
    found: dict[tuple, str] = {}
    names = {}
    for _, cell in cells.iterrows():
        done = [_WORDS[a].format(cell[a]) for a in axes if cell[a] != usual[a]]
        names[cell["group"]] = ",\n".join(done) or _NONE
        rank = (len(done), *(cell[a] if cell[a] != usual[a] else float("inf") for a in axes))
        found[rank] = names[cell["group"]]
    return list(dict.fromkeys(found[rank] for rank in sorted(found))), names


def _facets(
    cells: pd.DataFrame, others: Sequence[str], most: int
) -> tuple[list[over_grid.Facet], list[str]]:
    """A panel for each combination of the other axes that vary, and what is not shown."""
    if not others:
        return [over_grid.Facet("", {})], []
    # Where nothing was tried, there is nothing to compare.
    counts = cells.groupby(others, sort=False, dropna=False).size().reset_index(name="cells")
    both = counts["cells"] > 1
    tried = (counts[both] if both.any() else counts)[others].to_dict("records")
    kept = choice.evenly(tried, most)
    width = lines.panel_width(len(kept), [])
    facets = [over_grid.Facet(labels.wrapped(labels.settings(c, others), width), c) for c in kept]
    one_way = "Architectures that were trained in one way only are left out."
    notes = [one_way if len(tried) < len(counts) else "", choice.left_out(len(kept), len(tried))]
    return facets, notes


def _data(
    results: StudyResults, runs: pd.DataFrame, cells: pd.DataFrame, measure: str
) -> tuple[pd.DataFrame, float]:
    """The rows to plot of all three metrics, and the threshold of the block metrics."""
    done = runs[runs["status"] == "completed"]
    table, summary = results.block_metrics, results.block_summary
    table = table[(table["measure"] == measure) & table["run"].isin(done["run"])]
    summary = summary[(summary["measure"] == measure) & summary["group"].isin(cells["group"])]
    if table.empty:
        raise DataError(f"No block metrics of {measure!r} in the study {results.name}.")
    accuracy = results.accuracy
    accuracy = accuracy[accuracy["group"].isin(cells["group"])]
    accuracy = accuracy.assign(n=accuracy["n"] - accuracy["n_failed"])
    axes = [axis for axis in results.design if axis != "seed"]
    parts = [over_grid.tidy(table, summary, m, axes) for m in ("fraction_above", "longest_run")]
    parts.append(over_grid.tidy(done, accuracy, "test_accuracy", axes))
    return pd.concat(parts, ignore_index=True), float(table["threshold"].iloc[0])


def _pc1_shares(results: StudyResults, runs: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The rows to plot of the largest share of a first component among a network's ReLU layers, on
    which the penalty acts; none where no ReLU layer has one."""
    table = results.table("principal_components")
    table = table[(table["kind"] == "relu") & table["pc1_share"].notna()]
    largest = table.groupby("run")["pc1_share"].max().reset_index()
    own = runs[runs["status"] == "completed"].merge(largest, on="run")
    axes = [axis for axis in results.design if axis != "seed"]
    summary = spread(own, ["group"], ["pc1_share"]).rename(columns={"pc1_share_n": "n"})
    return over_grid.tidy(
        own, cells[["group", *axes]].merge(summary, on="group"), "pc1_share", axes
    )


def _draw(ax: Axes, data: pd.DataFrame, order: Sequence[str]) -> None:
    """Networks, means and intervals of one metric and architecture, one place a condition."""
    for place, (condition, colour) in enumerate(zip(order, ordered(len(order)), strict=True)):
        own = data[data["condition"] == condition]
        points, means = own[own["series"] == "network"], own[own["series"] == "mean"]
        over_grid.dots(ax, [place - 0.14] * len(points), points["value"], colour, size=2.8)
        x = [place + 0.1] * len(means)
        ax.plot(x, means["value"], ls="", marker="s", ms=3.6, color=colour, clip_on=False)
        ax.vlines(x, means["low"], means["high"], color=colour, lw=0.9)
        if condition == _NONE and len(means):
            ax.axhline(means["value"].iloc[0], color=GREY, lw=0.6, ls=":", zorder=0)
    ax.set_xlim(-0.5, len(order) - 0.5)
