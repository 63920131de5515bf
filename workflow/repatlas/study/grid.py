"""The grid: from axes, exclusions, extra rows and overrides to one row a network."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repatlas.errors import did_you_mean
from repatlas.layers import Layer, layers_of
from repatlas.naming import canonical, digest, short_number, slug
from repatlas.own import is_own, short
from repatlas.study.axes import AXES
from repatlas.study.checkpoints import Checkpoint, checkpoints_of
from repatlas.study.messages import Mistake, StudyError
from repatlas.study.sections import (
    NO_AXES,
    OFF_AT_ZERO,
    SECTIONS,
    DatasetSettings,
    TrainingSettings,
)
from repatlas.study.settings import StudySettings

# Columns that stand on every row of every table, before the further axes of the grid.
DESIGN = ["dataset", "fraction", "architecture", "depth", "width", "seed"]

Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One network: its name, the name of its architecture group (all seeds), its data set's folder
    name, its design columns, the canonical spec that its name is the digest of, the file that it is
    loaded from if it is not trained here, and for the user's own architecture what was found of its
    layers (see `repatlas.study.own`)."""

    name: str
    group: str
    dataset: str
    design: dict[str, Any]
    spec: dict[str, Any]
    checkpoint: str | None = None
    found: Mapping[str, Any] | None = None

    @property
    def layers(self) -> list[Layer]:
        """Its layers, in the order in which they run; those of an own architecture that has not
        been looked at are unknown, which is none."""
        if is_own(self.spec["model"]["architecture"]):
            return [Layer(*layer) for layer in (self.found or {}).get("layers", [])]
        return layers_of(self.spec["model"])


def runs_of(settings: StudySettings) -> list[Run]:
    """All networks of the study, each once, sorted by their design.

    The order is the same however the file is ordered, and the same in every study: what is made
    from several networks has the same name then. Seeds vary fastest.

    Raises StudyError when no network is left, or when an entry of `exclude` or `overrides` matches
    none: it would silently do nothing.
    """
    cells, mistakes = _cells(settings)
    changed: list[Cell] = []
    used: set[int] = set()
    for cell in cells:
        matching = [n for n, o in enumerate(settings.overrides) if _matches(cell, o.where.given)]
        used.update(matching)
        for number in matching:
            cell = _with(cell, settings.overrides[number].set.given)
        changed.append(cell)
    for number, override in enumerate(settings.overrides):
        if number not in used:
            mistakes.append(
                Mistake(
                    ("overrides", number, "where"),
                    f"{override.where.text} matches no network of the study; correct it "
                    "or take the entry out",
                )
            )
    weights, lacking = checkpoints_of([_effective(cell) for cell in changed])
    mistakes += lacking
    if mistakes:
        raise StudyError(mistakes)
    further = _further_axes(settings)
    folders = {name: dataset_folder(name, settings) for name in {c["dataset"] for c in changed}}
    specs = {name: dataset_settings(name, settings).spec() for name in folders}
    made = [
        _run(_effective(cell), further, folders, specs, file)
        for cell, file in zip(changed, weights, strict=True)
    ]
    own = [run for run in made if is_own(run.design["architecture"])]
    if "arguments" in further and len({run.design["arguments"] for run in own}) < 2:
        # Nothing varies that has no column of its own.
        for run in made:
            del run.design["arguments"]
    _say_what_is_absent(made)
    runs = {run.name: run for run in made}
    return sorted(_without(runs, settings.exclude_runs), key=_order)


def _say_what_is_absent(runs: Sequence[Run]) -> None:
    """Give a network that has no value on an axis of texts, as a built-in one has no arguments, the
    text `none`: an empty one would be read back from a table as an undefined number."""
    texts = {axis for run in runs for axis, value in run.design.items() if isinstance(value, str)}
    for run in runs:
        run.design.update({axis: run.design[axis] or "none" for axis in texts})


def _without(runs: Mapping[str, Run], names: Sequence[str]) -> list[Run]:
    """The networks without those that are named."""
    mistakes = [
        Mistake(
            ("exclude_runs", number),
            f"found {name!r}; accepted are names of networks of the study, as the column `run` of "
            f"its tables has them{did_you_mean(name, runs)}",
        )
        for number, name in enumerate(names)
        if name not in runs
    ]
    kept = [run for name, run in runs.items() if name not in names]
    if not kept and not mistakes:
        mistakes.append(Mistake(("exclude_runs",), "it takes out every network of the study"))
    if mistakes:
        raise StudyError(mistakes)
    return kept


def _cells(settings: StudySettings) -> tuple[list[Cell], list[Mistake]]:
    """Every setting of every network, before overrides, and what is wrong with the entries."""
    fixed = {"seed": 0}
    for section in SECTIONS:
        fixed |= getattr(settings, section).model_dump()
    grid = settings.grid.given
    cells: list[Cell] = [_with(fixed, cell) for cell in _cross(grid)]
    excluded: set[int] = set()
    mistakes = []
    for number, entry in enumerate(settings.exclude):
        out = {n for n, cell in enumerate(cells) if _matches(cell, entry.given)}
        excluded |= out
        if not out:
            mistakes.append(
                Mistake(
                    ("exclude", number),
                    f"{entry.text} matches no network of the grid; correct it or take the "
                    "entry out",
                )
            )
    kept = [cell for n, cell in enumerate(cells) if n not in excluded]
    for extra in settings.include:
        kept += [_with(fixed, cell) for cell in _cross(grid | extra.given)]
    if not kept:
        mistakes.append(
            Mistake(
                ("exclude",),
                f"found {len(settings.exclude)} entries that take out all {len(cells)} networks of "
                "the grid; accepted are entries that leave at least one",
            )
        )
    return kept, mistakes


def _cross(axes: Mapping[str, Sequence]) -> Iterable[dict[str, Any]]:
    return (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))


def _with(cell: Cell, changes: Cell) -> Cell:
    """The settings of a network with changes; arguments are changed one by one."""
    arguments = {**(cell["arguments"] or {}), **(changes.get("arguments") or {})}
    return {**cell, **changes, "arguments": arguments or None}


def _effective(cell: Cell) -> Cell:
    """The settings that a network has: an own architecture has depth and width among its arguments,
    if at all, and the built-in ones have no arguments."""
    if not is_own(cell["architecture"]):
        return {**cell, "arguments": None}
    own = {axis: _number(cell["arguments"], axis) for axis in ("depth", "width")}
    return {**cell, **own, "init": None, "bn_momentum": None}


def _number(arguments: Mapping[str, Any] | None, name: str) -> float | None:
    value = (arguments or {}).get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _matches(cell: Cell, wanted: Mapping[str, Sequence]) -> bool:
    cell = _effective(cell)
    return all(_is_one_of(cell[key], key, values) for key, values in wanted.items())


def _is_one_of(value: Any, axis: str, wanted: Sequence) -> bool:
    if axis == "arguments":
        # What is named must agree; other arguments may be anything.
        own = canonical(list((value or {}).items()))
        return any(all(pair in own for pair in canonical(list(w.items()))) for w in wanted)
    return canonical(value) in canonical(wanted)


def fits(run: Run, wanted: Mapping[str, Sequence]) -> bool:
    """Whether a network has one of the wanted values of every axis named."""
    return all(_is_one_of(value_of(run, axis), axis, values) for axis, values in wanted.items())


def value_of(run: Run, axis: str) -> Any:
    """A network's value of an axis, whether or not the grid varies it."""
    if axis == "arguments":
        return dict(run.spec["model"].get("arguments", []))
    if axis == "checkpoint":
        return run.checkpoint
    return canonical(run.design.get(axis, run.spec.get(AXES[axis], {}).get(axis)))


def _further_axes(settings: StudySettings) -> list[str]:
    """The settings that vary beyond the usual design columns, in the order of the model."""
    named = set(settings.grid.given)
    named |= {axis for extra in settings.include for axis in extra.given}
    named |= {axis for override in settings.overrides for axis in override.set.given}
    return [axis for axis in AXES if axis in named and axis not in DESIGN]


def _run(
    cell: Cell,
    further: Sequence[str],
    folders: Mapping[str, str],
    datasets: Mapping[str, dict],
    weights: Checkpoint | None,
) -> Run:
    name = cell["dataset"]
    parts = {s: {k: cell[k] for k in model.model_fields} for s, model in SECTIONS.items()}
    parts["data"] |= {"dataset": datasets[name], **_label_noise(cell)}
    parts["model"] |= _own_code(cell)
    if weights is None:
        parts["training"] = TrainingSettings(**parts["training"]).spec()
    else:
        # Nothing that a training does is part of what it is; evaluating it has threads too.
        parts["training"] = {"threads": cell["threads"]}
    # Seeds of one group may be loaded from a file each, which all are written as one.
    group_spec = canonical(parts)
    if weights is not None:
        parts["model"]["checkpoint"] = weights.digest
    spec = {**canonical(parts), "seed": cell["seed"]}
    design = {axis: cell[axis] for axis in [*DESIGN, *further]}
    design |= {axis: cell[axis] or 0.0 for axis in OFF_AT_ZERO.intersection(further)}
    if "arguments" in design:
        design["arguments"] = _in_words(cell["arguments"])
    stem = "-".join(
        [
            slug(name),
            slug(short(design["architecture"])),
            *(
                f"{k[0]}{short_number(design[k])}"
                for k in ("depth", "width")
                if design[k] is not None
            ),
            f"f{short_number(design['fraction'])}",
        ]
    )
    return Run(
        name=f"{stem}-s{design['seed']}-{digest(spec)}",
        # Seeds stay seeds of one architecture where some of them were saved on their way.
        group=f"{stem}-{digest(_without_keeping(group_spec))}",
        dataset=folders[name],
        design=design,
        spec=spec,
        checkpoint=weights and weights.path,
    )


def _without_keeping(group_spec: dict[str, Any]) -> dict[str, Any]:
    """The spec without the settings that say what is kept of a network, not what it is."""
    return {
        section: {key: value for key, value in settings.items() if key not in NO_AXES}
        for section, settings in group_spec.items()
    }


def _own_code(cell: Cell) -> dict[str, Any]:
    """What the spec says of an own architecture. Its arguments are pairs: unlike in a mapping, a
    null among them counts. They stand there as arguments alone."""
    if not is_own(cell["architecture"]):
        return {}
    arguments = sorted((cell["arguments"] or {}).items())
    return {"depth": None, "width": None, "arguments": [list(a) for a in arguments] or None}


def _in_words(arguments: Mapping[str, Any] | None) -> str:
    """Arguments as a column of the tables has them: those that have no column of their own."""
    rest = {k: v for k, v in (arguments or {}).items() if k not in ("depth", "width")}
    return ", ".join(f"{k} {canonical(v)}" for k, v in sorted(rest.items()))


def _label_noise(cell: Cell) -> dict[str, Any]:
    """One way to say each thing: a share of 0 is no noise, and no seed is seed 0."""
    if not cell["random_labels"]:
        return {"random_labels": None, "label_seed": None}
    return {"label_seed": cell["label_seed"] or 0}


def _order(run: Run) -> tuple:
    spec = run.spec
    settings = [_rank(spec[section].get(axis)) for axis, section in AXES.items() if section]
    return (*(_rank(run.design[axis]) for axis in DESIGN[:-1]), *settings, spec["seed"])


def _rank(value: Any) -> tuple:
    """A place in one order for numbers, text, truth values and what is absent."""
    if value is None:
        return (0, 0)
    if isinstance(value, (bool, int, float)):
        return (1, value)
    return (2, str(value))


def dataset_settings(name: str, settings: StudySettings) -> DatasetSettings:
    """The data set that the study calls `name`: one of its own, or a built-in one."""
    return settings.datasets.get(name) or DatasetSettings.model_validate({"source": name})


def dataset_folder(name: str, settings: StudySettings) -> str:
    """Folder name of a data set's artifact: readable, then the digest of what decides it."""
    return f"{slug(name)}-{digest(dataset_settings(name, settings).spec())}"
