"""The sanity test of Kornblith et al. (2019, section 6.1): for two networks that differ in the seed
alone, is the layer most similar to layer i of one network the layer i of the other?"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.catalogue import DISTANCES

TIE = 1e-9  # a difference that says nothing


def best_other(similarity: np.ndarray) -> np.ndarray:
    """The largest defined value of each row of a square matrix, its diagonal left out: (layers,),
    NaN where there is none."""
    others = np.where(np.isnan(similarity), -np.inf, similarity)
    np.fill_diagonal(others, -np.inf)
    most = others.max(axis=1)
    return np.where(np.isneginf(most), np.nan, most)


def matching(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matches in both directions of one square matrix (layers of A, layers of B), larger = more
    alike: (hit, defined), each bool of length 2 * layers, first the rows' then the columns'.

    A layer without any defined value has no match; one whose own counterpart is undefined, or
    ties with another layer to 1e-9, has not found it: below that, rounding decides which is larger.
    """
    hits, defined = [], []
    for matrix in (similarity, similarity.T):
        known = ~np.isnan(matrix)
        own = np.where(known, matrix, -np.inf).diagonal()
        others = best_other(matrix)
        hits.append(own > np.where(np.isnan(others), -np.inf, others) + TIE)
        defined.append(known.any(axis=1))
    return np.concatenate(hits), np.concatenate(defined)


def pair_matrices(table: pd.DataFrame) -> Iterable[tuple[str, str, pd.DataFrame]]:
    """(measure, group, matrix labelled by layer position) of every pair of networks of one group.

    `table`: rows of layer_similarity.parquet, with measure, and run, group, index of both sides,
    and value. The matrix is square, larger = more alike, NaN where undefined. A measure that is not
    symmetric was computed in both directions and is symmetrised, (S_ab + S_ba') / 2, as Kornblith
    et al. do; a distance is turned round.
    """
    across = table[
        (table["group_a"].astype(str) == table["group_b"].astype(str))
        & (table["run_a"].astype(str) != table["run_b"].astype(str))
    ]
    keys = ["measure", "group_a", "run_a", "run_b"]
    made = {
        key: part.pivot(index="index_a", columns="index_b", values="value").astype(float)
        for key, part in across.groupby(keys, sort=False, observed=True)
    }
    for (measure, group, a, b), matrix in made.items():
        other = made.get((measure, group, b, a))
        if other is not None and a > b:
            continue  # its mirror image is counted
        both = matrix if other is None else (matrix + other.to_numpy().T) / 2
        yield measure, group, -both if measure in DISTANCES else both


def by_layer_table(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """One row a group, measure and layer: where the matching fails, and by how much. Means over the
    pairs of networks, in both directions, in which the layer has a value.

    `table` as for :func:`pair_matrices`, with layer_a. found: share in which the layer is found;
    same: similarity with the same layer of the other network; best_other: with the most similar of
    the other layers (both negative for distances); ties: share in which these two are within 1e-9;
    layers_off: layers from it to its best match.
    """
    rows = []
    for measure, group, frame in pair_matrices(table):
        matrix, positions = frame.to_numpy(), frame.index.to_numpy()
        hit, defined = matching(matrix)
        for way, hits, known in zip(
            (matrix, matrix.T), np.split(hit, 2), np.split(defined, 2), strict=True
        ):
            own, others = way.diagonal(), best_other(way)
            best = np.where(np.isnan(way), -np.inf, way).argmax(axis=1)
            part = {
                "index": positions,
                "found": hits,
                "same": own,
                "best_other": others,
                "ties": np.abs(own - others) < TIE,
                "layers_off": np.abs(best - np.arange(len(way))),
            }
            rows.append(pd.DataFrame(part)[known].assign(group=group, measure=measure))
    columns = ["found", "same", "best_other", "ties", "layers_off"]
    if not rows:
        return pd.DataFrame(columns=[*grid.groups().columns, "measure", "layer", "index", *columns])
    by = ["group", "measure", "index"]
    every = pd.concat(rows).astype(dict.fromkeys(columns, float))
    found = every.groupby(by, sort=False)[columns].mean().reset_index()
    names = table.drop_duplicates(["group_a", "index_a"])[["group_a", "index_a", "layer_a"]]
    names = names.set_axis(["group", "index", "layer"], axis=1).astype({"group": str, "layer": str})
    found = found.merge(names, on=["group", "index"], validate="many_to_one")
    return grid.groups().merge(found[["group", "measure", "layer", "index", *columns]], on="group")


def layer_matching_table(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """One row a group and measure, best first: share of layers whose best match in a network of
    another seed is the same layer.

    `table` as for :func:`pair_matrices`. n_pairs of networks that have an accuracy, n_layers
    compared; accuracy, its mean over pairs; accuracy_sd over pairs (they share networks, so it is
    no standard error); chance, that of guessing; undefined, the share of layers without any value,
    which count in no direction, over all pairs, also those with a network that failed.
    """
    rows = []
    for measure, group, frame in pair_matrices(table):
        matrix = frame.to_numpy()
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
        n_pairs=("accuracy", "count"),
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
