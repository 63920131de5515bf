"""Checkpoints on a network's way: at which steps of its training, and in which files.

Knowing them needs no torch: a study is checked before anything is imported.
"""

from collections.abc import Mapping, Sequence

FOLDER, INDEX = "trajectory", "trajectory.json"


def planned_steps(checkpoints: Mapping[str, Sequence[int]] | None, per_epoch: int) -> list[int]:
    """The steps after which the network is saved, in order, each once; 0 is the initialisation.

    `checkpoints` has `steps`, `epochs` or both, as in a run's spec; `per_epoch` is the number of
    steps an epoch has.
    """
    if not checkpoints:
        return []
    steps = set(checkpoints.get("steps") or ())
    return sorted(steps | {epoch * per_epoch for epoch in checkpoints.get("epochs") or ()})


def file_of(step: int) -> str:
    """Name of the file of the checkpoint after `step`."""
    return f"step-{step:06d}.pt"
