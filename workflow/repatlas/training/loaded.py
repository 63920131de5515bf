"""A network taken from saved weights instead of being trained, with the record of a trained one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repatlas.data.dataset import Dataset
from repatlas.data.selection import evaluation_examples
from repatlas.models.registry import build
from repatlas.models.saved import load_saved
from repatlas.run_record import write_status
from repatlas.training import record
from repatlas.training.device import describe
from repatlas.training.evaluate import logits, score
from repatlas.training.seeds import generator


def take(
    spec: Mapping[str, Any], dataset: Dataset, weights: Path, folder: Path, device: torch.device
) -> dict[str, Any]:
    """Write the files of a run (see `repatlas.training.loop`) for the network of `spec` with the
    saved `weights` into `folder`; return its status. It has no epochs, no steps, and no row in its
    learning curve. ConfigError where the weights do not fit.
    """
    architecture = spec["model"]["architecture"]
    # Seeded as a training would be, for what the user's own draw and their state dict lacks.
    first = generator(spec["seed"], "initialisation")
    network = build(spec["model"], dataset.shape, len(dataset.classes), first)
    load_saved(network, weights, architecture)
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = evaluation_examples(spec, dataset)
    values = logits(network, images, device)
    loss, accuracy = score(values, labels)
    ok = bool(np.isfinite(values).all())
    status = {
        "status": "completed" if ok else "diverged",
        "reason": "" if ok else f"logits are not finite with the weights of {weights.name}",
        "epochs": 0,
        "steps": 0,
        "train_examples": 0,
        "train_loss": None,
        "train_accuracy": None,
        "test_loss": record.finite(loss),
        "test_accuracy": accuracy if ok else None,
        "parameters": sum(p.numel() for p in network.parameters()),
    }
    folder.mkdir(parents=True, exist_ok=True)
    record.write(folder, spec, network, values, [], describe(device))
    return write_status(folder, status)
