"""A network at the checkpoints of its training: each read out on the probe set, and compared.

Nguyen, Raghu & Kornblith (2022) read checkpoints out with batch normalisation by the statistics of
the batch at hand, because early in training the running ones lag behind.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from repatlas.activations.trained import classes_of, unloaded
from repatlas.errors import StoreError
from repatlas.files import read_json, sha256_file
from repatlas.frozen.trajectory_sums import TrajectorySums
from repatlas.grams import BatchGrams
from repatlas.layers import Layer
from repatlas.models.batch_statistics import batch_statistics
from repatlas.models.taps import tapped
from repatlas.run_record import read_status, run_file
from repatlas.training import checkpoint
from repatlas.training.batches import as_input
from repatlas.trajectory import INDEX


class Checkpoint(NamedTuple):
    """A network after so many optimiser steps, that is after `epoch` epochs (a fraction within
    one), in a file."""

    step: int
    epoch: float
    path: Path


@dataclass
class Dynamics:
    """What the checkpoints of a network come to, in the order of their steps; the last is the final
    network.

    within (checkpoints, layers, layers), to_final and pc1_share (checkpoints, layers): see
    `TrajectorySums`; reason (checkpoints, layers): why values are undefined, or ''; accuracy
    (checkpoints,): share of the probe images that the checkpoint classifies as labelled. Undefined
    values are NaN.
    """

    steps: np.ndarray
    epochs: np.ndarray
    within: np.ndarray
    to_final: np.ndarray
    pc1_share: np.ndarray
    reason: np.ndarray
    accuracy: np.ndarray


def checkpoints_of(run: Path) -> list[Checkpoint]:
    """The checkpoints in the folder of a run, verified, and its final network as the last.

    StoreError where one is missing or is not what was written.
    """
    index, status = read_json(run_file(run, INDEX)), read_status(run)
    found = []
    for entry in index["checkpoints"]:
        path = run / entry["file"]
        if not path.is_file() or sha256_file(path) != entry["sha256"]:
            raise StoreError(
                f"{path} is missing or damaged: it is not what {run / INDEX} says was written.\n"
                f"Delete {run / INDEX} and start again: the network is trained anew."
            )
        if entry["step"] < status["steps"]:
            found.append(Checkpoint(entry["step"], entry["epoch"], path))
    return [*found, Checkpoint(status["steps"], float(status["epochs"]), run_file(run, "model.pt"))]


def read_dynamics(
    spec: Mapping,
    checkpoints: Sequence[Checkpoint],
    layers: Sequence[Layer],
    batches: Sequence[tuple[np.ndarray, np.ndarray]],
    device: torch.device,
    of_batch: bool = True,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Dynamics:
    """Read `checkpoints` of the network of `spec` out, the last of which is the final network, and
    compare them by the outputs of `layers`.

    `batches` are (images (n, C, H, W) uint8, labels (n,)). `of_batch`: batch normalisation by the
    statistics of the batch, as in training; otherwise by the running ones. `report` is called
    after each checkpoint with the number done and the total.

    One batch is taken at a time, one network held at a time, and of a batch the Grams of two.
    StoreError where a checkpoint is missing or damaged.
    """
    *earlier, final = checkpoints
    network = _empty(spec, final.path, batches[0][0].shape[1:], device)
    sums = [TrajectorySums(len(layers)) for _ in checkpoints]
    correct = np.zeros(len(checkpoints))
    done, total = 0, len(batches) * len(checkpoints)
    for images, labels in batches:
        last, right = _grams(network, final.path, layers, images, labels, of_batch)
        sums[-1].add(*last, last[0])
        correct[-1] += right
        for number, one in enumerate(earlier):
            packed, right = _grams(network, one.path, layers, images, labels, of_batch)
            sums[number].add(*packed, last[0])
            correct[number] += right
            done += 1
            report(done, total)
        done += 1
        report(done, total)
    return Dynamics(
        steps=np.array([c.step for c in checkpoints]),
        epochs=np.array([c.epoch for c in checkpoints]),
        within=np.stack([s.within() for s in sums]),
        to_final=np.stack([s.to_final() for s in sums]),
        pc1_share=np.stack([s.pc1_share() for s in sums]),
        reason=np.array([s.reasons() for s in sums]),
        accuracy=correct / sum(len(labels) for _, labels in batches),
    )


def no_dynamics(steps: Sequence[int], per_epoch: int, layers: int, reason: str) -> Dynamics:
    """The dynamics of a network that failed: undefined at all `steps`, with the reason.
    `per_epoch`: steps an epoch; `layers`: their number."""
    n = len(steps)
    return Dynamics(
        steps=np.array(steps),
        epochs=np.array(steps) / per_epoch,
        within=np.full((n, layers, layers), np.nan),
        to_final=np.full((n, layers), np.nan),
        pc1_share=np.full((n, layers), np.nan),
        reason=np.full((n, layers), reason),
        accuracy=np.full(n, np.nan),
    )


def _empty(
    spec: Mapping, weights: Path, shape: tuple[int, int, int], device: torch.device
) -> nn.Module:
    classes = classes_of(spec, weights.parent, checkpoint.load(weights))
    return unloaded(spec, shape, classes, device).eval()


def _grams(
    network: nn.Module,
    weights: Path,
    layers: Sequence[Layer],
    images: np.ndarray,
    labels: np.ndarray,
    of_batch: bool,
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """((packed Grams, diagonals), number of images classified as labelled) of one batch."""
    network.load_state_dict(checkpoint.load(weights))
    device = next(network.parameters()).device
    n = len(images)
    made = BatchGrams(len(layers), n)

    def receive(index: int, output: Tensor) -> None:
        made.add(index, output.float().movedim(1, -1).reshape(n, -1))

    own = batch_statistics(network) if of_batch else nullcontext()
    with torch.inference_mode(), own, tapped(network, [la.name for la in layers], receive):
        logits = network(as_input(images, device)).float().cpu().numpy()
    made.fetch()
    return (made.packed, made.diagonals), int((logits.argmax(1) == labels).sum())
