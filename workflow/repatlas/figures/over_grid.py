"""A number over the grid: a dot a network, their mean with its interval, joined along an axis that
has an order."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.analysis.statistics import MIN_FOR_INTERVAL
from repatlas.figures import choice, lines
from repatlas.figures.style import markers, ordered
from repatlas.results import StudyResults

_LETTER, _LABEL = 0.05, 0.15  # width of a letter of a tick's label, height of an axis's, inches


class Facet(NamedTuple):
    """One panel: its title and the values of the axes that select its networks."""

    title: str
    where: dict[str, Any]


class Roles(NamedTuple):
    """Which axis of the grid is drawn how: along x, as colour (or None), and as panels. `notes` are
    sentences on what is not shown."""

    x: str
    colour: str | None
    facets: list[Facet]
    notes: list[str]


def roles_of(results: StudyResults, cells: pd.DataFrame, max_columns: int) -> Roles:
    """The first axis that varies goes along x, the second gives colours, the others panels."""
    axes = choice.varying(results, cells)
    x, colour = axes[0] if axes else "depth", axes[1] if axes[1:] else None
    return split(cells, x, colour, axes[2:], max_columns)


def split(
    cells: pd.DataFrame, x: str, colour: str | None, rest: Sequence[str], max_columns: int
) -> Roles:
    """Roles with a panel for each value of the first axis of `rest`; the others are held."""
    if not rest:
        return Roles(x, colour, [Facet("", {})], [])
    cells, held = choice.hold(cells, rest[1:])
    fixed = {axis: cells[axis].iloc[0] for axis in rest[1:]}
    values = sorted(cells[rest[0]].unique())
    kept = choice.evenly(values, max_columns)
    facets = [Facet(labels.setting(rest[0], v), {**fixed, rest[0]: v}) for v in kept]
    notes = [held] if held else []
    return Roles(x, colour, facets, notes + choice.thinned(rest[0], values, kept))


def within(frame: pd.DataFrame, facet: Facet) -> pd.DataFrame:
    """The rows of one facet."""
    for axis, value in facet.where.items():
        frame = frame[frame[axis] == value]
    return frame


def shown(frame: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """The rows of all facets."""
    return pd.concat([within(frame, facet) for facet in roles.facets], ignore_index=True)


def title(ax: Axes, facet: Facet, n: int) -> None:
    """Write a facet's title and its number of networks above its upper panel."""
    text = f"n = {labels.count(n, 'network')}"
    ax.set_title(f"{facet.title}\n{text}" if facet.title else text, loc="left", pad=4)


def colour_texts(data: pd.DataFrame, roles: Roles) -> dict[Any, str]:
    """The values that have a colour, in order, and their labels; {None: ''} without colours."""
    if roles.colour is None:
        return {None: ""}
    return {v: labels.setting(roles.colour, v) for v in sorted(data[roles.colour].unique())}


def tidy(
    runs: pd.DataFrame, summary: pd.DataFrame, metric: str, axes: Sequence[str]
) -> pd.DataFrame:
    """What is plotted of one metric: rows of `series` network (a value each), and of series mean
    with n and the interval low to high.

    `runs`: a row a network, with a column `metric`; `summary`: a row a group, with n and the
    columns `<metric>_mean`, `_low` and `_high`; `axes`: the design columns of both, seed left out.
    """
    points = runs[["run", "group", *axes, "seed"]].assign(
        series="network", metric=metric, value=runs[metric]
    )
    means = summary[["group", *axes, "n"]].assign(
        series="mean",
        metric=metric,
        value=summary[f"{metric}_mean"],
        low=summary[f"{metric}_low"],
        high=summary[f"{metric}_high"],
    )
    return pd.concat([points, means], ignore_index=True)


def is_ordered(values: Iterable[Any]) -> bool:
    """Whether an axis has an order: of numbers, not of texts or of what is on or off."""
    return all(isinstance(v, Real) and not isinstance(v, bool) for v in values)


def positions(axis: str, values: Sequence[Any]) -> dict[Any, float]:
    """Where values stand along an axis: depth as it is, other numbers by ratio, texts in order."""
    values = sorted(values)
    if not is_ordered(values) or not all(float(v) > 0 for v in values):
        return {v: float(k) for k, v in enumerate(values)}
    return {v: float(v) if axis == "depth" else float(np.log2(v)) for v in values}


def draw(
    ax: Axes, data: pd.DataFrame, roles: Roles, values: Sequence[Any], texts: Mapping[Any, str]
) -> tuple[list[tuple], list[str]]:
    """Draw one metric of one facet. `data` as from :func:`tidy`; `values` are all values of x in
    the figure, `texts` all that have a colour, with their labels (see :func:`colour_texts`). Means
    are joined where x has an order.

    Returns where the lines end, (value, text, colour), and their markers, for `lines.label_ends`.
    """
    at = positions(roles.x, values)
    span, joined = max(at.values()) - min(at.values()) or 1.0, is_ordered(values)
    # Without a line to follow, colours stand beside each other in the place of their value.
    step = 0.018 * span if joined else 0.5 / max(len(texts), 4)
    ends: list[tuple] = []
    marks: list[str] = []
    style = zip(texts, ordered(len(texts)), markers(len(texts)), strict=True)
    for k, (level, colour, marker) in enumerate(style):
        own = data if level is None else data[data[roles.colour] == level]
        # Side by side, so that what shares an x does not lie on top of each other.
        shift = (k - (len(texts) - 1) / 2) * step
        means = own[own["series"] == "mean"].sort_values(roles.x)
        places = {value: place + shift for value, place in at.items()}
        look = {"color": colour, "marker": marker, "ls": "-" if joined else ""}
        _draw_colour(ax, own[own["series"] == "network"], means, roles.x, places, look)
        last = means[means["value"].notna()].tail(1)
        if level is not None and len(last):
            # The marker says which line is meant, also where that ends far from the panel's edge.
            ends.append((last["value"].iloc[0], texts[level], colour))
            marks.append(marker)
    if joined:  # the others are named by `name_places`, below all panels
        shown = _apart(at, span)
        ax.set_xticks([at[v] for v in shown], [labels.tick(roles.x, v) for v in shown])
    margin = 0.06 * span if joined else 0.5
    ax.set_xlim(min(at.values()) - margin, max(at.values()) + margin)
    return ends, marks


def dots(
    ax: Axes, x: Sequence[float], values: Sequence[float], colour: tuple, size: float = 2.6
) -> None:
    """Single networks, as pale dots of `size` points."""
    look: dict[str, Any] = {"marker": "o", "ms": size, "mew": 0, "alpha": 0.45, "color": colour}
    ax.plot(x, values, ls="", clip_on=False, **look)


def _draw_colour(
    ax: Axes,
    points: pd.DataFrame,
    means: pd.DataFrame,
    x_axis: str,
    places: Mapping[Any, float],
    look: Mapping[str, Any],
) -> None:
    """Single networks as dots, their means, and the means' intervals; `look`: colour, marker and
    line of the means."""
    colour = look["color"]
    dots(ax, points[x_axis].map(places), points["value"], colour)
    x = means[x_axis].map(places)
    single = (means["n"] == 1).to_numpy()
    line = ":" if look["ls"] and single.any() else look["ls"]
    ax.plot(x, means["value"], ms=3.6, lw=0.9, **{**look, "ls": line}, clip_on=False)
    if single.any():
        hollow = {**look, "ls": "", "mfc": "white"}
        ax.plot(x[single], means["value"][single], ms=3.6, mew=0.8, **hollow, clip_on=False)
    known = means["low"].notna().to_numpy()
    ax.vlines(x[known], means["low"][known], means["high"][known], color=colour, lw=0.9)


def _apart(at: Mapping[Any, float], span: float) -> list[Any]:
    """The values whose ticks do not touch, first and last among them."""
    last = max(at, key=at.__getitem__)
    shown: list[Any] = []
    for value, place in sorted(at.items(), key=lambda item: item[1]):
        free = not shown or place - at[shown[-1]] >= 0.07 * span
        if free and (value == last or at[last] - place >= 0.07 * span):
            shown.append(value)
    return shown


def name_places(figure: Figure, panels: Sequence[Sequence[Axes]], names: Sequence[str]) -> None:
    """Write what stands at 0, 1, ... below the panels: upright, with room made for it, where it is
    too long to stand side by side."""
    width, height = figure.get_size_inches()
    longest = max(len(line) for text in names for line in text.split("\n"))
    each = width * panels[0][0].get_position().width / len(names)
    upright = longest * _LETTER > each
    for row in panels:
        for ax in row:
            ax.set_xticks(range(len(names)), names, rotation=90 if upright else 0)
    more = max(longest * _LETTER - 0.25, 0) if upright else 0
    if panels[-1][0].get_xlabel() and upright:
        more += _LABEL
    places = [[ax.get_position() for ax in row] for row in panels]
    figure.set_size_inches(width, height + more)
    for row, boxes in zip(panels, places, strict=True):
        for ax, box in zip(row, boxes, strict=True):
            bottom, tall = box.y0 * height + more, box.height * height
            ax.set_position((box.x0, bottom / (height + more), box.width, tall / (height + more)))


def legend(data: pd.DataFrame) -> str:
    """What the marks mean, in words; `data` as from :func:`tidy`."""
    single = (data["n"] == 1).any()
    # Resampling three values hardly leaves one out of the interval.
    few = (data["n"] == MIN_FOR_INTERVAL).any()
    return (
        "Dots: single networks; large marks: means over seeds; bars: 95 % bootstrap intervals of "
        f"the means, from {MIN_FOR_INTERVAL} seeds on"
        + (f" (of {MIN_FOR_INTERVAL} seeds: their range)" if few else "")
        + ("; hollow marks, and lines that are dotted for them: one network." if single else ".")
    )


def draw_rows(
    data: pd.DataFrame, roles: Roles, metrics: Mapping[str, str], bottom: float | None = None
) -> tuple[Figure, list[list[Axes]]]:
    """A row of panels a metric (name -> label of its axis), a column a facet; `bottom` is where the
    vertical axes start, if not below the smallest value. `data` as from :func:`tidy`, of all
    metrics and facets."""
    values = data[roles.x].unique()
    texts = colour_texts(data, roles)
    titles = [facet.title for facet in roles.facets]
    figure, axes = lines.facets(len(metrics), titles, texts.values(), roles.colour is not None)
    for row, (metric, name) in zip(axes, metrics.items(), strict=True):
        ends = []
        for ax, facet in zip(row, roles.facets, strict=True):
            own = within(data[data["metric"] == metric], facet)
            ends.append(draw(ax, own, roles, values, texts))
            if row is axes[0]:
                title(ax, facet, own["run"].nunique())
            if row is axes[-1]:
                ax.set_xlabel(labels.axis(roles.x))
            ax.tick_params(labelbottom=row is axes[-1])
        row[0].set_ylabel(name)
        lines.share_limits(row, bottom)
        for ax, own in zip(row, ends, strict=True):
            lines.label_ends(ax, *own)
    if not is_ordered(values):
        name_places(figure, axes, [labels.tick(roles.x, v) for v in sorted(values)])
    return figure, axes
