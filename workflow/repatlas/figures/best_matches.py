"""Where the most similar layer of another network lies, by depth.

The curves behind figure E.1 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.pairs import choose
from repatlas.figures.style import DOUBLE, GREY, Drawing, Sheet
from repatlas.results import StudyResults

_LEFT, _TOP, _BOTTOM, _RIGHT, _TITLE = 0.5, 0.08, 0.42, 0.72, 0.36  # inches
_X_GAP, _Y_GAP = 0.4, 0.3


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A panel a pair of architectures: for each layer of the one with fewer weights the relative
    depth of the most similar layer of the other, coloured by the similarity.

    Raises DataError when no two networks were compared.
    """
    runs = choice.select_runs(results, settings)
    done = runs[runs["status"] == "completed"]
    measure = choice.measure_of(results, settings)
    table = results.table("best_matches")
    table = table[
        (table["measure"] == measure)
        & (table["kind"] == settings["layers"])
        & table["group"].isin(done["group"])
        & table["other_group"].isin(done["group"])
        & (table["n"] > 0)
    ]
    if table.empty:
        raise DataError(
            f"No matches to draw: no two networks of the study {results.name} were compared by "
            f"{measure!r} in layers of the kind {settings['layers']!r}."
        )
    pairs = table.rename(columns={"group": "group_a", "other_group": "group_b"})
    total, chosen = choose(results, done, pairs, settings["max_pairs"])
    frames = [
        table[
            (table["group"] == pair.small["group"]) & (table["other_group"] == pair.large["group"])
        ].sort_values("index")
        for pair in chosen
    ]
    norm = heatmap.scale_of(measure)
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    side = min((DOUBLE - _LEFT - _RIGHT - (columns - 1) * _X_GAP) / columns, 1.75)
    pitch = side + _TITLE + _Y_GAP
    sheet = Sheet(
        _LEFT + columns * side + (columns - 1) * _X_GAP + _RIGHT,
        _TOP + rows * pitch - _Y_GAP + _BOTTOM,
    )
    for number, (pair, frame) in enumerate(zip(chosen, frames, strict=True)):
        row, column = divmod(number, columns)
        ax = sheet.axes(_LEFT + column * (side + _X_GAP), _TOP + _TITLE + row * pitch, side, side)
        _panel(ax, frame, norm)
        again = pair.small["group"] == pair.large["group"]
        other = "another seed" if again else labels.network(pair.large)
        ax.set_title(f"{labels.network(pair.small)}\nin {other}", pad=4.5, linespacing=1.05)
        if column == 0:
            ax.set_ylabel("Relative depth of its best match")
        if number + columns >= len(chosen):
            ax.set_xlabel("Relative depth of the layer")
    ax = sheet.axes(sheet.width - _RIGHT + 0.13, _TOP + _TITLE, 0.09, side)
    bar = sheet.figure.colorbar(ScalarMappable(norm, "viridis"), cax=ax)
    bar.set_label(f"{labels.measure(measure)}\nwith the match", linespacing=1.1)
    bar.outline.set_linewidth(0.6)
    data = pd.concat(frames, ignore_index=True)
    shown = done["group"].isin({*data["group"], *data["other_group"]}).sum()
    counts = sorted(set(data["n"].astype(int)))
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    noun = labels.layer_words(settings["layers"])
    text = [
        f"{FIGURES['best_matches'].title}: {noun}, matched by {labels.measure(measure)} on "
        f"{labels.probes(done)}.",
        "Relative depth: 0 the first, 1 the last tapped layer; dotted: the same relative depth.",
        f"Points: means over {span} ordered pairs of networks; bars: standard deviation.",
        f"n = {labels.count(int(shown), 'network')}.",
        f"{len(chosen)} of {labels.count(total, 'pair')} of architectures are shown."
        if len(chosen) < total
        else "",
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)))


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
