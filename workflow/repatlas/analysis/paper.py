"""A study's values beside those of Nguyen, Raghu & Kornblith (2021), cell by cell.

The published values are in paper_values.csv with their source and how each was read.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

VALUES = Path(__file__).with_name("paper_values.csv")
CELL = ["dataset", "fraction", "architecture", "depth", "width"]
# The built-in data sets by the names that the published values use.
SOURCES = {"cifar10": "cifar10", "cifar100": "cifar100"}
PROTOCOL = {
    "epochs": 300,
    "batch_size": 128,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "momentum": 0.9,
    "crop_padding": 4,
    "flip": True,
    "precision": "float32",
}
PAPER_SEEDS = 10
PAPER_PASSES = 10
PAPER_PROBE = 10_000


def published() -> pd.DataFrame:
    """The published values: one row a network and quantity, with source and how it was read."""
    return pd.read_csv(VALUES)


def comparison(
    runs: pd.DataFrame,
    blocks: pd.DataFrame,
    specs: Mapping[str, Mapping],
    manifests: Mapping[str, Mapping],
) -> pd.DataFrame:
    """One row for each cell and quantity that both the study and the paper have.

    Ours: mean and sd (n - 1) over the completed networks of the cell. The paper's: mean over the
    networks it shows, their number and source. `departures` says in what ours differs from its
    protocol. `specs` and `manifests` (of Gram stores) by run.
    """
    ours = pd.concat(
        [
            runs[[*CELL, "run", "test_accuracy"]].melt(
                [*CELL, "run"], var_name="quantity", value_name="value"
            ),
            blocks.loc[
                blocks["measure"] == "cka_minibatch",
                [*CELL, "run", "fraction_above", "longest_run", "mean_similarity"],
            ].melt([*CELL, "run"], var_name="quantity", value_name="value"),
        ],
        ignore_index=True,
    ).dropna(subset="value")
    ours["dataset"] = [specs[run]["data"]["dataset"]["source"] for run in ours["run"]]
    theirs = published()
    rows = []
    for key, part in theirs.groupby([*CELL, "quantity"], sort=False):
        cell = dict(zip([*CELL, "quantity"], key, strict=True))
        found = ours[np.logical_and.reduce([ours[k] == v for k, v in cell.items()])]
        if found.empty:
            continue
        values = found["value"].astype(float)
        rows.append(
            {
                **cell,
                "n": len(values),
                "ours_mean": values.mean(),
                "ours_sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "paper_mean": part["value"].mean(),
                "paper_n": len(part),
                "difference": values.mean() - part["value"].mean(),
                "paper_source": "; ".join(dict.fromkeys(part["source"])),
                "paper_read": "; ".join(dict.fromkeys(part["read"])),
                "departures": "; ".join(departures(found["run"], specs, manifests)),
            }
        )
    columns = [*CELL, "quantity", "n", "ours_mean", "ours_sd", "paper_mean", "paper_n"]
    columns += ["difference", "paper_source", "paper_read", "departures"]
    return pd.DataFrame(rows, columns=columns)


def departures(
    runs: Iterable[str], specs: Mapping[str, Mapping], manifests: Mapping[str, Mapping]
) -> list[str]:
    """In what the given networks differ from the paper's protocol, in words."""
    runs = list(dict.fromkeys(runs))
    found: dict[str, None] = {}
    for run in runs:
        training, manifest = specs[run]["training"], manifests[run]
        for key, value in PROTOCOL.items():
            if training[key] != value:
                found[f"{key} {training[key]} for {value}"] = None
        if training["evaluate_every"] != 1:
            found["final epoch's accuracy, read every few epochs"] = None
        else:
            found["final epoch's accuracy"] = None
        if manifest["passes"] != PAPER_PASSES:
            found[f"{manifest['passes']} CKA pass for {PAPER_PASSES}"] = None
        examples = manifest["n_batches"] // manifest["passes"] * manifest["batch_size"]
        if examples < PAPER_PROBE - manifest["batch_size"]:
            found[f"{examples} probe images for {PAPER_PROBE}"] = None
    if len(runs) < PAPER_SEEDS:
        found[f"{len(runs)} seed{'s' * (len(runs) != 1)} for {PAPER_SEEDS}"] = None
    return list(found)
