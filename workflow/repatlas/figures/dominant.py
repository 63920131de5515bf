"""Dominant examples: how projections are spread, and what is left of the block without them.

The forms of Nguyen, Raghu & Kornblith (2022).
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.components import networks
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import Drawing, ordered
from repatlas.results import StudyResults

_MEASURE = "cka_minibatch"
_MARGINS = Margins(0.55, 0.1, 0.08, 0.42, x_gap=0.22, y_gap=0.2)
_TITLE, _LINE = 0.38, 0.12  # inches
_BINS = 40


def projections(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture, a line a network: number of examples by the size of their
    projection, in multiples of the median. DataError where no network has a first component."""
    runs = choice.select_runs(results, settings)
    table = results.table("dominant_projections").astype({"run": str, "layer": str})
    done = runs.loc[runs["status"] == "completed", "run"]
    table = table[table["run"].isin(done) & (table["projection_to_median"] > 0)]
    if table.empty:
        raise DataError("No network to draw: no layer has a first principal component.")
    cells = choice.cells_of(results, runs[runs["run"].isin(table["run"])])
    most = settings["max_rows"] * settings["max_columns"]
    shown = cells.iloc[choice.evenly(list(range(len(cells))), most)]
    data = _histograms(table, shown["group"])
    text = [
        f"{FIGURES['dominant_projections'].title}: number of probe images by the size of their "
        "projection, on logarithmic axes; a line a network, dark to light by seed.",
        "The layer is the one of the largest share in the longest run of similar ReLU layers, or "
        "of all ReLU layers where there is no run of two, unless the study names one.",
        "Over the panels: share of the sum of squared projections that the largest 1 % carry (of a "
        "normal distribution 8 %), and Sarle's bimodality coefficient (normal .33, uniform .56).",
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        choice.left_out(len(shown), len(cells)),
        labels.failures(runs),
    ]
    figure = _projections_figure(results, shown, data, settings["max_columns"])
    return Drawing(figure, data, " ".join(filter(None, text)))


def _histograms(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Numbers of examples by the size of their projection, network by network of the `groups`, in
    bins of equal width on a logarithmic axis, the same for all networks of `table`."""
    logs = np.log10(table["projection_to_median"])
    edges = np.linspace(max(np.floor(logs.min()), -3), np.ceil(10 * logs.max()) / 10, _BINS + 1)
    frames = []
    for group in groups:
        for name, own in table[table["group"] == group].groupby("run", sort=False):
            sizes = np.log10(own["projection_to_median"]).clip(lower=edges[0])
            frames.append(
                pd.DataFrame(
                    {
                        "run": name,
                        "group": group,
                        "layer": own["layer"].iloc[0],
                        "from": 10 ** edges[:-1],
                        "to": 10 ** edges[1:],
                        "examples": np.histogram(sizes, edges)[0],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _projections_figure(
    results: StudyResults, shown: pd.DataFrame, data: pd.DataFrame, most: int
) -> Figure:
    columns = min(most, len(shown))
    heads = []
    for group, name in choice.names(results, shown).items():
        n = labels.count(data.loc[data["group"] == group, "run"].nunique(), "network")
        heads.append(labels.wrapped(f"{name}, n = {n}", _MARGINS.room(columns)))
    above = _TITLE + _LINE * max(head.count("\n") for head in heads)
    rows = Rows(_MARGINS, len(shown), columns, 1.6 if len(shown) <= columns else 1.2, above)
    statistics = results.table("dominant_layers")
    statistics = statistics[statistics["is_reference"] == True].set_index("run")  # noqa: E712
    for ax, head, group in zip(rows.axes, heads, shown["group"], strict=True):
        own = data[data["group"] == group]
        _draw_histograms(ax, own)
        found = statistics.loc[own["run"].unique()]
        ax.set_title(
            f"{head}\n"
            f"top 1 % carries {_range(100 * found['carried_1'], '.0f')} %\n"
            f"bimodality {_range(found['bimodality'], '.2f')}",
            loc="left",
            pad=3,
            linespacing=1.1,
        )
    rows.name_axes("Projection on PC1 (multiple of the median)", "Examples")
    top = max(ax.get_ylim()[1] for ax in rows.axes)
    for ax in rows.axes:
        ax.set(ylim=(0.7, top), xlim=(data["from"].min(), data["to"].max()))
    rows.number_leftmost()
    return rows.sheet.figure


def _draw_histograms(ax: Axes, data: pd.DataFrame) -> None:
    """A line a network of one architecture, dark to light."""
    names = data["run"].unique()
    for name, colour in zip(names, ordered(len(names)), strict=True):
        own = data[data["run"] == name]
        edges = [*own["from"], own["to"].iloc[-1]]
        ax.stairs(own["examples"], edges, color=colour, lw=0.9)
    ax.set(xscale="log", yscale="log")


def removal(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A row a network: CKA between ReLU layers on all examples, then without the dominant and
    without as many random ones, for each share that is removed. DataError where no network with the
    chosen seed completed."""
    runs = choice.select_runs(results, settings)
    texts = ["run", "criterion", "layer_a", "layer_b", "reason"]
    table = results.table("dominant_similarity").astype(dict.fromkeys(texts, str))
    runs = runs[runs["run"].isin(table["run"])]
    shown, notes = networks(results, runs, settings["seed"], settings["max_rows"])
    metrics = results.table("dominant_removal")
    kinds = metrics.drop_duplicates(["criterion", "removed"])[["criterion", "removed"]]
    kinds = list(kinds.itertuples(index=False, name=None))
    heads = choice.names(results, pd.DataFrame(shown))
    grid = Grid(len(shown), len(kinds), 4)
    sheet, norm = grid.sheet(), heatmap.scale_of(_MEASURE)
    frames, panels = [], []
    for (row, run), (column, kind) in itertools.product(enumerate(shown), enumerate(kinds)):
        own, found = (_removed(t, run["run"], *kind) for t in (table, metrics))
        names = own.sort_values("index_a")["layer_a"].unique()
        matrix = own.pivot(index="layer_a", columns="layer_b", values="value").loc[names, names]
        panel = Panel("", matrix)
        panel.y_label = "ReLU layer" if column == 0 else ""
        panel.x_label = "ReLU layer" if row == len(shown) - 1 else ""
        ax = sheet.axes(*grid.corner(row, column), grid.side, grid.side)
        heatmap.draw_map(ax, panel, norm)
        head = heads[run["group"]] if column == 0 else ""
        head = f"{head}\n{_words(*kind)}\n{_found(found)}"
        ax.set_title(head, loc="left", pad=4.5, linespacing=1.1, fontsize=6.5)
        panels.append(panel)
        design = {c: run[c] for c in ("run", *results.design)}
        kept = own.drop(columns=["run", "group", *results.design]).reset_index(drop=True)
        frames.append(heatmap.plotted(kept, _MEASURE, design))
    data = pd.concat(frames, ignore_index=True)
    undefined = heatmap.any_undefined(panels)
    heatmap.draw_scale(sheet, grid.scale_corner(), _MEASURE, norm, undefined)
    text = [
        f"{FIGURES['dominant_removal'].title}: {labels.measure(_MEASURE)} on "
        f"{labels.probes(runs)}, and on what is left of them without the examples of the largest "
        "projections on the first component of one layer, or without as many drawn at random.",
        "Over the panels: share of the pairs of different ReLU layers above the threshold, and the "
        "longest run of ReLU layers of which all pairs reach it; random ones: means over "
        f"{labels.count(int(metrics['draw'].max()) + 1, 'draw')}, of which the first is shown.",
        f"n = {labels.count(len(shown), 'network')}, "
        f"{labels.seeds(sorted({int(run['seed']) for run in shown}))}.",
        heatmap.marks(panels, norm, data),
        *notes,
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)))


def _removed(table: pd.DataFrame, run: str, criterion: str, removed: float) -> pd.DataFrame:
    """The rows of one removal in one network."""
    return table[
        (table["run"] == run) & (table["criterion"] == criterion) & (table["removed"] == removed)
    ]


def _found(metrics: pd.DataFrame) -> str:
    """The block metrics of one removal, means over its draws, in two lines."""
    return (
        f"{100 * metrics['fraction_above'].mean():.1f} % above {metrics['threshold'].max():g}\n"
        f"run {metrics['longest_run'].mean():.3g}"
    )


def _words(criterion: str, removed: float) -> str:
    if criterion == "none":
        return "all examples"
    return f"without {100 * removed:g} % {criterion}"


def _range(values: pd.Series, form: str) -> str:
    low, high = (format(v, form) for v in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
