"""How often each measure finds the same layer in another seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, lines
from repatlas.figures.style import GREY, SINGLE, Drawing, Sheet, markers, ordered
from repatlas.results import StudyResults

_LEFT, _TOP, _BOTTOM, _KEY = 1.65, 0.1, 0.52, 0.3  # inches


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Share of layers matched by every measure, best first; dots: architectures, bars: standard
    deviation over pairs of networks, dotted line: guessing.

    Raises DataError when no layer of two seeds of one architecture has a value.
    """
    runs = choice.select_runs(results, settings)
    data = results.table("layer_matching")
    data = data[data["group"].isin(runs["group"])].reset_index(drop=True)
    if data["accuracy"].isna().all():
        raise DataError(
            f"No layers to match: in the study {results.name} no two seeds of one architecture "
            "have similarities."
        )
    matched = data["group"].unique()
    groups = matched[: settings["max_groups"]]
    data = data[data["group"].isin(groups)]
    order = (
        data.groupby("measure")["accuracy"]
        .mean()
        .sort_values(kind="stable", na_position="first")
        .index
    )
    networks = runs[runs["group"].isin(groups) & (runs["status"] == "completed")]
    n = f"n = {labels.count(len(networks), 'network')}"
    sizes = " or ".join(map(str, sorted(set(data["n_layers"]))))
    text = [
        f"{FIGURES['layer_matching'].title}, over {_span(data)} of networks of each architecture "
        f"and {sizes} layers, on {labels.probes(networks)}.",
        "Found: the most similar layer of the other network is the same layer.",
        "Measures that are not symmetric are symmetrised. Bars: standard deviation over pairs; "
        "dotted: chance.",
        f"{n}.",
        choice.left_out(len(groups), len(matched)),
        labels.failures(runs),
    ]
    names = choice.names(results, data.drop_duplicates("group"))
    figure = _figure(data, names, order)
    return Drawing(figure, data, " ".join(filter(None, text)), n)


def _span(data: pd.DataFrame) -> str:
    counts = sorted(set(data["n_pairs"].astype(int)))
    if len(counts) == 1:
        return labels.count(counts[0], "pair")
    return f"{counts[0]} to {counts[-1]} pairs"


def _figure(data: pd.DataFrame, groups: Mapping[str, str], order: Sequence[str]) -> Figure:
    """A line a measure in that `order`, upwards, a colour an architecture; `groups` has their
    names."""
    left = max(_LEFT, lines.room_for([labels.measure(name) for name in order]))
    right = 0.15 if len(groups) == 1 else _KEY + lines.room_for(groups.values())
    rows = max((0.1 + 0.05 * len(groups)) * len(order), 0.13 * len(groups))
    # The panel keeps its width beside whatever names stand on either side of it.
    width = left - _LEFT + (SINGLE if len(groups) == 1 else SINGLE + right)
    sheet = Sheet(width, _TOP + rows + _BOTTOM)
    ax = sheet.axes(left, _TOP, width - left - right, rows)
    offsets = np.linspace(-0.25, 0.25, len(groups)) if len(groups) > 1 else [0]
    styles = zip(groups, offsets, ordered(len(groups)), markers(len(groups)), strict=True)
    for group, offset, colour, marker in styles:
        part = data[data["group"] == group].set_index("measure").reindex(order)
        ax.errorbar(
            100 * part["accuracy"],
            np.arange(len(order)) + offset,
            xerr=100 * part["accuracy_sd"].fillna(0),
            fmt=marker,
            color=colour,
            markersize=3,
            elinewidth=0.7,
            label=groups[group],
        )
        ax.axvline(100 * part["chance"].iloc[0], color=colour, linewidth=0.6, linestyle=":")
    ax.set_yticks(range(len(order)), [labels.measure(name) for name in order])
    ax.set(xlim=(-2, 102), ylim=(-0.5, len(order) - 0.5))
    ax.set(xlabel="Layers found in another seed (%)")
    ax.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.5)
    if len(groups) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return sheet.figure
