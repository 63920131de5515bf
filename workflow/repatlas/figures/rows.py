"""Equal panels in rows, filled from the left: where they stand, and which of them name the axes."""

from typing import NamedTuple

from matplotlib.axes import Axes

from repatlas.figures.style import DOUBLE, SINGLE, Sheet


class Margins(NamedTuple):
    """Room around all panels (left, right, top, bottom) and between them, in inches."""

    left: float
    right: float
    top: float
    bottom: float
    x_gap: float
    y_gap: float

    def room(self, columns: int) -> float:
        """Width of a panel where so many fill a page, or a single one a column of the page."""
        return (_page(columns) - self.left - self.right - (columns - 1) * self.x_gap) / columns


def _page(columns: int) -> float:
    return SINGLE if columns == 1 else DOUBLE


class Rows:
    """A `sheet` of `n` empty panels, `columns` in a row; `axes` has them in order, row by row.

    In inches: `height` and `width` of a panel's axes, and the room `above` for its title. Without a
    width the panels fill the page (see :meth:`Margins.room`); with one the sheet is as wide as they
    need.
    """

    def __init__(
        self,
        margins: Margins,
        n: int,
        columns: int,
        height: float,
        above: float,
        width: float | None = None,
    ):
        self.n, self.columns = n, columns
        self._margins, self._height, self._above = margins, height, above
        left, right, top, bottom, x_gap, y_gap = margins
        rows = -(-n // columns)
        pitch = height + above + y_gap
        each = margins.room(columns) if width is None else width
        taken = left + columns * each + (columns - 1) * x_gap + right
        self.sheet = Sheet(
            _page(columns) if width is None else taken, top + rows * pitch - y_gap + bottom
        )
        self.axes = [
            self.sheet.axes(left + column * (each + x_gap), top + above + row * pitch, each, height)
            for row, column in (divmod(k, columns) for k in range(n))
        ]

    @property
    def leftmost(self) -> list[Axes]:
        """The first panel of each row."""
        return self.axes[:: self.columns]

    @property
    def lowest(self) -> list[Axes]:
        """The panels with none below them."""
        return self.axes[max(0, self.n - self.columns) :]

    def name_axes(self, x: str, y: str) -> None:
        """Name the horizontal axis below the lowest panels, the vertical one at the leftmost."""
        for ax in self.lowest:
            ax.set_xlabel(x)
        for ax in self.leftmost:
            ax.set_ylabel(y)

    def number_leftmost(self) -> None:
        """Leave the vertical axis its numbers at the leftmost panels alone, for panels that share
        their limits."""
        for k, ax in enumerate(self.axes):
            ax.tick_params(labelleft=k % self.columns == 0)

    def scale_axes(self) -> Axes:
        """New axes for a colour bar in the right margin, as high as the first row of panels."""
        left = self.sheet.width - self._margins.right + 0.13
        return self.sheet.axes(left, self._margins.top + self._above, 0.09, self._height)
