"""The files of a run, but for its status and its checkpoints on the way."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from repatlas.files import whole_file, write_json, write_text
from repatlas.training import checkpoint

CURVE = [
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
]


def write(
    folder: Path,
    spec: Mapping[str, Any],
    network: nn.Module,
    logits: np.ndarray,
    curve: Sequence[Mapping[str, Any]],
    hardware: Mapping[str, Any],
) -> None:
    """Write spec.json, model.pt, test_logits.npy, curve.csv and hardware.json into `folder`.

    logits: (n, classes) float32 on the evaluation set; curve: a mapping with the keys of CURVE an
    epoch, NaN where there is nothing; hardware: the device, as `device.describe`, and of attempts
    that were cut off what they took and on which other devices.
    """
    write_json(folder / "spec.json", spec)
    checkpoint.save(checkpoint.snapshot(network), folder / "model.pt")
    with whole_file(folder / "test_logits.npy") as partial, open(partial, "wb") as handle:
        np.save(handle, logits)
    write_text(folder / "curve.csv", _csv(curve))
    write_json(folder / "hardware.json", hardware)


def finite(value: float) -> float | None:
    """`value` as JSON can hold it: None for NaN and infinities."""
    return value if math.isfinite(value) else None


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, CURVE, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
        for row in rows
    )
    return out.getvalue()
