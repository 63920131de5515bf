"""The test examples that most divide two architectures, as images.

The form of figure F.1 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice
from repatlas.figures.images import draw_image
from repatlas.figures.pairs import Pair, names
from repatlas.figures.prediction_pairs import rows_of, select_pairs
from repatlas.figures.style import DOUBLE, Drawing, Sheet
from repatlas.results import StudyResults

_LEFT, _TOP, _BOTTOM = 0.1, 0.08, 0.08  # inches
_GAP, _TEXT, _TITLE, _LINE, _PAIR_GAP = 0.08, 0.36, 0.26, 0.12, 0.14


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Two rows a pair: where the one and where the other is ahead.

    Raises DataError when no pair has two completed networks a side.
    """
    runs = choice.select_runs(results, settings)
    _table, total, pairs = select_pairs(results, runs, settings["max_pairs"], least=2)
    table = results.table("dividing_examples")
    images = results.table("dividing_images").set_index(["dataset_folder", "example"])
    parts = []
    for pair in pairs:
        own = rows_of(table, pair)
        parts += [
            (pair, side, own[own["favours"] == side].head(settings["max_examples"]))
            for side in "ab"
        ]
    columns = max([8, *(len(part) for *_, part in parts)])
    side = (DOUBLE - 2 * _LEFT - (columns - 1) * _GAP) / columns
    named = names(results, pairs)
    titles = [labels.wrapped(_title(*part, named), DOUBLE - 2 * _LEFT) for part in parts]
    above = _TITLE + _LINE * max(title.count("\n") for title in titles)
    pitch = above + side + _TEXT
    sheet = Sheet(DOUBLE, _TOP + len(parts) * pitch + (len(pairs) - 1) * _PAIR_GAP + _BOTTOM)
    for number, (title, (*_, part)) in enumerate(zip(titles, parts, strict=True)):
        top = _TOP + number * pitch + number // 2 * _PAIR_GAP
        at = 1 - (top + 0.1 + _LINE * title.count("\n") / 2) / sheet.height
        sheet.figure.text(_LEFT / DOUBLE, at, title, va="center", fontsize=7)
        for k, (_, row) in enumerate(part.iterrows()):
            ax = sheet.axes(_LEFT + k * (side + _GAP), top + above, side, side)
            _image(ax, row, images.loc[(row["dataset_folder"], row["example"])])
    data = pd.concat([part for *_, part in parts], ignore_index=True)
    text = [
        f"{FIGURES['dividing_examples'].title}: true class, and the share of networks of the two "
        "architectures that are right, the one with fewer weights first.",
        "Chosen by one half of the seeds of both; the shares are those of the other half, which "
        "had no part in the choice.",
        _shrinkage(data),
        f"n = {_networks(data, runs)}.",
        choice.left_out(len(pairs), total, "pairs of architectures"),
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)))


def _title(pair: Pair, favoured: str, part: pd.DataFrame, named: Mapping[str, str]) -> str:
    """What stands over a row; `named`: the name of each group."""
    names = {"a": named[pair.small["group"]], "b": named[pair.large["group"]]}
    other = {"a": "b", "b": "a"}[favoured]
    if part.empty:
        return f"{names[favoured]} is ahead of {names[other]} on no example"
    n = part.iloc[0]
    return (
        f"Chosen where {names[favoured]} leads {names[other]}. % right in the other half: "
        f"{names['a']} | {names['b']} (n = {n['n_a_confirmation']:g} and "
        f"{n['n_b_confirmation']:g})"
    )


def _image(ax: Axes, row: pd.Series, image: pd.Series) -> None:
    shape = [int(image[c]) for c in ("channels", "height", "width")]
    draw_image(ax, image["pixels"], shape)
    shares = [f"{100 * row[f'accuracy_{side}_confirmation']:.0f}" for side in "ab"]
    ax.set_xlabel(
        f"{row['class']}\n{shares[0]} | {shares[1]}", labelpad=2, fontsize=6.5, linespacing=1.1
    )


def _shrinkage(data: pd.DataFrame) -> str:
    if data.empty:
        return ""
    chosen, confirmed = (
        100 * (data[f"difference_{part}"] * np.where(data["favours"] == "a", 1, -1)).mean()
        for part in ("selection", "confirmation")
    )
    return (
        f"Mean lead of the favoured architecture: {chosen:.0f} percentage points in the half that "
        f"chose, {confirmed:.0f} in the other."
    )


def _networks(data: pd.DataFrame, runs: pd.DataFrame) -> str:
    shown = runs["group"].isin({*data["group_a"], *data["group_b"]})
    return labels.count(int((shown & (runs["status"] == "completed")).sum()), "network")
