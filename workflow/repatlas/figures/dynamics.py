"""What networks are at the checkpoints of their training.

Two forms of Nguyen, Raghu & Kornblith (2022): similarity of each layer with the same layer of the
final network, and the first principal component's share.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.heatmap import Panel
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults

MEASURE = "cka_minibatch"
_MARGINS = Margins(0.46, 0.75, 0.08, 0.52, x_gap=0.34, y_gap=0.4)
_LINE, _MOST, _PAGE_HEIGHT = 0.115, 2.2, 8.8  # inches


class _Quantity(NamedTuple):
    """A column of dynamics.csv on the colour scale: its label, colours, and range (None: from 0 to
    the largest value)."""

    column: str
    label: str
    colours: str
    most: float | None
    words: str


def to_final(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture: similarity of each layer with itself at the end, by checkpoint.
    Errors as in :func:`saved_on_the_way` and :func:`choice.of_layers`."""
    quantity = _Quantity(
        "cka_to_final",
        "CKA (linear, minibatch)\nwith the final network",
        "magma",
        1.0,
        "similarity of each layer with the same layer of the final network, by "
        f"{labels.measure(MEASURE)}",
    )
    return _by_layer("dynamics_to_final", quantity, results, settings)


def component(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture: share of the first principal component of each layer, by checkpoint.
    Errors as in :func:`saved_on_the_way` and :func:`choice.of_layers`."""
    quantity = _Quantity(
        "pc1_share",
        "Share of the variance",
        "viridis",
        None,
        "the largest eigenvalue of the centred Gram matrices of the probe batches by their trace, "
        "each summed over batches",
    )
    return _by_layer("dynamics_component", quantity, results, settings)


def _by_layer(
    name: str, quantity: _Quantity, results: StudyResults, settings: Mapping[str, Any]
) -> Drawing:
    runs, cells = saved_on_the_way(results, settings)
    table = results.table("dynamics")
    table = table[table["run"].isin(runs.loc[runs["status"] == "completed", "run"])]
    table = table[choice.of_layers(table, settings["layers"])]
    most = settings["max_columns"] * settings["max_rows"]
    shown = cells.iloc[choice.evenly(list(range(len(cells))), most)]
    keys = ["group", "step", "epoch", "index", "layer", "kind"]
    values = table.groupby(keys, sort=False)[quantity.column]
    mean = values.agg(n="count", value="mean").reset_index()
    data = mean[mean["group"].isin(shown["group"])]
    n = table.loc[table["group"].isin(shown["group"]), "run"].nunique()
    data = cells.drop(columns="completed").merge(data, on="group")
    figure = _figure(shown, naming_axes(results, cells), data, quantity, settings)
    text = [
        f"{FIGURES[name].title}: {quantity.words}, on {probes(results, runs)}; "
        f"{labels.layer_words(settings['layers'])}, numbered from the input.",
        normalisation(results),
        "Means over the networks of an architecture; the last column is the final network.",
        f"n = {labels.count(n, 'network')}.",
        "Marks on the right edge: where a stage of the network begins.",
        "Hatched: undefined." if data["value"].isna().any() else "",
        choice.left_out(len(shown), len(cells)),
        labels.failures(runs),
    ]
    return Drawing(figure, data, " ".join(filter(None, text)))


def _figure(
    shown: pd.DataFrame,
    naming: list[str],
    data: pd.DataFrame,
    quantity: _Quantity,
    settings: Mapping[str, Any],
) -> Figure:
    most = quantity.most or max(np.ceil(10 * data["value"].max()) / 10, 0.1)
    norm = Normalize(0, most, clip=True)
    lines = -(-len(shown) // settings["max_columns"])
    columns = -(-len(shown) // lines)
    above = (3 if naming else 2) * _LINE + 0.03
    _, _, top, bottom, _, gap = _MARGINS
    height = (_PAGE_HEIGHT - top - bottom + gap) / lines - above - gap
    side = min(_MARGINS.room(columns), height, _MOST)
    rows = Rows(_MARGINS, len(shown), columns, side, above, side)
    for ax, (_, cell) in zip(rows.axes, shown.iterrows(), strict=True):
        own = data[data["group"] == cell["group"]]
        matrix = own.pivot(index="index", columns="step", values="value")
        layers = own.drop_duplicates("index").sort_values("index")["layer"]
        _panel(ax, matrix, list(layers), norm, quantity.colours)
        ax.set_title(f"{panel_title(cell, naming)}\nn = {_n(own)}", pad=4.5, linespacing=1.05)
    rows.name_axes("Training step", labels.layer_axis(settings["layers"]))
    for ax in rows.lowest:
        ax.xaxis.set_label_coords(0.5, -0.38 / side)
    bar = rows.sheet.figure.colorbar(ScalarMappable(norm, quantity.colours), cax=rows.scale_axes())
    bar.outline.set_linewidth(0.6)
    bar.set_label(quantity.label, labelpad=3, linespacing=1.1)
    return rows.sheet.figure


def _panel(ax: Axes, matrix: pd.DataFrame, layers: list[str], norm: Normalize, name: str) -> None:
    heatmap.draw_map(ax, Panel("", matrix.set_axis(layers).rename(columns=str)), norm)
    ax.images[0].set_cmap(mpl.colormaps[name].with_extremes(bad=(0, 0, 0, 0)))
    steps = matrix.columns.tolist()
    # The heat map knows names of layers only, and takes the steps for such.
    ax.set_xticks([], minor=True)
    ax.set_xticks(range(1, len(steps) + 1), [f"{step:g}" for step in steps], rotation=90)


def saved_on_the_way(
    results: StudyResults, settings: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The networks that were saved on their way, and their architectures of which any completed.
    DataError where there is none."""
    runs = choice.select_runs(results, settings)
    runs = runs[runs["run"].isin(results.table("dynamics_blocks")["run"])].reset_index(drop=True)
    cells = choice.cells_of(results, runs)
    cells = cells[cells["completed"] > 0].reset_index(drop=True)
    if cells.empty:
        raise DataError("No network to draw: of those saved on their way none completed.")
    return runs, cells


def probes(results: StudyResults, runs: pd.DataFrame) -> str:
    """The probe images that the networks of `runs` saw at their checkpoints, in words: whole
    batches of the first pass, of which a study may set a limit."""
    read = results.table("dynamics").drop_duplicates("run").set_index("run")["n_batches"]
    found = runs[["probe"]].assign(n_batches=runs["run"].map(read))
    # A network that failed was not read out.
    found = found[found["n_batches"] > 0].drop_duplicates()
    texts = [labels.probe(name, int(n)) for name, n in found.itertuples(index=False)]
    return "; ".join(filter(None, texts))


def naming_axes(results: StudyResults, cells: pd.DataFrame) -> list[str]:
    """The axes that tell the cells apart beside their names."""
    return [a for a in choice.varying(results, cells) if a not in labels.NAMED]


def panel_title(cell: pd.Series, naming: list[str]) -> str:
    """The network's name, and in a second line the axes of `naming`."""
    name = labels.network(cell)
    return f"{name}\n{labels.settings(cell, naming)}" if naming else name


def _n(own: pd.DataFrame) -> str:
    return labels.count(int(own["n"].max()), "network")


def normalisation(results: StudyResults) -> str:
    """A sentence on how batch normalisation was computed."""
    modes = set(results.table("dynamics_blocks")["batch_norm"])
    if modes == {"train"}:
        return "Batch normalisation by the statistics of each probe batch, as in training."
    return "Batch normalisation by running statistics."
