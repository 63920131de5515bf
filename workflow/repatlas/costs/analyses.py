"""The expected cost of a study's analyses: a job a network, and one of the tables of each."""

from collections.abc import Iterator, Mapping

from repatlas.catalogue import ANALYSES
from repatlas.costs import analysis_laws as laws
from repatlas.costs.job import Cost
from repatlas.costs.laws import BATCH, FLOAT, forward_bytes, pairs
from repatlas.costs.rates import rate
from repatlas.costs.workload import Workload, images
from repatlas.layers import select_present
from repatlas.probe_sizes import probed_features
from repatlas.study.needs import probe_memory
from repatlas.study.study import Study
from repatlas.trajectory import planned_steps

INPUTS = 1 << 29  # bytes of block inputs that a batch of deletions may keep
TABLES = "_table"  # what a rule of tables has behind the name of its analysis
OWN = "own_analysis"
OF_GRAMS = ("cka_without_pc1", "dominant_examples")  # from stores, on the host wherever others run


def analysis_costs(study: Study, works: Mapping[str, Workload], device: str) -> Iterator[Cost]:
    """The jobs of a study's analyses: an analysis is the rule of its jobs, one a network, and
    with `TABLES` behind its name that of its tables. Those of the user's own have no known time.

    `works`: what each network computes, by its name.
    """
    for analysis in study.analyses:
        if ANALYSES[analysis].artifact:
            for run in study.analysed(analysis):
                yield _OF_NETWORKS[analysis](study, run, works[run], device)
        seconds = rate("cpu_start_light")
        if analysis == "predictions":
            seconds += _prediction_seconds(study)
        yield Cost(analysis + TABLES, study.name, seconds, None, 0)
    for name in study.own_analyses:
        yield Cost(OWN, name, None, None, 0)


def _principal_components(study: Study, run: str, work: Workload, device: str) -> Cost:
    n = study.probes[run].size
    chosen = select_present(work.layers, study.settings.principal_components.layers)
    features = [work.features[k] for k in chosen]
    spaces = min(laws.SPACES, 8 * laws.BLOCK * laws.ROOM * sum(features))
    return Cost(
        "principal_components",
        run,
        laws.components_seconds(work, features, n, device),
        forward_bytes(work, BATCH) + spaces,
        laws.components_bytes(len(features), n),
    )


def _without_pc1(study: Study, run: str, work: Workload, device: str) -> Cost:
    layers, batch, batches = _store(study, run, work)
    return Cost(
        "cka_without_pc1",
        run,
        laws.without_pc1_seconds(layers, batch, batches),
        None,
        laws.matrices_bytes(3, layers),
    )


def _dominant_examples(study: Study, run: str, work: Workload, device: str) -> Cost:
    layers, batch, batches = _store(study, run, work)
    taps = select_present(work.layers, study.probes[run].taps)
    relu = sum(work.layers[k].kind == "relu" for k in taps)
    options = study.settings.dominant_examples
    # None taken out, the dominant ones, and as many at random.
    removals = 1 + len(options.removed) * (1 + options.draws)
    return Cost(
        "dominant_examples",
        run,
        laws.removal_seconds(layers, relu, removals, batch, batches),
        None,
        laws.matrices_bytes(removals, relu),
    )


def _linear_probes(study: Study, run: str, work: Workload, device: str) -> Cost:
    network, options = study.by_name[run], study.settings.linear_probes
    model, data = network.spec["model"], study.description(network.dataset)
    train, test = images(network.spec, data)
    of_stage = probed_features(model, data.shape, options.pool)
    # Before and after a residual connection; where there is none, its place once.
    ends = ("bn2", "add") if any(layer.kind == "add" for layer in work.layers) else ("bn2",)
    features = [
        of_stage[int(layer.name[5]) - 1]
        for layer in work.layers
        if layer.name.rpartition(".")[2] in ends
    ]
    classes = len(data.classes)
    if options.method == "ridge":
        seconds = laws.ridge_seconds(work, features, train, test, classes, device)
    else:
        epochs, batch = options.epochs, options.batch_size
        tests = -(-epochs // options.evaluate_every)
        seconds = laws.sgd_seconds(
            work, features, train, test, classes, epochs, tests, batch, device
        )
    return Cost("linear_probes", run, seconds, probe_memory(study, run), 0)


def _block_deletion(study: Study, run: str, work: Workload, device: str) -> Cost:
    network = study.by_name[run]
    _, test = images(network.spec, study.description(network.dataset))
    adds = [layer.name for layer in work.layers if layer.kind == "add"]
    blocks = [sum(name.startswith(f"stage{stage}.") for name in adds) for stage in (1, 2, 3)]
    # A network without residual connections has nothing to delete.
    seconds = laws.deletion_seconds(work, blocks, test, device) if adds else rate("cpu_start")
    return Cost("block_deletion", run, seconds, forward_bytes(work, BATCH) + INPUTS, 0)


def _dynamics(study: Study, run: str, work: Workload, device: str) -> Cost:
    network, probe, options = study.by_name[run], study.probes[run], study.settings.dynamics
    training = network.spec["training"]
    train, _ = images(network.spec, study.description(network.dataset))
    per_epoch = train // training["batch_size"]
    last = training["epochs"] * per_epoch
    # The final network is one of them.
    checkpoints = len({*planned_steps(training["checkpoints"], per_epoch), last})
    chosen = select_present(work.layers, options.layers)
    features, layers = sum(work.features[k] for k in chosen), len(chosen)
    whole = probe.size // probe.batch_size
    batches = min(options.batches or whole, whole)
    size = probe.batch_size
    return Cost(
        "dynamics",
        run,
        laws.dynamics_seconds(work, features, layers, checkpoints, size, batches, device),
        # The Gram matrices of a checkpoint and of the final network.
        forward_bytes(work, size) + 2 * FLOAT * layers * pairs(size),
        laws.matrices_bytes(checkpoints, layers),
    )


def _store(study: Study, run: str, work: Workload) -> tuple[int, int, int]:
    """Layers, examples of a batch and batches of a network's Gram store."""
    probe = study.probes[run]
    layers = len(select_present(work.layers, probe.taps))
    return layers, probe.batch_size, probe.size // probe.batch_size * probe.passes


def _prediction_seconds(study: Study) -> float:
    """Comparing what pairs of architectures predict: by test examples and networks."""
    seconds = 0.0
    for pair in study.prediction_pairs:
        runs = [run for run in study.runs if run.group in pair]
        examples = study.description(runs[0].dataset).n_test
        seconds += rate("cpu_prediction_pair") + rate("cpu_prediction") * len(runs) * examples
    return seconds


_OF_NETWORKS = {
    "principal_components": _principal_components,
    "cka_without_pc1": _without_pc1,
    "dominant_examples": _dominant_examples,
    "linear_probes": _linear_probes,
    "block_deletion": _block_deletion,
    "dynamics": _dynamics,
}
