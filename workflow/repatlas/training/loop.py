"""Train one network from its spec and leave the whole record of it in one folder.

Files of a run: spec.json, model.pt (final weights), curve.csv (a row an epoch), test_logits.npy,
status.json and hardware.json, and where the spec asks for checkpoints the folder trajectory with
its index trajectory.json. A run that diverges leaves them all too: it ends as a status with a
reason, because one bad network must not cost the study.
"""

import logging
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from repatlas.data.dataset import Dataset
from repatlas.data.selection import evaluation_examples, training_examples
from repatlas.errors import DataError
from repatlas.models.registry import build
from repatlas.run_record import RESUMED, is_made, read_status, write_status
from repatlas.training import checkpoint, record
from repatlas.training.batches import TrainingBatches
from repatlas.training.device import describe
from repatlas.training.evaluate import logits, score
from repatlas.training.optimiser import Optimiser
from repatlas.training.principal_component import PrincipalComponentPenalty
from repatlas.training.progress import Progress
from repatlas.training.seeds import generator
from repatlas.training.termination import Termination
from repatlas.training.trajectory import Trajectory
from repatlas.trajectory import FOLDER, planned_steps

log = logging.getLogger(__name__)

# Seconds of training that a kill may cost.
RESUME_EVERY = float(os.environ.get("REPATLAS_RESUME_SECONDS", 60))


class Training:
    """One network in training: its data, its state, its record.

    Parameters
    ----------
    spec : the run's spec (canonical mapping with `data`, `model`, `training` and `seed`)
    dataset : the loaded data set that `spec["data"]` names
    device : where to compute
    scratch : where checkpoints on the way are gathered; without it none are saved
    """

    def __init__(
        self, spec: Mapping, dataset: Dataset, device: torch.device, scratch: Path | None = None
    ):
        self.spec, self.settings, self.device = spec, spec["training"], device
        images, labels = training_examples(spec, dataset)
        self.batches = TrainingBatches(
            images,
            labels,
            self.settings["batch_size"],
            self.settings["crop_padding"],
            self.settings["flip"],
            spec["seed"],
            device,
            self.settings.get("colour_jitter", 0),
        )
        if len(self.batches) == 0:
            raise DataError(
                f"batch_size is {self.settings['batch_size']}, but the training set holds only "
                f"{len(labels)} examples. Choose a batch size of at most {len(labels)}."
            )
        tested, self.test_labels = evaluation_examples(spec, dataset)
        # On a GPU they lie there, as those for training do.
        self.test_images = (
            tested if device.type == "cpu" else torch.tensor(np.asarray(tested), device=device)
        )
        self._logits: tuple[int, np.ndarray] | None = None
        # torch's own annotations leave out this overload of `to`.
        self.network = build(
            spec["model"],
            dataset.shape,
            len(dataset.classes),
            generator(spec["seed"], "initialisation"),
        ).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = Optimiser(self.network, self.settings)
        self.penalty = self._penalty()
        self.trajectory: Trajectory | None = None
        if scratch and (
            steps := planned_steps(self.settings.get("checkpoints"), len(self.batches))
        ):
            self.trajectory = Trajectory(scratch / FOLDER, steps, len(self.batches))
        self.epoch = 0
        self.curve: list[dict] = []
        self.reason: str | None = None

    def _penalty(self) -> PrincipalComponentPenalty | None:
        strength = self.settings.get("pc_penalty")
        if not strength:
            return None
        return PrincipalComponentPenalty(
            self.network,
            self.spec["model"],
            strength,
            self.settings["pc_threshold"],
            self.spec["seed"],
        )

    @property
    def step(self) -> int:
        """Steps of all whole epochs so far."""
        return self.epoch * len(self.batches)

    def run_epoch(self) -> None:
        """Train one epoch, evaluate where the protocol says so, and add a row to the curve."""
        rate = self.optimiser.start_epoch(self.epoch)
        # The built-in networks draw nothing; an own one may (dropout), the same after a resume.
        torch.manual_seed(generator(self.spec["seed"], "network", self.epoch).initial_seed())
        self.network.train()
        # Sums stay on the device: reading them is a host synchronisation, done once an epoch.
        total_loss = torch.zeros((), dtype=torch.float64, device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        if self.trajectory is not None and self.epoch == 0:
            self.trajectory.begin(self.network)
        with self.penalty.watching() if self.penalty else nullcontext():
            for number, (images, labels) in enumerate(self.batches.epoch(self.epoch)):
                self.optimiser.sgd.zero_grad(set_to_none=True)
                with self._precision():
                    output = self.network(images)
                loss = functional.cross_entropy(output.float(), labels)
                (loss + self.penalty.take() if self.penalty else loss).backward()
                self.optimiser.sgd.step()
                if self.trajectory is not None:
                    self.trajectory.reached(self.step + number + 1, self.network)
                total_loss += loss.detach() * len(labels)
                correct += (output.detach().argmax(1) == labels).sum()
        examples = len(self.batches) * self.batches.batch_size
        self.epoch += 1
        row = dict.fromkeys(record.CURVE, math.nan) | {
            "epoch": self.epoch,
            "step": self.step,
            "learning_rate": rate,
            "train_loss": total_loss.item() / examples,
            "train_accuracy": correct.item() / examples,
        }
        if not math.isfinite(row["train_loss"]):
            self.reason = f"training loss is {row['train_loss']} at epoch {self.epoch}"
        elif self.epoch % self.settings["evaluate_every"] == 0 or self.finished:
            row["test_loss"], row["test_accuracy"] = score(self.logits(), self.test_labels)
        self.curve.append(row)

    def _precision(self) -> torch.autocast:
        """bfloat16 autocast where the spec asks for it; float32 and TF32 need none."""
        enabled = self.settings["precision"] == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def logits(self) -> np.ndarray:
        """Logits (examples, classes) on the evaluation set, after the epochs so far."""
        if self._logits is None or self._logits[0] != self.epoch:
            self._logits = self.epoch, logits(self.network, self.test_images, self.device)
        return self._logits[1]

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to train."""
        return self.reason is not None or self.epoch >= self.settings["epochs"]

    def state(self, identity: dict) -> dict:
        """Everything that goes on after an interruption needs. `identity` says whose it is."""
        state = {
            "identity": identity,
            "epoch": self.epoch,
            "curve": self.curve,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state(),
        }
        return state | ({"penalty": self.penalty.state()} if self.penalty else {})

    def can_restore(self, state: dict | None) -> bool:
        """Whether there is a state, and every checkpoint that was saved until then is here."""
        if state is None:
            return False
        done = state["epoch"] * len(self.batches)
        return self.trajectory is None or self.trajectory.is_whole(done)

    def restore(self, state: dict) -> None:
        """Go on from :meth:`state`; the random streams need no state (see `seeds`)."""
        self.epoch, self.curve = state["epoch"], state["curve"]
        self.network.load_state_dict(state["network"])
        self.optimiser.restore(state["optimiser"])
        if self.penalty:
            self.penalty.restore(state["penalty"])


def train(
    spec: Mapping,
    dataset: Dataset,
    folder: Path,
    scratch: Path,
    device: torch.device,
    code: str = "",
    name: str = "",
) -> dict:
    """Train the network of `spec` and write its record into `folder`; return its status.

    `scratch` keeps the resume checkpoint, which counts only for the same spec, the same `code`
    (digest of the training code) and the same data, and the checkpoints on the way; they are
    removed when the record is complete.

    On SIGTERM it ends after the epoch with a resume checkpoint and the exit code of that signal.

    A record that is complete, and of the same spec, code and data, is left as it is: it was made
    by a job that outlived its workflow while this one waited.
    """
    identity = {"spec": _plain(spec), "code": code, "data": dataset.checksum}
    if is_made(folder, identity):
        log.info("%s: was trained meanwhile", name)
        return read_status(folder)
    spent = Spent()
    training = Training(spec, dataset, device, scratch)
    resume = scratch / "resume.pt"
    state = checkpoint.load_resume(resume, identity, device)
    here = describe(device)
    devices: list[dict[str, str]] = []  # of earlier attempts
    if training.can_restore(state):
        assert state is not None
        training.restore(state)
        spent.earlier, devices = state["spent"], state["devices"]
        log.info("%s: %s %d", name, RESUMED, training.epoch)
    del state  # it holds the weights a second time
    progress = Progress(name, training)
    scratch.mkdir(parents=True, exist_ok=True)
    saved = time.monotonic()
    with Termination() as end:
        while not training.finished:
            training.run_epoch()
            progress.report()
            due = end.told or time.monotonic() - saved > RESUME_EVERY
            if due and not training.finished:
                made = {"spent": spent.total(), "devices": _with(devices, here)}
                checkpoint.save_resume(training.state(identity) | made, resume)
                saved = time.monotonic()
                if end.told:
                    log.info("%s: told to end; saved after epoch %d", name, training.epoch)
                    raise SystemExit(128 + signal.SIGTERM)
        hardware = _hardware(here, spent.earlier, devices)
        status = _record(training, identity, folder, hardware)
    resume.unlink(missing_ok=True)
    if training.trajectory is not None:
        training.trajectory.clear()
    return status


class Spent:
    """Seconds, of the wall and of processors, that a training took over all its attempts. Of one
    that was cut off, until its last resume checkpoint."""

    def __init__(self) -> None:
        self.earlier: dict[str, float] = {}
        self._begun = time.monotonic(), time.process_time()

    def total(self) -> dict[str, float]:
        """Of this attempt so far and the earlier ones."""
        now = time.monotonic(), time.process_time()
        return {
            name: self.earlier.get(name, 0) + end - begun
            for name, begun, end in zip(("seconds", "cpu_seconds"), self._begun, now, strict=True)
        }


def _with(devices: list[dict[str, str]], here: dict[str, str]) -> list[dict[str, str]]:
    return devices if here in devices else [*devices, here]


def _hardware(
    here: dict[str, str], earlier: Mapping[str, float], devices: Sequence[dict[str, str]]
) -> dict[str, Any]:
    """The device, and of attempts that were cut off what they took and on which others."""
    hardware: dict[str, Any] = dict(here)
    if earlier:
        hardware["earlier"] = dict(earlier)
    if others := [one for one in devices if one != here]:
        hardware["other_devices"] = others
    return hardware


def _record(training: Training, identity: Mapping, folder: Path, hardware: Mapping) -> dict:
    """Write the files of a run, status last."""
    folder.mkdir(parents=True, exist_ok=True)
    values = training.logits()
    loss, accuracy = score(values, training.test_labels)
    if training.reason is None and not np.isfinite(values).all():
        training.reason = f"logits are not finite after epoch {training.epoch}"
    ok = training.reason is None
    status = {
        "status": "completed" if ok else "diverged",
        "reason": training.reason or "",
        "epochs": training.epoch,
        "steps": training.step,
        "train_examples": len(training.batches.labels),
        "train_loss": record.finite(training.curve[-1]["train_loss"]),
        "train_accuracy": training.curve[-1]["train_accuracy"] if ok else None,
        "test_loss": record.finite(loss),
        # The accuracy of the final epoch: choosing the best epoch on the test set would flatter it.
        "test_accuracy": accuracy if ok else None,
        "parameters": sum(p.numel() for p in training.network.parameters()),
        "code": identity["code"],
        "data": identity["data"],
    }
    record.write(folder, identity["spec"], training.network, values, training.curve, hardware)
    if training.trajectory is not None:
        training.trajectory.hand_over(training.step, folder)
    return write_status(folder, status)


def _plain(spec: Mapping) -> dict:
    return {k: _plain(v) if isinstance(v, Mapping) else v for k, v in spec.items()}
