"""Colour jitter of whole batches, each image with draws of its own.

The colour distortion that Nguyen, Raghu & Kornblith (2022) train with, after Chen et al. (SimCLR,
2020). At strength s, with probability 0.8, brightness, contrast and saturation are multiplied by
factors from [max(0, 1 - 0.8 s), 1 + 0.8 s] and the hue is turned by up to 0.2 s of a full circle,
in random order; then, with probability 0.2, the image is made grey. The operations are those of
torchvision's ColorJitter and RandomGrayscale on images from 0 to 1.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

JITTER, HUE = 0.8, 0.2  # at strength 1
APPLIED, GREY = 0.8, 0.2  # probabilities
LUMA = (0.2989, 0.587, 0.114)


class Draws(NamedTuple):
    """What n images drew, on the CPU: `amounts` (n, 4), the factors of brightness, contrast and
    saturation and the turn of the hue; `places` (n, 4), which operation comes when; `applied` and
    `grey` (n,) bool."""

    amounts: Tensor
    places: Tensor
    applied: Tensor
    grey: Tensor


def draw(n: int, strength: float, generator: torch.Generator) -> Draws:
    """Draws for `n` images at `strength` s (0 < s <= 2.5: a hue turns by half a circle at most)."""
    low = torch.tensor([max(0.0, 1 - JITTER * strength)] * 3 + [-HUE * strength])
    high = torch.tensor([1 + JITTER * strength] * 3 + [HUE * strength])
    amounts = low + (high - low) * torch.rand(n, 4, generator=generator)
    places = torch.rand(n, 4, generator=generator).argsort(dim=1)
    applied = torch.rand(n, generator=generator) < APPLIED
    return Draws(amounts, places, applied, torch.rand(n, generator=generator) < GREY)


class Jitter:
    """The colours of many batches. Which images of a batch are turned by what, and when, is worked
    out at once and lies on the device, so that no batch waits for the host.

    Parameters
    ----------
    draws : of all images, batch after batch
    batch_size : images a batch
    device : where the batches will lie
    """

    def __init__(self, draws: Draws, batch_size: int, device: torch.device):
        kinds = len(OPERATIONS)
        who = draws.applied.nonzero()  # (m, 1)
        operations = draws.places[who.squeeze(1)]  # (m, places)
        batch = who.div(batch_size, rounding_mode="floor")
        # A run of rows for each batch, place and operation, one behind the other.
        runs = (batch * kinds + torch.arange(kinds)) * kinds + operations
        order = runs.flatten().argsort(stable=True)
        rows = (who % batch_size).expand_as(operations).flatten()[order]
        amounts = draws.amounts[who, operations].flatten()[order]
        batches = -(-len(draws.grey) // batch_size)
        self._ends = runs.flatten().bincount(minlength=batches * kinds**2).cumsum(0).tolist()
        grey = draws.grey.nonzero().squeeze(1)
        self._grey_ends = (grey // batch_size).bincount(minlength=batches).cumsum(0).tolist()
        self._rows, self._amounts = rows.to(device), amounts.to(device)
        self._grey = (grey % batch_size).to(device)

    def __call__(self, images: Tensor, batch: int) -> Tensor:
        """`images` (n, 3, H, W) of that batch, float from 0 to 1, in other colours; in the memory
        format they had, and within 0 to 1 again after each operation, as torchvision has it."""
        images = images.clone(memory_format=torch.preserve_format)
        kinds = len(OPERATIONS)
        for run in range(batch * kinds**2, (batch + 1) * kinds**2):
            part = _run(self._ends, run)
            if part.start < part.stop:
                rows, amounts = self._rows[part], self._amounts[part]
                operation = OPERATIONS[run % kinds]
                images[rows] = operation(images[rows], amounts[:, None, None, None])
        rows = self._grey[_run(self._grey_ends, batch)]
        images[rows] = luma(images[rows]).expand(-1, 3, -1, -1)
        return images


def _run(ends: Sequence[int], number: int) -> slice:
    return slice(ends[number - 1] if number else 0, ends[number])


def luma(images: Tensor) -> Tensor:
    """Grey values (n, 1, H, W) of colour images (n, 3, H, W)."""
    red, green, blue = images.split(1, dim=1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Mix with black."""
    return (factor * images).clamp(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Mix with the image's mean grey value."""
    return _mix(images, luma(images).mean(dim=(2, 3), keepdim=True), factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Mix with the grey image."""
    return _mix(images, luma(images), factor)


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue, of hue, saturation and value, by `turn` circles."""
    value, least = images.amax(dim=1), images.amin(dim=1)
    spread = value - least
    # A grey pixel has no hue, and keeps its colour whichever it is given.
    red, green, blue = ((images - least[:, None]) / spread.clamp(min=1e-12)[:, None]).unbind(1)
    angle = torch.where(
        red == 1,
        green - blue,
        torch.where(green == 1, 2 + blue - red, 4 + red - green),
    )
    circle = 6 * ((angle / 6 + turn[:, 0]) % 1)
    turned = torch.stack(
        [(circle - 3).abs() - 1, 2 - (circle - 2).abs(), 2 - (circle - 4).abs()], dim=1
    )
    return least[:, None] + spread[:, None] * turned.clamp(0, 1)


def _mix(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (factor * images + (1 - factor) * other).clamp(0, 1)


OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    brightness,
    contrast,
    saturation,
    hue,
)
