"""Tables of the networks themselves: outcome of every run, accuracy over seeds, learning curves."""

from pathlib import Path

import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.analysis.statistics import spread
from repatlas.run_record import read_run, run_file

# What was done is named apart from what was asked for: any setting may be a design column too.
RENAMED = {"epochs": "epochs_done", "steps": "steps_done", "learning_rate": "epoch_learning_rate"}
OUTCOME = ["status", "reason", "epochs_done", "steps_done", "train_examples", "parameters"]
EVALUATED_ON = "evaluated_on"
SCORES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


def runs_table(grid: Grid, runs: Path) -> pd.DataFrame:
    """One row a network: design, probe, and how its training ended: losses (mean cross-entropy in
    nats) and accuracies (fractions), and on which images they were evaluated (`test` or
    `held_out`). A network that diverged is a row with that status and its reason, its losses and
    accuracies undefined. `runs` is the folder of the networks; StoreError where what one left is
    missing or damaged."""
    rows = []
    for name in grid.runs["run"]:
        spec, status = read_run(runs / name)
        rows.append({"run": name, **status, EVALUATED_ON: spec["data"]["evaluate_on"]})
    outcome = pd.DataFrame(rows).rename(columns=RENAMED)
    outcome = outcome[["run", *OUTCOME, *SCORES, EVALUATED_ON]]
    outcome[SCORES] = outcome[SCORES].astype(float)  # a failed network's are null
    table = grid.with_design(outcome)
    table.insert(
        2 + len(grid.design), "probe", table["run"].map(grid.runs.set_index("run")["probe"])
    )
    return table


def accuracy_table(grid: Grid, runs: pd.DataFrame) -> pd.DataFrame:
    """One row a group: number of networks and of failed ones, and test accuracy (final epoch) over
    the others: mean, standard deviation, 95 % bootstrap interval of the mean."""
    counts = runs.groupby("group", sort=False).agg(
        n=("run", "size"), n_failed=("status", lambda s: int((s != "completed").sum()))
    )
    table = grid.groups().merge(counts.reset_index(), on="group")
    summary = spread(runs, ["group"], ["test_accuracy"]).drop(columns="test_accuracy_n")
    trained = (
        runs.groupby("group", sort=False)["train_accuracy"].mean().rename("train_accuracy_mean")
    )
    return table.merge(summary, on="group").merge(trained.reset_index(), on="group")


def curves_table(grid: Grid, runs: Path) -> pd.DataFrame:
    """One row a network and epoch. The rate of an epoch is `epoch_learning_rate`, because the
    initial one may be a design column. `runs` and errors as for :func:`runs_table`."""
    parts = [
        pd.read_csv(run_file(runs / name, "curve.csv")).assign(run=name)
        for name in grid.runs["run"]
    ]
    curves = pd.concat(parts, ignore_index=True)
    return grid.with_design(curves.rename(columns=RENAMED))
