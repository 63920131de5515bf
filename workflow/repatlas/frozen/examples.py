"""Images as a network takes them, a batch at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from repatlas.data.selection import Examples
from repatlas.training.batches import as_input
from repatlas.training.evaluate import BATCH


def batches(
    examples: Examples, device: torch.device, size: int = BATCH
) -> Iterator[tuple[slice, Tensor]]:
    """Consecutive (place, images), float32 in [0, 1] on `device`; the last may be short."""
    for start in range(0, len(examples.labels), size):
        place = slice(start, min(start + size, len(examples.labels)))
        yield place, as_input(examples.images[place], device)
