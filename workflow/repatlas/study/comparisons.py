"""Comparisons: which networks are compared with which, in tiles of one pair of architectures."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repatlas.naming import digest
from repatlas.own import is_own, short
from repatlas.study.grid import Run, fits
from repatlas.study.measures import Variant
from repatlas.study.messages import Mistake, StudyError
from repatlas.study.settings import ComparisonSettings

Groups = Mapping[str, Sequence[Run]]


@dataclass(frozen=True)
class Tile:
    """All comparisons between the networks of two architecture groups by one measure.

    `runs` are the networks concerned, `pairs` the compared ones as indices into `runs`; a pair of
    a network with itself is the comparison within it. `layers` is what is compared between two
    different networks. `options` are those of the measure that differ from its defaults, `label`
    its name with them. `name` ends in the digest of all of this. `own` says where a measure of the
    user's own is.
    """

    measure: str
    options: Mapping[str, Any]
    label: str
    a: str
    b: str
    runs: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    layers: tuple[str, ...]
    name: str
    own: str | None = None


def tiles_of(
    runs: Sequence[Run],
    probes: Mapping[str, str],
    measures: Sequence[Variant],
    settings: ComparisonSettings,
) -> list[Tile]:
    """The tiles of a study. `probes` maps a run's name to its probe's id: only networks that saw
    the same probe images in the same batches can be compared.

    Raises StudyError when a named pair of architectures selects nothing that can be compared.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    seen = {group: probes[members[0].name] for group, members in groups.items()}
    wanted = [(group, group) for group in groups]
    wanted += _across(groups, seen, settings)
    return [
        _tile(measure, groups[a], groups[b], seen[a], settings)
        for measure, (a, b) in itertools.product(measures, wanted)
    ]


def _across(
    groups: Groups, probes: Mapping[str, str], settings: ComparisonSettings
) -> list[tuple[str, str]]:
    """Pairs of different architectures that saw the same probe, each once, in the runs' order."""
    if settings.across_architectures == "none":
        return []
    everything = itertools.combinations(groups, 2)
    comparable = [(a, b) for a, b in everything if probes[a] == probes[b]]
    if settings.across_architectures == "all":
        return comparable
    return named_pairs(
        groups,
        comparable,
        settings.across_architectures,
        ("comparisons", "across_architectures"),
        "they are of one architecture (`across_seeds` compares those), or see different probe "
        "images",
    )


def named_pairs(
    groups: Groups,
    comparable: Sequence[tuple[str, str]],
    wanted: Sequence[Sequence[Any]],
    where: tuple[str | int, ...],
    refusal: str,
) -> list[tuple[str, str]]:
    """Those of the `comparable` pairs of architectures that one of the `wanted` pairs of selections
    names.

    Raises StudyError, at `where`, for a selection of no network and for a pair that names nothing
    comparable, for which `refusal` says why that can be.
    """
    chosen: set[frozenset[str]] = set()
    mistakes = []
    for number, selections in enumerate(wanted):
        here = (*where, number)
        sides = [_selected(groups, selection.given) for selection in selections]
        for side, (found, selection) in enumerate(zip(sides, selections, strict=True)):
            if not found:
                mistakes.append(Mistake((*here, side), f"{selection.text} selects no network"))
        pairs = {frozenset(pair) for pair in itertools.product(*sides)}
        chosen |= pairs
        if all(sides) and not any(frozenset(pair) in pairs for pair in comparable):
            mistakes.append(Mistake(here, f"the selected networks cannot be compared: {refusal}"))
    if mistakes:
        raise StudyError(mistakes)
    return [pair for pair in comparable if frozenset(pair) in chosen]


def _selected(groups: Groups, wanted: Mapping[str, Sequence]) -> list[str]:
    return [group for group, runs in groups.items() if fits(runs[0], wanted)]


def _tile(
    measure: Variant,
    a: Sequence[Run],
    b: Sequence[Run],
    probe: str,
    settings: ComparisonSettings,
) -> Tile:
    if a is b:
        runs = [*a]
        pairs = [(i, i) for i in range(len(a))]
        across = [*itertools.combinations(range(len(a)), 2)] if settings.across_seeds else []
    else:
        runs, pairs = [*a, *b], []
        across = _of_unlike_seeds(a, b)
    pairs += _sample(across, runs, settings.seed_pairs)
    names = tuple(run.name for run in runs)
    layers = tuple(sorted(set(settings.layers)))
    spec = {
        "measure": measure.name,
        "options": measure.options or None,
        "runs": names,
        "pairs": pairs,
        "layers": layers,
        "probe": probe,
    }
    stem = f"{_readable(a[0].group)}--{_readable(b[0].group)}"
    return Tile(
        measure=short(measure.name),
        options=measure.options,
        label=measure.label,
        a=a[0].group,
        b=b[0].group,
        runs=names,
        pairs=tuple(pairs),
        layers=layers,
        name=f"{stem}--{digest(spec)}",
        own=measure.name if is_own(measure.name) else None,
    )


def _of_unlike_seeds(a: Sequence[Run], b: Sequence[Run]) -> list[tuple[int, int]]:
    """Pairs of a network of `a` with one of `b`, which are numbered after those of `a`.

    Networks of one seed see the images in one order, and layers of one shape near the input begin
    with the same weights: those of different models would be taken for more alike than they
    are. They are left out wherever there are pairs of unlike seeds. What differs in the training
    alone may be compared on purpose with all else equal.
    """
    pairs = [(i, len(a) + j) for i in range(len(a)) for j in range(len(b))]
    if a[0].spec["model"] == b[0].spec["model"]:
        return pairs
    runs = [*a, *b]
    unlike = [(i, j) for i, j in pairs if runs[i].design["seed"] != runs[j].design["seed"]]
    return unlike or pairs


def _sample(
    pairs: Iterable[tuple[int, int]], runs: Sequence[Run], limit: int | None
) -> list[tuple[int, int]]:
    """At most `limit` pairs, chosen by the digest of their names, so that every study that
    compares these networks chooses alike."""
    pairs = list(pairs)
    if limit is None or len(pairs) <= limit:
        return pairs
    ranked = sorted(pairs, key=lambda pair: digest([runs[pair[0]].name, runs[pair[1]].name]))
    return sorted(ranked[:limit])


def _readable(group: str) -> str:
    return group.rsplit("-", 1)[0]
