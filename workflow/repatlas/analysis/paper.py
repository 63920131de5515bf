"""A study's values beside those of Nguyen, Raghu & Kornblith (2021), cell by cell.

The published values are in paper_values.csv with their source and how each was read.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

VALUES = Path(__file__).with_name("paper_values.csv")
CELL = ["dataset", "fraction", "architecture", "depth", "width"]
PROTOCOL = {
    "epochs": 300,
    "batch_size": 128,
    "schedule": "cosine",
    "momentum": 0.9,
    "crop_padding": 4,
    "flip": True,
    "precision": "float32",
}
MODEL = {"init": "he_normal", "bn_momentum": 0.01}
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
    """One row for each group of networks, quantity and published source of a cell of the paper.

    Ours: mean and sd (n - 1) over the completed networks of the group. The paper's: mean over the
    networks that its heat maps show, or the printed value; `paper_n` is their number where it is
    known. `departures` says in what ours differs from its protocol. `specs` and `manifests` (of
    Gram stores) by run.
    """
    ours = _values(runs, blocks, specs)
    theirs = published()
    # Heat maps show single networks, to be averaged; a printed accuracy is an average already.
    theirs["family"] = theirs["source"].where(theirs["quantity"] == "test_accuracy", "heat maps")
    rows = []
    for (group, quantity), found in ours.groupby(["group", "quantity"], sort=False):
        cell = {**found[CELL].iloc[0].to_dict(), "quantity": quantity}
        same = theirs[np.logical_and.reduce([theirs[k] == v for k, v in cell.items()])]
        values = found["value"].astype(float)
        for _, part in same.groupby("family", sort=False):
            rows.append(
                {
                    "group": group,
                    **cell,
                    "n": len(values),
                    "ours_mean": values.mean(),
                    "ours_sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                    "paper_mean": part["value"].mean(),
                    "paper_n": part["networks"].sum(min_count=1),
                    "difference": values.mean() - part["value"].mean(),
                    "paper_source": "; ".join(dict.fromkeys(part["source"])),
                    "paper_read": "; ".join(dict.fromkeys(part["read"])),
                    "departures": "; ".join(departures(found["run"], specs, manifests)),
                }
            )
    columns = ["group", *CELL, "quantity", "n", "ours_mean", "ours_sd", "paper_mean", "paper_n"]
    columns += ["difference", "paper_source", "paper_read", "departures"]
    return pd.DataFrame(rows, columns=columns)


def _values(runs: pd.DataFrame, blocks: pd.DataFrame, specs: Mapping[str, Mapping]) -> pd.DataFrame:
    """One row a network and quantity that the paper may have too: group, cell, run, value."""
    key = ["group", *CELL, "run"]
    tested = runs[[specs[run]["data"].get("evaluate_on", "test") == "test" for run in runs["run"]]]
    blocks = blocks[blocks["measure"] == "cka_minibatch"]
    parts = [
        tested[[*key, "test_accuracy"]],
        blocks[[*key, "fraction_above", "longest_run", "mean_similarity"]],
    ]
    melted = [part.melt(key, var_name="quantity", value_name="value") for part in parts]
    ours = pd.concat(melted, ignore_index=True).dropna(subset="value")
    ours["dataset"] = [specs[run]["data"]["dataset"]["source"] for run in ours["run"]]
    return ours


def departures(
    runs: Iterable[str], specs: Mapping[str, Mapping], manifests: Mapping[str, Mapping]
) -> list[str]:
    """In what the given networks differ from the paper's protocol, in words."""
    runs = list(dict.fromkeys(runs))
    found: dict[str, None] = {}
    for run in runs:
        spec, manifest = specs[run], manifests[run]
        training, data, model = spec["training"], spec["data"], spec.get("model", {})
        for key, value in PROTOCOL.items():
            if training[key] != value:
                found[f"{key} {training[key]} for {value}"] = None
        for key, value in MODEL.items():
            if model.get(key, value) != value:
                found[f"{key} {model[key]} for {value}"] = None
        found[
            f"learning rate {training['learning_rate']} and l2 {training['l2']}, which the paper "
            "does not give"
        ] = None
        if data.get("random_labels"):
            found[f"random labels {data['random_labels']} for 0"] = None
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
    found["PyTorch for TensorFlow"] = None
    return list(found)
