"""Plots of lines in panels, with labels beside the lines' ends instead of a key."""

from collections.abc import Collection, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from repatlas.figures.style import DOUBLE, SINGLE, Sheet, legible

_LEFT, _TOP, _BOTTOM, _LINE = 0.62, 0.08, 0.4, 0.115  # margins, inches
_X_GAP, _Y_GAP = 0.28, 0.2
_LETTER = 0.053  # width of a letter of a label, inches
_LABEL_SIZE, _LABEL_HEIGHT = 6.5, 0.115  # points, inches
_MARK = 0.1  # room of a label's marker, inches


def facets(
    rows: int, titles: Sequence[str], texts: Collection[str], marked: bool = False
) -> tuple[Figure, list[list[Axes]]]:
    """A figure with rows of panels, one column a title (which may be empty or of several lines),
    and room for the labels `texts` to the right of each panel, and for markers before them where
    they are `marked`."""
    columns, room = len(titles), room_for(texts) + marked * _MARK
    title_lines = max(len(title.splitlines()) for title in titles)
    top = _TOP + _LINE * (1 + title_lines) + 0.05
    width, height = (SINGLE, 1.9) if columns == 1 else (DOUBLE, 1.6)
    height = 1.35 if rows > 1 else height
    inner = panel_width(columns, texts) - marked * _MARK
    sheet = Sheet(width, top + rows * height + (rows - 1) * _Y_GAP + _BOTTOM)
    axes = [
        [
            sheet.axes(
                _LEFT + column * (inner + room + _X_GAP),
                top + row * (height + _Y_GAP),
                inner,
                height,
            )
            for column in range(columns)
        ]
        for row in range(rows)
    ]
    return sheet.figure, axes


def panel_width(columns: int, texts: Collection[str]) -> float:
    """Inches of one of `columns` panels beside each other, each with room for `texts`."""
    width = SINGLE if columns == 1 else DOUBLE
    return (width - _LEFT - 0.05 - (columns - 1) * _X_GAP) / columns - room_for(texts)


def room_for(texts: Collection[str]) -> float:
    """Inches that labels take to the right of a panel."""
    return 0.1 + _LETTER * max((len(text) for text in texts), default=0)


def percent(ax: Axes) -> None:
    """Show fractions on the vertical axis as percent, without the sign."""
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))


def share_limits(axes: Sequence[Axes], bottom: float | None = None) -> None:
    """Give the panels of one row the same vertical limits, from `bottom` if it is given, and leave
    the axis its numbers at the first of them alone. A panel without data has no say."""
    filled = [ax for ax in axes if np.isfinite(ax.dataLim.get_points()[:, 1]).all()]
    spans = [y for ax in filled for y in ax.dataLim.intervaly]
    spans += [] if bottom is None else [bottom]
    for ax in axes:
        # The margin is one of the whole axis, so that no mark lies on its edge.
        ax.update_datalim([(0, y) for y in spans], updatex=False)
        ax.autoscale_view(scalex=False)
        if bottom is not None:
            ax.set_ylim(bottom=bottom)
        ax.tick_params(labelleft=ax is axes[0])


def label_ends(
    ax: Axes, ends: Sequence[tuple[float, str, tuple]], marks: Sequence[str] = ()
) -> None:
    """Write labels to the right of `ax`, each as near to the height where its line ends as the
    others allow, and with its marker before it where there are `marks`. `ends` holds (value, text,
    colour); the axes' limits must be final."""
    assert isinstance(ax.figure, Figure)  # none of these figures has subfigures
    inches = ax.figure.get_figheight() * ax.get_position().height
    low, high = ax.transData.transform([(0, v) for v in ax.get_ylim()])[:, 1]
    heights = [(ax.transData.transform((0, v))[1] - low) / (high - low) for v, _, _ in ends]
    placed = spread(heights, _LABEL_HEIGHT / inches)
    wide = ax.figure.get_figwidth() * ax.get_position().width
    for (_, text, colour), height, mark in zip_longest(ends, placed, marks):
        if mark:
            place = [1 + (_MARK - 0.04) / wide], [height]
            look: dict[str, Any] = {"marker": mark, "ms": 3, "color": colour, "ls": ""}
            ax.figure.add_artist(Line2D(*place, transform=ax.transAxes, **look))
        ax.text(
            *(1.02 + (_MARK / wide if mark else 0), height, text),
            color=legible(colour),
            transform=ax.transAxes,
            va="center",
            fontsize=_LABEL_SIZE,
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions between 0 and 1 as near to `wanted` as keeps any two of them `gap` apart, in the
    same order.

    Neighbours that are too close form a group, which is centred on the mean of what its members
    want, until no two groups touch. More labels than there is room for stick out at both ends.
    """
    order = sorted(range(len(wanted)), key=lambda k: (wanted[k], k))
    groups: list[list[int]] = []
    for k in order:
        groups.append([k])
        while len(groups) > 1 and _start(groups[-1], wanted, gap) < (
            _start(groups[-2], wanted, gap) + len(groups[-2]) * gap
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    placed = [0.0] * len(wanted)
    for group in groups:
        for step, k in enumerate(group):
            placed[k] = _start(group, wanted, gap) + step * gap
    return placed


def _start(group: list[int], wanted: Sequence[float], gap: float) -> float:
    """Position of the lowest member of a group."""
    length = (len(group) - 1) * gap
    start = sum(wanted[k] for k in group) / len(group) - length / 2
    return min(max(start, min(0.0, (1 - length) / 2)), max(1 - length, (1 - length) / 2))
