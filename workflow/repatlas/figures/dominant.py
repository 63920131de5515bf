"""Dominant examples: how projections are spread, and what is left of the block without them.

The forms of Nguyen, Raghu & Kornblith (2022).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.components import networks, title
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.style import DOUBLE, SINGLE, Drawing, Sheet, ordered
from repatlas.results import StudyResults

_MEASURE = "cka_minibatch"
_LEFT, _TOP, _BOTTOM, _RIGHT, _TITLE = 0.55, 0.08, 0.42, 0.1, 0.38  # inches
_X_GAP, _Y_GAP, _LINE = 0.22, 0.2, 0.12
_BINS = 40


def projections(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture, a line a network: number of examples by the size of their
    projection, in multiples of the median."""
    runs = choice.select_runs(results, settings)
    table = results.table("dominant_projections").astype({"run": str, "layer": str})
    done = runs.loc[runs["status"] == "completed", "run"]
    table = table[table["run"].isin(done) & (table["projection_to_median"] > 0)]
    if table.empty:
        raise DataError("No network to draw: no layer has a first principal component.")
    cells = choice.cells_of(results, runs[runs["run"].isin(table["run"])])
    most = settings["max_rows"] * settings["max_columns"]
    shown = cells.iloc[choice.evenly(list(range(len(cells))), most)]
    columns = min(settings["max_columns"], len(shown))
    rows = -(-len(shown) // columns)
    total = SINGLE if columns == 1 else DOUBLE
    width = (total - _LEFT - _RIGHT - (columns - 1) * _X_GAP) / columns
    height = 1.6 if rows == 1 else 1.2
    heads = []
    for _, cell in shown.iterrows():
        n = labels.count(table.loc[table["group"] == cell["group"], "run"].nunique(), "network")
        heads.append(labels.wrapped(f"{title(results, shown, cell)}, n = {n}", width))
    above = _TITLE + _LINE * max(head.count("\n") for head in heads)
    pitch = height + above + _Y_GAP
    sheet = Sheet(total, _TOP + rows * pitch - _Y_GAP + _BOTTOM)
    logs = np.log10(table["projection_to_median"])
    edges = np.linspace(max(np.floor(logs.min()), -3), np.ceil(10 * logs.max()) / 10, _BINS + 1)
    statistics = results.table("dominant_layers")
    statistics = statistics[statistics["is_reference"] == True].set_index("run")  # noqa: E712
    frames, panels = [], []
    for number, (_, cell) in enumerate(shown.iterrows()):
        row, column = divmod(number, columns)
        corner = _LEFT + column * (width + _X_GAP), _TOP + above + row * pitch
        ax = sheet.axes(*corner, width, height)
        own = table[table["group"] == cell["group"]]
        names = list(dict.fromkeys(own["run"]))
        for name, colour in zip(names, ordered(len(names)), strict=True):
            sizes = own.loc[own["run"] == name, "projection_to_median"]
            counts = np.histogram(np.log10(sizes).clip(lower=edges[0]), edges)[0]
            ax.stairs(counts, 10**edges, color=colour, lw=0.9)
            frames.append(
                pd.DataFrame(
                    {
                        "run": name,
                        "group": cell["group"],
                        "layer": own.loc[own["run"] == name, "layer"].iloc[0],
                        "from": 10 ** edges[:-1],
                        "to": 10 ** edges[1:],
                        "examples": counts,
                    }
                )
            )
        found = statistics.loc[names]
        ax.set_title(
            f"{heads[number]}\n"
            f"top 1 % carries {_range(100 * found['carried_1'], '.0f')} %\n"
            f"bimodality {_range(found['bimodality'], '.2f')}",
            loc="left",
            pad=3,
            linespacing=1.1,
        )
        ax.set(xscale="log", yscale="log")
        if column == 0:
            ax.set_ylabel("Examples")
        if number + columns >= len(shown):
            ax.set_xlabel("Projection on PC1 (multiple of the median)")
        panels.append(ax)
    top = max(ax.get_ylim()[1] for ax in panels)
    for number, ax in enumerate(panels):
        ax.set(ylim=(0.7, top), xlim=(10 ** edges[0], 10 ** edges[-1]))
        ax.tick_params(labelleft=number % columns == 0)
    data = pd.concat(frames, ignore_index=True)
    text = [
        f"{FIGURES['dominant_projections'].title}: number of probe images by the size of their "
        "projection, on logarithmic axes; a line a network, dark to light by seed.",
        "The layer is the one of the largest share in the longest run of similar ReLU layers, or "
        "of all ReLU layers where there is no run of two, unless the study names one.",
        "Over the panels: share of the sum of squared projections that the largest 1 % carry (of a "
        "normal distribution 8 %), and Sarle's bimodality coefficient (normal .33, uniform .56).",
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        f"{len(shown)} of {len(cells)} architectures are shown." if len(shown) < len(cells) else "",
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)))


def removal(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A row a network: CKA between ReLU layers on all examples, then without the dominant and
    without as many random ones, for each share that is removed."""
    runs = choice.select_runs(results, settings)
    texts = ["run", "criterion", "layer_a", "layer_b", "reason"]
    table = results.table("dominant_similarity").astype(dict.fromkeys(texts, str))
    runs = runs[runs["run"].isin(table["run"])]
    shown, notes = networks(results, runs, settings["seed"], settings["max_rows"])
    metrics = results.table("dominant_removal")
    kinds = metrics.drop_duplicates(["criterion", "removed"])[["criterion", "removed"]]
    kinds = list(kinds.itertuples(index=False, name=None))
    grid = Grid(len(shown), len(kinds), 4)
    sheet, norm = grid.sheet(), heatmap.scale_of(_MEASURE)
    frames, panels = [], []
    for row, run in enumerate(shown):
        for column, (criterion, removed) in enumerate(kinds):
            own, found = (
                t[
                    (t["run"] == run["run"])
                    & (t["criterion"] == criterion)
                    & (t["removed"] == removed)
                ]
                for t in (table, metrics)
            )
            names = own.sort_values("index_a")["layer_a"].unique()
            matrix = own.pivot(index="layer_a", columns="layer_b", values="value").loc[names, names]
            panel = Panel("", matrix)
            panel.y_label = "ReLU layer" if column == 0 else ""
            panel.x_label = "ReLU layer" if row == len(shown) - 1 else ""
            ax = sheet.axes(*grid.corner(row, column), grid.side, grid.side)
            heatmap.draw_map(ax, panel, norm)
            name = title(results, shown, run) if column == 0 else ""
            ax.set_title(
                f"{name}\n{_words(criterion, removed)}\n"
                f"{100 * found['fraction_above'].mean():.1f} % above "
                f"{found['threshold'].max():g}\nrun {found['longest_run'].mean():.3g}",
                loc="left",
                pad=4.5,
                linespacing=1.1,
                fontsize=6.5,
            )
            panels.append(panel)
            design = {c: run[c] for c in ("run", *results.design)}
            kept = own.drop(columns=["run", "group", *results.design]).reset_index(drop=True)
            frames.append(heatmap.plotted(kept, _MEASURE, design))
    data = pd.concat(frames, ignore_index=True)
    undefined = heatmap.any_undefined(panels)
    heatmap.draw_scale(sheet, grid.scale_corner(), _MEASURE, norm, undefined)
    draws = int(metrics["draw"].max()) + 1
    text = [
        f"{FIGURES['dominant_removal'].title}: {labels.measure(_MEASURE)} on "
        f"{labels.probes(runs)}, and on what is left of them without the examples of the largest "
        "projections on the first component of one layer, or without as many drawn at random.",
        "Over the panels: share of the pairs of different ReLU layers above the threshold, and the "
        "longest run of ReLU layers of which all pairs reach it; random ones: means over "
        f"{labels.count(draws, 'draw')}, of which the first is shown.",
        f"n = {labels.count(len(shown), 'network')}, "
        f"{labels.seeds(sorted({int(run['seed']) for run in shown}))}.",
        heatmap.marks(panels, norm, data),
        *notes,
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)))


def _words(criterion: str, removed: float) -> str:
    if criterion == "none":
        return "all examples"
    return f"without {100 * removed:g} % {criterion}"


def _range(values: pd.Series, form: str) -> str:
    low, high = (format(v, form) for v in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
