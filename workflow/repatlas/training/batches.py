"""Training batches: data in memory, augmented in whole batches on the device.

The transforms are those of the paper's code: reflect-pad, random crop back to size, horizontal
flip with probability 1/2, pixels / 255 with no further normalisation. Each image draws its own
offset and flip, as torchvision's per-image RandomCrop and RandomHorizontalFlip do. Colour jitter,
where a run asks for it, comes last.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from repatlas.training import colour
from repatlas.training.seeds import generator

PADDED = 1_000  # images that are padded at once


class TrainingBatches:
    """Shuffled, augmented batches of one training set, one epoch at a time.

    Parameters
    ----------
    images : (n, channels, height, width) uint8 array
    labels : (n,) integer array
    batch_size : examples a batch; an epoch has n // batch_size batches, the remainder is dropped
    crop_padding : pixels of reflection on each side before the random crop; 0 = no crop
    flip : flip each image left to right with probability 1/2
    seed : the run's seed
    device : where the images live and the batches are made
    colour_jitter : strength of the colour jitter; 0 = none
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        crop_padding: int,
        flip: bool,
        seed: int,
        device: torch.device,
        colour_jitter: float = 0,
    ):
        pad = crop_padding
        self.height, self.width = images.shape[2:]
        around = (0, 0), (0, 0), (pad, pad), (pad, pad)
        # Channels last: gathering a batch then yields a channels_last tensor with no further copy.
        n, channels, height, width = images.shape
        padded = np.empty((n, height + 2 * pad, width + 2 * pad, channels), dtype=images.dtype)
        for start in range(0, n, PADDED):  # no second copy of all images beside it
            part = slice(start, start + PADDED)
            padded[part] = np.pad(images[part], around, mode="reflect").transpose(0, 2, 3, 1)
        self.images = torch.from_numpy(padded).to(device)
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(device)
        self.batch_size, self.pad, self.flip, self.seed = batch_size, pad, flip, seed
        self.device, self.colour_jitter = device, colour_jitter

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.labels) // self.batch_size

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of `epoch`: float32 images in [0, 1] (channels_last) and labels.

        All of an epoch's draws are made at once on the CPU, so that every device sees the same
        ones and none waits for the host at each step.
        """
        n = len(self) * self.batch_size
        draw = generator(self.seed, "epoch", epoch)
        order = torch.randperm(len(self.labels), generator=draw)[:n]
        offsets = torch.randint(2 * self.pad + 1, (n, 2), generator=draw)
        flips = torch.randint(2, (n,), generator=draw).bool() & self.flip
        rows = offsets[:, :1] + torch.arange(self.height)
        columns = torch.where(
            flips[:, None],
            offsets[:, 1:] + torch.arange(self.width - 1, -1, -1),
            offsets[:, 1:] + torch.arange(self.width),
        )
        order, rows, columns = (t.to(self.device) for t in (order, rows, columns))
        colours = None
        if self.colour_jitter:
            # A stream of its own: the other draws are the same with it and without.
            draws = colour.draw(n, self.colour_jitter, generator(self.seed, "colour", epoch))
            colours = colour.Jitter(draws, self.batch_size, self.device)
        for number, start in enumerate(range(0, n, self.batch_size)):
            batch = slice(start, start + self.batch_size)
            chosen = order[batch]
            pixels = self.images[
                chosen[:, None, None], rows[batch][:, :, None], columns[batch][:, None, :]
            ]
            images = pixels.permute(0, 3, 1, 2).to(torch.float32).div_(255)
            if colours is not None:
                images = colours(images, number)
            yield images, self.labels[chosen]


def as_input(images: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """(n, channels, height, width) uint8 -> float32 in [0, 1] on `device`, channels_last."""
    tensor = (
        images if isinstance(images, Tensor) else torch.tensor(np.asarray(images), device=device)
    )
    return tensor.to(torch.float32).div_(255).contiguous(memory_format=torch.channels_last)
