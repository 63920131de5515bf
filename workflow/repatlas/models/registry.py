"""Networks by name. Every operation is its own named module, so that every one can be tapped."""

from collections.abc import Mapping

import torch
from torch import nn

from repatlas.models.layers import initialise
from repatlas.models.resnet import CifarResNet

__all__ = ["build"]


def build(
    model: Mapping, shape: tuple[int, int, int], n_classes: int, generator: torch.Generator | None
) -> nn.Module:
    """The network that the `model` part of a run's spec describes.

    `generator` draws the initial weights by `model["init"]`; with None they are left for a
    checkpoint to fill. `shape` = (channels, height, width) of one image.
    """
    architecture = model["architecture"]
    if architecture not in ("resnet", "cnn"):
        raise ValueError(f"unknown architecture {architecture!r}")
    network = CifarResNet(
        depth=model["depth"],
        width=model["width"],
        shape=shape,
        n_classes=n_classes,
        residual=architecture == "resnet",
        bn_momentum=model["bn_momentum"],
    )
    if generator is not None:
        initialise(network, model["init"], generator)
    return network
