"""CKA between all layers of one network, a panel a network: by depth, by width, by fraction.

The form of figures 1 and 2 of Nguyen, Raghu & Kornblith (ICLR 2021).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap
from repatlas.figures.choice import Arrangement
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.style import Drawing
from repatlas.layers import Layer, select_present
from repatlas.results import StudyResults, as_matrix


def by_depth(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A column a depth, a row a width (or what else varies). DataError where none of the
    networks shown completed."""
    return _draw("depth", results, settings)


def by_width(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A column a width, a row a depth (or what else varies). DataError where none of the
    networks shown completed."""
    return _draw("width", results, settings)


def by_fraction(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A column a share of the training data, a row a depth (or what else varies). DataError where
    none of the networks shown completed."""
    return _draw("fraction", results, settings)


def _draw(axis: str, results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    runs = choice.select_runs(results, settings)
    measure = choice.measure_of(results, settings)
    cells = choice.cells_of(results, runs)
    plan = choice.arrange(results, cells, axis, settings["max_rows"], settings["max_columns"])
    naming = choice.varying(results, pd.DataFrame(plan.places.values()))
    naming = [a for a in naming if a not in labels.NAMED]
    blocks = results.block_metrics
    blocks = blocks[(blocks["measure"] == measure) & (blocks["kind"] == "relu")]
    lacking = _lacking(results, runs, settings["layers"])
    panels: dict[tuple[int, int], Panel] = {}
    frames, drawn = [], []
    for place, cell in plan.places.items():
        run = _network(runs, cell["group"], settings["seed"])
        panels[place] = panel = Panel(_title(cell, naming), empty=_absent(run, lacking, settings))
        if panel.empty or run is None:
            continue
        frame = results.comparison(run["run"], measure=measure, layers=settings["layers"])
        panel.matrix = as_matrix(frame)
        panel.box = _block(blocks, run["run"], panel.matrix) if settings["block"] else None
        frames.append(heatmap.plotted(frame, measure, run[results.design], panel.box))
        drawn.append(run)
    if not frames:
        raise DataError(
            f"No network to draw: of those shown, none with seed {settings['seed']} completed."
        )
    data = pd.concat(frames, ignore_index=True)
    norm = heatmap.scale_of(measure)
    networks = f"n = {labels.count(len(drawn), 'network')}, {_seeds(results, drawn)}"
    text = [
        f"{FIGURES[f'within_by_{axis}'].title}.",
        f"{labels.measure(measure)} on {labels.probes(runs)}, between "
        f"{labels.layer_words(settings['layers'])} of one network a panel, numbered from the "
        "input.",
        labels.direction(measure),
        f"{networks}.",
        heatmap.marks(list(panels.values()), norm, data, blocks["threshold"].max()),
        *plan.notes,
        labels.failures(runs),
    ]
    figure = _figure(plan, panels, measure, norm, settings["layers"])
    return Drawing(figure, data, " ".join(filter(None, text)), networks)


def _title(cell: pd.Series, naming: list[str]) -> str:
    name = labels.network(cell)
    return f"{name}\n{labels.settings(cell, naming)}" if naming else name


def _absent(run: pd.Series | None, lacking: set[str], settings: Mapping[str, Any]) -> str:
    """Why a panel has no heat map, or ''."""
    if run is None:
        seed = settings["seed"]
        return f"no network\n{'completed' if seed is None else f'with seed {seed}'}"
    return f"no {labels.layer_words(settings['layers'])}" if run["run"] in lacking else ""


def _network(runs: pd.DataFrame, group: str, seed: int | None) -> pd.Series | None:
    """The network of a cell that is shown: the chosen seed, or the first that completed."""
    found = choice.completed_seeds(runs, group)
    if seed is not None:
        found = found[found["seed"] == seed]
    return None if found.empty else found.iloc[0]


def _lacking(results: StudyResults, runs: pd.DataFrame, layers: str) -> set[str]:
    """The networks that have none of the layers, where others have: one without residual
    connections has no sums."""
    known = {run: results.layers(run)[["layer", "kind"]].values for run in runs["run"]}
    without = {
        run for run, own in known.items() if not select_present([Layer(*o) for o in own], [layers])
    }
    return without if len(without) < len(known) else set()


def _seeds(results: StudyResults, drawn: list[pd.Series]) -> str:
    """Which seeds are shown: the usual one, and the exceptions by name."""
    names = choice.names(results, pd.DataFrame(drawn))
    seeds = [int(run["seed"]) for run in drawn]
    usual = max(sorted(set(seeds)), key=seeds.count)
    others = [f"{names[run['group']]}: seed {run['seed']}" for run in drawn if run["seed"] != usual]
    return f"seed {usual}" + (f" ({'; '.join(others)})" if others else "")


def _block(blocks: pd.DataFrame, run: str, matrix: pd.DataFrame) -> tuple[int, int] | None:
    """Rows of the first and last layer of the longest run, where both are shown."""
    row = blocks[blocks["run"] == run]
    names = list(matrix.index)
    if row.empty or not row["longest_run"].iloc[0] >= 2:
        return None
    ends = [row[f"run_{end}_layer"].iloc[0] for end in ("start", "end")]
    return (names.index(ends[0]), names.index(ends[1])) if set(ends) <= set(names) else None


def _figure(
    plan: Arrangement,
    panels: Mapping[tuple[int, int], Panel],
    measure: str,
    norm: Normalize,
    layers: str,
) -> Figure:
    lines = max(panel.title.count("\n") for panel in panels.values()) + 1
    grid = Grid(plan.rows, plan.columns, lines)
    sheet = grid.sheet()
    filled = [place for place, panel in panels.items() if panel.matrix is not None]
    for (row, column), panel in sorted(panels.items()):
        if column == min((c for r, c in filled if r == row), default=None):
            panel.y_label = labels.layer_axis(layers)
        if row == max((r for r, c in filled if c == column), default=None):
            panel.x_label = labels.layer_axis(layers)
        heatmap.draw_map(sheet.axes(*grid.corner(row, column), grid.side, grid.side), panel, norm)
    undefined = heatmap.any_undefined(list(panels.values()))
    heatmap.draw_scale(sheet, grid.scale_corner(), measure, norm, undefined)
    return sheet.figure
