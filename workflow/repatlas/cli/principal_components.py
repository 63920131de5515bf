"""First principal components of a network's layers over the whole probe set, and their sparsity.

Leaves one .npz file: shares of the variance, the first component's entry for each example, norms,
and the share of zeros, layer by layer.
"""

import argparse
import logging
from dataclasses import fields
from pathlib import Path

import numpy as np

from repatlas.activations.trained import load_network, tapped_layers
from repatlas.analysis.arrays import write_arrays
from repatlas.data.dataset import load
from repatlas.data.probe import load_probe
from repatlas.durations import Progress
from repatlas.frozen.principal_components import LayerComponents, principal_components, undefined
from repatlas.run_record import read_run
from repatlas.terminal import json_argument
from repatlas.training.device import choose

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--run", type=Path, required=True, help="folder of the network")
    parser.add_argument(
        "--dataset", type=Path, required=True, help="folder of the probe's data set"
    )
    parser.add_argument("--probe", type=Path, required=True, help="file of the probe set")
    parser.add_argument(
        "--options", type=json_argument, required=True, help="layers, tolerance, passes, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="file to write (.npz)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(options: argparse.Namespace) -> None:
    """Make the file."""
    spec, status = read_run(options.run)
    probe = load_probe(options.probe, load(options.dataset))
    shape = probe.images.shape[1:]
    layers = tapped_layers(spec, options.options["layers"], options.run, shape)
    if status["status"] == "completed":
        device = choose(options.device, spec["training"]["threads"])
        found = principal_components(
            load_network(spec, options.run, shape, device),
            [la.name for la in layers],
            probe.images,
            device,
            options.options["tolerance"],
            options.options["passes"],
            Progress(options.run.name, "pass"),
        )
    else:
        why = f"network {status['status']}: {status['reason']}"
        found = [undefined(len(probe.images), why) for _ in layers]
    for layer, own in zip(layers, found, strict=True):
        if not (own.converged or own.reason):
            log.warning(
                "%s, %s: the first component is known to an angle of %.1g only after %d passes",
                options.run.name,
                layer.name,
                own.angle,
                own.passes,
            )
    write_arrays(
        options.output,
        {
            "layer": [la.name for la in layers],
            "kind": [la.kind for la in layers],
            "probe": probe.hash,
            "example": probe.indices,
            "label": probe.labels,
            **{
                field.name: np.array([getattr(own, field.name) for own in found])
                for field in fields(LayerComponents)
            },
        },
    )
