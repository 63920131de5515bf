"""What the page shows of one network: its learning curve, and quantities along its layers."""

from typing import Any

import pandas as pd

from repatlas.explorer.pieces import Pieces, columns
from repatlas.naming import slug
from repatlas.results import StudyResults

_CURVE = ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
_COMPONENTS = ["layer", "relative_depth", "pc1_share", "zero_share"]
_PROBES = ["layer", "relative_depth", "position", "accuracy"]


def optional(results: StudyResults, name: str) -> pd.DataFrame | None:
    """A table that not every study has, or None."""
    return results.table(name) if results.has(name) else None


def write_networks(results: StudyResults, pieces: Pieces) -> None:
    """A piece `networks/<run>` for every network of the study, those that failed included."""
    curves = _by_run(results.learning_curves)
    components = _by_run(optional(results, "principal_components"))
    probes = _by_run(optional(results, "linear_probes"))
    depths = _by_run(results.table("layers"))
    for run in results.runs["run"]:
        content: dict[str, Any] = {}
        depth = depths[run].set_index("layer")["relative_depth"].to_dict() if run in depths else {}
        if run in curves:
            content["curve"] = columns(curves[run].sort_values("epoch"), _CURVE)
        if run in components:
            content["components"] = _along(components[run], depth, _COMPONENTS)
        if run in probes:
            content["probes"] = _along(probes[run], depth, _PROBES)
        pieces.write(f"networks/{run}", content)


def _by_run(table: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    if table is None:
        return {}
    return {str(run): own for run, own in table.groupby("run", observed=True, sort=False)}


def _along(own: pd.DataFrame, depth: dict[str, float], kept: list[str]) -> dict[str, Any]:
    """Columns of a table of layers from input to output, with the relative depth of each among all
    tapped layers, on which the page's axes agree."""
    own = own.assign(relative_depth=own["layer"].map(depth))
    return columns(own.sort_values("relative_depth", kind="stable"), kept)


def same_layer(results: StudyResults) -> dict[str, dict[str, Any]]:
    """By measure and group: similarity of each layer between networks that differ in the seed."""
    table = results.cross_seed
    kept = ["layer", "relative_depth", "value_mean", "value_sd"]
    return {
        str(measure): {
            str(group): columns(own.sort_values("index"), kept)
            for group, own in part.groupby("group", sort=False)
        }
        for measure, part in table.groupby("measure", sort=False)
    }


def write_matches(results: StudyResults, pieces: Pieces) -> bool:
    """Where a layer's best match lies, a piece `matches/<measure>/<group>` with all other groups.
    False where the study has not asked for it."""
    table = optional(results, "best_matches")
    if table is None:
        return False
    kept = ["layer", "relative_depth", "match_depth_mean", "match_depth_sd"]
    for (measure, group), part in table.groupby(["measure", "group"], sort=False):
        content = {
            str(other): columns(own.sort_values("index"), kept)
            for other, own in part.groupby("other_group", sort=False)
        }
        pieces.write(f"matches/{slug(measure)}/{group}", content)
    return True
