"""A heat map of one comparison: all layers of A with all layers of B."""

import pandas as pd

from repatlas import labels
from repatlas.figures import heatmap
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.style import Drawing


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
    caption = (
        f"{labels.measure(measure)} between the layers of {a} (vertical) and of {b} (horizontal), "
        f"in order. {len(table)} pairs of layers, {undefined} of them undefined."
    )
    return Drawing(sheet.figure, table, caption)
