"""Tables of the dynamics: what each network is at the checkpoints of its training."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.analysis.blocks import BlockMetrics, block_metrics
from repatlas.analysis.design import Grid
from repatlas.analysis.per_network import artifacts, as_categories, pair_columns
from repatlas.run_record import run_file

ANALYSIS = "dynamics"
_METRICS = [field.name for field in fields(BlockMetrics)]
_COUNTS = ["longest_run", "run_start", "run_end"]


def layer_table(grid: Grid) -> pd.DataFrame:
    """One row a network, checkpoint and layer: share of the first principal component, and
    similarity with the same layer of the final network (minibatch CKA); NaN with the reason where
    undefined. `final` marks the final network."""
    parts = []
    for run, found in artifacts(grid, ANALYSIS):
        n, layers = found["to_final"].shape
        index = np.arange(layers)
        parts.append(
            pd.DataFrame(
                {
                    "run": run,
                    **_when(found, np.repeat(np.arange(n), layers)),
                    "index": np.tile(index, n),
                    "layer": np.tile(found["layer"], n),
                    "kind": np.tile(found["kind"], n),
                    "relative_depth": np.tile(index / max(layers - 1, 1), n),
                    "pc1_share": found["pc1_share"].ravel(),
                    "cka_to_final": found["to_final"].ravel(),
                    "n_batches": int(found["n_batches"]),
                    "batch_norm": str(found["batch_norm"]),
                    "reason": found["reason"].ravel(),
                }
            )
        )
    return grid.with_design(pd.concat(parts, ignore_index=True))


def checkpoint_table(grid: Grid, runs: Path, kind: str = "relu") -> pd.DataFrame:
    """One row a network and checkpoint: the block metrics of its `kind` layers, their mean
    similarity to the final network, accuracy on the probe images, and test accuracy where the
    training evaluated it (fractions, NaN elsewhere). The mean is over layers that have a value.
    `runs` is the folder of the networks."""
    rows = []
    for run, found in artifacts(grid, ANALYSIS):
        chosen = np.flatnonzero(found["kind"] == kind)
        tested = _test_accuracy(runs / run)
        for number, step in enumerate(found["steps"].tolist()):
            row = {"run": run, **{k: v[0] for k, v in _when(found, np.array([number])).items()}}
            row |= {"kind": kind, **_blocks(found["within"][number][np.ix_(chosen, chosen)])}
            to_final = found["to_final"][number][chosen]
            known = to_final[np.isfinite(to_final)]
            row |= {
                "cka_to_final": known.mean() if len(known) else np.nan,
                "probe_accuracy": found["accuracy"][number],
                "test_accuracy": tested.get(step, np.nan),
                "batch_norm": str(found["batch_norm"]),
                "reason": _why(found["reason"][number]),
            }
            rows.append(row)
    return grid.with_design(pd.DataFrame(rows))


def similarity_table(grid: Grid) -> pd.DataFrame:
    """One row a network, checkpoint and ordered pair of layers: minibatch CKA, and the reason where
    it is undefined."""
    parts = []
    for run, found in artifacts(grid, ANALYSIS):
        n, layers, _ = found["within"].shape
        pairs = pair_columns(run, found["layer"], found["kind"])
        a, b = pairs["index_a"].to_numpy(), pairs["index_b"].to_numpy()
        reason = found["reason"].astype(object)
        frame = pd.concat([pairs] * n, ignore_index=True)
        for position, (name, values) in enumerate(_when(found, np.arange(n)).items()):
            frame.insert(1 + position, name, np.repeat(values, layers**2))
        frame["value"] = found["within"].reshape(-1)
        frame["reason"] = np.where(reason[:, a] != "", reason[:, a], reason[:, b]).reshape(-1)
        parts.append(frame)
    return as_categories(grid.with_design(pd.concat(parts, ignore_index=True)))


def _when(found: Mapping[str, np.ndarray], number: np.ndarray) -> dict[str, np.ndarray]:
    """Step, epoch and whether it is the final network, of the checkpoints `number`."""
    last = len(found["steps"]) - 1
    return {
        "step": found["steps"][number],
        "epoch": found["epochs"][number],
        "final": number == last,
    }


def _blocks(matrix: np.ndarray) -> dict[str, float]:
    """Block metrics; undefined where there are no such layers, or no pair has a value."""
    if not len(matrix):
        return dict.fromkeys(_METRICS, np.nan)
    metrics = asdict(block_metrics(matrix))
    if not np.isfinite(metrics["mean_similarity"]):
        metrics |= dict.fromkeys(_COUNTS, np.nan)
    return metrics


def _test_accuracy(run: Path) -> dict[int, float]:
    """Test accuracy by step, where the learning curve has it."""
    curve = pd.read_csv(run_file(run, "curve.csv"))
    return curve.set_index("step")["test_accuracy"].dropna().to_dict()


def _why(reasons: np.ndarray) -> str:
    """The reason of a checkpoint of which no layer has values, or ''."""
    return str(reasons[0]) if (reasons != "").all() else ""
