"""Networks by name: the built-in ones, of which every operation is its own named module so that
every one can be tapped, and the user's own."""

from collections.abc import Mapping

import torch
from torch import nn

from repatlas.models.layers import initialise
from repatlas.models.own import build_own
from repatlas.models.resnet import CifarResNet
from repatlas.own import is_own

__all__ = ["build"]


def build(
    model: Mapping, shape: tuple[int, int, int], n_classes: int, generator: torch.Generator | None
) -> nn.Module:
    """The network that the `model` part of a run's spec describes.

    `generator` draws the initial weights by `model["init"]`, or seeds those of the user's own code;
    with None they are left for a checkpoint to fill. `shape` = (channels, height, width) of one
    image. ConfigError where the user's own code cannot be used.
    """
    architecture = model["architecture"]
    if is_own(architecture):
        return build_own(model, shape, n_classes, generator)
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
