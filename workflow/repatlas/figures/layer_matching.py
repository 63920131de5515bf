"""How often each measure finds the same layer in another seed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from repatlas.catalogue import FIGURES
from repatlas.figures import choice, labels
from repatlas.figures.style import DOUBLE, GREY, SINGLE, Drawing, Sheet, markers, ordered
from repatlas.results import StudyResults

_LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 1.5, 1.2, 0.3, 0.5, 0.17  # inches


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Share of layers matched by every measure, best first; dots: architectures, bars: standard
    deviation over pairs of networks, dotted line: guessing."""
    runs = choice.select_runs(results, settings)
    data = results.table("layer_matching")
    data = data[data["group"].isin(runs["group"])].reset_index(drop=True)
    order = data.groupby("measure")["accuracy"].mean().sort_values(kind="stable").index
    groups = list(dict.fromkeys(data["group"]))[: settings["max_groups"]]
    data = data[data["group"].isin(groups)]
    height = _TOP + _BOTTOM + _ROW * len(order)
    width = SINGLE if len(groups) == 1 else DOUBLE * 0.6
    sheet = Sheet(width, height)
    ax = sheet.axes(_LEFT, _TOP, width - _LEFT - _RIGHT, height - _TOP - _BOTTOM)
    offsets = np.linspace(-0.25, 0.25, len(groups)) if len(groups) > 1 else [0]
    styles = zip(groups, offsets, ordered(len(groups)), markers(len(groups)), strict=True)
    for group, offset, colour, marker in styles:
        part = data[data["group"] == group].set_index("measure").reindex(order)
        label = labels.network(part.dropna(subset="depth").iloc[0])
        ax.errorbar(
            100 * part["accuracy"],
            np.arange(len(order)) + offset,
            xerr=100 * part["accuracy_sd"].fillna(0),
            fmt=marker,
            color=colour,
            markersize=3,
            elinewidth=0.7,
            label=label,
        )
        ax.axvline(100 * part["chance"].iloc[0], color=colour, linewidth=0.6, linestyle=":")
    ax.set_yticks(range(len(order)), [labels.measure(name) for name in order])
    ax.set(xlim=(-2, 102), xlabel="Layers whose best match in another seed\nis the same layer (%)")
    ax.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.5)
    if len(groups) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    networks = runs[runs["group"].isin(groups) & (runs["status"] == "completed")]
    text = [
        f"{FIGURES['layer_matching'].title}, over {int(data['n_pairs'].max())} pairs of networks "
        f"of each architecture and {', '.join(map(str, sorted(set(data['n_layers']))))} layers, on "
        f"{labels.probes(networks)}.",
        "Measures that are not symmetric are symmetrised. Bars: standard deviation over pairs; "
        "dotted: chance.",
        f"n = {labels.count(len(networks), 'network')}.",
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)))
