"""A heat map of one comparison: all layers of A with all layers of B."""

import numpy as np
import pandas as pd

from repatlas import labels
from repatlas.figures import heatmap
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.style import Drawing

NAMED = 40  # layers up to which the caption names each


def draw_matrix(table: pd.DataFrame, measure: str, a: str, b: str) -> Drawing:
    """The heat map of a similarity table (columns layer_a, layer_b, value, ...).

    `a` and `b` name the two sides, at the axes as far as there is room; layers are numbered in the
    table's order.
    """
    rows, columns = table["layer_a"].unique(), table["layer_b"].unique()
    matrix = table.pivot(index="layer_a", columns="layer_b", values="value").loc[rows, columns]
    norm = heatmap.scale_of(measure)
    grid = Grid(1, 1, 1)
    vertical, horizontal = (labels.shortened(f"Layer of {side}", grid.side) for side in (a, b))
    panel = Panel("", matrix, vertical, horizontal)
    sheet = grid.sheet()
    heatmap.draw_map(sheet.axes(*grid.corner(0, 0), grid.side, grid.side), panel, norm)
    heatmap.draw_scale(sheet, grid.scale_corner(), measure, norm, heatmap.any_undefined([panel]))
    undefined = int(table["value"].isna().sum())
    settings = [f"{key} {value}" for key, value in table.attrs.items() if key != "measure"]
    caption = [
        f"{labels.measure(measure)} between the layers of {a} (vertical) and of {b} (horizontal), "
        f"in order. {len(table)} pairs of layers, {undefined} of them undefined.",
        *([f"Settings: {'; '.join(settings)}."] if settings else []),
        *heatmap.outside(norm, table),
        *_numbered("vertical", rows),
        *_numbered("horizontal", columns),
    ]
    return Drawing(sheet.figure, table, " ".join(caption))


def _numbered(axis: str, layers: np.ndarray) -> list[str]:
    """What the numbers on an axis stand for, where that can be read."""
    if len(layers) > NAMED:
        return []
    return [f"On the {axis} axis: {', '.join(f'{k} {name}' for k, name in enumerate(layers, 1))}."]
