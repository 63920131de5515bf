"""Saving a network at chosen steps of its training."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from torch import nn

from repatlas.errors import StoreError
from repatlas.files import sha256_file, whole_file, write_json
from repatlas.training import checkpoint
from repatlas.trajectory import FOLDER, INDEX, file_of


class Trajectory:
    """The checkpoints of one training, gathered in a folder of their own until it is complete.

    Parameters
    ----------
    folder : where they are kept meanwhile
    steps : after which steps the network is saved; 0 is the initialisation
    per_epoch : steps an epoch
    """

    def __init__(self, folder: Path, steps: Iterable[int], per_epoch: int):
        self.folder, self.steps, self.per_epoch = folder, sorted(set(steps)), per_epoch

    def begin(self, network: nn.Module) -> None:
        """Forget what another training left, and save the initialisation where it is wanted."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.reached(0, network)

    def reached(self, step: int, network: nn.Module) -> None:
        """Save `network`, as it is after `step`, if that is one of the steps."""
        if step in self.steps:
            checkpoint.save(checkpoint.snapshot(network), self.folder / file_of(step))

    def is_whole(self, step: int) -> bool:
        """Whether every checkpoint up to `step` is here and can be read."""
        try:
            for wanted in self._until(step):
                checkpoint.load(self.folder / file_of(wanted))
        except StoreError:
            return False
        return True

    def hand_over(self, step: int, run: Path) -> None:
        """Copy the checkpoints up to `step`, the last of the training, into the folder `run`, and
        then write the file that names them: step, epoch (steps / steps an epoch), file, SHA-256."""
        target = run / FOLDER
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        entries = []
        for wanted in self._until(step):
            path = target / file_of(wanted)
            with whole_file(path) as partial:
                shutil.copyfile(self.folder / path.name, partial)
            entries.append(
                {
                    "step": wanted,
                    "epoch": wanted / self.per_epoch,
                    "file": f"{FOLDER}/{path.name}",
                    "sha256": sha256_file(path),
                }
            )
        write_json(run / INDEX, {"steps_per_epoch": self.per_epoch, "checkpoints": entries})

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _until(self, step: int) -> list[int]:
        return [wanted for wanted in self.steps if wanted <= step]
