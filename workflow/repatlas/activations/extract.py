"""Read a trained network out on a probe set.

Each tapped layer's Gram matrix is made inside the forward pass and only its packed upper triangle
is kept, so memory stays at the pass itself plus one layer's Gram whatever the width and the
number of examples. Where activations are wanted too they are written there as well, in pieces that
stay in cache: no copy of a layer is made.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from repatlas.data.order import pass_order
from repatlas.data.probe import Probe
from repatlas.grams import BatchGrams
from repatlas.layers import BROKEN, CONSTANT, Layer
from repatlas.models.taps import tapped
from repatlas.stores import ActivationWriter, GramWriter, StoredLayer
from repatlas.training.batches import as_input


def extract(
    network: nn.Module,
    layers: list[Layer],
    probe: Probe,
    about: Mapping,
    grams: Path,
    activations: Path | None,
    device: torch.device,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Store the packed Grams, and where `activations` is a path the activations, of `layers`.

    `about` = run, probe hash, batch_size, passes, and what else identifies the stores. Batches are
    consecutive probe images in the first pass and reshuffled ones (by probe hash and pass) in the
    others; a short last batch enters the activations but no Gram. `report` is called after each
    batch with the number done and the total.
    """
    size, passes = about["batch_size"], about["passes"]
    per_pass = len(probe.images) // size
    gram_writer = GramWriter(
        grams, {**about, "n_batches": per_pass * passes}, per_pass * passes, len(layers)
    )
    keeper = None
    if activations is not None:
        n = len(probe.images)
        keeper = ActivationWriter(activations, {**about, "passes": 1, "n_examples": n}, n)
    made = BatchGrams(len(layers), size)
    shapes: dict[int, tuple[int, ...]] = {}
    alive = np.zeros(len(layers), bool)
    finite = np.ones(len(layers), bool)
    total = passes * -(-len(probe.images) // size) if keeper else passes * per_pass
    done = 0
    for number, batch, chosen in _batches(probe, size, passes):
        whole = len(chosen) == size
        keep = keeper if number == 0 else None
        if not (whole or keep):
            continue

        def receive(
            index: int,
            output: Tensor,
            whole: bool = whole,
            keep: ActivationWriter | None = keep,
            batch: int = batch,
        ) -> None:
            shapes[index] = tuple(output.shape[1:])
            if keep:
                keep.write(index, batch * size, _as_float32(output))
            if whole:
                made.add(index, _examples_first(output))

        with torch.inference_mode(), tapped(network, [la.name for la in layers], receive):
            network(as_input(probe.images[chosen], device))
        if whole:
            made.fetch()
            finite &= [bool(np.isfinite(row).all()) for row in made.packed]
            alive |= [bool(row.any()) for row in made.packed]
            gram_writer.write(number * per_pass + batch, made.packed, made.diagonals)
        done += 1
        report(done, total)
    stored = [
        StoredLayer(la.name, la.kind, shapes[i], _reason(alive[i], finite[i]))
        for i, la in enumerate(layers)
    ]
    gram_writer.finish(stored)
    if keeper is not None:
        keeper.finish(stored)


def extract_nothing(
    layers: list[Layer], about: Mapping, grams: Path, activations: Path | None, status: str
) -> None:
    """Stores of a network that has no usable weights: every layer undefined, with the reason."""
    stored = [StoredLayer(la.name, la.kind, (), f"network {status}") for la in layers]
    GramWriter(grams, {**about, "n_batches": 0}, 0, len(layers)).finish(stored, status)
    if activations is not None:
        ActivationWriter(activations, {**about, "passes": 1, "n_examples": 0}, 0).finish(
            stored, status
        )


def _batches(probe: Probe, size: int, passes: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """(pass, batch, indices of its images), short last batches too."""
    for number in range(passes):
        order = pass_order(probe.hash, number, len(probe.images))
        for batch, start in enumerate(range(0, len(order), size)):
            yield number, batch, order[start : start + size]


def _examples_first(output: Tensor) -> Tensor:
    """(examples, features) in memory order: a channels_last map is read as it lies, without a copy.
    A Gram matrix does not depend on the order of the features."""
    if output.dim() == 4 and not output.is_contiguous():
        output = output.permute(0, 2, 3, 1)
    return output.float().reshape(len(output), -1)


def _as_float32(output: Tensor) -> np.ndarray:
    """`output` as an array, on the CPU a view of what lies there."""
    return output.float().cpu().numpy()


def _reason(alive: bool, finite: bool) -> str:
    if not finite:
        return BROKEN
    return "" if alive else CONSTANT
