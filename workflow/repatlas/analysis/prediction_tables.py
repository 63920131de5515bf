"""Tables of predictions: examples, classes, class groups and pairs of architectures."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.analysis.dispersion import disagreement, dispersion, permutation_test
from repatlas.analysis.dividing import dividing_examples
from repatlas.analysis.explained import exchanged_networks, explained_by_class
from repatlas.analysis.predictions import Architecture
from repatlas.analysis.significance import ALPHA, adjust, spreads, too_few, welch
from repatlas.data.classes import class_numbers

Pairs = Sequence[tuple[str, str]]


class Options(NamedTuple):
    """Options of the analysis, see `repatlas.study.analyses`; class_groups holds class names or
    numbers."""

    class_groups: Mapping[str, Sequence[str | int]]
    least_seeds: int
    examples: int
    seed: int


class PredictionTables(NamedTuple):
    """The tables of the study, by what a row of each is."""

    examples: pd.DataFrame
    classes: pd.DataFrame
    groups: pd.DataFrame
    pairs: pd.DataFrame
    dividing: pd.DataFrame


def prediction_tables(
    grid: Grid, architectures: Mapping[str, Architecture], pairs: Pairs, options: Options
) -> PredictionTables:
    """All tables of predictions; what their columns say stands in results/README.md.

    `architectures` by group; `pairs` are names of groups among them, at least one; both of a pair
    are tested on the same images. p-values are corrected (Holm-Sidak) over the classes of a pair,
    over its class groups, and over the pairs of the study.
    """
    sets = {
        group: {
            "class": [own.labels == k for k in range(len(own.classes))],
            "class_group": [np.isin(own.labels, m) for m in members_of(own, options).values()],
        }
        for group, own in architectures.items()
    }
    accuracies = {
        group: {
            kind: own.accuracy_by(members) if members else np.empty((own.n, 0))
            for kind, members in sets[group].items()
        }
        for group, own in architectures.items()
    }
    tables: dict[str, list] = {"class": [], "class_group": [], "pair": [], "dividing": []}
    for a, b in ((architectures[x], architectures[y]) for x, y in pairs):
        names = {"class": list(a.classes), "class_group": list(members_of(a, options))}
        for kind, known in names.items():
            values = accuracies[a.group][kind], accuracies[b.group][kind]
            sizes = [int(members.sum()) for members in sets[a.group][kind]]
            tables[kind].append(_compared(a, b, kind, known, sizes, values, options.least_seeds))
        tables["pair"].append(_pair(a, b, options, tables))
        found = dividing_examples(a, b, options.examples)
        tables["dividing"].append(_named(found, a, b).assign(dataset_folder=a.dataset))
    summary = pd.DataFrame(tables["pair"])
    summary["p_adjusted"] = adjust(summary["p"])
    summary["dispersion_p_adjusted"] = adjust(summary["dispersion_p"])
    return PredictionTables(
        _examples(grid, architectures),
        *(
            _with_designs(grid, table)
            for table in (
                pd.concat(tables["class"], ignore_index=True),
                pd.concat(tables["class_group"], ignore_index=True),
                _after(_after(summary, "p_adjusted", "p"), "dispersion_p_adjusted", "dispersion_p"),
                pd.concat(tables["dividing"], ignore_index=True),
            )
        ),
    )


def members_of(own: Architecture, options: Options) -> dict[str, list[int]]:
    """Class numbers of each class group in `options` that the data set of `own` has all classes of,
    by the group's name."""
    found = {name: class_numbers(own.classes, m) for name, m in options.class_groups.items()}
    return {name: numbers for name, numbers in found.items() if numbers is not None}


def _examples(grid: Grid, architectures: Mapping[str, Architecture]) -> pd.DataFrame:
    parts = []
    for group, own in architectures.items():
        selection, confirmation = (own.correct[half] for half in own.halves)
        parts.append(
            pd.DataFrame(
                {
                    "group": group,
                    "example": np.arange(len(own.labels)),
                    "label": own.labels,
                    "class": [own.classes[k] for k in own.labels],
                    "n": own.n,
                    "accuracy": _mean(own.correct),
                    "n_selection": len(selection),
                    "accuracy_selection": _mean(selection),
                    "n_confirmation": len(confirmation),
                    "accuracy_confirmation": _mean(confirmation),
                }
            )
        )
    table = grid.groups().merge(pd.concat(parts, ignore_index=True), on="group")
    for column in table.select_dtypes(exclude="number").columns:
        table[column] = table[column].astype(str).astype("category")
    return table


def _mean(correct: np.ndarray) -> np.ndarray:
    return correct.mean(axis=0, dtype=float) if len(correct) else np.full(correct.shape[1], np.nan)


def _compared(
    a: Architecture,
    b: Architecture,
    kind: str,
    names: Sequence[str],
    sizes: Sequence[int],
    values: tuple[np.ndarray, np.ndarray],
    least: int,
) -> pd.DataFrame:
    """One row a set of examples: accuracy of both over networks, and a Welch test, corrected for
    the number of sets."""
    table = pd.DataFrame({kind: list(names), "examples": list(sizes), "n_a": a.n, "n_b": b.n})
    for side, own in zip("ab", values, strict=True):
        for part, column in spreads(own).items():
            table[f"accuracy_{side}_{part}"] = column
    tests = [welch(x, y, least) for x, y in zip(*(own.T for own in values), strict=True)]
    columns = ["difference", "low", "high", "t", "df", "p", "reason"]
    table = table.join(pd.DataFrame(tests, columns=columns))
    table.insert(table.columns.get_loc("p") + 1, "p_adjusted", adjust(table["p"]))
    return _named(table, a, b)


def _pair(
    a: Architecture, b: Architecture, options: Options, tables: Mapping[str, list]
) -> dict[str, float | str]:
    """Everything about one pair in one row."""
    row: dict[str, float | str] = {"group_a": a.group, "group_b": b.group}
    row |= {"examples": len(a.labels), "n_a": a.n, "n_b": b.n}
    overall_a, overall_b = (own.correct.mean(axis=1, dtype=float) for own in (a, b))
    for side, values in (("a", overall_a), ("b", overall_b)):
        row |= {f"accuracy_{side}_{k}": float(v[0]) for k, v in spreads(values[:, None]).items()}
    row |= welch(overall_a, overall_b, options.least_seeds)
    for kind, name in (("class", "classes"), ("class_group", "class_groups")):
        adjusted = tables[kind][-1]["p_adjusted"]
        row |= {f"{name}_tested": int(adjusted.notna().sum())}
        row |= {f"{name}_different": int((adjusted < ALPHA).sum())}
    untested = {"sd_observed": np.nan, "sd_expected": np.nan, "p": np.nan}
    few = too_few(a.n, b.n, options.least_seeds)
    test = untested if few else permutation_test(a, b, options.seed)
    row |= {f"dispersion_{key}": value for key, value in test.items()}
    row |= dispersion(a, b, options.seed) | disagreement(a, b, options.seed)
    right_a, right_b = (own.correct.sum(axis=0) for own in (a, b))
    if min(a.n, b.n) > 0:
        found = explained_by_class(right_a, right_b, a.n, b.n, a.labels, options.seed)
        exchanged = exchanged_networks(a.correct, b.correct, a.labels, options.seed)
        row |= {"v2": found["v2"], "v2_exchanged": exchanged, **found}
    return row


def _named(table: pd.DataFrame, a: Architecture, b: Architecture) -> pd.DataFrame:
    table = table.copy()
    table.insert(0, "group_a", a.group)
    table.insert(1, "group_b", b.group)
    return table


def _with_designs(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the design columns of both groups in front."""
    shared, first = ["group", *grid.group_design], []
    for side in "ab":
        groups = grid.groups().rename(columns={c: f"{c}_{side}" for c in shared})
        table = table.merge(groups, on=f"group_{side}", how="left")
        first += [f"{c}_{side}" for c in shared]
    return table[first + [c for c in table.columns if c not in first]]


def _after(table: pd.DataFrame, column: str, other: str) -> pd.DataFrame:
    rest = [c for c in table.columns if c != column]
    place = rest.index(other) + 1
    return table[[*rest[:place], column, *rest[place:]]]
