"""Which pairs of architectures have their predictions compared, and whether their options fit."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from repatlas.data.classes import class_number, class_numbers
from repatlas.data.content import Description
from repatlas.errors import did_you_mean
from repatlas.study.comparisons import named_pairs
from repatlas.study.grid import Run
from repatlas.study.messages import Mistake, StudyError, listed, shown
from repatlas.study.settings import StudySettings

LEAST_SEEDS = 2  # to tell seeds from architectures


def prediction_pairs(settings: StudySettings, runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Pairs of architecture groups whose predictions are compared, each once, in the runs' order;
    none where the study does not ask for them.

    Raises StudyError where what it names selects nothing that can be compared.
    """
    if "predictions" not in settings.analyses:
        return []
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    tested = {
        group: members[0].dataset
        for group, members in groups.items()
        if members[0].spec["data"]["evaluate_on"] == "test" and len(members) >= LEAST_SEEDS
    }
    pairs = [(a, b) for a, b in itertools.combinations(tested, 2) if tested[a] == tested[b]]
    wanted = settings.predictions.pairs
    if wanted != "all":
        refusal = (
            f"they are of one architecture, have fewer than {LEAST_SEEDS} seeds, or are not tested "
            "on the same test set"
        )
        return named_pairs(groups, pairs, wanted, ("predictions", "pairs"), refusal)
    if not pairs:
        raise StudyError(
            [
                Mistake(
                    ("analyses", settings.analyses.index("predictions")),
                    "found 'predictions', but no two architectures with at least "
                    f"{LEAST_SEEDS} seeds each are tested on the same test set; add seeds or "
                    "architectures to `grid`",
                )
            ]
        )
    return pairs


def mistakes_in_class_groups(
    settings: StudySettings, runs: Sequence[Run], data: Mapping[str, Description]
) -> Iterator[Mistake]:
    """Class groups that no data set of the study has. `data` describes the data sets by folder."""
    sets = {run.design["dataset"]: data[run.dataset].classes for run in runs}
    for name, members in settings.predictions.class_groups.items():
        here = ("predictions", "class_groups", name)
        found = [class_numbers(classes, members) for classes in sets.values()]
        if any(numbers and len(set(numbers)) < len(numbers) for numbers in found):
            yield Mistake(here, f"a class is named twice in {shown(members)}")
        if any(found):
            continue
        for number, member in enumerate(members):
            if all(class_number(classes, member) is None for classes in sets.values()):
                yield Mistake((*here, number), _unknown(member, sets))
                break
        else:
            yield Mistake(here, f"no data set of the study has all classes of {shown(members)}")


def _unknown(member: str | int, sets: Mapping[str, Sequence[str]]) -> str:
    if isinstance(member, int):
        most = max(len(classes) for classes in sets.values())
        return f"found class {member}; accepted are numbers from 0 to {most - 1}, or names"
    known = list(dict.fromkeys(name for classes in sets.values() for name in classes))
    text = f"found {member!r}, which is no class of {' or '.join(sets)}"
    return f"{text}{did_you_mean(member, known)}{listed(known)}"
