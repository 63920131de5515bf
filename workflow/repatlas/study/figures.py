"""Which figures a study has data for."""

from collections.abc import Iterable, Sequence
from typing import Any

from repatlas.catalogue import DISTANCES, FIGURES, INTERVENTIONS
from repatlas.layers import select_present
from repatlas.study.comparisons import Tile
from repatlas.study.grid import Run
from repatlas.study.settings import StudySettings


def figures_of(settings: StudySettings, runs: Sequence[Run], tiles: Sequence[Tile]) -> list[str]:
    """Names of the figures to draw: those the study lists, or all that its grid gives data for."""
    if isinstance(settings.figures, list):
        return list(settings.figures)
    several = {axis: varies(runs, [axis]) for axis in ("depth", "width", "fraction")}
    seeds = any(a != b for tile in tiles if tile.a == tile.b for a, b in tile.pairs)
    relu = any(
        layers[i].kind == "relu"
        for layers in (run.layers for run in runs)
        for i in select_present(layers, settings.taps)
    )
    blocks = relu and not DISTANCES.issuperset(settings.measures)
    has = {
        "block_metrics": blocks,
        "interventions": blocks and varies(runs, INTERVENTIONS),
        # A study in which nothing varies still shows its networks.
        "within_by_depth": several["depth"] or not any(several.values()),
        "within_by_width": several["width"],
        "learning_curves": any(not run.checkpoint for run in runs),
        "within_by_fraction": several["fraction"],
        "across_seeds": seeds,
        # A ranking of measures needs several.
        "layer_matching": seeds and len({tile.label for tile in tiles}) > 1,
        "across_architectures": any(tile.a != tile.b for tile in tiles),
        "best_matches": any(a != b for tile in tiles for a, b in tile.pairs),
    }
    return [
        name
        for name, figure in FIGURES.items()
        if has.get(name, True) and (not figure.analysis or figure.analysis in settings.analyses)
    ]


def varies(runs: Sequence[Run], axes: Iterable[str]) -> bool:
    """Whether the networks have different values of one of `axes`."""
    return any(len({run.design.get(axis) for run in runs}) > 1 for axis in axes)


def settings_of(settings: StudySettings, figure: str) -> dict[str, Any]:
    """What the study sets of a figure, and what it leaves to the analyses that it names."""
    given = dict(settings.figure_settings.get(figure, {}))
    for key, (analysis, _) in FIGURES[figure].optional.items():
        if given.get(key) is None:
            given[key] = analysis in settings.analyses
    return given


def tables_of(settings: StudySettings, figure: str) -> list[str]:
    """Files of the tables that a figure is drawn from."""
    about, given = FIGURES[figure], settings_of(settings, figure)
    return [*about.tables, *(table for key, (_, table) in about.optional.items() if given[key])]
