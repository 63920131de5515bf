"""Train one network from its spec.

Leaves spec.json, model.pt, curve.csv, test_logits.npy, status.json and hardware.json in the output
folder. Goes on from the resume checkpoint in the scratch folder where the same spec, code and
data wrote one.
"""

import argparse
from pathlib import Path

from repatlas.data.dataset import load
from repatlas.errors import StoreError
from repatlas.files import read_json
from repatlas.memory import out_of_memory_is_named
from repatlas.naming import canonical_json
from repatlas.terminal import json_argument
from repatlas.training.device import choose
from repatlas.training.loop import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--spec", type=json_argument, required=True, help="the run's spec, as JSON")
    parser.add_argument("--dataset", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--scratch", type=Path, required=True, help="folder of resume checkpoints")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--code", default="", help="digest of the training code")


def run(options: argparse.Namespace) -> None:
    """Train the network."""
    settings = options.spec["training"]
    device = choose(options.device, settings["threads"], settings["precision"])
    _refuse_another(options.output / "spec.json", options.spec)
    size = settings["batch_size"]
    with out_of_memory_is_named(
        f"training {options.output.name} in batches of {size} images",
        f"Set `training.batch_size` below {size} (which makes other networks of the same grid), "
        "take out wide networks, use a device with more memory (`device: cpu`), or train fewer "
        "networks at once (--cores, or on a cluster a larger mem_mb).",
    ):
        train(
            options.spec,
            load(options.dataset),
            options.output,
            options.scratch / options.output.name,
            device,
            options.code,
            options.output.name,
        )


def _refuse_another(path: Path, spec: dict) -> None:
    """A name is the digest of a spec; another spec under the same name must not be overwritten."""
    if path.exists() and canonical_json(read_json(path)) != canonical_json(spec):
        raise StoreError(
            f"{path} belongs to another specification than the run of that name.\n"
            "Move the folder away and start again."
        )
