"""What a study's figures need of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from repatlas.catalogue import FIGURES, INTERVENTIONS, chosen_measure, figure_settings
from repatlas.errors import ConfigError
from repatlas.layers import select, select_present
from repatlas.naming import canonical
from repatlas.own import is_own, short
from repatlas.study.comparisons import Tile
from repatlas.study.figures import varies
from repatlas.study.grid import Run
from repatlas.study.measures import variants
from repatlas.study.messages import Mistake, shown
from repatlas.study.settings import StudySettings

BETWEEN_NETWORKS = ("across_seeds", "across_architectures", "best_matches")


def mistakes_in_figures(
    settings: StudySettings, runs: Sequence[Run], tiles: Sequence[Tile]
) -> Iterator[Mistake]:
    """Settings that a figure does not have or that fit nothing in the study, and figures of
    comparisons and analyses that the study lacks."""
    for name, given in settings.figure_settings.items():
        try:
            own = [short(measure) for measure in settings.measures if is_own(measure)]
            figure_settings(name, given, list(runs[0].design), own)
        except ConfigError as error:
            for line in str(error).splitlines():
                key, text = line.split(": ", 1)
                yield Mistake(tuple(key.split(".", 2)), text)
            continue
        for key, value in given.items():
            wanted = FIGURES[name].optional.get(key, ("",))[0]
            if value is True and wanted and wanted not in settings.analyses:
                text = f"found true, but `analyses` does not name {wanted!r}; add it there"
                yield Mistake(("figure_settings", name, key), text)
            if value is not None and (misfit := _fits_nothing(name, key, value, settings, runs)):
                yield Mistake(("figure_settings", name, key), misfit)
    listed_figures = settings.figures if isinstance(settings.figures, list) else []
    of_one = [tile for tile in tiles if tile.a == tile.b]
    seeds_compared = any(i != j for tile in of_one for i, j in tile.pairs)
    for number, name in enumerate(listed_figures):
        wanted = FIGURES[name].analysis
        if wanted and wanted not in settings.analyses:
            yield Mistake(
                ("figures", number),
                f"found {name!r}, which shows what an analysis gives that the study does not name; "
                f"add {wanted!r} to `analyses`",
            )
        if name == "across_seeds" and not seeds_compared:
            yield Mistake(
                ("figures", number),
                "found 'across_seeds', but no networks that differ in the seed alone are compared; "
                "it needs two seeds and `comparisons: {across_seeds: true}`",
            )
        if name == "interventions" and not varies(runs, INTERVENTIONS):
            yield Mistake(
                ("figures", number),
                "found 'interventions', but all networks are trained with the same "
                f"{', '.join(INTERVENTIONS)}; let `grid` vary one of them",
            )
        if name == "across_architectures" and len(of_one) == len(tiles):
            yield Mistake(
                ("figures", number),
                "found 'across_architectures', but `comparisons.across_architectures` names no "
                "pairs; accepted there is all, or a list of pairs",
            )


def _fits_nothing(
    name: str, key: str, value: Any, settings: StudySettings, runs: Sequence[Run]
) -> str | None:
    """Why a figure's setting shows nothing of this study; None where it does."""
    if key == "measure":
        known = [m.label for m in variants(settings.measures, settings.measure_options)]
        if chosen_measure(value, known) in known:
            return None
        return f"found {value!r}; accepted is a measure of the study: {_these(known)}"
    if key == "layers":
        return _no_layers(name, value, settings, runs)
    if key not in runs[0].design:
        return None
    values = [run.design[key] for run in runs]
    if canonical(value) in canonical(values):
        return None
    kept = sorted({v for v in values if v is not None})
    return f"found {shown(value)}, which no network of the study has; accepted is {_these(kept)}"


def _no_layers(figure: str, entry: str, settings: StudySettings, runs: Sequence[Run]) -> str | None:
    key, chosen = _shown_by(figure, settings)
    text = None
    for run in runs:
        layers = run.layers
        for wanted in chosen:
            layers = [layers[i] for i in select_present(layers, wanted)]
        try:
            select(layers, [entry])
        except ValueError as error:
            text = f"{error}; of these, those that `{key}` names"
        else:
            return None
    return text


def _shown_by(figure: str, settings: StudySettings) -> tuple[str, list[Sequence[str]]]:
    """The key that decides which layers a figure has to show, and one after the other the choices
    that leave them."""
    if figure == "pc1_share":
        return "principal_components.layers", [settings.principal_components.layers]
    if figure in BETWEEN_NETWORKS:
        return "comparisons.layers", [settings.taps, settings.comparisons.layers]
    return "taps", [settings.taps]


def _these(values: Sequence[Any]) -> str:
    return ", ".join(v if isinstance(v, str) else shown(v) for v in values)
