"""A contact sheet of the examples that dominate a first principal component.

The form of Nguyen, Raghu & Kornblith (2022).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice
from repatlas.figures.components import networks
from repatlas.figures.images import draw_image
from repatlas.figures.style import DOUBLE, Drawing, Sheet
from repatlas.results import StudyResults

_LEFT, _TOP, _BOTTOM = 0.1, 0.06, 0.12  # inches
_GAP, _TEXT, _TITLE, _NETWORK_GAP = 0.06, 0.3, 0.2, 0.16
_ROWS = 2  # of dominant examples


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Three rows a network: two of the examples that dominate most, one of random examples.

    Raises DataError where there are no images, or of no network with the chosen seed.
    """
    runs = choice.select_runs(results, settings)
    table = results.table("dominant_images")
    table = table[table["run"].isin(runs["run"])]
    if table.empty:
        raise DataError("No image to draw: no network has a layer with a first component.")
    some = runs[runs["run"].isin(table["run"])]
    shown, notes = networks(results, some, settings["seed"], settings["max_groups"])
    columns = settings["max_examples"]
    side = (DOUBLE - 2 * _LEFT - (columns - 1) * _GAP) / columns
    side = min(side, 0.85)
    block = 2 * _TITLE + (_ROWS + 1) * (side + _TEXT)
    sheet = Sheet(
        2 * _LEFT + columns * side + (columns - 1) * _GAP,
        _TOP + len(shown) * (block + _NETWORK_GAP) - _NETWORK_GAP + _BOTTOM,
    )
    names = choice.names(results, pd.DataFrame(shown))
    frames = []
    for number, run in enumerate(shown):
        top = _TOP + number * (block + _NETWORK_GAP)
        own = table[table["run"] == run["run"]].sort_values("rank")
        name = f"{names[run['group']]}, seed {run['seed']}"
        frames += _draw_network(sheet, top, side, columns, name, own)
    data = pd.concat(frames, ignore_index=True)
    text = [
        f"{FIGURES['dominant_images'].title}: probe images by the size of their projection on the "
        "first component of one layer, the largest first, and for comparison images drawn at "
        "random, the same for every network. Below each image its class and its projection as a "
        "multiple of the median.",
        f"{labels.networks_of(shown)}.",
        *notes,
        labels.failures(runs),
    ]
    return Drawing(sheet.figure, data, " ".join(filter(None, text)), labels.networks_of(shown))


def _draw_network(
    sheet: Sheet, top: float, side: float, columns: int, name: str, own: pd.DataFrame
) -> list[pd.DataFrame]:
    """Draw the images of one network, `top` inches from above, and return the rows that are
    shown."""
    parts = {
        "dominant": own[own["shown"] == "dominant"].head(_ROWS * columns),
        "random": own[own["shown"] == "random"].head(columns),
    }
    heads = {
        "dominant": f"{name}: largest projections on PC1 of {own['layer'].iloc[0]}, in "
        "multiples of the median",
        "random": "Drawn at random",
    }
    for kind, part in parts.items():
        x, y = _LEFT / sheet.width, 1 - (top + _TITLE / 2) / sheet.height
        sheet.figure.text(x, y, heads[kind], va="center", fontsize=7)
        top += _TITLE
        for k, (_, row) in enumerate(part.iterrows()):
            line, column = divmod(k, columns)
            corner = _LEFT + column * (side + _GAP), top + line * (side + _TEXT)
            _image(sheet.axes(*corner, side, side), row)
        top += -(-len(part) // columns) * (side + _TEXT)
    return [part.drop(columns="pixels") for part in parts.values()]


def _image(ax: Axes, row: pd.Series) -> None:
    shape = [int(row[c]) for c in ("channels", "image_height", "image_width")]
    draw_image(ax, row["pixels"], shape)
    ax.set_xlabel(
        f"{row['class']}\n{row['projection_to_median']:.1f}",
        labelpad=2,
        fontsize=6,
        linespacing=1.05,
    )
