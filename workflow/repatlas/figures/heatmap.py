"""Heat maps of similarity between layers, in the form of the paper: magma, origin lower left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.figures.style import DOUBLE, GREY, SINGLE, Sheet

BOX = "#2fd4ff"  # in magma's complement, so that it shows on dark and light
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.46, 0.72, 0.42, 0.14  # margins, inches
_PAGE_HEIGHT = 8.8
_ANGLES = ("angular_shape",)  # distances in radians; all other measures are 1 for equal layers
_LINE = 0.115  # a line of a title, inches


@dataclass
class Panel:
    """One heat map: `matrix` has a row a layer of the network on the vertical axis and a column a
    layer of the other, labelled with their names, which tell where stages begin; `box` is a range
    of rows (first, last, from 0) to outline, or None; `empty` says why there is no matrix."""

    title: str
    matrix: pd.DataFrame | None = None
    y_label: str = ""
    x_label: str = ""
    box: tuple[int, int] | None = None
    empty: str = ""


@dataclass
class Grid:
    """Where square panels stand, with room for the colour bar at the right. All in inches: `side`,
    the gaps between panels, and `most`, the largest side where there are several columns."""

    rows: int
    columns: int
    title_lines: int
    x_gap: float = 0.3
    y_gap: float = 0.22
    most: float = 1.9

    @property
    def side(self) -> float:
        """Side of a panel: as large as the page allows."""
        page = SINGLE if self.columns == 1 else DOUBLE
        room = page - _LEFT - _RIGHT - (self.columns - 1) * self.x_gap
        height = (_PAGE_HEIGHT - _TOP - _BOTTOM + self.y_gap) / self.rows
        height -= self.title_lines * _LINE + self.y_gap
        return min(room / self.columns, height, 2.3 if self.columns == 1 else self.most)

    def sheet(self) -> Sheet:
        """The empty figure."""
        width = _LEFT + _RIGHT + self.columns * self.side + (self.columns - 1) * self.x_gap
        return Sheet(width, _TOP + self.rows * self._pitch - self.y_gap + _BOTTOM)

    @property
    def _pitch(self) -> float:
        return self.side + self.title_lines * _LINE + self.y_gap

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Upper left corner (left, top) of a panel's axes, from that of the sheet."""
        top = _TOP + self.title_lines * _LINE + row * self._pitch
        return _LEFT + column * (self.side + self.x_gap), top

    def scale_corner(self) -> tuple[float, float, float]:
        """Upper left corner and height (left, top, height) of the colour bar: beside the first row,
        or the first two where one is lower than the bar's label is long."""
        left, top = self.corner(0, self.columns - 1)
        both = self.side < 1.3 and self.rows > 1
        return left + self.side + 0.13, top, self.side + both * self._pitch


def scale_of(measure: str) -> Normalize:
    """The same colours for the same values in all figures: 0 to 1, for an angle to pi / 2. Only the
    display is clipped."""
    return Normalize(0, np.pi / 2 if measure in _ANGLES else 1, clip=True)


def plotted(
    frame: pd.DataFrame,
    measure: str,
    design: Mapping[str, Any],
    box: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """The rows behind one panel: `design` columns first, then the comparison's, with the numbers
    that the axes give the layers (from 1), and whether a pair lies in the outlined `box`."""
    frame = frame.copy()
    numbers = {s: frame[f"index_{s}"].rank(method="dense").astype(int) for s in "ab"}
    for position, (name, value) in enumerate({"measure": measure, **design}.items()):
        frame.insert(position, name, value)
    for side, number in numbers.items():
        frame[f"number_{side}"] = number
    first, last = box or (-1, -2)
    frame["in_box"] = numbers["a"].between(first + 1, last + 1) & numbers["b"].between(
        first + 1, last + 1
    )
    return frame


def draw_map(ax: Axes, panel: Panel, norm: Normalize, ticks: int = 4) -> None:
    """Draw one panel, or say in its place why it is empty. `ticks`: most numbers on an axis.
    Undefined values are hatched."""
    assert isinstance(ax.figure, Figure)  # none of these figures has subfigures
    narrow = ax.figure.get_figwidth() * ax.get_position().width < 1
    ax.set_title(panel.title, pad=4.5, linespacing=1.05, fontsize=6 if narrow else 7)
    for spine in ax.spines.values():
        spine.set_visible(True)
    if panel.matrix is None:
        ax.set(xticks=[], yticks=[], facecolor="#f4f4f4")
        ax.text(0.5, 0.5, panel.empty, transform=ax.transAxes, ha="center", va="center", color=GREY)
        return
    rows, columns = panel.matrix.shape
    _undefined(ax.patch)
    shown = np.ma.masked_invalid(panel.matrix.to_numpy(dtype=float))
    colours = mpl.colormaps["magma"].with_extremes(bad=(0, 0, 0, 0))
    extent = (0.5, columns + 0.5, 0.5, rows + 0.5)
    ax.imshow(shown, cmap=colours, norm=norm, origin="lower", extent=extent, aspect="auto")
    ax.xaxis.set_major_locator(_whole_numbers(columns, ticks))
    ax.yaxis.set_major_locator(_whole_numbers(rows, ticks))
    ax.set_xticks(_stages(list(panel.matrix.columns)), minor=True)
    ax.set_yticks(_stages(list(panel.matrix.index)), minor=True)
    ax.tick_params(which="minor", size=2.5, width=0.6)
    ax.tick_params(which="minor", top=True, right=True, bottom=False, left=False)
    ax.tick_params(which="major", pad=1.5)
    ax.set_xlabel(panel.x_label, labelpad=2)
    ax.set_ylabel(panel.y_label, labelpad=2)
    if panel.box is not None:
        first, last = panel.box
        size = last - first + 1
        ax.add_patch(
            Rectangle((first + 0.5, first + 0.5), size, size, fill=False, ec=BOX, lw=0.9, ls="-")
        )


def draw_scale(
    sheet: Sheet, corner: tuple[float, float, float], measure: str, norm: Normalize, undefined: bool
) -> None:
    """Draw the colour bar at `corner` (see :meth:`Grid.scale_corner`), named after the measure, and
    below it the key of undefined values where there are any."""
    left, top, height = corner
    ax = sheet.axes(left, top, 0.09, height)
    mappable = mpl.cm.ScalarMappable(norm, mpl.colormaps["magma"])
    bar = sheet.figure.colorbar(mappable, cax=ax)
    bar.outline.set_linewidth(0.6)
    bar.set_label(labels.measure(measure), labelpad=3)
    if undefined:
        key = sheet.axes(left, top + height + 0.12, 0.09, 0.09)
        key.set(xticks=[], yticks=[])
        for spine in key.spines.values():
            spine.set_visible(True)
        _undefined(key.patch)
        key.text(1.3, 0.5, "undefined", transform=key.transAxes, va="center", fontsize=6)


def any_undefined(panels: Sequence[Panel]) -> bool:
    """Whether a panel holds a value that is not a number."""
    return any(p.matrix is not None and bool(p.matrix.isna().any(axis=None)) for p in panels)


def marks(
    panels: Sequence[Panel], norm: Normalize, frame: pd.DataFrame, threshold: float | None = None
) -> str:
    """Sentences on what the marks mean and on values that the colours cannot show; `threshold` is
    that of the outlined boxes. `frame`: the rows behind the panels, with value and reason."""
    text = ["Marks on the upper and right edges: where a stage of the network begins."]
    if any(p.box for p in panels):
        text.append(
            "Box: the longest run of ReLU layers of which all pairs reach a similarity of "
            f"{threshold:g}."
        )
    undefined = int(frame["value"].isna().sum())
    if undefined:
        why = _why(frame.loc[frame["value"].isna(), "reason"])
        text.append(f"Hatched: {labels.count(undefined, 'undefined value')}{why}.")
    text += outside(norm, frame)
    return " ".join(text)


def outside(norm: Normalize, frame: pd.DataFrame) -> list[str]:
    """A sentence on values that the colours cannot show, where there are any."""
    excess = np.maximum(norm.vmin - frame["value"], frame["value"] - norm.vmax)
    beyond = int((excess > 0).sum())
    if not beyond:
        return []
    return [
        f"{beyond} of {labels.count(len(frame), 'value')} outside {norm.vmin:g} to "
        f"{norm.vmax:g}, by at most {excess.max():.2g}, take the colour of that end."
    ]


def _why(reasons: pd.Series) -> str:
    """The reasons, each once, whichever of the two layers they concern."""
    parts = {
        part.removeprefix("layer_a ").removeprefix("layer_b ")
        for text in reasons.unique()
        for part in text.split("; ")
        if part
    }
    return f", where a layer {' or '.join(sorted(parts))}" if parts else ""


def _undefined(patch: Patch) -> None:
    patch.set(facecolor="#d9d9d9", edgecolor="#7f7f7f", hatch="//////")


def _whole_numbers(n: int, ticks: int) -> MaxNLocator:
    return MaxNLocator(min(ticks, max(n - 1, 1)), integer=True, steps=[1, 2, 5, 10], prune="lower")


def _stages(names: Sequence[str]) -> list[float]:
    """Positions between the layers of one stage and the next, or the layers outside stages."""
    stages = [name.split(".")[0] if "." in name else "" for name in names]
    return [k + 0.5 for k in range(1, len(stages)) if stages[k] != stages[k - 1]]
