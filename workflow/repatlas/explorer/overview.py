"""What the page needs before anything is chosen: the grid, its networks and their numbers."""

import os
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from repatlas import labels
from repatlas.catalogue import is_directed, measure_name
from repatlas.explorer.networks import optional
from repatlas.explorer.pieces import columns
from repatlas.figures import choice, heatmap
from repatlas.naming import slug
from repatlas.results import StudyResults

# Tables of analyses that have a value for every two layers of a network, as a measure has.
MAPS = {
    "cka_without_pc1": "CKA without the first component",
    "pc_similarity": "Similarity of first components",
}
# Perceptually uniform and readable with any colour vision; the first is that of the figures.
COLOUR_MAPS = ("magma", "viridis", "cividis")
_STOPS = 33
_NUMBERS = ["parameters", "test_accuracy", "test_loss", "train_accuracy", "train_loss"]
_FILES = ("spec.json", "status.json", "curve.csv", "test_logits.npy", "model.pt", "hardware.json")
_BLOCKS = ["fraction_above", "longest_run", "run_start_layer", "run_end_layer"]
_PLACES = ("tables", "figures", "config.json", "grid.json")


def overview(results: StudyResults, title: str, output: Path) -> dict[str, Any]:
    """The study's networks, axes, groups and block metrics; `output` is the page's folder, from
    which links start."""
    runs = results.runs
    cells = choice.cells_of(results, runs)
    order = {group: number for number, group in enumerate(cells["group"])}
    axes = [_axis(runs, name) for name in [*_sorted_axes(results, cells), "seed"]]
    return {
        "study": results.name,
        "title": title,
        "probes": labels.probes(runs),
        "evaluated_on": labels.evaluated_on(results.runs),
        "axes": [{k: axis[k] for k in ("name", "label", "texts", "settings")} for axis in axes],
        "runs": _runs(results, runs, cells, order, axes, output),
        "groups": _groups(results, cells, axes),
        "blocks": _blocks(results),
        "metrics": _metrics(results, list(order)),
        "colours": {name: _stops(name) for name in COLOUR_MAPS},
        "links": [_relative(results.folder / place, output) for place in _PLACES],
    }


def _sorted_axes(results: StudyResults, cells: pd.DataFrame) -> list[str]:
    """The axes of the grid but the seed: those that vary first, depth and width before all."""
    varying = choice.varying(results, cells)
    return varying + [a for a in results.design if a not in (*varying, "seed")]


def _axis(runs: pd.DataFrame, name: str) -> dict[str, Any]:
    values = sorted(runs[name].dropna().unique().tolist(), key=lambda v: (isinstance(v, str), v))
    return {
        "name": name,
        "label": labels.heading(name),
        "texts": [labels.tick(name, value) for value in values] + ["none"],
        "settings": [labels.setting(name, value) for value in values] + [f"no {name}"],
        "place": {value: place for place, value in enumerate(values)},
    }


def _places(table: pd.DataFrame, axes: list[dict[str, Any]]) -> dict[str, pd.Series]:
    """For each axis the place of every row's value among those of the axis; a network that has no
    value takes the last place."""
    return {
        axis["name"]: table[axis["name"]].map(axis["place"]).fillna(len(axis["place"])).astype(int)
        for axis in axes
        if axis["name"] in table
    }


def _runs(
    results: StudyResults,
    runs: pd.DataFrame,
    cells: pd.DataFrame,
    order: dict[str, int],
    axes: list[dict[str, Any]],
    output: Path,
) -> dict[str, Any]:
    naming = [a for a in choice.varying(results, cells) if a not in labels.NAMED]
    texts = [
        f"{labels.network(row)}, {labels.settings(row, [*naming, 'seed'])}"
        for _, row in runs.iterrows()
    ]
    folder = results.folder.parents[1] / "runs"
    return {
        **columns(runs, ["run", "status", "reason", *_NUMBERS]),
        "label": texts,
        "group": runs["group"].map(order),
        "places": _places(runs, axes),
        "files": [
            [_relative(path, output) for file in _FILES if (path := folder / run / file).is_file()]
            for run in runs["run"]
        ],
    }


def _groups(
    results: StudyResults, cells: pd.DataFrame, axes: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "group": cells["group"],
        "label": list(choice.names(results, cells).values()),
        "completed": cells["completed"],
        "places": _places(cells, axes),
    }


def _blocks(results: StudyResults) -> dict[str, Any]:
    """Block metrics of every network, by measure and network."""
    table = results.block_metrics
    found = {}
    for measure, own in table.groupby("measure", sort=False):
        # An undefined run has no ends, which read as empty numbers.
        texts = own.fillna(dict.fromkeys(_BLOCKS[-2:], ""))
        found[str(measure)] = {
            "threshold": own["threshold"].iloc[0],
            "kind": own["kind"].iloc[0],
            **columns(texts, ["run", *_BLOCKS]),
        }
    return found


def _metrics(results: StudyResults, groups: list[str]) -> list[dict[str, Any]]:
    """What the overview of the grid may show: a number a group, with its spread over seeds."""
    accuracy = results.accuracy
    found = [
        _metric(
            "test_accuracy", f"{labels.accuracy(results.runs)} (%)", {"": accuracy}, groups, 100
        )
    ]
    blocks = {str(m): own for m, own in results.block_summary.groupby("measure", sort=False)}
    if blocks:
        threshold = results.block_metrics["threshold"].iloc[0]
        found += [
            _metric("fraction_above", f"Pairs above {threshold:g} (%)", blocks, groups, 100),
            _metric("longest_run", "Longest run (layers)", blocks, groups),
            _metric("mean_similarity", "Mean similarity", blocks, groups),
        ]
    components = optional(results, "principal_component_summary")
    if components is not None:
        name, label = "pc1_share_max", "Largest share of PC1 (%)"
        found.append(_metric(name, label, {"": components}, groups, 100))
    return found


def _metric(
    name: str, label: str, tables: dict[str, pd.DataFrame], groups: list[str], factor: float = 1
) -> dict[str, Any]:
    """`tables` by measure, or under '' where the number belongs to no measure."""
    by_measure = {}
    for measure, table in tables.items():
        rows = table.drop_duplicates("group").set_index("group").reindex(groups)
        count = next((c for c in (f"{name}_n", "n") if c in rows), None)
        by_measure[measure] = {
            "n": np.full(len(groups), np.nan) if count is None else rows[count],
            **{
                part: rows[f"{name}_{part}"].astype(float) * factor
                for part in ("mean", "sd", "low", "high")
            },
        }
    return {"name": name, "label": label, "values": by_measure}


def measure(name: str) -> dict[str, Any]:
    """What a reader must know of a measure, or of a map that an analysis adds: its label, the
    folder of its pieces, the range of its colours, whether the order of the networks counts, and
    whether it compares networks only with themselves."""
    norm = heatmap.scale_of(measure_name(name))
    return {
        "name": name,
        "label": MAPS.get(name) or labels.measure(name),
        "folder": slug(name),
        "range": [norm.vmin, norm.vmax],
        "directed": is_directed(name),
        "within": name in MAPS,
    }


def kinds(results: StudyResults) -> dict[str, str]:
    """The kinds of layers of the study, in words."""
    present = results.table("layers")["kind"].astype(str).unique()
    return {kind: labels.layer_words(kind) for kind in ["all", *present]}


def start(results: StudyResults) -> str:
    """The network that is shown first: of those that completed the one with the largest block."""
    runs = results.runs
    done = runs.loc[runs["status"] == "completed", "run"]
    blocks = results.block_metrics
    blocks = blocks[blocks["run"].isin(done) & blocks["fraction_above"].notna()]
    if len(blocks):
        first = blocks[blocks["measure"] == blocks["measure"].iloc[0]]
        return str(first.loc[first["fraction_above"].idxmax(), "run"])
    return str(done.iloc[0] if len(done) else runs["run"].iloc[0])


def _stops(name: str) -> list[str]:
    return [to_hex(colour) for colour in mpl.colormaps[name](np.linspace(0, 1, _STOPS))]


def _relative(path: Path, output: Path) -> str:
    return Path(os.path.relpath(path, output)).as_posix()
