"""What a study's parts allow each other: data against batches, probe against test set, and so on.

Needs no image: a data set is described by constants, a listing or an array's header.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

from repatlas.catalogue import from_activations
from repatlas.data.content import Description
from repatlas.errors import did_you_mean
from repatlas.layers import Layer, select, select_present
from repatlas.naming import canonical_json
from repatlas.own import is_own
from repatlas.study.analyses import ANALYSIS_SECTIONS
from repatlas.study.comparisons import Tile
from repatlas.study.grid import Run, fits
from repatlas.study.messages import Mistake, listed
from repatlas.study.places import place
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
        if from_activations(measure) and not settings.keep_activations:
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
    """Entries that match no layer of any network, networks of which nothing is read out, and
    compared layers that are not."""
    across = {t.runs[k] for t in tiles for pair in t.pairs if pair[0] != pair[1] for k in pair}
    compared = {_network(run) for run in runs if run.name in across}
    networks = {_network(run): run for run in runs}
    layers = {key: run.layers for key, run in networks.items()}
    every = list(dict.fromkeys(chain.from_iterable(layers.values())))
    tapped = {key: _matching(own, settings.taps) for key, own in layers.items()}
    mistaken = False
    for number, entry in enumerate(settings.taps):
        try:
            select(every, [entry])
        except ValueError as error:
            mistaken = True
            yield Mistake(("taps", number), str(error))
    for (architecture, _), own in tapped.items():
        if not own and not mistaken:
            yield Mistake(("taps",), _none_of("read out", architecture, settings.taps))
    for number, entry in enumerate(settings.comparisons.layers if compared else []):
        path = ("comparisons", "layers", number)
        try:
            select(every, [entry])
        except ValueError as error:
            mistaken = True
            yield Mistake(path, str(error))
            continue
        for key, names in layers.items():
            found = _matching(names, [entry])
            if found and tapped[key] and found.isdisjoint(tapped[key]):
                yield Mistake(
                    path,
                    f"found {entry!r}, but `taps` reads none of these layers out; add {entry!r} to "
                    "`taps`",
                )
    for key in sorted(compared):
        wanted, architecture = settings.comparisons.layers, key[0]
        if not mistaken and not _matching(layers[key], wanted):
            yield Mistake(("comparisons", "layers"), _none_of("compared", architecture, wanted))


def _network(run: Run) -> tuple[str, str]:
    """What decides the layers of a network, its architecture first."""
    model = run.spec["model"]
    of_built_in = {"depth": model.get("depth")}
    deciding = of_built_in if run.found is None else {**model, "checkpoint": None}
    return model["architecture"], canonical_json([deciding, run.dataset])


def _matching(layers: Sequence[Layer], wanted: Sequence[str]) -> set[Layer]:
    return {layers[i] for i in select_present(layers, wanted)}


def _none_of(done: str, architecture: str, wanted: Sequence[str]) -> str:
    return (
        f"found {', '.join(map(repr, wanted))}, but a network of architecture {architecture!r} has "
        f"no such layer, so that nothing of it would be {done}; add an entry that it has, such as "
        "relu"
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
    for number, entry in enumerate(settings.analysed):
        if not any(fits(run, entry.given) for run in runs):
            yield Mistake(
                ("analysed", number),
                f"{entry.text} matches no network of the study; correct it or take the entry out",
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
    where = cache(lambda axis: place(axis, settings))
    noisy = penalised = False
    for run in runs:
        noisy |= "random_labels" in run.spec["data"]
        penalised |= "pc_penalty" in run.spec["training"]
        own, plan = data[run.dataset], probes[run.name]
        yield from chain(
            _training_mistakes(run, own, where),
            _probe_mistakes(run, own, plan, data[plan.dataset], settings),
        )
    if settings.data.label_seed is not None and not noisy:
        yield Mistake(
            ("data", "label_seed"),
            "it has no effect, because no network has `random_labels`; take it out",
        )
    if settings.training.pc_threshold is not None and not penalised:
        yield Mistake(
            ("training", "pc_threshold"),
            "it has no effect, because no network has `pc_penalty`; take it out",
        )


def _training_mistakes(run: Run, data: Description, where: Any) -> Iterator[Mistake]:
    training, name = run.spec["training"], run.design["dataset"]
    fraction = run.spec["data"]["fraction"]
    images = round(fraction * data.n_train)
    side = min(data.shape[1:])
    if run.spec["data"]["evaluate_on"] == "held_out" and images >= data.n_train:
        yield Mistake(
            where("evaluate_on"),
            f"found 'held_out', but fraction {fraction:g} of {name} leaves no training image "
            "outside; accepted is 'test', or a smaller fraction",
        )
    if side < SMALLEST_SIDE and not is_own(run.spec["model"]["architecture"]):
        yield Mistake(
            where("dataset"),
            f"the images of {name} are {data.shape[1]}x{data.shape[2]} pixels; accepted are "
            f"images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}",
        )
        return
    if run.checkpoint:
        return
    if training["batch_size"] > images:
        yield Mistake(
            where("batch_size"),
            f"found {training['batch_size']}, but fraction {fraction:g} of {name} is {images} "
            f"training images; accepted is at most {images}, or a larger fraction",
        )
    else:
        yield from _checkpoint_mistakes(training, images // training["batch_size"], where)
    if training.get("colour_jitter") and data.shape[0] == 1:
        yield Mistake(
            where("colour_jitter"),
            f"found {training['colour_jitter']:g}, but the images of {name} are grey; accepted is "
            "0, or a data set in colour",
        )
    if training["crop_padding"] >= side:
        yield Mistake(
            where("crop_padding"),
            f"found {training['crop_padding']}, but an image of {name} can be reflected by less "
            f"than its side; accepted is at most {side - 1}",
        )


def _checkpoint_mistakes(
    training: Mapping[str, Any], per_epoch: int, where: Any
) -> Iterator[Mistake]:
    """Checkpoints after the end of the training, which has `per_epoch` steps an epoch."""
    epochs, wanted = training["epochs"], training.get("checkpoints", {})
    for unit, most in (("epochs", epochs), ("steps", epochs * per_epoch)):
        last = max(wanted.get(unit, [0]))
        if last > most:
            yield Mistake(
                (*where("checkpoints"), unit),
                f"found {last}, but a network trains for {epochs} epochs of {per_epoch} steps; "
                f"accepted are {unit} up to {most}",
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
