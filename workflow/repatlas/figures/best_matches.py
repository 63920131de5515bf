"""Where the most similar layer of another network lies, by depth.

The curves behind figure E.1 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.pairs import Pair, choose, names
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import GREY, Drawing
from repatlas.results import StudyResults

_MARGINS = Margins(0.5, 0.72, 0.08, 0.42, x_gap=0.4, y_gap=0.3)
_TITLE, _LINE, _MOST = 0.36, 0.12, 1.75  # inches


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel a pair of architectures: for each layer of the one with fewer weights the relative
    depth of the most similar layer of the other, coloured by the similarity.

    Raises DataError when no two networks were compared in the layers that are chosen.
    """
    runs = choice.select_runs(results, settings)
    done = runs[runs["status"] == "completed"]
    measure = choice.measure_of(results, settings)
    table = _matches(results, done, measure, settings["layers"])
    pairs = table.rename(columns={"group": "group_a", "other_group": "group_b"})
    total, chosen = choose(results, done, pairs, settings["max_pairs"])
    frames = [
        table[
            (table["group"] == pair.small["group"]) & (table["other_group"] == pair.large["group"])
        ].sort_values("index")
        for pair in chosen
    ]
    data = pd.concat(frames, ignore_index=True)
    layers = settings["layers"]
    words = "all compared layers" if layers == "all" else labels.layer_words(layers)
    within = ", within their kind," if data["kind"].nunique() > 1 else ""
    compared = [_networks(results.pairs(measure), done, pair) for pair in chosen]
    text = [
        f"{FIGURES['best_matches'].title}: {words}, matched{within} by "
        f"{labels.measure(measure)} on {labels.probes(done)}.",
        "Relative depth: 0 the first, 1 the last tapped layer; dotted: the same relative depth.",
        f"Points: means over {_span(data)} of networks; bars: standard deviation.",
        "The layers are those of the architecture with fewer weights; the table has those of the "
        "other, too."
        if (data["group"] != data["other_group"]).any()
        else "",
        f"n = {labels.count(len(set().union(*itertools.chain(*compared))), 'network')}.",
        choice.left_out(len(chosen), total, "pairs of architectures"),
        labels.failures(runs),
    ]
    heads = [
        _head(pair, names(results, chosen), *map(len, networks))
        for pair, networks in zip(chosen, compared, strict=True)
    ]
    figure = _figure(heads, frames, measure)
    return Drawing(figure, data, " ".join(filter(None, text)))


def _matches(results: StudyResults, done: pd.DataFrame, measure: str, layers: str) -> pd.DataFrame:
    """The rows of best_matches.csv to choose from, of the chosen layers that have a match."""
    table = results.table("best_matches")
    table = table[
        (table["measure"] == measure)
        & table["group"].isin(done["group"])
        & table["other_group"].isin(done["group"])
        & (table["n"] > 0)
    ]
    if table.empty:
        raise DataError(
            f"No matches to draw: no two networks of the study {results.name} were compared by "
            f"{measure!r}."
        )
    return table[choice.of_layers(table, layers)]


def _networks(stored: pd.DataFrame, done: pd.DataFrame, pair: Pair) -> tuple[set[str], set[str]]:
    """The networks of the two architectures of a pair that were compared, of those in `done`: of
    many seeds a study compares a sample of pairs alone. `stored`: the pairs of networks."""
    sides = ("a", "b"), ("b", "a")
    kept = stored[stored["run_a"].isin(done["run"]) & stored["run_b"].isin(done["run"])]
    kept = kept[kept["run_a"] != kept["run_b"]]
    found: tuple[set[str], set[str]] = set(), set()
    for small, large in sides:
        here = kept[f"group_{small}"] == pair.small["group"]
        own = kept[here & (kept[f"group_{large}"] == pair.large["group"])]
        found[0].update(own[f"run_{small}"])
        found[1].update(own[f"run_{large}"])
    return found


def _span(data: pd.DataFrame) -> str:
    """How many ordered pairs of networks the points are means over, in words."""
    counts = sorted(set(data["n"].astype(int)))
    if counts == [1]:
        return "1 ordered pair"
    return f"{counts[0]}{f' to {counts[-1]}' if len(counts) > 1 else ''} ordered pairs"


def _figure(heads: Sequence[Sequence[str]], frames: Sequence[pd.DataFrame], measure: str) -> Figure:
    """A panel a pair, with its head of several parts."""
    norm = heatmap.scale_of(measure)
    columns = min(3, len(heads))
    side = min(_MARGINS.room(columns), _MOST)
    titles = ["\n".join(labels.wrapped(part, side) for part in head) for head in heads]
    title = _TITLE + _LINE * (max(text.count("\n") for text in titles) - 1)
    rows = Rows(_MARGINS, len(heads), columns, side, title, side)
    for ax, text, frame in zip(rows.axes, titles, frames, strict=True):
        _panel(ax, frame, norm)
        ax.set_title(text, pad=4.5, linespacing=1.05)
    rows.name_axes("Relative depth of the layer", "Relative depth of its best match")
    bar = rows.sheet.figure.colorbar(ScalarMappable(norm, "viridis"), cax=rows.scale_axes())
    bar.set_label(f"{labels.measure(measure)}\nwith the match", linespacing=1.1)
    bar.outline.set_linewidth(0.6)
    return rows.sheet.figure


def _head(pair: Pair, named: Mapping[str, str], n_small: int, n_large: int) -> list[str]:
    """What stands over a panel; `named`: the name of each group, then the numbers of networks."""
    small, large = pair.small["group"], pair.large["group"]
    if small == large:
        return [named[small], "in another seed", f"n = {labels.count(n_small, 'network')}"]
    count = (
        f"{labels.count(n_small, 'network')} each"
        if n_small == n_large
        else f"{n_small} and {n_large} networks"
    )
    return [named[small], f"in {named[large]}", f"n = {count}"]


def _panel(ax: Axes, frame: pd.DataFrame, norm: mpl.colors.Normalize) -> None:
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
    ax.errorbar(
        frame["relative_depth"],
        frame["match_depth_mean"],
        yerr=np.nan_to_num(frame["match_depth_sd"]),
        fmt="none",
        ecolor=GREY,
        elinewidth=0.6,
    )
    ax.plot(frame["relative_depth"], frame["match_depth_mean"], color=GREY, linewidth=0.6)
    ax.scatter(
        frame["relative_depth"],
        frame["match_depth_mean"],
        c=frame["value_mean"],
        norm=norm,
        cmap="viridis",
        s=14,
        edgecolor="black",
        linewidth=0.3,
        zorder=3,
    )
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
