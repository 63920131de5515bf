"""The plan of a start: what is to be made, how long that takes and how much disk it needs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from repatlas.catalogue import ANALYSES
from repatlas.costs.measured import slowness
from repatlas.costs.plan import Cost, costs
from repatlas.costs.rates import rate
from repatlas.durations import spoken
from repatlas.hardware import cuda_devices, free_disk, usable_cores
from repatlas.study.study import Study


@dataclass(frozen=True)
class Machine:
    """Where the jobs run: results folder, "cpu" or "cuda", how many side by side, free bytes."""

    results: Path
    device: str
    slots: int
    free: int


def this_machine(study: Study, cores: int | None = None) -> Machine:
    """The machine that the command runs on, with the device that the study would use here, and
    `cores` of its cores or, without a number, all that a process here may use."""
    results, cores = Path("results"), cores or usable_cores()
    gpus = 0 if study.settings.device == "cpu" else cuda_devices()
    slots = min(cores, gpus * study.settings.jobs_per_gpu) if gpus else cores
    return Machine(results, "cuda" if gpus else "cpu", slots, free_disk(results))


def outlook(study: Study, machine: Machine, made: Callable[[str], bool]) -> list[str]:
    """Lines that say what there is to do.

    `made`: whether a result, by its path from where the workflow runs, is there and stays.
    """
    jobs = list(costs(study, machine.device))
    targets = _targets(study)
    to_do = [job for job in jobs if not made(targets[job.rule, job.job])]
    count = Counter(job.rule for job in to_do)
    pairs = {tile.name: len(tile.pairs) for tile in study.tiles}
    compare = sum(pairs[job.job] for job in to_do if job.rule == "similarity")
    analyses = {
        name: sum(not made(f"results/{study.artifact(name, run)}") for run in study.analysed(name))
        for name in study.analyses
        if ANALYSES[name].artifact
    }
    figures = sum(not made(f"results/studies/{study.name}/figures/{f}.png") for f in study.figures)
    title = f": {study.settings.title}" if study.settings.title else ""
    lines = [f"Study {study.name}{title}"]
    n_runs, n_pairs = len(study.runs), sum(pairs.values())
    n_loaded = sum(run.checkpoint is not None for run in study.runs)
    if n_loaded < n_runs:
        lines.append(f"  to train      {count['train']} of {n_runs - n_loaded} networks")
    if n_loaded:
        lines.append(f"  to load       {count['load_checkpoint']} of {n_loaded} networks")
    lines += [
        f"  to read out   {count['extract']} of {n_runs} networks",
        f"  to compare    {compare} of {n_pairs} pairs of networks, in "
        f"{count['similarity']} of {len(study.tiles)} jobs",
    ]
    lines += [
        f"  to analyse    {n} of {len(study.analysed(name))} networks: {name}"
        for name, n in analyses.items()
    ]
    lines.append(f"  to draw       {figures} of {len(study.figures)} figures, and their tables")
    if not (to_do or figures or any(analyses.values())):
        return [*lines, "Everything is there."]
    return [*lines, *_time(to_do, figures, analyses, machine), *_disk(to_do, study, machine)]


def _targets(study: Study) -> dict[tuple[str, str], str]:
    """Path of the file that each job makes last, by rule and job."""
    found = {}
    for name, probe in study.probes.items():
        found["train", name] = found["load_checkpoint", name] = f"results/runs/{name}/status.json"
        found["extract", name] = f"results/grams/{name}--{probe.id}.manifest.json"
    for tile in study.tiles:
        found["similarity", tile.name] = f"results/similarity/{tile.measure}/{tile.name}.parquet"
    return found


def _time(to_do: list[Cost], figures: int, analyses: dict[str, int], machine: Machine) -> list[str]:
    factor, earlier = slowness(machine.results, machine.device)
    known = [job.seconds * factor for job in to_do if job.seconds is not None]
    # Figures and tables take about what it takes to start.
    known += [rate("cpu_start")] * figures
    seconds = max(sum(known) / machine.slots, max(known, default=0.0))
    where = f"{machine.slots} {'GPU' if machine.device == 'cuda' else 'core'}"
    where += "s" if machine.slots > 1 else ""
    by = (
        f"by {earlier} earlier {'trainings' if earlier > 1 else 'training'} here"
        if earlier
        else "by the rates that come with repatlas, no training was measured here yet"
    )
    lines = [f"  time          about {spoken(seconds)} on {where}, {by}"]
    unknown = sum(job.seconds is None for job in to_do)
    without = [f"{unknown} comparisons by measures of activations"] if unknown else []
    without += ["analyses"] if any(analyses.values()) else []
    if without:
        lines.append(f"                without {' and '.join(without)}: their time is not known")
    return lines


def _disk(to_do: list[Cost], study: Study, machine: Machine) -> list[str]:
    needed = sum(job.disk for job in to_do)
    kept = "activations" if study.settings.keep_activations else "Gram matrices"
    return [f"  disk          about {_size(needed)}, mostly {kept}; {_size(machine.free)} are free"]


def _size(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e6:.0f} MB"
