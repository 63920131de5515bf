"""What the networks of each architecture predict on the test set, read from their logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.data.dataset import Dataset, load
from repatlas.errors import StoreError
from repatlas.naming import digest
from repatlas.run_record import read_status, run_file


@dataclass(frozen=True)
class Architecture:
    """The completed networks of one architecture group.

    Attributes
    ----------
    group : name of the group
    dataset : folder name of their data set
    predicted : (networks, examples) predicted class
    labels : (examples,) true class
    classes : name of each class
    seed : of the draw of the halves
    seeds : (networks,) seed of each
    """

    group: str
    dataset: str
    predicted: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    seed: int
    seeds: np.ndarray

    @property
    def n(self) -> int:
        """Number of networks."""
        return len(self.predicted)

    @cached_property
    def correct(self) -> np.ndarray:
        """(networks, examples): whether each network is right about each example, 0 or 1."""
        return (self.predicted == self.labels).astype(np.float32)

    @cached_property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the networks for selection (the smaller half) and of those for confirmation:
        disjoint, drawn with a fixed seed, the same in every comparison of this architecture."""
        rng = np.random.default_rng([self.seed, int(digest(self.group), 16)])
        order = rng.permutation(self.n)
        return np.sort(order[: self.n // 2]), np.sort(order[self.n // 2 :])

    def accuracy_by(self, members: Sequence[np.ndarray]) -> np.ndarray:
        """(networks, sets): accuracy of each network over each set of examples, in float64."""
        return np.stack([self.correct[:, m].mean(axis=1, dtype=float) for m in members], axis=1)


def read_architecture(
    group: str, runs: pd.DataFrame, networks: Path, dataset: tuple[str, Dataset], seed: int
) -> Architecture:
    """The architecture of the group from `networks`, the folder of all runs. Networks that did not
    complete are left out.

    `runs`: run, group and seed of every network; `dataset`: the folder name of their data set, and
    it; `seed`: of the draw of the halves. A network predicts the class of its largest logit, the
    first of equals. Raises StoreError where logits are missing, damaged, or do not fit the test
    set.
    """
    folder, data = dataset
    expected = (len(data.test_labels), len(data.classes))
    kind = np.uint8 if len(data.classes) <= 256 else np.uint16
    members = runs[runs["group"] == group]
    completed = members[
        [read_status(networks / run)["status"] == "completed" for run in members["run"]]
    ]
    rows = [
        read_logits(run_file(networks / run, "test_logits.npy"), expected)
        .argmax(axis=1)
        .astype(kind)
        for run in completed["run"]
    ]
    predicted = np.stack(rows) if rows else np.empty((0, expected[0]), kind)
    labels = np.asarray(data.test_labels)
    seeds = completed["seed"].to_numpy()
    return Architecture(group, folder, predicted, labels, tuple(data.classes), seed, seeds)


def read_logits(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Logits of a network, (test examples, classes); StoreError when they are missing, damaged or
    of another shape."""
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise StoreError(
            f"{path} is missing. `make CONFIG=...` of its study trains the network."
        ) from None
    except (ValueError, EOFError) as error:
        raise StoreError(f"{path} is damaged ({error}). Delete it and start again.") from error
    if values.shape != shape:
        raise StoreError(
            f"{path} holds logits of shape {values.shape}; the test set has {shape[0]} examples of "
            f"{shape[1]} classes. Delete it and start again."
        )
    return values


def read_architectures(
    groups: Sequence[str], runs: pd.DataFrame, results: Path, seed: int
) -> tuple[dict[str, Architecture], dict[str, Dataset]]:
    """The architectures by group, and the data sets that they are tested on by folder name.

    `runs`: run, group, seed and dataset_folder of every network; `results`: the folder of all
    results; `seed`: of the draw of the halves. StoreError as in :func:`read_architecture`.
    """
    folder_of: Mapping[str, str] = dict(zip(runs["group"], runs["dataset_folder"], strict=True))
    datasets = {
        folder: load(results / "data" / folder) for folder in sorted({folder_of[g] for g in groups})
    }
    found = {}
    for group in groups:
        folder = folder_of[group]
        data = (folder, datasets[folder])
        found[group] = read_architecture(group, runs, results / "runs", data, seed)
    return found, datasets
