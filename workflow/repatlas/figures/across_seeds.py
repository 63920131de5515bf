"""CKA between networks that differ in the seed alone: a block of panels an architecture.

The form of figure 6 of Nguyen, Raghu & Kornblith (ICLR 2021), with the similarity of the same layer
in two seeds below it.
"""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.errors import DataError
from repatlas.figures import choice, heatmap, lines
from repatlas.figures.heatmap import Panel
from repatlas.figures.style import DOUBLE, SINGLE, Drawing, Sheet, markers, ordered
from repatlas.results import StudyResults, as_matrix

# Inches.
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.6, 0.72, 0.08, 0.4
_ONE_LINE = 0.8  # side of a panel beside which its layers and its seed stand in one line
_TITLE, _BLOCK_GAP, _PANEL_GAP, _STRIP = 0.2, 0.46, 0.06, 1.3


class _Block(NamedTuple):
    """An architecture: its name, its seeds, a panel for every ordered pair of them, and the number
    of its networks that were compared."""

    name: str
    group: str
    seeds: list[int]
    panels: dict[tuple[int, int], Panel]
    frames: list[pd.DataFrame]
    n: int


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Seeds against seeds for each architecture shown, and the curves of the same layer.

    Raises DataError when no two seeds of one architecture were compared.
    """
    runs = choice.select_runs(results, settings)
    measure = choice.measure_of(results, settings)
    cells, notes = _cells(results, runs, measure, settings["max_groups"])
    blocks = []
    for group, name in choice.names(results, cells).items():
        found = choice.completed_seeds(runs, group)
        compared = _compared(found, results.pairs(measure))
        kept = _all_compared(compared, results.pairs(measure), settings["max_seeds"])
        blocks.append(_block(name, results, kept, measure, settings["layers"], len(compared)))
    data = pd.concat([f for block in blocks for f in block.frames], ignore_index=True)
    curves = _curves(results, measure, cells, data)
    kinds = data["kind_a"].unique()
    layers = kinds[0] if len(kinds) == 1 else "all"
    norm = heatmap.scale_of(measure)
    panels = [panel for block in blocks for panel in block.panels.values()]
    pairs = sorted({int(n) for n in curves["n_pairs"] if n})
    shown = runs[runs["group"].isin(cells["group"])]
    text = [
        f"{FIGURES['across_seeds'].title}.",
        f"{labels.measure(measure)} on {labels.probes(runs)}, between "
        f"{_layers(results, measure, data)}.",
        "Above: seeds against seeds, a block an architecture; on the diagonal, networks with "
        "themselves. n: networks of the architecture that were compared with another seed.",
        f"Below: the same layer in two seeds; line: mean over {_span(pairs)} of networks, "
        "band: smallest to largest."
        if pairs
        else "",
        labels.direction(measure),
        f"n = {labels.count(sum(block.n for block in blocks), 'network')}, "
        f"{data['run_a'].nunique()} of them above.",
        heatmap.marks(panels, norm, data),
        *notes,
        labels.failures(shown),
    ]
    plotted = pd.concat([data.assign(part="map"), curves.assign(part="curve")], ignore_index=True)
    figure = _figure(blocks, curves, measure, norm, layers)
    return Drawing(figure, plotted, " ".join(filter(None, text)))


def _layers(results: StudyResults, measure: str, data: pd.DataFrame) -> str:
    """What is compared, in words: the kinds of layers, or all that are tapped, as they are within a
    network."""
    kinds = data["kind_a"].unique()
    tapped = results.comparison(data["run_a"].iloc[0], measure=measure)["kind_a"]
    if len(kinds) > 1 and tapped.isin(kinds).all():
        return labels.layer_words("all")
    return labels.listed([labels.layer_words(kind) for kind in kinds])


def _curves(
    results: StudyResults, measure: str, cells: pd.DataFrame, data: pd.DataFrame
) -> pd.DataFrame:
    """The rows of cross_seed.csv of the architectures and layers shown."""
    curves = results.cross_seed
    return curves[
        (curves["measure"] == measure)
        & curves["group"].isin(cells["group"])
        & curves["layer"].isin(data["layer_a"])
    ].reset_index(drop=True)


def _span(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return labels.count(numbers[0], "pair")
    return f"{numbers[0]} to {numbers[-1]} pairs"


def _cells(
    results: StudyResults, runs: pd.DataFrame, measure: str, most: int
) -> tuple[pd.DataFrame, list[str]]:
    """The architectures shown, and sentences on what is not."""
    done = results.completed["run"].tolist()
    pairs = results.pairs(measure)
    pairs = pairs[(pairs["group_a"] == pairs["group_b"]) & (pairs["run_a"] != pairs["run_b"])]
    pairs = pairs[pairs[["run_a", "run_b"]].isin(done).all(axis=1)]
    cells = choice.cells_of(results, runs)
    cells = cells[cells["group"].isin(pairs["group_a"])].reset_index(drop=True)
    if cells.empty:
        raise DataError(
            f"No two seeds to compare: in the study {results.name} no architecture has two "
            "networks that completed and were compared. A second value of `grid.seed`, with "
            "`comparisons.across_seeds: true`, gives them."
        )
    cells, held = choice.hold(cells, choice.varying(results, cells)[2:])
    chosen = choice.corners(results, cells, most)
    notes = [held] if held else []
    if len(chosen) < len(cells):
        notes.append(
            f"{len(chosen)} of {len(cells)} architectures are shown: those nearest to the corners "
            "of the grid."
        )
    return chosen, notes


def _compared(found: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The networks of `found` that were compared with another of them."""
    known = pairs["run_a"].isin(found["run"]) & pairs["run_b"].isin(found["run"])
    known &= pairs["run_a"] != pairs["run_b"]
    return found[found["run"].isin({*pairs.loc[known, "run_a"], *pairs.loc[known, "run_b"]})]


def _all_compared(found: pd.DataFrame, pairs: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` of the networks, each compared with every other: of many seeds a study
    compares a sample of pairs alone. Every pair is extended by what fits, and the first of those
    that become largest is taken."""
    names = found["run"].tolist()
    compared = {frozenset(p) for p in zip(pairs["run_a"], pairs["run_b"], strict=True)}
    best = names[:1]
    for pair in itertools.combinations(names, 2):
        if frozenset(pair) not in compared:
            continue
        chosen = list(pair)[:most]
        for name in names:
            fits = name not in chosen and all({name, c} in compared for c in chosen)
            if fits and len(chosen) < most:
                chosen.append(name)
        best = max(best, chosen, key=len)
    return found[found["run"].isin(best)]


def _block(
    name: str, results: StudyResults, kept: pd.DataFrame, measure: str, layers: str | None, n: int
) -> _Block:
    """The block of the networks `kept`, of the `n` of their architecture that were compared."""
    runs = [row for _, row in kept.iterrows()]
    frames = {
        (i, j): results.comparison(a["run"], b["run"], measure, layers)
        for (i, a), (j, b) in itertools.permutations(enumerate(runs), 2)
    }
    # Within a network all layers were compared; the panels of a block show the same ones.
    names = {name for frame in frames.values() for name in frame["layer_a"]}
    for i, a in enumerate(runs):
        frame = results.comparison(a["run"], measure=measure)
        same = frame["layer_a"].isin(names) & frame["layer_b"].isin(names)
        frames[i, i] = frame[same].reset_index(drop=True)
    panels = {place: Panel("", as_matrix(frame)) for place, frame in sorted(frames.items())}
    design = {c: runs[0][c] for c in results.design if c != "seed"}
    tables = [
        heatmap.plotted(
            frame,
            measure,
            {"group": runs[0]["group"], **design}
            | {"seed_a": runs[i]["seed"], "seed_b": runs[j]["seed"]},
        )
        for (i, j), frame in sorted(frames.items())
    ]
    seeds = [int(run["seed"]) for run in runs]
    return _Block(name, runs[0]["group"], seeds, panels, tables, n)


def _figure(
    blocks: list[_Block], curves: pd.DataFrame, measure: str, norm: Normalize, layers: str
) -> Figure:
    columns = min(2, len(blocks))
    rows = -(-len(blocks) // columns)
    width = SINGLE if columns == 1 else DOUBLE
    side = (width - _LEFT - _RIGHT - (columns - 1) * _BLOCK_GAP) / columns
    pitch = _TITLE + side + _BLOCK_GAP
    strip = _TOP + rows * pitch + 0.1
    sheet = Sheet(width, strip if curves.empty else strip + _STRIP + _BOTTOM)
    for k, block in enumerate(blocks):
        row, column = divmod(k, columns)
        corner = (_LEFT + column * (side + _BLOCK_GAP), _TOP + _TITLE + row * pitch)
        _draw_block(sheet, corner, side, block, norm, labels.layer_axis(layers))
    at = (_LEFT + columns * side + (columns - 1) * _BLOCK_GAP + 0.13, _TOP + _TITLE, side)
    panels = [panel for block in blocks for panel in block.panels.values()]
    heatmap.draw_scale(sheet, at, measure, norm, heatmap.any_undefined(panels))
    if not curves.empty:
        names = lines.room_for([block.name for block in blocks])
        ax = sheet.axes(_LEFT, strip, width - _LEFT - names, _STRIP)
        _draw_curves(ax, blocks, curves, measure, norm)
    return sheet.figure


def _draw_block(
    sheet: Sheet,
    corner: tuple[float, float],
    side: float,
    block: _Block,
    norm: Normalize,
    axis: str,
) -> None:
    left, top = corner
    n = len(block.seeds)
    each = (side - (n - 1) * _PANEL_GAP) / n
    between = ", " if each >= _ONE_LINE else ",\n"
    for (i, j), panel in block.panels.items():
        if j == 0:
            panel.y_label = f"{axis}{between}seed {block.seeds[i]}"
        if i == n - 1:
            panel.x_label = f"{axis}{between}seed {block.seeds[j]}"
        step = each + _PANEL_GAP
        ax = sheet.axes(left + j * step, top + i * step, each, each)
        heatmap.draw_map(ax, panel, norm, ticks=3)
        ax.tick_params(labelleft=j == 0, labelbottom=i == n - 1)
        ax.xaxis.label.set_fontsize(6)
        ax.yaxis.label.set_fontsize(6)
    x, y = (left + side / 2) / sheet.width, 1 - (top - 0.06) / sheet.height
    shown = f"{n} of " if n < block.n else ""
    text = f"{block.name}: {shown}n = {labels.count(block.n, 'network')}"
    sheet.figure.text(x, y, text, ha="center", va="bottom", fontsize=7)


def _draw_curves(
    ax: Axes,
    blocks: list[_Block],
    curves: pd.DataFrame,
    measure: str,
    norm: Normalize,
) -> None:
    ends = []
    style = zip(blocks, ordered(len(blocks)), markers(len(blocks)), strict=True)
    for block, colour, marker in style:
        own = curves[curves["group"] == block.group].sort_values("index")
        x = own["relative_depth"]
        ax.fill_between(x, own["value_min"], own["value_max"], color=colour, alpha=0.15, lw=0)
        ax.plot(x, own["value_mean"], color=colour, marker=marker, ms=2.2, lw=0.9)
        if (last := own["value_mean"].dropna()).size:
            ends.append((last.iloc[-1], block.name, colour))
    ax.set(
        xlim=(0, 1),
        ylim=(norm.vmin, norm.vmax),
        xlabel="Relative depth of the layer (0: input, 1: output)",
        ylabel=f"Same layer, two seeds:\n{labels.measure(measure)}",
    )
    lines.label_ends(ax, ends)
