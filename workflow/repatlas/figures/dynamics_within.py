"""Similarity of all layers of one network, at checkpoints of its training.

The form of Nguyen, Raghu & Kornblith (2022): a heat map a checkpoint.
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
from repatlas.figures.dynamics import (
    MEASURE,
    naming_axes,
    normalisation,
    panel_title,
    probes,
    saved_on_the_way,
)
from repatlas.figures.heatmap import Grid, Panel
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """A row a network, a column a checkpoint: similarity between all layers.

    Raises DataError where no network was saved on its way and completed, or an architecture has
    none with the chosen seed, and for layers that were not read out.
    """
    runs, cells = saved_on_the_way(results, settings)
    shown = choice.evenly(list(range(len(cells))), settings["max_rows"])
    table, blocks = results.table("dynamics_similarity"), results.table("dynamics_blocks")
    naming = naming_axes(results, cells)
    networks = [_network(runs, cells.iloc[k]["group"], settings["seed"]) for k in shown]
    panels: dict[tuple[int, int], Panel] = {}
    frames, dropped = [], []
    for row, run in enumerate(networks):
        own = table[table["run"].astype(str) == run["run"]]
        for side in "ab":
            own = own[choice.of_layers(own, settings["layers"], side)]
        steps = own.drop_duplicates("step").sort_values("step")
        kept = choice.evenly(steps["step"].tolist(), settings["max_columns"])
        dropped += choice.thinned("step", steps["step"].tolist(), kept)
        for column, step in enumerate(kept):
            frame = own[own["step"] == step].drop(columns=["run", "group", *results.design])
            frame = frame.astype({"reason": str}).reset_index(drop=True)
            at = blocks[(blocks["run"] == run["run"]) & (blocks["step"] == step)].iloc[0]
            panel = _panel(frame, at, settings["block"])
            head = panel_title(run, naming).replace("\n", ", ") if column == 0 else ""
            panel.title = f"{head}\n{_moment(at)}"
            panels[row, column] = panel
            design = run[["run", *results.design]]
            frames.append(heatmap.plotted(frame, MEASURE, design, panel.box))
    data = pd.concat(frames, ignore_index=True)
    norm = heatmap.scale_of(MEASURE)
    text = [
        f"{FIGURES['dynamics_within'].title}: {labels.measure(MEASURE)} on "
        f"{probes(results, runs)}, between {labels.layer_words(settings['layers'])}, numbered from "
        "the input.",
        normalisation(results),
        f"{labels.networks_of(networks)}.",
        heatmap.marks(list(panels.values()), norm, data, blocks["threshold"].max()),
        *dict.fromkeys(dropped),
        choice.left_out(len(shown), len(cells)),
        labels.failures(runs),
    ]
    figure = _figure(panels, norm, labels.layer_axis(settings["layers"]))
    return Drawing(figure, data, " ".join(filter(None, text)), labels.networks_of(networks))


def _panel(frame: pd.DataFrame, at: pd.Series, block: bool) -> Panel:
    """The heat map of one checkpoint, `at` its row of block metrics, outlined if `block`."""
    matrix = frame.pivot(index="index_a", columns="index_b", values="value")
    layers = frame.drop_duplicates("index_a")
    names = layers.set_index("index_a")["layer_a"].astype(str)
    matrix.index, matrix.columns = names[matrix.index], names[matrix.columns]
    return Panel("", matrix, box=_box(at, layers["kind_a"].astype(str).tolist()) if block else None)


def _figure(panels: Mapping[tuple[int, int], Panel], norm: Normalize, axis: str) -> Figure:
    rows, columns = (max(place) + 1 for place in zip(*panels, strict=True))
    grid = Grid(rows, columns, 2)
    sheet = grid.sheet()
    for (row, column), panel in panels.items():
        panel.y_label = axis if column == 0 else ""
        panel.x_label = axis if row == rows - 1 else ""
        ax = sheet.axes(*grid.corner(row, column), grid.side, grid.side)
        heatmap.draw_map(ax, panel, norm)
        # A network's name is longer than a panel is wide.
        ax.set_title(panel.title, loc="left", pad=4.5, linespacing=1.05, fontsize=6.5)
        ax.set_title("")
    undefined = heatmap.any_undefined(list(panels.values()))
    heatmap.draw_scale(sheet, grid.scale_corner(), MEASURE, norm, undefined)
    return sheet.figure


def _network(runs: pd.DataFrame, group: str, seed: int | None) -> pd.Series:
    found = choice.completed_seeds(runs, group)
    chosen = found if seed is None else found[found["seed"] == seed]
    if chosen.empty:
        raise DataError(f"No network to draw: none of {group} with seed {seed} completed.")
    return chosen.iloc[0]


def _moment(at: pd.Series) -> str:
    """'initialisation', 'step 30', 'epoch 5', 'epoch 20 (end)'."""
    if at["step"] == 0:
        return "initialisation"
    text = f"epoch {at['epoch']:g}" if float(at["epoch"]).is_integer() else f"step {at['step']}"
    return f"{text} (end)" if at["final"] else text


def _box(at: pd.Series, kinds: list[str]) -> tuple[int, int] | None:
    """Rows of the first and last layer of the longest run."""
    rows = [k for k, kind in enumerate(kinds) if kind == at["kind"]]
    if not at["longest_run"] >= 2 or len(rows) < at["n_layers"]:
        return None
    return rows[int(at["run_start"]) - 1], rows[int(at["run_end"]) - 1]
