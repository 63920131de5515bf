"""Flattened activations of layers, as probes see them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from repatlas.data.selection import Examples
from repatlas.frozen.examples import batches
from repatlas.models.taps import tapped


def flattened(output: Tensor, pool: int | None) -> Tensor:
    """(n, C, H, W) -> (n, features), max-pooled in squares of `pool` x `pool` positions, those at
    the lower and right edges perhaps smaller, where `pool` is given; channels vary fastest."""
    if pool:
        output = functional.max_pool2d(output, pool, ceil_mode=True)
    # Channels last, as the network's maps lie in memory, so that flattening copies nothing.
    return output.permute(0, 2, 3, 1).flatten(1)


def feature_counts(
    network: nn.Module, layers: Sequence[str], image: Tensor, pool: int | None
) -> list[int]:
    """Features of each layer, after pooling, for one image (1, C, H, W)."""
    counts = [0] * len(layers)

    def receive(index: int, output: Tensor) -> None:
        counts[index] = flattened(output, pool).shape[1]

    with torch.inference_mode(), tapped(network, layers, receive):
        network(image)
    return counts


def stream(
    network: nn.Module,
    layers: Sequence[str],
    examples: Examples,
    pool: int | None,
    device: torch.device,
    receive: Callable[[int, slice, Tensor], None],
) -> None:
    """One pass over the examples: `receive(index, place, features)` for each layer and batch,
    inside the forward pass, so that no more than one layer's batch is alive beside it. `index`
    counts `layers`, `place` is the batch's slice of the examples, features are (batch, features) on
    `device`. The network is in evaluation mode."""
    with torch.inference_mode():
        for place, images in batches(examples, device):

            def on_output(index: int, output: Tensor, place: slice = place) -> None:
                receive(index, place, flattened(output, pool))

            with tapped(network, layers, on_output):
                network(images)
