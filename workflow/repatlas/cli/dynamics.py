"""Read a network out at the checkpoints of its training, and compare them.

Leaves one .npz file: similarity within each checkpoint and with the final network, and the share of
the first principal component, layer by layer.
"""

import argparse
from pathlib import Path

import numpy as np

from repatlas.activations.trained import tapped_layers
from repatlas.analysis.arrays import write_arrays
from repatlas.data.dataset import load
from repatlas.data.probe import Probe, load_probe
from repatlas.durations import Progress
from repatlas.files import read_json
from repatlas.frozen.dynamics import Dynamics, checkpoints_of, no_dynamics, read_dynamics
from repatlas.run_record import read_run
from repatlas.terminal import json_argument
from repatlas.training.device import choose
from repatlas.trajectory import INDEX, planned_steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--run", type=Path, required=True, help="folder of the network")
    parser.add_argument(
        "--dataset", type=Path, required=True, help="folder of the probe's data set"
    )
    parser.add_argument("--probe", type=Path, required=True, help="file of the probe set")
    parser.add_argument(
        "--plan",
        type=json_argument,
        required=True,
        help="batch_size, and whether the probe has labels of the network's own data set, as JSON",
    )
    parser.add_argument(
        "--options", type=json_argument, required=True, help="layers, batch_norm, batches, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="file to write (.npz)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(options: argparse.Namespace) -> None:
    """Make the file."""
    spec, status = read_run(options.run)
    dataset = load(options.dataset)
    layers = tapped_layers(spec, options.options["layers"], options.run, dataset.shape)
    if status["status"] == "completed":
        batches = _batches(load_probe(options.probe, dataset), options)
        device = choose(options.device, spec["training"]["threads"])
        found = read_dynamics(
            spec,
            checkpoints_of(options.run),
            layers,
            batches,
            device,
            options.options["batch_norm"] == "train",
            Progress(options.run.name, "checkpoint and batch"),
        )
        if not options.plan["own_labels"]:
            found.accuracy[:] = np.nan
        n_batches = len(batches)
    else:
        found = _failed(spec, status, options.run, len(layers))
        n_batches = 0
    about = {"n_batches": n_batches, "batch_norm": options.options["batch_norm"]}
    about |= {"layer": [la.name for la in layers], "kind": [la.kind for la in layers]}
    write_arrays(options.output, {**about, **vars(found)})


def _batches(probe: Probe, options: argparse.Namespace) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of each whole batch of the first pass, of which there may be a limit."""
    size = options.plan["batch_size"]
    whole = len(probe.images) // size
    starts = range(0, size * min(whole, options.options.get("batches", whole)), size)
    return [(probe.images[k : k + size], probe.labels[k : k + size]) for k in starts]


def _failed(spec: dict, status: dict, run: Path, layers: int) -> Dynamics:
    per_epoch = read_json(run / INDEX)["steps_per_epoch"]
    training = spec["training"]
    steps = planned_steps(training["checkpoints"], per_epoch)
    steps = sorted({*steps, training["epochs"] * per_epoch})
    return no_dynamics(steps, per_epoch, layers, f"network {status['status']}: {status['reason']}")
