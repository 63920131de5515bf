"""Similarity of a network's layers after the first principal component of each probe batch is taken
out (Nguyen, Raghu & Kornblith 2021, figures 3 and D.6), from stored Grams alone."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from repatlas.analysis.blocks import BlockMetrics, block_metrics
from repatlas.analysis.design import Grid
from repatlas.analysis.per_network import artifacts, as_categories, pair_columns
from repatlas.analysis.statistics import spread
from repatlas.similarity.altered import AlteredGrams, without_first_component
from repatlas.similarity.minibatch import Block, explain, minibatch_cka
from repatlas.stores import GramStore

ANALYSIS = "cka_without_pc1"
METRICS = ("fraction_above", "longest_run", "mean_similarity")
OF_COMPONENTS = ("relu", "dense")  # the layers of the paper's figures of components
SUMMARY = [f"{m}{s}" for m in METRICS for s in ("", "_without_pc1", "_difference")]
SUMMARY += ["without_pc1_cka_correlation"]


def cka_without_pc1(store: GramStore) -> dict[str, np.ndarray]:
    """Minibatch CKA between all layers of a store, as they are and without the first component.

    Returns arrays layer, kind (L,); value_with, value_without, se_without (L, L), NaN where
    undefined; reason (L, L): why value_without is, or ''; n_batches. A network without usable
    weights has no values and the reason that the store gives.
    """
    n = len(store.layers)
    names = {
        "layer": np.array([la.name for la in store.layers]),
        "kind": np.array([la.kind for la in store.layers]),
        "n_batches": np.array(store.n_batches),
    }
    if not store.n_batches:
        nothing = np.full((n, n), np.nan)
        why = np.broadcast_to(np.array([la.reason for la in store.layers])[:, None], (n, n))
        values = dict.fromkeys(("value_with", "value_without", "se_without"), nothing)
        return {**names, **values, "reason": why}
    altered = AlteredGrams(store, without_first_component, range(n))
    with_pc1, without = (minibatch_cka([s], [(0, 0)])[0] for s in (store, altered))
    return {
        **names,
        "value_with": with_pc1.value,
        "value_without": without.value,
        "se_without": without.se,
        "reason": reasons(without),
    }


def reasons(block: Block) -> np.ndarray:
    """Why values of a block are undefined, in words, (layers, layers)."""
    said = {code: explain(code) for code in np.unique(block.reason).tolist()}
    return np.vectorize(said.__getitem__, otypes=[str])(block.reason)


def similarity_table(grid: Grid) -> pd.DataFrame:
    """One row a network and ordered pair of layers: `value` without and `value_with` the first
    component, standard error of the former, and the reason where it is undefined."""
    parts = []
    for run, found in artifacts(grid, ANALYSIS):
        frame = pair_columns(run, found["layer"], found["kind"])
        for column, name in (
            ("value", "value_without"),
            ("se", "se_without"),
            ("value_with", "value_with"),
        ):
            frame[column] = found[name].ravel()
        frame["n_batches"] = int(found["n_batches"])
        frame["reason"] = found["reason"].ravel()
        parts.append(frame)
    return as_categories(grid.with_design(pd.concat(parts, ignore_index=True)))


def block_table(grid: Grid, kind: str = "relu") -> pd.DataFrame:
    """One row a network: block metrics of its `kind` layers with and without the first component
    (`_without_pc1`), their differences (without - with), and the correlation of the two
    similarities over pairs of different layers, ReLU layers and logits."""
    rows = []
    for run, found in artifacts(grid, ANALYSIS):
        chosen = np.flatnonzero(found["kind"] == kind)
        row: dict[str, object] = {"run": run, "kind": kind, "n_layers": len(chosen)}
        both = {
            suffix: metrics_of(found[name][np.ix_(chosen, chosen)])
            for suffix, name in (("", "value_with"), ("_without_pc1", "value_without"))
        }
        row["threshold"] = both[""].get("threshold")
        for metric in METRICS:
            before, after = both[""][metric], both["_without_pc1"][metric]
            row |= {metric: before, f"{metric}_without_pc1": after}
            row[f"{metric}_difference"] = after - before
        others = np.flatnonzero(np.isin(found["kind"], OF_COMPONENTS))
        r, n = correlation(*(found[k][np.ix_(others, others)] for k in _VALUES))
        row |= {"without_pc1_cka_correlation": r, "correlation_pairs": n}
        texts = found["reason"]
        row["reason"] = str(texts.flat[0]) if texts.size and (texts != "").all() else ""
        rows.append(row)
    return grid.with_design(pd.DataFrame(rows))


_VALUES = ("value_with", "value_without")


def summary_table(grid: Grid, blocks: pd.DataFrame) -> pd.DataFrame:
    """One row a group: the numbers of :func:`block_table` over seeds."""
    return grid.groups().merge(spread(blocks, ["group"], SUMMARY), on="group")


def metrics_of(matrix: np.ndarray) -> dict[str, float]:
    """The fields of :class:`repatlas.analysis.blocks.BlockMetrics` of a matrix (layers, layers) by
    name, all of them NaN where no pair has a value."""
    if not len(matrix) or not np.isfinite(matrix[np.triu_indices(len(matrix), 1)]).any():
        return dict.fromkeys(BlockMetrics.__dataclass_fields__, np.nan)
    return asdict(block_metrics(matrix))


def correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, int]:
    """Pearson correlation of two symmetric matrices over the unordered pairs of different layers
    that have both values, and their number; NaN for fewer than 3 pairs or without any spread."""
    upper = np.triu_indices(len(a), 1)
    x, y = a[upper], b[upper]
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3 or not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return np.nan, len(x)
    return float(np.corrcoef(x, y)[0, 1]), len(x)
