"""Tables of the first principal components: shares, similarity between layers, sparsity."""

from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.analysis.per_network import artifacts, as_categories, pair_columns
from repatlas.analysis.statistics import spread
from repatlas.analysis.without_pc1 import correlation

ANALYSIS = "principal_components"
MEASURE = "cka_minibatch"
SUMMARY = ["pc1_share_max", "zero_share_mean", "pc1_cka_correlation"]


def layer_table(grid: Grid) -> pd.DataFrame:
    """One row a network and layer: shares of the first components in the variance over the whole
    probe set, how well the first is known, and the share of zeros of ReLU layers."""
    parts = []
    for run, found in artifacts(grid, ANALYSIS):
        n = len(found["layer"])
        shares = {"pc1_share": found["shares"][:, 0]}
        shares |= {f"pc{k + 1}_share": found["shares"][:, k] for k in range(1, 5)}
        parts.append(
            pd.DataFrame(
                {
                    "run": run,
                    "index": np.arange(n),
                    "layer": found["layer"],
                    "kind": found["kind"],
                    "relative_depth": np.arange(n) / max(n - 1, 1),
                    **shares,
                    "passes": found["passes"],
                    "pc1_residual": found["residual"],
                    "pc1_angle": found["angle"],
                    "converged": found["converged"],
                    "zero_share": np.where(found["kind"] == "relu", found["zeros"], np.nan),
                    "n_examples": found["u1"].shape[1],
                    "reason": found["reason"],
                }
            )
        )
    return grid.with_design(pd.concat(parts, ignore_index=True))


def similarity_table(grid: Grid) -> pd.DataFrame:
    """One row a network and ordered pair of layers: the squared inner product of their first left
    singular vectors, which has no sign, and the reason where it is undefined."""
    parts = []
    for run, found in artifacts(grid, ANALYSIS):
        frame = pair_columns(run, found["layer"], found["kind"])
        reason = found["reason"].astype(object)
        a, b = reason[frame["index_a"]], reason[frame["index_b"]]
        frame["value"] = pc_similarity(found["u1"]).ravel()
        frame["reason"] = np.where(a != "", a, b)
        parts.append(frame)
    return as_categories(grid.with_design(pd.concat(parts, ignore_index=True)))


def pc_similarity(u1: np.ndarray) -> np.ndarray:
    """<u, u'>² between all rows of `u1` (layers, examples), each of length 1; (layers, layers), 0
    to 1, NaN where a layer has none. Source: Nguyen, Raghu & Kornblith 2021, figure 3."""
    return (u1 @ u1.T) ** 2


def network_table(grid: Grid, similarity: Path) -> pd.DataFrame:
    """One row a network: its largest share of a first component, the mean share of zeros of its
    ReLU layers, and the correlation over pairs of different layers between the similarity of first
    components and CKA, with the number of these pairs; NaN where undefined. `similarity` is
    layer_similarity.parquet."""
    rows = []
    for run, found in artifacts(grid, ANALYSIS):
        shares = found["shares"][:, 0]
        known = np.isfinite(shares)
        most = int(np.argmax(np.where(known, shares, -1)))
        relu = found["zeros"][found["kind"] == "relu"]
        relu = relu[np.isfinite(relu)]
        cka = _cka(similarity, run, found["layer"])
        r, pairs = correlation(pc_similarity(found["u1"]), cka)
        rows.append(
            {
                "run": run,
                "n_layers": len(shares),
                "pc1_share_max": shares[most] if known.any() else np.nan,
                "pc1_share_max_layer": found["layer"][most] if known.any() else "",
                "zero_share_mean": relu.mean() if len(relu) else np.nan,
                "pc1_cka_correlation": r,
                "correlation_pairs": pairs,
                "layers_converged": int(found["converged"].sum()),
                "n_examples": found["u1"].shape[1],
                "reason": "" if known.any() else str(found["reason"][0]),
            }
        )
    return grid.with_design(pd.DataFrame(rows))


def summary_table(grid: Grid, networks: pd.DataFrame) -> pd.DataFrame:
    """One row a group: the numbers of :func:`network_table` over seeds."""
    return grid.groups().merge(spread(networks, ["group"], SUMMARY), on="group")


def _cka(similarity: Path, run: str, layers: np.ndarray) -> np.ndarray:
    """CKA between the `layers` of a network, NaN where it was not computed."""
    same = [("measure", "==", MEASURE), ("run_a", "==", run), ("run_b", "==", run)]
    columns = ["layer_a", "layer_b", "value"]
    table = pd.read_parquet(similarity, columns=columns, filters=same)
    texts = table.astype({"layer_a": str, "layer_b": str})
    matrix = texts.pivot(index="layer_a", columns="layer_b", values="value")
    return matrix.reindex(index=layers, columns=layers).to_numpy(dtype=float)
