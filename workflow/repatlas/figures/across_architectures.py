"""CKA between two networks of different architecture, a panel a pair.

The form of figure E.1 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.pairs import Pair, choose
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults, as_matrix


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """One pair of networks for each pair of architectures shown.

    Raises DataError when no two architectures were compared.
    """
    runs = choice.select_runs(results, settings)
    measure = choice.measure_of(results, settings)
    done = runs[runs["status"] == "completed"]
    stored = _compared(results, done, measure)
    total, pairs = choose(results, done, stored, settings["max_pairs"])
    by_name = runs.set_index("run", drop=False)
    panels, frames = [], []
    for pair in pairs:
        small, large = _networks(stored, by_name, pair)
        frame = results.comparison(small["run"], large["run"], measure, settings["layers"])
        kinds = frame["kind_a"].unique()
        axis = labels.layer_axis(kinds[0] if len(kinds) == 1 else "all")
        panels.append(
            Panel(
                pair.why,
                as_matrix(frame),
                y_label=f"{axis} of {labels.network(small)},\n{_further(results, runs, small)}",
                x_label=f"{axis} of {labels.network(large)},\n{_further(results, runs, large)}",
            )
        )
        design = {f"{c}_a": small[c] for c in ["group", *results.design]}
        design |= {f"{c}_b": large[c] for c in ["group", *results.design]}
        frames.append(heatmap.plotted(frame, measure, {"shown_as": pair.why, **design}))
    data = pd.concat(frames, ignore_index=True)
    norm = heatmap.scale_of(measure)
    n = f"n = {labels.count(len({*data['run_a'], *data['run_b']}), 'network')}"
    text = [
        f"{FIGURES['across_architectures'].title}.",
        f"{labels.measure(measure)} on {labels.probes(runs)}, between the layers of one network "
        "(vertical) and of another (horizontal), one pair of seeds a panel, as named at the axes.",
        labels.direction(measure),
        f"{n}.",
        choice.left_out(len(pairs), total, "pairs of architectures"),
        heatmap.marks(panels, norm, data),
        labels.failures(runs),
    ]
    return Drawing(_figure(panels, measure, norm), data, " ".join(filter(None, text)), n)


def _compared(results: StudyResults, done: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The compared pairs of networks of different architectures, of those in `done`."""
    stored = results.pairs(measure)
    stored = stored[
        (stored["group_a"] != stored["group_b"])
        & stored["run_a"].isin(done["run"])
        & stored["run_b"].isin(done["run"])
    ]
    if stored.empty:
        raise DataError(
            f"No two architectures to compare: the study {results.name} has no similarities "
            "between them. `comparisons.across_architectures: all`, or a list of pairs, gives them."
        )
    return stored


def _further(results: StudyResults, runs: pd.DataFrame, run: pd.Series) -> str:
    """What a network's name does not tell: the seed, and the other axes that vary."""
    axes = [a for a in results.design if a not in labels.NAMED and runs[a].nunique() > 1]
    return labels.settings(run, dict.fromkeys([*axes, "seed"]))


def _networks(
    stored: pd.DataFrame, by_name: pd.DataFrame, pair: Pair
) -> tuple[pd.Series, pd.Series]:
    """The compared networks of a pair of architectures with the smallest seeds."""
    groups = {pair.small["group"], pair.large["group"]}
    rows = stored[stored["group_a"].isin(groups) & stored["group_b"].isin(groups)]
    found = [
        [by_name.loc[name] for name in names]
        for names in zip(rows["run_a"], rows["run_b"], strict=True)
    ]
    a, b = min(found, key=lambda runs: sorted(int(run["seed"]) for run in runs))
    return (a, b) if a["group"] == pair.small["group"] else (b, a)


def _figure(panels: list[Panel], measure: str, norm: Normalize) -> Figure:
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    lines = int(any(panel.title for panel in panels))
    grid = Grid(rows, columns, lines, x_gap=0.62, y_gap=0.52)
    sheet = grid.sheet()
    for place, panel in zip(itertools.product(range(rows), range(columns)), panels, strict=False):
        ax = sheet.axes(*grid.corner(*place), grid.side, grid.side)
        heatmap.draw_map(ax, panel, norm)
    heatmap.draw_scale(sheet, grid.scale_corner(), measure, norm, heatmap.any_undefined(panels))
    return sheet.figure
