"""Data set images in figures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from repatlas.figures.style import GREY


def draw_image(ax: Axes, pixels: bytes, shape: Sequence[int]) -> None:
    """Show an image in a thin frame, each pixel as a square.

    `pixels`: bytes of a uint8 array of `shape` (channels, height, width); one channel is grey.
    """
    image = np.frombuffer(pixels, dtype=np.uint8).reshape(shape).transpose(1, 2, 0)
    if shape[0] == 1:
        ax.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        ax.imshow(image, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=GREY, linewidth=0.5)
