"""What the analysis `dynamics` asks of a study."""

from collections.abc import Iterator, Sequence
from itertools import chain

from repatlas.layers import select, select_present
from repatlas.naming import canonical_json
from repatlas.study.grid import Run
from repatlas.study.messages import Mistake, shown
from repatlas.study.settings import StudySettings


def mistakes_in_dynamics(settings: StudySettings, runs: Sequence[Run]) -> Iterator[Mistake]:
    """Networks of which none is saved on its way, and layers that none of them has."""
    if "dynamics" not in settings.analyses:
        return
    saved = [run for run in runs if "checkpoints" in run.spec["training"]]
    if not saved:
        yield Mistake(
            ("analyses", settings.analyses.index("dynamics")),
            "found 'dynamics', but no network is saved on its way; it needs checkpoints, such as "
            "`training: {checkpoints: {steps: [0, 1, 10, 30, 100]}}`",
        )
    wanted = settings.dynamics.layers
    different = {canonical_json(run.spec["model"]): run for run in saved}
    layers = [run.layers for run in different.values()]
    every = list(dict.fromkeys(chain.from_iterable(layers)))
    mistaken = False
    for number, entry in enumerate(wanted if saved else []):
        try:
            select(every, [entry])
        except ValueError as error:
            mistaken = True
            yield Mistake(("dynamics", "layers", number), str(error))
    if not mistaken and not all(select_present(own, wanted) for own in layers):
        yield Mistake(
            ("dynamics", "layers"),
            f"found {shown(wanted)}, of which some network that is saved on its way has none; add "
            "an entry that it has, such as relu",
        )
