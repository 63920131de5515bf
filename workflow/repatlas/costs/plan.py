"""The expected cost of a study, by kind of job."""

from collections.abc import Iterator, Mapping
from typing import Any

from repatlas.costs import laws
from repatlas.costs.analyses import analysis_costs
from repatlas.costs.job import Cost
from repatlas.costs.rates import rate
from repatlas.costs.workload import Workload, images, workload
from repatlas.data.content import Description
from repatlas.layers import select_present
from repatlas.study.comparisons import Tile
from repatlas.study.grid import Run
from repatlas.study.needs import features_of, tile_bytes
from repatlas.study.study import Study
from repatlas.trajectory import planned_steps


def costs(study: Study, device: str = "cpu") -> Iterator[Cost]:
    """The jobs of a study that cost more than seconds: training or loading, reading out, comparing,
    analysing.

    `device`: "cpu" (one thread a job) or "cuda" (one GPU a job that computes with torch). Figures,
    and tables other than those of analyses, are not among them. A measure of activations and an
    analysis of the user's own have no known time.
    """
    works = {run.name: _workload(study, run) for run in study.runs}
    for run in study.runs:
        work, data = works[run.name], study.description(run.dataset)
        if run.checkpoint:
            yield _loading(run, data, work, device)
        else:
            yield training(run.name, run.spec, data, device, work)
        yield _read_out(study, run, works[run.name], device)
    for tile in study.tiles:
        yield _comparison(study, tile, works)
    yield from analysis_costs(study, works, device)


def _workload(study: Study, run: Run) -> Workload:
    data = study.description(run.dataset)
    if run.found:
        sizes = (run.found[key] for key in ("macs", "parameters", "statistics"))
        return Workload(tuple(run.layers), tuple(features_of(run, data.shape)), *sizes)
    return workload(run.spec["model"], data.shape, len(data.classes))


def training(
    name: str,
    spec: Mapping[str, Any],
    data: Description,
    device: str = "cpu",
    work: Workload | None = None,
) -> Cost:
    """What training the network `name` of this `spec` costs; `data` describes its data set, `work`
    the network, which for a built-in one follows from the spec."""
    work = work or workload(spec["model"], data.shape, len(data.classes))
    settings = spec["training"]
    train, test = images(spec, data)
    batch, epochs = settings["batch_size"], settings["epochs"]
    steps = train // batch
    # Every so many epochs, after the last one, and once more for the record.
    evaluations = -(-epochs // settings["evaluate_every"]) + 1
    seconds = laws.train_seconds(work, batch, steps * epochs, test * evaluations, device)
    channels, height, width = data.shape
    pad = 2 * settings["crop_padding"]
    # The images with their margin, and the pages of the whole data set's files that were read.
    held = train * channels * (height + pad) * (width + pad)
    held += (data.n_train + data.n_test) * channels * height * width
    saved = 1 + len(planned_steps(settings.get("checkpoints"), steps))
    return Cost(
        "train",
        name,
        seconds,
        laws.train_bytes(work, batch, held),
        saved * laws.checkpoint_bytes(work) + test * len(data.classes) * laws.FLOAT,
    )


def _loading(run: Run, data: Description, work: Workload, device: str) -> Cost:
    return Cost(
        "load_checkpoint",
        run.name,
        laws.forward_seconds(work, data.n_test, device) + rate("cpu_start"),
        laws.forward_bytes(work, laws.BATCH),
        laws.checkpoint_bytes(work) + data.n_test * len(data.classes) * laws.FLOAT,
    )


def _read_out(study: Study, run: Run, work: Workload, device: str) -> Cost:
    probe = study.probes[run.name]
    taps = select_present(work.layers, probe.taps)
    features = sum(work.features[k] for k in taps)
    batches = probe.size // probe.batch_size * probe.passes
    disk: float = laws.gram_bytes(len(taps), probe.batch_size, batches)
    if study.settings.keep_activations:
        disk += laws.activation_bytes(features, probe.size)
    return Cost(
        "extract",
        run.name,
        laws.extract_seconds(work, features, len(taps), probe.batch_size, batches, device),
        laws.forward_bytes(work, probe.batch_size),
        disk,
    )


def _comparison(study: Study, tile: Tile, works: Mapping[str, Workload]) -> Cost:
    probe = study.probes[tile.runs[0]]
    tapped, compared = [], []
    for name in tile.runs:
        layers = works[name].layers
        taps = select_present(layers, study.probes[name].taps)
        tapped.append(len(taps))
        compared.append(len(set(taps) & set(select_present(layers, tile.layers))))
    products = values = 0
    for a, b in tile.pairs:
        one = tapped[a] ** 2 if a == b else compared[a] * compared[b]
        values += one
        # A network with itself: half of a symmetric table.
        products += one // 2 if a == b else one
    batches = probe.size // probe.batch_size * probe.passes
    seconds = None
    if tile.measure == "cka_minibatch":
        stored = sum(laws.gram_bytes(n, probe.batch_size, batches) for n in tapped)
        seconds = laws.compare_seconds(
            len(tile.runs), products, values, stored, probe.batch_size, batches
        )
    disk = laws.table_bytes(values)
    return Cost("similarity", tile.name, seconds, tile_bytes(study, tile), disk)
