"""What linear probes ask of a study."""

from collections.abc import Iterator, Mapping, Sequence

from repatlas.data.content import Description
from repatlas.errors import ResourceError
from repatlas.own import is_own
from repatlas.probe_sizes import check_size, probed_features
from repatlas.study.grid import Run
from repatlas.study.messages import Mistake
from repatlas.study.settings import StudySettings


def mistakes_in_probes(
    settings: StudySettings, runs: Sequence[Run], data: Mapping[str, Description]
) -> Iterator[Mistake]:
    """Layers that are too large for the closed form, and batches larger than the training set.

    `data` describes the data sets by folder name.
    """
    if "linear_probes" not in settings.analyses:
        return
    options, large = settings.linear_probes, {}
    for run in runs:
        if is_own(run.spec["model"]["architecture"]):
            continue  # no linear probes are fitted to it, see `study.own`
        about = data[run.dataset]
        n = round(run.spec["data"]["fraction"] * about.n_train)
        if options.method == "sgd" and run.checkpoint:
            yield Mistake(
                ("linear_probes", "method"),
                "found sgd, whose images are augmented as in the network's own training; "
                f"{run.name} is loaded from saved weights and has none here. Accepted is ridge",
            )
            return
        if options.method == "sgd":
            if options.batch_size > n:
                yield Mistake(
                    ("linear_probes", "batch_size"),
                    f"found {options.batch_size}, but fraction {run.spec['data']['fraction']:g} of "
                    f"{run.design['dataset']} is {n} training images; accepted is at most {n}",
                )
            continue
        try:
            largest = max(probed_features(run.spec["model"], about.shape, options.pool))
            check_size(n, largest, f"a layer of {run.name}")
        except ResourceError as error:
            large[run.name] = str(error)
    if large:
        more = f". In all {len(large)} networks are too large" if len(large) > 1 else ""
        yield Mistake(("linear_probes",), next(iter(large.values())) + more)
