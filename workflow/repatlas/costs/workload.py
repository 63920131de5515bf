"""What a built-in network computes and holds, counted from its spec without building it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from repatlas.data.content import Description
from repatlas.layers import Layer, layers_of
from repatlas.study.needs import features


@dataclass(frozen=True)
class Workload:
    """Counts of one network for images of `shape` (C, H, W).

    features: numbers that each layer of `layers` gives for one image; macs: multiply-adds of one
    image's forward pass, in convolutions and the dense layer; parameters: trainable numbers;
    statistics: numbers that batch normalisation keeps beside them.
    """

    layers: tuple[Layer, ...]
    features: tuple[int, ...]
    macs: int
    parameters: int
    statistics: int

    @cached_property
    def total_features(self) -> int:
        """Numbers that all layers together give for one image."""
        return sum(self.features)


def workload(model: Mapping, shape: tuple[int, int, int], n_classes: int) -> Workload:
    """The workload of the network that the `model` part of a spec describes."""
    layers, sizes = layers_of(model), features(model, shape)
    base = round(16 * model["width"])
    given = shape[0]  # channels that enter the next convolution of the main path
    block_entry, macs, parameters, statistics = base, 0, 0, 0
    for layer, size in zip(layers, sizes, strict=True):
        stage = int(layer.name[5]) if layer.name.startswith("stage") else 1
        channels = base * 2 ** (stage - 1)
        if layer.name.endswith("conv1"):
            block_entry = given
        if layer.kind in ("conv", "projection"):
            kernel = 1 if layer.kind == "projection" else 9
            entering = block_entry if layer.kind == "projection" else given
            macs += size * entering * kernel
            parameters += channels * (entering * kernel + 1)
            given = channels
        elif layer.kind == "bn":
            parameters += 2 * channels
            statistics += 2 * channels + 1
        elif layer.kind == "dense":
            macs += given * n_classes
            parameters += (given + 1) * n_classes
    sizes[-1] = n_classes
    sizes[0] = shape[0] * shape[1] * shape[2]
    return Workload(tuple(layers), tuple(sizes), macs, parameters, statistics)


def images(spec: Mapping[str, Any], data: Description) -> tuple[int, int]:
    """How many images a network learns from, and how many test it; `data` describes its data."""
    train = round(spec["data"]["fraction"] * data.n_train)
    if spec["data"]["evaluate_on"] == "held_out":
        return train, min(10_000, data.n_train - train)
    return train, data.n_test
