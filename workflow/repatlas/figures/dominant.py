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
from matplotlib.scale import SymmetricalLogTransform

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
_TITLE, _LINE = 0.14, 0.12  # inches
_LINEAR, _BIN = 4, 0.25  # multiples of the rms: end of the axis's linear part, width of a bin there
# Smooth where the two parts meet: bins are of equal width on the axis, and counts would jump.
_AXIS = SymmetricalLogTransform(10, _LINEAR, 0.9 / np.log(10))
_TICKS = (-100, -30, -10, -4, -2, 0, 2, 4, 10, 30, 100)
_MOST_LAYERS = 3  # named over a panel


def projections(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture, a line a network: number of examples by their projection, in
    multiples of the root mean square. DataError where no network has a first component."""
    runs = choice.select_runs(results, settings)
    table = results.table("dominant_projections").astype({"run": str, "layer": str})
    done = runs.loc[runs["status"] == "completed", "run"]
    table = table[table["run"].isin(done)]
    if table.empty:
        raise DataError("No network to draw: no layer has a first principal component.")
    cells = choice.cells_of(results, runs[runs["run"].isin(table["run"])])
    most = settings["max_rows"] * settings["max_columns"]
    shown = cells.iloc[choice.evenly(list(range(len(cells))), most)]
    data = _histograms(table, shown["group"])
    data["seed"] = data["run"].map(runs.set_index("run")["seed"])
    seeds = sorted(data["seed"].unique())
    colours = dict(zip(seeds, ordered(len(seeds)), strict=True))
    text = [
        f"{FIGURES['dominant_projections'].title}: number of probe images by their projection, in "
        "multiples of the root mean square; a line a network"
        + (f", {labels.seeds(seeds)} from dark to light." if len(seeds) > 1 else "."),
        "The sign of a component is arbitrary: the heavier tail is drawn as positive.",
        f"The horizontal axis is logarithmic beyond {_LINEAR}, and with it the bins."
        if data[["from", "to"]].abs().max(axis=None) > _LINEAR
        else "",
        "The layer is, unless the study names one, the one of the largest PC1 share in the longest "
        "run of similar ReLU layers, or of all where the run's is less than half of that.",
        "Over the panels: the layer and the share of its first component in the variance, share "
        "of the sum of squared projections that the largest 1 % carry (of a normal distribution "
        "8 %), and Sarle's bimodality coefficient (normal .33, uniform .56).",
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        choice.left_out(len(shown), len(cells)),
        labels.failures(runs),
    ]
    figure = _projections_figure(results, shown, data, colours, settings["max_columns"])
    return Drawing(figure, data, " ".join(filter(None, text)))


def _histograms(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Numbers of examples by their projection, network by network of the `groups`, in bins of
    equal width on the axis, the same for all networks of `table`."""
    ends = _AXIS.transform(np.array([table["projection"].min(), table["projection"].max()]))
    step = float(_AXIS.transform(np.array([_BIN]))[0])
    numbers = np.arange(np.floor(ends[0] / step), np.floor(ends[1] / step) + 2)
    edges = _AXIS.inverted().transform(step * numbers)
    frames = []
    for group in groups:
        for name, own in table[table["group"] == group].groupby("run", sort=False):
            frames.append(
                pd.DataFrame(
                    {
                        "run": name,
                        "group": group,
                        "layer": own["layer"].iloc[0],
                        "from": edges[:-1],
                        "to": edges[1:],
                        "examples": np.histogram(own["projection"], edges)[0],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _projections_figure(
    results: StudyResults,
    shown: pd.DataFrame,
    data: pd.DataFrame,
    colours: Mapping[int, Any],
    most: int,
) -> Figure:
    columns = min(most, len(shown))
    statistics = results.table("dominant_layers")
    statistics = statistics[statistics["is_reference"] == True].set_index("run")  # noqa: E712
    heads = []
    for group, name in choice.names(results, shown).items():
        found = statistics.loc[data.loc[data["group"] == group, "run"].unique()]
        n = labels.count(len(found), "network")
        lines = [
            labels.wrapped(f"{name}, n = {n}", _MARGINS.room(columns)),
            *_layers(found),
            f"top 1 % carries {_range(100 * found['carried_1'], '.0f')} %",
            f"bimodality {_range(found['bimodality'], '.2f')}",
        ]
        heads.append("\n".join(lines))
    above = _TITLE + _LINE * max(head.count("\n") for head in heads)
    rows = Rows(_MARGINS, len(shown), columns, 1.6 if len(shown) <= columns else 1.2, above)
    for ax, head, group in zip(rows.axes, heads, shown["group"], strict=True):
        _draw_histograms(ax, data[data["group"] == group], colours)
        ax.set_title(head, loc="left", pad=3, linespacing=1.1)
    rows.name_axes("Projection on PC1 (multiple of its rms)", "Examples")
    top = max(ax.get_ylim()[1] for ax in rows.axes)
    limits = data["from"].min(), data["to"].max()
    ticks = [x for x in _TICKS if limits[0] <= x <= limits[1]]
    for ax in rows.axes:
        ax.set(ylim=(0.7, top), xlim=limits)
        ax.set_xticks(ticks, [f"{x}".replace("-", "\N{MINUS SIGN}") for x in ticks])
    rows.number_leftmost()
    return rows.sheet.figure


def _layers(found: pd.DataFrame) -> list[str]:
    """Lines that name the layer of each network and its share; `found`: their rows of
    dominant_layers.csv. Networks of one layer share a line; of further layers there is a count."""
    own = [
        f"{layer}: PC1 {_range(100 * part['pc1_share'], '.0f')} %"
        for layer, part in found.groupby("layer", sort=False)
    ]
    more = f"and of {labels.count(len(own) - _MOST_LAYERS, 'further layer')}"
    return own if len(own) <= _MOST_LAYERS else [*own[:_MOST_LAYERS], more]


def _draw_histograms(ax: Axes, data: pd.DataFrame, colours: Mapping[int, Any]) -> None:
    """A line a network of one architecture, coloured by its seed."""
    for seed, own in data.groupby("seed"):
        edges = [*own["from"], own["to"].iloc[-1]]
        ax.stairs(own["examples"], edges, color=colours[seed], lw=0.9)
    ax.set_xscale("symlog", base=_AXIS.base, linthresh=_AXIS.linthresh, linscale=_AXIS.linscale)
    ax.set_yscale("log")


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
        f"{labels.networks_of(shown)}.",
        heatmap.marks(panels, norm, data),
        *notes,
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)), labels.networks_of(shown))


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
