"""Accuracy of a network from which residual branches are deleted.

Nguyen, Raghu & Kornblith (2021), Fig. 5: for each stage separately, branches are deleted one by one
from the last block of the stage on, the shortcut and the ReLU stay, nothing is trained again and no
batch normalisation recalibrated. Beside it each block is deleted alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from repatlas.data.selection import Examples
from repatlas.frozen.examples import batches
from repatlas.layers import layers_of
from repatlas.models.deletion import without_branches
from repatlas.training.batches import as_input
from repatlas.training.evaluate import BATCH, score

COLUMNS = [
    "stage",
    "blocks",
    "deletion",
    "first_block",
    "n_deleted",
    "test_loss",
    "test_accuracy",
    "reason",
]
KEPT = 1 << 29  # bytes of block inputs that a batch may keep


class Deletion(NamedTuple):
    """Blocks `first` to `first + n - 1` (from 1) of a stage of `blocks` blocks, deleted together.
    `kind` is `from_the_end` (n = 0 is the whole network) or `alone`."""

    stage: int
    blocks: int
    kind: str
    first: int
    n: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the deleted blocks."""
        return tuple(f"stage{self.stage}.block{self.first + k}" for k in range(self.n))


def deletions(model: Mapping) -> list[Deletion]:
    """All deletions of the network that the `model` part of a spec describes, stage by stage: from
    the end, none to all of the stage, then each block alone. There are none without residual
    connections."""
    adds = [layer.name for layer in layers_of(model) if layer.kind == "add"]
    found = []
    for stage in sorted({int(name[5]) for name in adds}):
        blocks = sum(name.startswith(f"stage{stage}.") for name in adds)
        found += [
            Deletion(stage, blocks, "from_the_end", blocks - n + 1, n) for n in range(blocks + 1)
        ]
        found += [Deletion(stage, blocks, "alone", block, 1) for block in range(1, blocks + 1)]
    return found


def delete_blocks(
    network: nn.Module,
    model: Mapping,
    test: Examples,
    device: torch.device,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """One row (`COLUMNS`) a deletion: mean cross-entropy (nats) and accuracy (fraction) on `test`.

    `network` is the one that `model` describes, on `device` and in evaluation mode; it is left as
    it was. What precedes the first deleted block is computed once a batch, not once a deletion.
    `report` is called after each batch with the number of images done and their total.
    """
    wanted = deletions(model)
    different = sorted({deletion.names for deletion in wanted})
    steps = _steps(model)
    starts = {names[0] for names in different if names}
    size, classes = _sizes(network, steps, starts, test, device)
    # Made at once: small arrays kept between the large ones of each batch would fragment the heap.
    logits = {names: np.empty((len(test.labels), classes), np.float32) for names in different}
    with torch.inference_mode():
        for place, images in batches(test, device, size):
            entering: dict[str, Tensor] = {}
            x = images
            for step in steps:
                if step in starts:
                    entering[step] = x
                x = network.get_submodule(step)(x)
            for names in different:
                values = x
                if names:
                    with without_branches(network, names):
                        values = entering[names[0]]
                        for step in steps[steps.index(names[0]) :]:
                            values = network.get_submodule(step)(values)
                logits[names][place] = values.float().cpu().numpy()
            report(place.stop, len(test.labels))
    scores = {names: score(values, test.labels) for names, values in logits.items()}
    return [_row(deletion, *scores[deletion.names]) for deletion in wanted]


def no_deletions(model: Mapping, reason: str) -> list[dict[str, Any]]:
    """The rows of a network that cannot be tested: its deletions undefined, with the reason; a
    single row where it has nothing to delete."""
    nothing = dict.fromkeys(COLUMNS) | {"reason": reason}
    rows = [_row(deletion, None, None) | {"reason": reason} for deletion in deletions(model)]
    return rows or [nothing]


def _row(deletion: Deletion, loss: float | None, accuracy: float | None) -> dict[str, Any]:
    stage, blocks, kind, first, n = deletion
    values = (stage, blocks, kind, first if n else None, n, loss, accuracy, "")
    return dict(zip(COLUMNS, values, strict=True))


def _steps(model: Mapping) -> list[str]:
    """The modules whose composition is the network: blocks, and the operations outside them."""
    names = [layer.name for layer in layers_of(model)]
    # A block's operations are named stage.block.operation.
    return list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))


def _sizes(
    network: nn.Module,
    steps: Sequence[str],
    starts: set[str],
    test: Examples,
    device: torch.device,
) -> tuple[int, int]:
    """Images a batch, so that the kept inputs of blocks take no more than `KEPT` bytes, and the
    number of logits."""
    bytes_each = 0
    with torch.inference_mode():
        x = as_input(test.images[:1], device)
        for step in steps:
            if step in starts:
                bytes_each += x.numel() * x.element_size()
            x = network.get_submodule(step)(x)
    return max(1, min(BATCH, KEPT // max(bytes_each, 1))), x.shape[1]
