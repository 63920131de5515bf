"""Store a network's Gram matrices, and its activations where wanted, on a probe set."""

import argparse
from pathlib import Path

from repatlas.activations.extract import extract, extract_nothing
from repatlas.activations.trained import load_network, tapped_layers
from repatlas.data.dataset import load
from repatlas.data.probe import load_probe
from repatlas.durations import Progress
from repatlas.memory import out_of_memory_is_named
from repatlas.run_record import read_run
from repatlas.terminal import json_argument
from repatlas.training.device import choose

WRITES = "grams"  # one forward pass makes both stores; this option's lock is for both


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--run", type=Path, required=True, help="folder of the trained network")
    parser.add_argument(
        "--dataset", type=Path, required=True, help="folder of the probe's data set"
    )
    parser.add_argument("--probe", type=Path, required=True, help="file of the probe set")
    parser.add_argument(
        "--plan", type=json_argument, required=True, help="batch_size, passes, taps (JSON)"
    )
    parser.add_argument("--grams", type=Path, required=True, help="Gram store to write")
    parser.add_argument("--activations", type=_path, help="activation store to write, if any")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(options: argparse.Namespace) -> None:
    """Read the network out."""
    spec, status = read_run(options.run)
    dataset, plan = load(options.dataset), options.plan
    probe = load_probe(options.probe, dataset)
    layers = tapped_layers(spec, plan["taps"], options.run, probe.images.shape[1:])
    about = {
        "run": options.run.name,
        "probe": probe.hash,
        "probe_members": probe.members(),
        "batch_size": plan["batch_size"],
        "passes": plan["passes"],
    }
    if status["status"] != "completed":
        why = f"{status['status']}: {status['reason']}"
        extract_nothing(layers, about, options.grams, options.activations, why)
        return
    device = choose(options.device, spec["training"]["threads"])
    # The probe may come from another data set; the network's classes are its own.
    network = load_network(spec, options.run, probe.images.shape[1:], device)
    progress = Progress(options.run.name, "probe batch")
    size = plan["batch_size"]
    with out_of_memory_is_named(
        f"reading {options.run.name} out in batches of {size} images",
        f"Set `probe.batch_size` below {size} (networks stay, Gram matrices are made again), use a "
        "device with more memory (`device: cpu`), or read fewer networks out at once (--cores, or "
        "on a cluster a larger mem_mb).",
    ):
        extract(network, layers, probe, about, options.grams, options.activations, device, progress)


def _path(text: str) -> Path | None:
    return Path(text) if text else None
