"""Tables of the dominant examples: how projections are distributed, which examples dominate, what
layers share, and what is left of the block without them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from repatlas.analysis.arrays import read_arrays
from repatlas.analysis.design import Grid
from repatlas.analysis.dominance import (
    SHARES,
    distribution,
    dominant,
    oriented,
    overlap,
)
from repatlas.analysis.per_network import as_categories, pair_columns
from repatlas.analysis.without_pc1 import METRICS, metrics_of
from repatlas.data.dataset import Dataset

ANALYSIS, COMPONENTS = "dominant_examples", "principal_components"
IMAGES = 32  # dominant examples of a network whose images are kept, and as many random ones


@dataclass(frozen=True)
class Network:
    """What both analyses left of a network: `components` of principal_components (see
    :class:`repatlas.frozen.principal_components.LayerComponents`, one array a field), `removals` of
    dominant_examples (see :func:`repatlas.analysis.dominant_removal.removals`)."""

    run: str
    components: Mapping[str, np.ndarray]
    removals: Mapping[str, np.ndarray]

    @property
    def reference(self) -> int | None:
        """Number of the reference layer among those of `components`; None without one."""
        found = np.flatnonzero(self.components["layer"] == self.removals["reference"])
        return int(found[0]) if len(found) else None

    @property
    def reason(self) -> str:
        """Why there is no reference layer, or ''."""
        return "" if self.reference is not None else str(self.removals["reason"].flat[0])


def layer_table(grid: Grid) -> pd.DataFrame:
    """One row a network and layer: statistics of the projections on its first component, whether it
    is in the block and whether it is the reference layer, and the share of the reference layer's
    dominant examples (the largest 1 %) that dominate it too."""
    rows = []
    for network in networks(grid):
        found, reference = network.components, network.reference
        shared = overlap(found["u1"], SHARES[0])
        for k, name in enumerate(found["layer"].tolist()):
            rows.append(
                {
                    "run": network.run,
                    "index": k,
                    "layer": name,
                    "kind": str(found["kind"][k]),
                    "pc1_share": found["shares"][k, 0],
                    **distribution(found["u1"][k], found["norms"][k]),
                    "in_block": name in network.removals["block"],
                    "is_reference": k == reference,
                    "shared_with_reference": np.nan if reference is None else shared[k, reference],
                    "n_examples": found["u1"].shape[1],
                    "reason": str(found["reason"][k]),
                }
            )
    return grid.with_design(pd.DataFrame(rows))


def overlap_table(grid: Grid) -> pd.DataFrame:
    """One row a network and ordered pair of layers: share of their dominant examples in common, of
    the largest 1 % and 10 %."""
    parts = []
    for network in networks(grid):
        found = network.components
        frame = pair_columns(network.run, found["layer"], found["kind"])
        for share in SHARES:
            frame[f"overlap_{100 * share:g}"] = overlap(found["u1"], share).ravel()
        parts.append(frame)
    return as_categories(grid.with_design(pd.concat(parts, ignore_index=True)))


def example_table(grid: Grid, classes: Mapping[str, list[str]]) -> pd.DataFrame:
    """One row a network and dominant example of its reference layer (the largest 1 %): position in
    the test set, label, class, projection relative to the median one, distance from the mean
    relative to the median one, and the share of the block's layers that it dominates too.
    `classes` by run. The projections' sign is arbitrary: `same_side` says which examples lie on the
    side of the first. A network without a reference layer is one row with the reason."""
    rows: list[dict[str, Any]] = []
    for network in networks(grid):
        reference, found = network.reference, network.components
        if reference is None:
            rows.append({"run": network.run, "reason": network.reason})
            continue
        u1, norms = found["u1"][reference], found["norms"][reference]
        top = dominant(u1, SHARES[0])
        block = [k for k, name in enumerate(found["layer"]) if name in network.removals["block"]]
        also = [set(dominant(found["u1"][k], SHARES[0]).tolist()) for k in block]
        sizes = np.abs(u1)
        for rank, place in enumerate(top.tolist(), start=1):
            label = int(found["label"][place])
            rows.append(
                {
                    "run": network.run,
                    "layer": found["layer"][reference],
                    "rank": rank,
                    "example": int(found["example"][place]),
                    "label": label,
                    "class": classes[network.run][label],
                    "projection_to_median": sizes[place] / np.median(sizes),
                    "same_side": bool(u1[place] * u1[top[0]] > 0),
                    "norm_to_median": norms[place] / np.median(norms),
                    "block_share": np.mean([place in own for own in also]) if also else np.nan,
                    "reason": "",
                }
            )
    columns = [*_EXAMPLE, "reason"]
    integers = ["rank", "example", "label"]
    table = grid.with_design(pd.DataFrame(rows, columns=columns))
    return table.astype({**dict.fromkeys(integers, "Int64"), "same_side": "boolean"})


_EXAMPLE = ["run", "layer", "rank", "example", "label", "class", "projection_to_median"]
_EXAMPLE += ["same_side", "norm_to_median", "block_share"]


def projection_table(grid: Grid) -> pd.DataFrame:
    """One row a network and probe example: its projection on the first component of the reference
    layer (see :func:`repatlas.analysis.dominance.oriented`), the size of that relative to the
    median, and its distance from the mean likewise. Networks without a reference layer have
    none."""
    parts = []
    for network in networks(grid):
        reference, found = network.reference, network.components
        if reference is None:
            continue
        u1, norms = found["u1"][reference], found["norms"][reference]
        sizes = np.abs(u1)
        parts.append(
            pd.DataFrame(
                {
                    "run": network.run,
                    "layer": found["layer"][reference],
                    "example": found["example"],
                    "projection": oriented(u1),
                    "projection_to_median": sizes / np.median(sizes),
                    "norm_to_median": norms / np.median(norms),
                }
            )
        )
    sizes_of = ["projection", "projection_to_median", "norm_to_median"]
    columns = ["run", "layer", "example", *sizes_of]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return as_categories(grid.with_design(table))


def removal_table(grid: Grid) -> pd.DataFrame:
    """One row a network and removal: block metrics of the ReLU layers on what is left, and the
    share of the first component in the reference layer's batches."""
    rows = []
    for network in networks(grid):
        found = network.removals
        for k in range(len(found["criterion"])):
            metrics = metrics_of(found["value"][k])
            texts = found["reason"][k]
            rows.append(
                {
                    "run": network.run,
                    "layer": str(found["reference"]),
                    **_removal(found, k),
                    "n_removed": int(found["n_removed"][k]),
                    "n_layers": len(found["layer"]),
                    "threshold": metrics["threshold"],
                    **{metric: metrics[metric] for metric in METRICS},
                    "pc1_share": found["pc1_share"][k],
                    "reason": str(texts.flat[0]) if texts.size and (texts != "").all() else "",
                }
            )
    return grid.with_design(pd.DataFrame(rows))


def similarity_table(grid: Grid) -> pd.DataFrame:
    """One row a network, removal (of random ones the first draw) and ordered pair of ReLU layers:
    minibatch CKA on what is left, and the reason where it is undefined."""
    parts = []
    for network in networks(grid):
        found = network.removals
        kinds = np.full(len(found["layer"]), "relu")
        for k in np.flatnonzero(found["draw"] == 0):
            frame = pair_columns(network.run, found["layer"], kinds)
            for position, (name, value) in enumerate(_removal(found, int(k)).items(), start=1):
                frame.insert(position, name, value)
            frame["value"] = found["value"][k].ravel()
            frame["reason"] = found["reason"][k].ravel()
            parts.append(frame)
    return as_categories(grid.with_design(pd.concat(parts, ignore_index=True)))


def _removal(found: Mapping[str, np.ndarray], k: int) -> dict[str, Any]:
    return {
        "criterion": str(found["criterion"][k]),
        "removed": float(found["removed"][k]),
        "draw": int(found["draw"][k]),
    }


def image_table(grid: Grid, datasets: Mapping[str, Dataset]) -> pd.DataFrame:
    """One row a network and image: its 32 most dominant examples (`shown` dominant) and as many
    drawn at random (`shown` random), with `pixels` as uint8 bytes, channels first. `datasets` by
    run: the one that it was probed on. Networks without a reference layer have none."""
    rows = []
    for network in networks(grid):
        reference, found = network.reference, network.components
        if reference is None:
            continue
        u1 = found["u1"][reference]
        some = min(IMAGES, len(u1))
        top = np.argsort(-np.abs(u1), kind="stable")[:some]
        # The same in every network, so that sheets can be compared.
        drawn = np.random.default_rng(0).choice(len(u1), some, replace=False)
        for shown, places in (("dominant", top), ("random", drawn)):
            for rank, place in enumerate(places.tolist(), start=1):
                example = int(found["example"][place])
                image = np.ascontiguousarray(datasets[network.run].test_images[example])
                label = int(found["label"][place])
                rows.append(
                    {
                        "run": network.run,
                        "layer": found["layer"][reference],
                        "shown": shown,
                        "rank": rank,
                        "example": example,
                        "class": datasets[network.run].classes[label],
                        "projection_to_median": abs(u1[place]) / np.median(np.abs(u1)),
                        **dict(zip(_SHAPE, image.shape, strict=True)),
                        "pixels": image.tobytes(),
                    }
                )
    columns = ["run", "layer", "shown", "rank", "example", "class", "projection_to_median"]
    return grid.with_design(pd.DataFrame(rows, columns=[*columns, *_SHAPE, "pixels"]))


_SHAPE = ("channels", "image_height", "image_width")


def networks(grid: Grid) -> Iterator[Network]:
    """What both analyses left of every network. StoreError where a file is missing or damaged."""
    for run, path in grid.artifacts[ANALYSIS].items():
        yield Network(run, read_arrays(grid.artifacts[COMPONENTS][run]), read_arrays(path))


def dominance_tables(grid: Grid, datasets: Mapping[str, Dataset]) -> dict[str, pd.DataFrame]:
    """All tables of the analysis by their files' names; `datasets` by run."""
    classes = {run: list(data.classes) for run, data in datasets.items()}
    return {
        "dominant_layers.csv": layer_table(grid),
        "dominant_examples.csv": example_table(grid, classes),
        "dominant_removal.csv": removal_table(grid),
        "dominant_overlap.parquet": overlap_table(grid),
        "dominant_projections.parquet": projection_table(grid),
        "dominant_similarity.parquet": similarity_table(grid),
        "dominant_images.parquet": image_table(grid, datasets),
    }
