"""Tables of linear probes: every layer of every network, and each layer over seeds."""

import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.analysis.network_files import joined
from repatlas.analysis.statistics import spread

_INTEGERS = ["stage", "block", "features", "best_epoch"]
_LAYER = ["layer", "stage", "block", "position", "method"]


def probe_table(grid: Grid) -> pd.DataFrame:
    """One row a network and probed layer; see results/README.md. A network that failed has rows of
    undefined values with the reason."""
    return joined(grid, grid.artifacts["linear_probes"], _INTEGERS)


def probe_summary(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """One row a group and probed layer: number of networks, and accuracy over them (mean, sd, 95 %
    bootstrap interval); best_accuracy likewise where the method gives one."""
    found = spread(table, ["group", *_LAYER], ["accuracy", "best_accuracy"])
    found = found.drop(columns="best_accuracy_n").rename(columns={"accuracy_n": "n"})
    return grid.groups().merge(found, on="group")
