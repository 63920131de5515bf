"""Accuracy on single examples over seeds, between architectures and within one, a row a pair.

The form of figures 7 and F.1 to F.3 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice
from repatlas.figures.pairs import Pair
from repatlas.figures.pairs import names as names_of
from repatlas.figures.prediction_pairs import oriented, select_pairs
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import GREY, Drawing
from repatlas.results import StudyResults

MOST_LEVELS = 20
_MARGINS = Margins(0.58, 0.62, 0.08, 0.5, x_gap=0.62, y_gap=0.52)
_SIDE, _TITLE, _LINE = 1.58, 0.36, 0.12  # inches


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """For each pair: one against the other, and two disjoint halves of the seeds of either.

    Raises DataError when no pair has two completed networks a side.
    """
    runs = choice.select_runs(results, settings)
    table, total, pairs = select_pairs(results, runs, settings["max_pairs"], least=2)
    examples = results.table("prediction_examples")
    examples["group"] = examples["group"].astype(str)
    halves = {group: part.sort_values("example") for group, part in examples.groupby("group")}
    named = names_of(results, pairs)
    panels = [
        panel for pair in pairs for panel in _panels(pair, named, oriented(table, pair), halves)
    ]
    data = pd.concat([panel["counts"] for panel in panels], ignore_index=True)
    shown = {group for pair in pairs for group in (pair.small["group"], pair.large["group"])}
    networks = int(runs.loc[runs["status"] == "completed", "group"].isin(shown).sum())
    text = [
        f"{FIGURES['prediction_examples'].title}: share of networks that are right about a test "
        "example.",
        "Left: two architectures; middle and right: two disjoint halves of the seeds of one, which "
        "differ by chance alone.",
        "r, correlation, and |Δ|, mean absolute difference in percentage points, are means over "
        "100 draws of the halves; one draw is shown.",
        "p: random exchanges of networks between the architectures give differences as large, "
        "over all pairs of the study (Holm-Sidak).",
        f"n = {labels.count(networks, 'network')}.",
        choice.left_out(len(pairs), total, "pairs of architectures"),
        labels.failures(runs),
    ]
    return Drawing(_figure(panels, data), data, " ".join(filter(None, text)))


def _figure(panels: Sequence[Mapping[str, Any]], data: pd.DataFrame) -> Figure:
    norm = LogNorm(1, max(int(data["examples"].max()), 2))
    title = _TITLE + _beyond_two_lines([panel["title"] for panel in panels])
    more = _beyond_two_lines([text for panel in panels for text in panel["axes"]])
    margins = _MARGINS._replace(
        left=_MARGINS.left + more, bottom=_MARGINS.bottom + more, y_gap=_MARGINS.y_gap + more
    )
    rows = Rows(margins, len(panels), 3, _SIDE, title, _SIDE)
    for ax, panel in zip(rows.axes, panels, strict=True):
        _draw_panel(ax, panel, norm)
    bar = rows.sheet.figure.colorbar(ScalarMappable(norm, _colours()), cax=rows.scale_axes())
    bar.set_label("Test examples")
    bar.outline.set_linewidth(0.6)
    return rows.sheet.figure


def _beyond_two_lines(texts: Sequence[str]) -> float:
    """Inches that the longest of the texts takes beside those of two lines."""
    return _LINE * max(text.count("\n") - 1 for text in texts)


def _panels(
    pair: Pair, named: Mapping[str, str], row: pd.Series, halves: Mapping[str, pd.DataFrame]
) -> list[dict]:
    """What the three panels of a pair show and say: the two against each other, halves of either.
    `named`: the name of each group; `row` is the pair's in prediction_pairs.csv, `halves` the
    examples' accuracies by group."""
    groups = pair.small["group"], pair.large["group"]
    small, large = (halves[group] for group in groups)
    names = [labels.wrapped(named[group], _SIDE) for group in groups]
    against = labels.wrapped(f"against {named[groups[1]]}", _SIDE)
    either = ["one half", "the other half"]
    made = {
        "between": (small, large, names, f"{names[0]}\n{against}"),
        "within_a": (small, small, either, f"Two halves of\n{names[0]}"),
        "within_b": (large, large, either, f"Two halves of\n{names[1]}"),
    }
    panels = []
    for where, (x, y, axes, title) in made.items():
        # Two halves of one architecture, or the same half of two.
        parts = ("selection", "selection" if where == "between" else "confirmation")
        values = [f[f"accuracy_{h}"].to_numpy(float) for f, h in zip((x, y), parts, strict=True)]
        numbers = [int(f[f"n_{h}"].iloc[0]) for f, h in zip((x, y), parts, strict=True)]
        counts = _counted(*values, *numbers)
        counts.insert(0, "group_a", pair.small["group"])
        counts.insert(1, "group_b", pair.large["group"])
        counts.insert(2, "panel", where)
        panels.append(
            {
                "counts": counts,
                "title": title,
                "axes": [
                    f"{name}\nright (%), n = {n}" for name, n in zip(axes, numbers, strict=True)
                ],
                "levels": [min(n, MOST_LEVELS) for n in numbers],
                "text": f"r = {row[f'correlation_{where}']:.2f}\n"
                f"|Δ| = {100 * row[f'mean_abs_{where}']:.1f}\n"
                + (_p(row) if where == "between" else ""),
            }
        )
    return panels


def _counted(x: np.ndarray, y: np.ndarray, n_x: int, n_y: int) -> pd.DataFrame:
    """Number of examples at each pair of accuracies, rounded to twentieths above 20 networks."""
    levels = [
        np.round(v * min(n, MOST_LEVELS)) / min(n, MOST_LEVELS) for v, n in ((x, n_x), (y, n_y))
    ]
    frame = pd.DataFrame(dict(zip("xy", levels, strict=True)))
    return frame.value_counts(sort=False).rename("examples").reset_index()


def _colours() -> mpl.colors.Colormap:
    return mpl.colormaps["viridis_r"]


def _draw_panel(ax: Axes, panel: Mapping[str, Any], norm: LogNorm) -> None:
    ax.set_title(panel["title"], pad=4.5, linespacing=1.05)
    grid = np.full([level + 1 for level in reversed(panel["levels"])], np.nan)
    counts, (n_x, n_y) = panel["counts"], panel["levels"]
    at = [np.round(counts[c] * n).astype(int) for c, n in (("y", n_y), ("x", n_x))]
    grid[at[0], at[1]] = counts["examples"]
    edges = [(np.arange(n + 2) - 0.5) / n for n in (n_x, n_y)]
    ax.pcolormesh(*edges, grid, norm=norm, cmap=_colours(), edgecolors="none", rasterized=True)
    ax.plot([0, 1], [0, 1], color="white", linewidth=1.3, alpha=0.6)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 0.5, 1], ["0", "50", "100"])
    ax.set_xlim(edges[0][0], edges[0][-1])
    ax.set_ylim(edges[1][0], edges[1][-1])
    ax.set_xlabel(panel["axes"][0], labelpad=2, linespacing=1.05)
    ax.set_ylabel(panel["axes"][1], labelpad=2, linespacing=1.05)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
    ax.text(0.04, 0.96, panel["text"], transform=ax.transAxes, va="top", fontsize=6, bbox=box)


def _p(row: pd.Series) -> str:
    """The permutation test as a panel says it."""
    p = row["dispersion_p_adjusted"]
    if not np.isnan(p):
        return f"p = {p:.3f}"
    n = (int(row["n_a"]), int(row["n_b"]))
    return f"not tested: n = {n[0]}" if n[0] == n[1] else f"not tested: n = {n[0]} and {n[1]}"
