"""First principal components: similarity between layers, share of the variance, and sparsity.

The forms of figures 3, D.5, D.7 and D.8 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap, lines
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import GREY, Drawing
from repatlas.layers import LOGITS
from repatlas.results import StudyResults

_CKA = "cka_minibatch"
_HEADS = {
    "pc1_similarity": "Squared cosine of PC1",
    "cka": "CKA",
    "pc1_share": "Share of PC1 (%)",
    "cka_without_pc1": "CKA without PC1",
}
_MARGINS = Margins(0.5, 0.08, 0.08, 0.4, x_gap=0.2, y_gap=0.2)
_TITLE, _LINE = 0.27, 0.12  # inches
_COLOUR = "#31688e"


class _Quantity(NamedTuple):
    """A column of principal_components.csv: its axis, and what it is in words, with a place for the
    number of images."""

    column: str
    axis: str
    words: str


def first_component(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A row a network: similarity of first components, CKA, share of the variance by layer, and CKA
    without the first component where the study has it, unless the setting `without_pc1` decides.

    Raises DataError where no network with the chosen seed completed.
    """
    layers = results.table("principal_components")
    runs = choice.select_runs(results, settings)
    runs = runs[runs["run"].isin(layers["run"])]
    shown, notes = networks(results, runs, settings["seed"], settings["max_rows"])
    fourth = choice.is_shown(results, settings["without_pc1"], "cka_without_pc1")
    kinds = [kind for kind in _HEADS if kind != "cka_without_pc1" or fourth]
    frames = _by_panel(results, layers, shown, kinds)
    heads = list(choice.names(results, pd.DataFrame(shown)).values())
    figure, undefined = _first_component_figure(frames, heads, kinds)
    text = [
        f"{FIGURES['first_component'].title}, over all {_examples(layers)} probe images at once: "
        "squared inner product of the first left singular vectors of two layers, CKA (linear, "
        "minibatch), and the share of the first component in the variance.",
        _marks(pd.concat([frames[row, "pc1_share"] for row in range(len(shown))])),
        "Right: CKA after the first component of each probe batch is taken out."
        if len(kinds) == 4
        else "",
        _correlations(results, shown),
        f"{labels.networks_of(shown)}.",
        "Hatched: undefined." if undefined else "",
        *notes,
        labels.failures(runs),
    ]
    data = pd.concat(frames.values(), ignore_index=True)
    return Drawing(figure, data, " ".join(filter(None, text)), labels.networks_of(shown))


def _by_panel(
    results: StudyResults, layers: pd.DataFrame, shown: list[pd.Series], kinds: list[str]
) -> dict[tuple[int, str], pd.DataFrame]:
    """What each panel shows, by the number of its row and its kind: rows of single layers for the
    share, rows of pairs of layers for the heat maps."""
    tables = {
        "pc1_similarity": results.table("pc_similarity"),
        "cka_without_pc1": results.table("cka_without_pc1") if len(kinds) == 4 else None,
    }
    frames = {}
    for row, run in enumerate(shown):
        own = layers.loc[layers["run"] == run["run"], ["index", "layer", "kind", "pc1_share"]]
        for kind in kinds:
            found = own.copy()
            if kind != "pc1_share":
                found = _pairs(results, tables, kind, run["run"], own["layer"].tolist())
            found.insert(0, "panel", kind)
            frames[row, kind] = found.assign(run=run["run"])
    return frames


def _first_component_figure(
    frames: Mapping[tuple[int, str], pd.DataFrame], heads: list[str], kinds: list[str]
) -> tuple[Figure, bool]:
    """The figure, a row a head and a column a kind; and whether a heat map has undefined values."""
    grid = Grid(len(heads), len(kinds), 2, x_gap=0.4, most=1.6)
    sheet, norm = grid.sheet(), heatmap.scale_of(_CKA)
    shares = [frames[row, "pc1_share"] for row in range(len(heads))]
    axis = _axis(pd.concat(shares))
    most = max(share["pc1_share"].max() for share in shares)
    top = min(100, 10 * np.ceil(11 * most)) if most > 0 else 100
    panels = []
    for (row, kind), frame in frames.items():
        column = kinds.index(kind)
        ax = sheet.axes(*grid.corner(row, column), grid.side, grid.side)
        if kind == "pc1_share":
            _line(ax, frame, "pc1_share")
            ax.set_ylim(0, top)
            ax.tick_params(pad=1.5)
        else:
            panel = Panel("", _matrix(frame, shares[row]["layer"].tolist()))
            panel.y_label = axis if column == 0 else ""
            heatmap.draw_map(ax, panel, norm)
            panels.append(panel)
        bottom = row == len(heads) - 1
        ax.set_xlabel(axis if bottom else "", labelpad=2)
        ax.set_title("")
        head = heads[row] if column == 0 else ""
        ax.set_title(f"{head}\n{_HEADS[kind]}", loc="left", pad=4.5, linespacing=1.1)
    undefined = heatmap.any_undefined(panels)
    heatmap.draw_scale(sheet, grid.scale_corner(), "Similarity", norm, undefined)
    return sheet.figure, undefined


def _correlations(results: StudyResults, shown: list[pd.Series]) -> str:
    """A sentence on the correlation of the first two panels of each row; '' where none has one."""
    summary = results.table("principal_component_networks").set_index("run")
    known = summary.loc[[run["run"] for run in shown], "pc1_cka_correlation"].dropna()
    values = ", ".join(f"{value:.2f}" for value in known)
    return (
        f"Correlation of the first two over pairs of different layers: {values}." if values else ""
    )


def pc1_share(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture: share of the first component along its layers. DataError where no
    layer that is chosen has one."""
    quantity = _Quantity(
        "pc1_share",
        "Share of PC1\nin the variance (%)",
        "largest eigenvalue of the covariance over all probe images at once by its trace ({} of "
        "them)",
    )
    return _by_layer("pc1_share", quantity, results, settings, settings["layers"])


def sparsity(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel an architecture: share of zeros along its ReLU layers. DataError where none was
    counted."""
    quantity = _Quantity(
        "zero_share",
        "Zeros (%)",
        "activations that are exactly zero, over probe images and units ({} probe images)",
    )
    return _by_layer("sparsity", quantity, results, settings, "relu")


def _by_layer(
    name: str,
    quantity: _Quantity,
    results: StudyResults,
    settings: Mapping[str, Any],
    layers: str,
) -> Drawing:
    runs = choice.select_runs(results, settings)
    table = results.table("principal_components")
    done = runs.loc[runs["status"] == "completed", "run"]
    table = table[table["run"].isin(done) & table[quantity.column].notna()]
    table = table[choice.of_layers(table, layers)]
    cells = choice.cells_of(results, runs[runs["run"].isin(table["run"])])
    most = settings["max_rows"] * settings["max_columns"]
    shown = cells.iloc[choice.evenly(list(range(len(cells))), most)]
    data = table[table["group"].isin(shown["group"])].reset_index(drop=True)
    columns = min(settings["max_columns"], len(shown))
    names = choice.names(results, shown).values()
    heads = [labels.wrapped(name, _MARGINS.room(columns)) for name in names]
    above = _TITLE + _LINE * max(head.count("\n") for head in heads)
    rows = Rows(_MARGINS, len(shown), columns, 1.7 if len(shown) <= columns else 1.2, above)
    for ax, head, group in zip(rows.axes, heads, shown["group"], strict=True):
        own = data[data["group"] == group]
        _along_layers(ax, own, quantity.column)
        n = labels.count(own["run"].nunique(), "network")
        ax.set_title(f"{head}\nn = {n}", loc="left", pad=3)
    rows.name_axes(_axis(data), quantity.axis)
    lines.share_limits(rows.axes, 0)
    rows.number_leftmost()
    text = [
        f"{FIGURES[name].title}: {quantity.words.format(_examples(data))}.",
        _marks(data),
        "Thin: single networks; marks: their mean."
        if data.groupby("group")["run"].nunique().max() > 1
        else "",
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        choice.left_out(len(shown), len(cells)),
        labels.failures(runs),
    ]
    return Drawing(rows.sheet.figure, data, " ".join(filter(None, text)))


def _along_layers(ax: Axes, own: pd.DataFrame, column: str) -> None:
    """The networks of one architecture as thin lines, where there are several, and their mean."""
    if own["run"].nunique() > 1:
        for _, one in own.groupby("run", sort=False):
            ax.plot(one["index"] + 1, 100 * one[column], color=GREY, lw=0.5, alpha=0.6)
    mean = own.groupby(["index", "layer", "kind"])[column].mean().reset_index()
    _line(ax, mean, column)


def networks(
    results: StudyResults, runs: pd.DataFrame, seed: int | None, most: int
) -> tuple[list[pd.Series], list[str]]:
    """One completed network of each architecture, at most `most` of them, and sentences on what is
    not shown. The network is the one with `seed`, or without one the first by seed. DataError where
    there is none."""
    cells = choice.cells_of(results, runs)
    found = []
    for group in cells.loc[cells["completed"] > 0, "group"]:
        own = choice.completed_seeds(runs, group)
        own = own if seed is None else own[own["seed"] == seed]
        if len(own):
            found.append(own.iloc[0])
    if not found:
        raise DataError(f"No network to draw: none with seed {seed} completed.")
    kept = choice.evenly(found, most)
    return kept, list(filter(None, [choice.left_out(len(kept), len(found))]))


def _pairs(
    results: StudyResults,
    tables: Mapping[str, pd.DataFrame],
    kind: str,
    run: str,
    names: list[str],
) -> pd.DataFrame:
    """layer_a, layer_b, value and reason of the pairs of the named layers of a network."""
    if kind == "cka":
        found = results.comparison(run, measure=_CKA)
    else:
        found = tables[kind]
        found = found[found["run"].astype(str) == run]
    found = found[["layer_a", "layer_b", "value", "reason"]]
    found = found.astype({"layer_a": str, "layer_b": str, "reason": str})
    return found[found["layer_a"].isin(names) & found["layer_b"].isin(names)].copy()


def _matrix(found: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    matrix = found.pivot(index="layer_a", columns="layer_b", values="value")
    return matrix.reindex(index=names, columns=names)


def _line(ax: Axes, own: pd.DataFrame, column: str) -> None:
    """A line along the layers, with marks that tell their places apart."""
    x, y = own["index"] + 1, 100 * own[column]
    ax.plot(x, y, color=_COLOUR, lw=0.7, zorder=3)
    small = 2.2 if len(own) > 45 else 3
    inside, logits = _inside(own), _logits(own)
    look: dict[str, Any] = {"ls": "", "mew": 0.6, "color": _COLOUR, "zorder": 4, "clip_on": False}
    for chosen, marker, face in (
        (inside, "o", "white"),
        (~inside & ~logits, "o", _COLOUR),
        (logits, "D", _COLOUR),
    ):
        ax.plot(x[chosen], y[chosen], marker=marker, ms=small, mfc=face, **look)
    ax.set_xlim(x.min() - 0.5, x.max() + 0.5)
    ticks = MaxNLocator(5, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    ax.xaxis.set_major_locator(ticks)


def _inside(layers: pd.DataFrame) -> pd.Series:
    """Which layers lie within a block."""
    return layers["layer"].str.endswith("relu1")


def _logits(layers: pd.DataFrame) -> pd.Series:
    """Which layer gives the logits, in the built-in networks; others have dense layers anywhere."""
    return layers["layer"] == LOGITS


def _axis(layers: pd.DataFrame) -> str:
    """What the layers along an axis are: of one kind or of several, and the logits behind."""
    others = layers[~_logits(layers)]
    kinds = (others if len(others) else layers)["kind"].unique()
    axis = labels.layer_axis(kinds[0] if len(kinds) == 1 else "all")
    return f"{axis}, logits last" if 0 < len(others) < len(layers) else axis


def _marks(layers: pd.DataFrame) -> str:
    """A sentence on the marks of these layers; '' where there is nothing to tell apart."""
    inside, logits = _inside(layers), _logits(layers)
    others = layers[~inside & ~logits]
    marks = []
    if inside.any() and set(others["kind"]) == {"relu"}:
        ends = others["layer"].str.endswith("relu2").all()
        marks = [f"filled: at the end of a block{'' if ends else ', and the first'}"]
        marks += ["open: within a block"]
    elif inside.any() and len(others):
        marks = ["filled: other layers", "open: ReLU layers within a block"]
    if logits.any():
        marks.append("diamond: logits")
    sentence = "; ".join(marks)
    return f"{sentence[0].upper()}{sentence[1:]}." if marks else ""


def _examples(layers: pd.DataFrame) -> str:
    return " or ".join(f"{n:,}" for n in sorted(layers["n_examples"].dropna().unique().astype(int)))
