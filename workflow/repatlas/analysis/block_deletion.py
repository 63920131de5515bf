"""Tables of block deletions: every deletion in every network, and each over seeds."""

import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.analysis.network_files import joined
from repatlas.analysis.statistics import spread

_INTEGERS = ["stage", "blocks", "first_block", "n_deleted"]


def deletion_table(grid: Grid) -> pd.DataFrame:
    """One row a network and deletion; see results/README.md. `accuracy_lost` is the accuracy of the
    whole network less that without the blocks. A network that failed has rows of undefined values
    with the reason, one without residual connections a single such row."""
    table = joined(grid, grid.artifacts["block_deletion"], _INTEGERS)
    whole = table[table["n_deleted"].eq(0).fillna(False)].groupby("run")["test_accuracy"].first()
    lost = table["run"].map(whole) - table["test_accuracy"]
    table.insert(table.columns.get_loc("reason"), "accuracy_lost", lost)
    return table


def deletion_summary(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """One row a group and deletion: number of networks, and accuracy and its loss over them (mean,
    sd, 95 % bootstrap interval). Groups without residual connections have none."""
    by = ["group", "stage", "blocks", "deletion", "first_block", "n_deleted"]
    table = table[table["stage"].notna()]
    found = spread(table, by, ["test_accuracy", "accuracy_lost"])
    found = found.drop(columns="accuracy_lost_n").rename(columns={"test_accuracy_n": "n"})
    return grid.groups().merge(found, on="group")
