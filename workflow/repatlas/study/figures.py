"""Which figures a study has data for."""

from collections.abc import Sequence

from repatlas.catalogue import DISTANCES, FIGURES
from repatlas.layers import layers_of, select
from repatlas.study.comparisons import Tile
from repatlas.study.grid import Run
from repatlas.study.settings import StudySettings


def figures_of(settings: StudySettings, runs: Sequence[Run], tiles: Sequence[Tile]) -> list[str]:
    """Names of the figures to draw: those the study lists, or all that its grid gives data for."""
    if isinstance(settings.figures, list):
        return list(settings.figures)
    varies = {
        axis: len({run.design[axis] for run in runs}) > 1 for axis in ("depth", "width", "fraction")
    }
    seeds = any(a != b for tile in tiles if tile.a == tile.b for a, b in tile.pairs)
    relu = any(
        layers[i].kind == "relu"
        for layers in (layers_of(run.spec["model"]) for run in runs)
        for i in select(layers, settings.taps)
    )
    has = {
        "block_metrics": relu and not DISTANCES.issuperset(settings.measures),
        # A study in which nothing varies still shows its networks.
        "within_by_depth": varies["depth"] or not any(varies.values()),
        "within_by_width": varies["width"],
        "within_by_fraction": varies["fraction"],
        "across_seeds": seeds,
        # A ranking of measures needs several.
        "layer_matching": seeds and len(settings.measures) > 1,
        "across_architectures": any(tile.a != tile.b for tile in tiles),
        "best_matches": any(a != b for tile in tiles for a, b in tile.pairs),
    }
    return [
        name
        for name, figure in FIGURES.items()
        if has.get(name, True) and (not figure.analysis or figure.analysis in settings.analyses)
    ]
