"""The sanity test of Kornblith et al. (2019, section 6.1): for two networks that differ in the seed
alone, is the layer most similar to layer i of one network the layer i of the other?"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.catalogue import DISTANCES


def matching(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matches in both directions of one square matrix (layers of A, layers of B), larger = more
    alike: (hit, defined), each bool of length 2 * layers, first the rows' then the columns'.

    A layer without any defined value has no match; one whose own counterpart is undefined, or
    that ties with it, has not found it.
    """
    hits, defined = [], []
    for matrix in (similarity, similarity.T):
        known = ~np.isnan(matrix)
        others = np.where(known, matrix, -np.inf)
        own = others.diagonal().copy()
        np.fill_diagonal(others, -np.inf)
        hits.append(own > others.max(axis=1))
        defined.append(known.any(axis=1))
    return np.concatenate(hits), np.concatenate(defined)


def pair_matrices(table: pd.DataFrame) -> Iterable[tuple[str, str, str, str, np.ndarray]]:
    """(measure, group, run_a, run_b, matrix) of every pair of networks of one group.

    A measure that is not symmetric was computed in both directions and is symmetrised,
    (S_ab + S_ba') / 2, as Kornblith et al. do; a distance is turned round.
    """
    across = table[
        (table["group_a"].astype(str) == table["group_b"].astype(str))
        & (table["run_a"].astype(str) != table["run_b"].astype(str))
    ]
    keys = ["measure", "group_a", "run_a", "run_b"]
    made = {
        key: part.pivot(index="index_a", columns="index_b", values="value").to_numpy(float)
        for key, part in across.groupby(keys, sort=False, observed=True)
    }
    for (measure, group, a, b), matrix in made.items():
        other = made.get((measure, group, b, a))
        if other is not None and a > b:
            continue  # its mirror image is counted
        both = matrix if other is None else (matrix + other.T) / 2
        yield measure, group, a, b, -both if measure in DISTANCES else both


def layer_matching_table(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """One row a group and measure, best first: share of layers whose best match in a network of
    another seed is the same layer.

    n_pairs of networks, n_layers compared; accuracy, its mean over pairs; accuracy_sd over pairs
    (they share networks, so it is no standard error); chance, that of guessing; undefined, the
    share of layers without any value, which count in no direction.
    """
    rows = []
    for measure, group, _a, _b, matrix in pair_matrices(table):
        hit, defined = matching(matrix)
        rows.append(
            {
                "group": group,
                "measure": measure,
                "layers": len(matrix),
                "accuracy": hit[defined].mean() if defined.any() else np.nan,
                "undefined": 1 - defined.mean(),
            }
        )
    columns = ["n_pairs", "n_layers", "accuracy", "accuracy_sd", "chance", "undefined"]
    if not rows:
        return pd.DataFrame(columns=[*grid.groups().columns, "measure", *columns])
    found = pd.DataFrame(rows).groupby(["group", "measure"], sort=False)
    result = found.agg(
        n_pairs=("accuracy", "size"),
        n_layers=("layers", "first"),
        accuracy=("accuracy", "mean"),
        accuracy_sd=("accuracy", "std"),
        undefined=("undefined", "mean"),
    ).reset_index()
    result["chance"] = 1 / result["n_layers"]
    merged = grid.groups().merge(result[["group", "measure", *columns]], on="group")
    order = {group: position for position, group in enumerate(grid.groups()["group"])}
    merged["_position"] = merged["group"].map(order)
    merged = merged.sort_values(["_position", "accuracy"], ascending=[True, False], kind="stable")
    return merged.drop(columns="_position").reset_index(drop=True)
