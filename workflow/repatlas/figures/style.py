"""How figures look, and how they are written: the same bytes from the same results."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repatlas.files import whole_file, write_text

SINGLE, DOUBLE = 3.5, 7.2  # widths of a column and of a page, inches
DPI = 300
GREY = "#6b6b6b"
# Times in the metadata, and the salt of the names inside an SVG, would differ at every start.
_FORMATS: dict[str, dict] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that all machines have it
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,  # whole TrueType fonts, which journals ask for
    "svg.fonttype": "path",
    "svg.hashsalt": "repatlas",
}
_EDGE = 0.04  # from a text in a corner to the edges of the figure, inches
_MARKERS = "os^Dv<>ph*"


class Drawing(NamedTuple):
    """A figure, exactly the data that it shows, and the caption that goes with it. `networks`: how
    many it shows, and of which seeds, if titles do not say so: `repatlas.figures.draw` then
    writes it on."""

    figure: Figure
    data: pd.DataFrame
    caption: str
    networks: str = ""


class Sheet:
    """A figure whose axes are placed in inches, from the upper left corner."""

    def __init__(self, width: float, height: float):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """New axes whose upper left corner is at (left, top)."""
        w, h = self.width, self.height
        return self.figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


@contextmanager
def style() -> Iterator[None]:
    """The figures' style, for as long as the block lasts: needed to draw and to save."""
    with mpl.style.context(_STYLE, after_reset=True):
        yield


def ordered(n: int) -> list[tuple]:
    """`n` colours for ordered values, dark to light, told apart by every colour vision."""
    viridis = mpl.colormaps["viridis"]
    return [viridis(0.75 * k / max(n - 1, 1)) for k in range(n)]


def legible(colour: tuple) -> tuple:
    """`colour` (red, green, blue, ...), darkened as far as small text on white needs: to a contrast
    of 4.5 to 1 (WCAG 2.1)."""
    made = np.array(colour[:3])
    while _contrast(made) < 4.5:
        made = 0.97 * made
    return tuple(made.tolist())


def _contrast(colour: np.ndarray) -> float:
    """Of a colour with white."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05))


def markers(n: int) -> list[str]:
    """`n` markers, so that colour is never the only difference."""
    return [_MARKERS[k % len(_MARKERS)] for k in range(n)]


def write_networks(figure: Figure, text: str) -> None:
    """Write how many networks there are small in the lower right corner."""
    width, height = figure.get_size_inches()
    look: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": 6, "color": GREY}
    figure.text(1 - _EDGE / width, _EDGE / height, text, **look)


def save(drawing: Drawing, prefix: Path) -> None:
    """Write PREFIX.png, .pdf, .svg, the plotted data as .parquet and the caption as .txt, each
    whole or not at all. ResourceError when the disk is full."""
    with style():
        for suffix, metadata in _FORMATS.items():
            with whole_file(beside(prefix, suffix)) as partial:
                drawing.figure.savefig(partial, format=suffix, dpi=DPI, metadata=metadata)
    with whole_file(beside(prefix, "parquet")) as partial:
        drawing.data.to_parquet(partial, index=False)
    write_text(beside(prefix, "txt"), drawing.caption + "\n")


def beside(prefix: Path, suffix: str) -> Path:
    """`prefix` with `.suffix` added, dots in its name kept."""
    return prefix.with_name(f"{prefix.name}.{suffix}")
