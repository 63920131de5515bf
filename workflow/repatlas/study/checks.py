"""What a study's parts allow each other: data against batches, probe against test set, and so on.

Needs no image: a data set is described by constants, a listing or an array's header.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

from repatlas.catalogue import FIGURES, MEASURES, figure_settings
from repatlas.data.content import Description
from repatlas.errors import ConfigError
from repatlas.layers import Layer, layers_of, select
from repatlas.study.analyses import ANALYSIS_SECTIONS
from repatlas.study.axes import AXES
from repatlas.study.comparisons import Tile
from repatlas.study.grid import Run
from repatlas.study.messages import Mistake, did_you_mean, listed
from repatlas.study.sections import BUILT_IN
from repatlas.study.settings import StudySettings

SMALLEST_SIDE = 8  # pixels: two halvings leave 2x2 positions


def mistakes_in_names(settings: StudySettings) -> Iterator[Mistake]:
    """Data sets that are neither built in nor declared, and measures without what they need."""
    known = [*BUILT_IN, *settings.datasets]
    places: list[tuple[tuple[str | int, ...], str]] = [
        (("grid", "dataset", n), name) for n, name in _numbered(settings.grid.given)
    ]
    for number, entry in enumerate(settings.include):
        places += [(("include", number, "dataset", n), name) for n, name in _numbered(entry.given)]
    if "dataset" not in settings.grid.given:
        places.append((("data", "dataset"), settings.data.dataset))
    if settings.probe.dataset is not None:
        places.append((("probe", "dataset"), settings.probe.dataset))
    for path, name in places:
        if name not in known:
            yield Mistake(
                path,
                f"found {name!r}, which is not built in and not declared under `datasets`"
                f"{did_you_mean(name, known)}{listed(known)}",
            )
    for number, measure in enumerate(settings.measures):
        if MEASURES[measure] and not settings.keep_activations:
            yield Mistake(
                ("measures", number),
                f"{measure!r} is computed from activations, but `keep_activations` is false; "
                "accepted is cka_minibatch, or `keep_activations: true`",
            )


def _numbered(given: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    return enumerate(given.get("dataset", []))


def mistakes_in_layers(
    settings: StudySettings, runs: Sequence[Run], tiles: Sequence[Tile]
) -> Iterator[Mistake]:
    """Taps that match no layer of some network, and compared layers that are not read out."""
    compared = any(i != j for tile in tiles for i, j in tile.pairs)
    networks = {(r.spec["model"]["architecture"], r.spec["model"]["depth"]): r for r in runs}
    for run in networks.values():
        layers = layers_of(run.spec["model"])
        tapped: set[Layer] = set()
        for number, entry in enumerate(settings.taps):
            try:
                tapped.update(layers[i] for i in select(layers, [entry]))
            except ValueError as error:
                yield Mistake(("taps", number), str(error))
        for number, entry in enumerate(settings.comparisons.layers if compared else []):
            path = ("comparisons", "layers", number)
            try:
                found = {layers[i] for i in select(layers, [entry])}
            except ValueError as error:
                yield Mistake(path, str(error))
                continue
            if tapped and found.isdisjoint(tapped):
                yield Mistake(
                    path,
                    f"found {entry!r}, but `taps` reads none of these layers out; add {entry!r} to "
                    "`taps`",
                )


def mistakes_in_figures(
    settings: StudySettings, runs: Sequence[Run], tiles: Sequence[Tile]
) -> Iterator[Mistake]:
    """Settings that a figure does not have, and figures of comparisons that the study lacks."""
    for name, given in settings.figure_settings.items():
        try:
            figure_settings(name, given, list(runs[0].design))
        except ConfigError as error:
            for line in str(error).splitlines():
                key, text = line.split(": ", 1)
                yield Mistake(tuple(key.split(".", 2)), text)
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
        if name == "across_architectures" and len(of_one) == len(tiles):
            yield Mistake(
                ("figures", number),
                "found 'across_architectures', but `comparisons.across_architectures` names no "
                "pairs; accepted there is all, or a list of pairs",
            )


def mistakes_in_analyses(
    settings: StudySettings, runs: Sequence[Run], tiles: Sequence[Tile]
) -> Iterator[Mistake]:
    """Analyses that the study's networks or comparisons give nothing for, and options of analyses
    that are not named."""
    for name in ANALYSIS_SECTIONS:
        changed = getattr(settings, name) != type(settings).model_fields[name].default
        if changed and name not in settings.analyses:
            yield Mistake(
                (name,),
                f"it has no effect, because `analyses` does not name {name!r}; add it there",
            )
    if "best_matches" in settings.analyses and all(a == b for tile in tiles for a, b in tile.pairs):
        yield Mistake(
            ("analyses", settings.analyses.index("best_matches")),
            "found 'best_matches', but no two networks are compared; it needs two seeds, or "
            "`comparisons: {across_architectures: all}`",
        )


def mistakes_in_runs(
    settings: StudySettings,
    runs: Sequence[Run],
    data: Mapping[str, Description],
    probes: Mapping[str, Any],
) -> Iterator[Mistake]:
    """What the sizes of the data do not allow.

    `data` describes the data sets by folder name; `probes` holds the probe plan of each run.
    """
    place = cache(lambda axis: _place(axis, settings))
    noisy = False
    for run in runs:
        noisy |= "random_labels" in run.spec["data"]
        own, plan = data[run.dataset], probes[run.name]
        yield from chain(
            _training_mistakes(run, own, place),
            _probe_mistakes(run, own, plan, data[plan.dataset], settings),
        )
    if settings.data.label_seed is not None and not noisy:
        yield Mistake(
            ("data", "label_seed"),
            "it has no effect, because no network has `random_labels`; take it out",
        )


def _training_mistakes(run: Run, data: Description, place: Any) -> Iterator[Mistake]:
    training, name = run.spec["training"], run.design["dataset"]
    fraction = run.spec["data"]["fraction"]
    images = round(fraction * data.n_train)
    side = min(data.shape[1:])
    if training["batch_size"] > images:
        yield Mistake(
            place("batch_size"),
            f"found {training['batch_size']}, but fraction {fraction:g} of {name} is {images} "
            f"training images; accepted is at most {images}, or a larger fraction",
        )
    if run.spec["data"]["evaluate_on"] == "held_out" and images >= data.n_train:
        yield Mistake(
            place("evaluate_on"),
            f"found 'held_out', but fraction {fraction:g} of {name} leaves no training image "
            "outside; accepted is 'test', or a smaller fraction",
        )
    if side < SMALLEST_SIDE:
        yield Mistake(
            place("dataset"),
            f"the images of {name} are {data.shape[1]}x{data.shape[2]} pixels; accepted are "
            f"images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}",
        )
    elif training["crop_padding"] >= side:
        yield Mistake(
            place("crop_padding"),
            f"found {training['crop_padding']}, but an image of {name} can be reflected by less "
            f"than its side; accepted is at most {side - 1}",
        )


def _probe_mistakes(
    run: Run, own: Description, plan: Any, probed: Description, settings: StudySettings
) -> Iterator[Mistake]:
    name = settings.probe.dataset or run.design["dataset"]
    if plan.size > probed.n_test:
        yield Mistake(
            ("probe", "size"),
            f"found {plan.size}, but the test set of {name} has {probed.n_test} images; accepted "
            f"is at most {probed.n_test}",
        )
    elif plan.batch_size > plan.size:
        yield Mistake(
            ("probe", "batch_size"),
            f"found {plan.batch_size}, but the probe set has {plan.size} images; accepted is at "
            f"most {plan.size}",
        )
    if probed.shape != own.shape:
        yield Mistake(
            ("probe", "dataset"),
            f"found {name!r} with images of {_shape(probed)}, but {run.design['dataset']} has "
            f"{_shape(own)}; accepted is a data set of the same shape",
        )


def _shape(data: Description) -> str:
    channels, height, width = data.shape
    return f"{height}x{width} pixels and {channels} channel{'s' if channels > 1 else ''}"


def _place(axis: str, settings: StudySettings) -> tuple[str | int, ...]:
    """Where the file says, or would say, what `axis` is."""
    if axis in settings.grid.given:
        return ("grid", axis)
    for number, entry in enumerate(settings.include):
        if axis in entry.given:
            return ("include", number, axis)
    for number, override in enumerate(settings.overrides):
        if axis in override.set.given:
            return ("overrides", number, "set", axis)
    return (AXES[axis], axis)
