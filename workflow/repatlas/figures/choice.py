"""What a figure shows of a study: which cells of the grid, which seeds, in which order."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from repatlas import labels
from repatlas.catalogue import chosen_measure
from repatlas.errors import ConfigError, DataError, StoreError
from repatlas.layers import Layer, select_present
from repatlas.results import StudyResults

_PREFERRED = ("depth", "width", "fraction")


def measure_of(results: StudyResults, settings: Mapping[str, Any]) -> str:
    """The measure that a figure shows, as the tables call it: the chosen one, or the study's
    first."""
    if settings["measure"]:
        return chosen_measure(settings["measure"], results.measures)
    return results.measures[0]


def is_shown(results: StudyResults, given: bool | None, table: str) -> bool:
    """Whether a figure shows an optional table: what is `given`, by default whether the study has
    it."""
    if given is not None:
        return given
    try:
        results.table(table)
    except StoreError:
        return False
    return True


def select_runs(
    results: StudyResults, settings: Mapping[str, Any], completed: bool = True
) -> pd.DataFrame:
    """The rows of `runs` that the settings do not exclude: an axis given as a setting pins it.

    Raises ConfigError for a value that no network has, and DataError when none completed, unless
    `completed` is False.
    """
    runs = results.runs
    for axis in _axes(results):
        if axis in settings:
            kept = runs[runs[axis] == settings[axis]]
            if kept.empty:
                known = ", ".join(labels.tick(axis, v) for v in sorted(runs[axis].unique()))
                raise ConfigError(
                    f"figure_settings: found {axis} {settings[axis]!r}; the networks that are left "
                    f"have: {known}"
                )
            runs = kept
    if completed and not (runs["status"] == "completed").any():
        raise DataError(
            f"No network to draw: none of {labels.count(len(runs), 'network')} of the study "
            f"{results.name} completed its training. The column `reason` of runs.csv says why."
        )
    return runs.reset_index(drop=True)


def _axes(results: StudyResults) -> list[str]:
    return [axis for axis in results.design if axis != "seed"]


def cells_of(results: StudyResults, runs: pd.DataFrame) -> pd.DataFrame:
    """One row an architecture group: group, design without seed, and the number of its networks
    that completed; in the order of the design."""
    axes = _axes(results)
    cells = runs[["group", *axes]].drop_duplicates("group")
    done = runs[runs["status"] == "completed"].groupby("group").size()
    cells = cells.assign(completed=cells["group"].map(done).fillna(0).astype(int))
    return cells.sort_values(_by_preference(axes), ignore_index=True)


def varying(results: StudyResults, cells: pd.DataFrame) -> list[str]:
    """The axes of which the cells have several values: depth, width and fraction first."""
    return [a for a in _by_preference(_axes(results)) if _number_of_values(cells, a) > 1]


def of_layers(table: pd.DataFrame, layers: str, side: str = "") -> pd.Series:
    """Which rows are of the layers that are shown: a group, a kind, or a pattern of names. `side`
    is `a` or `b` where a row has two layers. DataError when there are none."""
    columns = [f"{name}_{side}" if side else name for name in ("layer", "kind")]
    known = table[columns].astype(str).drop_duplicates()
    candidates = [Layer(*row) for row in known.itertuples(index=False)]
    chosen = {candidates[i].name for i in select_present(candidates, [layers])}
    if not chosen:
        raise DataError(f"No layer {layers!r} has values to draw.")
    return table[columns[0]].astype(str).isin(chosen)


def names(results: StudyResults, cells: pd.DataFrame) -> dict[str, str]:
    """The name of each of the cells by its group: the network's, and the settings in which these
    cells differ: 'ResNet-38, width 2, 1/16 of the data'."""
    naming = [a for a in varying(results, cells) if a not in labels.NAMED]
    return {
        cell["group"]: ", ".join(
            [labels.network(cell), *(labels.setting(a, cell[a]) for a in naming)]
        )
        for _, cell in cells.iterrows()
    }


def _number_of_values(cells: pd.DataFrame, axis: str) -> int:
    """How many values of an axis the cells have. That some lack a depth or width is no value: their
    architecture tells them from the others."""
    values = cells[axis]
    return int((values[values != 0] if axis in labels.MAY_LACK else values).nunique())


def _by_preference(axes: Iterable[str]) -> list[str]:
    rest = list(axes)
    first = [a for a in _PREFERRED if a in rest]
    return first + [a for a in rest if a not in first]


def hold(cells: pd.DataFrame, axes: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """The cells at one value of each of `axes`, and a sentence that says which; '' where there was
    nothing to choose. `cells` as from :func:`cells_of`.

    The combination with most cells that have a network is taken; among equals the one with most
    data, then the first.
    """
    if not axes:
        return cells, ""
    filled = (cells["completed"] > 0).rename("size")
    sizes = filled.groupby([cells[axis] for axis in axes], sort=True).sum().reset_index()
    order = [c for c in ("size", "fraction") if c in sizes]
    best = sizes.sort_values(order, ascending=False, kind="stable").iloc[0]
    for axis in axes:
        cells = cells[cells[axis] == best[axis]]
    text = f"Shown at {labels.settings(best, axes)}, one of {len(sizes)} settings of the study."
    return cells.reset_index(drop=True), text if len(sizes) > 1 else ""


def evenly(values: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the values, evenly spaced, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    if most == 1:
        return [values[0]]
    return [values[round(k * (len(values) - 1) / (most - 1))] for k in range(most)]


@dataclass
class Arrangement:
    """Cells in rows and columns: `places` maps (row, column) to a cell; `notes` are sentences on
    what is not shown."""

    rows: int
    columns: int
    places: dict[tuple[int, int], pd.Series]
    notes: list[str] = field(default_factory=list)


def arrange(
    results: StudyResults, cells: pd.DataFrame, axis: str, max_rows: int, max_columns: int
) -> Arrangement:
    """Columns are the values of `axis`, rows those of one other axis; further axes are held. An
    axis of one value leaves its place to the next, and cells that are all alone in their rows stand
    one after the other. `cells` as from :func:`cells_of`.

    A single row that is too long is broken; what still does not fit is thinned out evenly.
    """
    others = [a for a in varying(results, cells) if a != axis]
    if others and _number_of_values(cells, axis) < 2:
        axis, *others = others
    cells, held = hold(cells, others[1:])
    notes = [held] if held else []
    beside = cells.groupby(others[0])[axis].transform("nunique") if others else pd.Series(1)
    if (beside < 2).all():
        kept = evenly(list(range(len(cells))), max_rows * max_columns)
        notes += thinned(axis, cells[axis].tolist(), cells[axis].iloc[kept].tolist())
        columns = min(max_columns, len(kept))
        # Equal rows look better than one full and one nearly empty.
        columns = -(-len(kept) // -(-len(kept) // columns))
        places = {divmod(k, columns): cells.iloc[i] for k, i in enumerate(kept)}
        return Arrangement(-(-len(kept) // columns), columns, places, notes)
    row_axis = others[0]
    named = names(results, cells)
    alone = [named[group] for group in cells.loc[beside < 2, "group"]]
    if alone:
        notes.append(f"Alone in its row and not shown: {'; '.join(alone)}.")
    cells = cells[beside > 1]
    values = {a: sorted(cells[a].unique()) for a in (row_axis, axis)}
    shown = {row_axis: evenly(values[row_axis], max_rows), axis: evenly(values[axis], max_columns)}
    for a in (axis, row_axis):
        notes += thinned(a, values[a], shown[a])
    places = {}
    for _, cell in cells.iterrows():
        if cell[row_axis] in shown[row_axis] and cell[axis] in shown[axis]:
            places[shown[row_axis].index(cell[row_axis]), shown[axis].index(cell[axis])] = cell
    return Arrangement(len(shown[row_axis]), len(shown[axis]), places, notes)


def thinned(axis: str, values: Sequence[Any], shown: Sequence[Any]) -> list[str]:
    """A sentence on the values of an axis that are not shown, or none."""
    if len(shown) == len(values):
        return []
    texts = [", ".join(labels.tick(axis, v) for v in some) for some in (shown, values)]
    return [f"Of the values of {axis.replace('_', ' ')} ({texts[1]}), {texts[0]} are shown."]


def corners(results: StudyResults, cells: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` of the `cells` (as from :func:`cells_of`): those nearest to the extremes of
    the first two axes that vary."""
    axes = varying(results, cells)[:2]
    if len(cells) <= most or not axes:
        return cells.head(most)
    ranks = {a: cells[a].rank(method="dense") for a in axes}
    spans = {a: r.max() - r.min() for a, r in ranks.items()}
    chosen: list[int] = []
    for ends in itertools.product((0, 1), repeat=len(axes)):
        distance = sum(
            abs((ranks[a] - ranks[a].min()) / spans[a] - end)
            for a, end in zip(axes, ends, strict=True)
        )
        free = distance.drop(index=chosen)
        chosen.append(free.idxmin())
        if len(chosen) == most:
            break
    return cells.loc[sorted(chosen)]


def completed_seeds(runs: pd.DataFrame, group: str) -> pd.DataFrame:
    """The completed networks of a group, by seed."""
    found = runs[(runs["group"] == group) & (runs["status"] == "completed")]
    return found.sort_values("seed")


def left_out(shown: int, total: int, noun: str = "architectures") -> str:
    """A sentence on what is not shown, of `total` in all; '' when everything is."""
    return "" if shown == total else f"{shown} of {total} {noun} are shown."
