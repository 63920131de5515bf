"""Look at code of the user's own, as a study names it, before any job uses it.

Reads questions from standard input, a JSON list, and writes the list of the answers. A network's
layers are found by running two images through it; saved weights are tried on it.
"""

import argparse
import inspect
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from repatlas.data.catalogue import describe
from repatlas.errors import RepatlasError
from repatlas.files import write_json
from repatlas.models.own import outline
from repatlas.models.registry import build
from repatlas.models.saved import load_saved
from repatlas.own import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--output", type=Path, required=True, help="file of the answers to write")


def run(options: argparse.Namespace) -> None:
    """Answer the questions."""
    answer = {"network": _network, "dataset": _dataset, "function": _function}
    answers = [answer[question["about"]](question) for question in json.load(sys.stdin)]
    write_json(options.output, answers)


def _dataset(question: dict[str, Any]) -> dict[str, Any]:
    """What a data set is."""
    try:
        return asdict(describe(question["spec"]))
    except RepatlasError as error:
        return {"error": str(error)}


def _function(question: dict[str, Any]) -> dict[str, Any]:
    """Nothing, of what can be called with as many arguments as it will be."""
    try:
        found = load(question["own"])
    except RepatlasError as error:
        return {"error": str(error)}
    wanted = question["parameters"]
    try:
        inspect.signature(found).bind(*wanted)
    except TypeError as error:
        return {"error": f"{question['own']} is called with ({', '.join(wanted)}): {error}"}
    return {}


def _network(question: dict[str, Any]) -> dict[str, Any]:
    """Layers and size of a network, or in what `of` the study it is wrong."""
    of = "architecture"
    try:
        shape = tuple(question["shape"])
        network = build(question["model"], shape, question["classes"], None)
        found = outline(network, question["own"], shape, question["classes"])
        of = "checkpoint"
        if question["checkpoint"]:
            load_saved(network, Path(question["checkpoint"]), question["own"])
    except RepatlasError as error:
        return {"error": str(error), "of": of}
    return {
        "layers": [list(layer) for layer in found.layers],
        "features": found.features,
        "macs": found.macs,
        "parameters": sum(p.numel() for p in network.parameters()),
        "statistics": sum(b.numel() for b in network.buffers()),
    }
