"""The grid of a study as the analyses read it: one row a network, with its design columns."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from repatlas.files import read_json

IDENTITY = ["run", "group"]


@dataclass(frozen=True)
class Grid:
    """`runs`: frame with run, group, the design columns and probe; `design`: names of the design
    columns, seed included; `tiles`: paths of the similarity tables by measure; `artifacts`: paths
    of what each analysis made of each network, {analysis: {run: path}}; `prediction_pairs`: names
    of the groups whose predictions are compared."""

    runs: pd.DataFrame
    design: list[str]
    tiles: dict[str, list[str]]
    artifacts: dict[str, dict[str, str]] = field(default_factory=dict)
    prediction_pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def group_design(self) -> list[str]:
        """Design columns that the networks of a group share."""
        return [column for column in self.design if column != "seed"]

    def with_design(self, table: pd.DataFrame) -> pd.DataFrame:
        """`table` (with a column run) with group and design columns after it: the rows of networks
        of this grid, in its order."""
        columns = [*IDENTITY, *self.design]
        merged = self.runs[columns].merge(table, on="run", how="inner", validate="one_to_many")
        return merged[columns + [c for c in table.columns if c != "run"]]

    def groups(self) -> pd.DataFrame:
        """One row a group, with the design columns that its networks share."""
        return (
            self.runs[["group", *self.group_design]].drop_duplicates("group").reset_index(drop=True)
        )


def read_grid(path: Path) -> Grid:
    """The grid that the workflow wrote for a study; a table's own holds what it is made from.
    StoreError where the file is missing or damaged."""
    content = read_json(path)
    runs = pd.DataFrame(content["runs"])
    pairs = [(a, b) for a, b in content.get("prediction_pairs", [])]
    tiles, artifacts = content.get("tiles", []), content.get("artifacts", {})
    return Grid(runs, content["design"], dict(tiles), artifacts, pairs)
