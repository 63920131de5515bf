"""Which layer of another network is most like a layer, and how deep it lies there.

Where networks of different depth learn the same things in the same order, the best match of a layer
lies at the same relative depth (Nguyen, Raghu & Kornblith 2021, appendix E.1).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.analysis.statistics import layer_intervals
from repatlas.analysis.symmetry import mean_of_all
from repatlas.catalogue import DISTANCES
from repatlas.files import verified

_SIDED = ("run", "index", "layer", "kind")
_COLUMNS = [f"{name}_{side}" for side in "ab" for name in _SIDED] + ["value"]


def best_matches(comparison: pd.DataFrame, distance: bool = False) -> pd.DataFrame:
    """For every layer of a the most similar layer of b, in both directions.

    `comparison`: rows of pairs of networks that differ, with run, index, layer, kind of both sides
    and value; layers are matched within their kind. `distance` says that small values are alike.

    One row a directed pair of networks and layer, columns run, index, layer, kind, other (run),
    match_index, match, value; a layer without any defined value has no match: NaN and "". Of equal
    values the first layer is taken. Of a measure that is not symmetric the mean of both directions
    counts, undefined where one of them is.
    """
    rows = comparison[comparison["kind_a"].astype(str) == comparison["kind_b"].astype(str)]
    turned = rows.rename(columns={f"{c}_{x}": f"{c}_{y}" for c in _SIDED for x, y in ("ab", "ba")})
    both = pd.concat([rows[_COLUMNS], turned[_COLUMNS]], ignore_index=True)
    keys = [f"{name}_{side}" for side in "ab" for name in _SIDED]
    both = mean_of_all(both.groupby(keys, sort=False, observed=True)["value"]).reset_index()
    score = both["value"] * (-1 if distance else 1)
    both["_rank"] = score.fillna(-np.inf)
    both = both.sort_values(
        ["_rank", "index_b"], ascending=[False, True], kind="stable"
    ).drop_duplicates(["run_a", "index_a", "run_b"])
    undefined = both["value"].isna()
    result = pd.DataFrame(
        {
            "run": both["run_a"].astype(str),
            "index": both["index_a"],
            "layer": both["layer_a"].astype(str),
            "kind": both["kind_a"].astype(str),
            "other": both["run_b"].astype(str),
            "match_index": both["index_b"].astype(float).mask(undefined),
            "match": both["layer_b"].astype(str).mask(undefined, ""),
            "value": both["value"],
        }
    )
    return result.sort_values(["run", "other", "index"], kind="stable", ignore_index=True)


def best_match_table(grid: Grid, layers: pd.DataFrame) -> pd.DataFrame:
    """One row a measure, ordered pair of architectures and layer, over all compared pairs of
    networks: where the best match lies (match_depth: 0 = first, 1 = last tapped layer), which layer
    it is most often (match, with its share), and how similar it is.

    `layers` is the table of the same name. n counts ordered pairs of networks with a match;
    match_depth and value have mean, sd (n - 1) and 95 % bootstrap interval (low, high) over them,
    networks resampled; NaN where too few have one. StoreError where a tile is missing or damaged.
    """
    depth = layers.set_index(["run", "index"])["relative_depth"]
    group = grid.runs.set_index("run")["group"]
    parts = []
    for measure, part in _tiles(grid):
        found = best_matches(part, measure in DISTANCES)
        found.insert(0, "measure", measure)
        parts.append(found)
    # Without a compared pair (all networks of a pair failed, say) the table is empty.
    empty = best_matches(pd.DataFrame(columns=_COLUMNS)).assign(measure="")
    table = pd.concat(parts or [empty], ignore_index=True)
    table["group"], table["other_group"] = table["run"].map(group), table["other"].map(group)
    table["relative_depth"] = _depths(depth, table["run"], table["index"])
    table["match_depth"] = _depths(depth, table["other"], table["match_index"])
    by = ["measure", "group", "other_group", "index", "layer", "kind", "relative_depth"]
    rows = [
        dict(zip(by, key, strict=True)) | _summary(part)
        for key, part in table.groupby(by, sort=False)
    ]
    made = [*by, "n", "match", "match_share", "match_depth_mean", "match_depth_sd"]
    result = pd.DataFrame(rows, columns=[*made, "value_mean", "value_sd"])
    result = _with_intervals(result, table)
    others = grid.groups().rename(columns={c: f"other_{c}" for c in ["group", *grid.group_design]})
    result = grid.groups().merge(result, on="group").merge(others, on="other_group")
    first = ["measure", "group", *grid.group_design, *others.columns]
    return result[first + [c for c in result.columns if c not in first]]


def _tiles(grid: Grid) -> Iterator[tuple[str, pd.DataFrame]]:
    """(measure, rows of pairs of different networks) of each tile that has any."""
    for measure, paths in grid.tiles.items():
        for path in paths:
            table = pd.read_parquet(verified(path), columns=_COLUMNS)
            across = table[table["run_a"].astype(str) != table["run_b"].astype(str)]
            if len(across):
                yield measure, across


def _depths(depth: pd.Series, runs: pd.Series, index: pd.Series) -> np.ndarray:
    wanted = pd.MultiIndex.from_arrays([runs, index.fillna(-1).astype(int)])
    return depth.reindex(wanted).to_numpy()


def _summary(part: pd.DataFrame) -> dict[str, float | str]:
    known = part[part["match"] != ""]
    counts = known["match"].value_counts()
    return {
        "n": len(known),
        "match": counts.index[0] if len(counts) else "",
        "match_share": counts.iloc[0] / len(known) if len(counts) else np.nan,
        "match_depth_mean": known["match_depth"].mean(),
        "match_depth_sd": known["match_depth"].std(),
        "value_mean": known["value"].mean(),
        "value_sd": known["value"].std(),
    }


def _with_intervals(result: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """`result` with the bootstrap intervals of match_depth and value beside their sd."""
    keys = ["measure", "group", "other_group"]
    parts = []
    for key, pairs in table.groupby(keys, sort=False):
        depth, value = (
            layer_intervals(pairs, ("run", "other"), "index", column)
            for column in ("match_depth", "value")
        )
        both = depth.merge(value, on="index", validate="one_to_one")
        parts.append(both.assign(**dict(zip(keys, key, strict=True))))
    names = [f"{column}_{end}" for column in ("match_depth", "value") for end in ("low", "high")]
    if parts:
        result = result.merge(pd.concat(parts), on=[*keys, "index"], validate="one_to_one")
    else:
        result[names] = np.nan
    first = [c for c in result.columns if c not in names]
    place = first.index("match_depth_sd") + 1
    return result[first[:place] + names[:2] + first[place:] + names[2:]]
