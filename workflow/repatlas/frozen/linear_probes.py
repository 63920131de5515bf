"""How well a linear classifier reads the classes from the layers of a frozen network.

Layers: those just before and just after each residual connection (Nguyen, Raghu & Kornblith 2021,
Fig. 4 and appendix A of its code): the last batch normalisation of the branch, and the sum before
its ReLU.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from repatlas.data.dataset import Dataset
from repatlas.data.selection import evaluation_examples, training_examples
from repatlas.frozen.closed_form import ridge_probes
from repatlas.frozen.sgd import sgd_probes
from repatlas.layers import layers_of

COLUMNS = [
    "layer",
    "stage",
    "block",
    "position",
    "method",
    "features",
    "accuracy",
    "best_accuracy",
    "best_epoch",
    "penalty",
    "held_out_accuracy",
    "reason",
]


class Probed(NamedTuple):
    """A layer that is probed: `position` is `before` or `after` the residual connection."""

    layer: str
    stage: int
    block: int
    position: str


def probed_layers(model: Mapping) -> list[Probed]:
    """The probed layers of the network that the `model` part of a spec describes, in order.

    In a network without residual connections the batch normalisation at the end of a block is what
    its last ReLU gets, as the sum is in a ResNet: it stands once, as `after`.
    """
    residual = any(layer.kind == "add" for layer in layers_of(model))
    positions = {"bn2": "before", "add": "after"} if residual else {"bn2": "after"}
    found = []
    for layer in layers_of(model):
        stage, _, rest = layer.name.partition(".")
        block, _, operation = rest.partition(".")
        if operation in positions:
            numbers = int(stage.removeprefix("stage")), int(block.removeprefix("block"))
            found.append(Probed(layer.name, *numbers, positions[operation]))
    return found


def probe_network(
    network: nn.Module,
    spec: Mapping,
    dataset: Dataset,
    options: Mapping,
    device: torch.device,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """One row (`COLUMNS`) a probed layer. `options` are those of the analysis (method, ridge or
    sgd, pool, and for sgd those of :func:`repatlas.frozen.sgd.sgd_probes`); accuracies are
    fractions of the images behind the network's own test accuracy. What a method does not give is
    None.

    ResourceError as in :func:`repatlas.frozen.closed_form.ridge_probes`.
    """
    train, test = training_examples(spec, dataset), evaluation_examples(spec, dataset)
    probed, classes = probed_layers(spec["model"]), len(dataset.classes)
    names = [one.layer for one in probed]
    rows = [dict.fromkeys(COLUMNS) | one._asdict() for one in probed]
    if options["method"] == "ridge":
        found = ridge_probes(
            network, names, train, test, classes, options.get("pool"), device, report
        )
        for row, one in zip(rows, found, strict=True):
            row |= {"accuracy": one.accuracy, "features": one.features}
            row |= {"penalty": one.share, "held_out_accuracy": one.held_out}
    else:
        for row, course in zip(
            rows,
            sgd_probes(network, names, train, test, classes, spec, options, device, report),
            strict=True,
        ):
            epoch, best = course.best
            row |= {"features": course.features, "accuracy": course.final}
            row |= {"best_accuracy": best, "best_epoch": epoch}
    return [row | {"method": options["method"], "reason": ""} for row in rows]


def no_probes(spec: Mapping, options: Mapping, reason: str) -> list[dict[str, Any]]:
    """The rows of a network that has no usable weights: undefined, with the reason."""
    return [
        dict.fromkeys(COLUMNS) | one._asdict() | {"method": options["method"], "reason": reason}
        for one in probed_layers(spec["model"])
    ]
