"""The plan of a start: what is to be made, how long that takes and how much disk it needs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from repatlas.catalogue import ANALYSES
from repatlas.costs.analyses import OF_GRAMS, OWN, TABLES
from repatlas.costs.job import Cost
from repatlas.costs.measured import slowness
from repatlas.costs.plan import costs
from repatlas.costs.rates import rate, rates
from repatlas.durations import spoken
from repatlas.hardware import cuda_devices, free_disk, usable_cores
from repatlas.study.study import Study

LONG = 86400  # seconds of one core from which on it is said what a GPU would take


@dataclass(frozen=True)
class Machine:
    """Where the jobs run: results folder, how many GPUs they compute on (0: on cores alone), how
    many jobs there are at once, free bytes. Jobs that share a GPU also share its speed."""

    results: Path
    gpus: int
    cores: int
    free: int

    @property
    def device(self) -> str:
        """Where jobs with torch compute."""
        return "cuda" if self.gpus else "cpu"


def this_machine(study: Study, cores: int | None = None) -> Machine:
    """The machine that the command runs on, with the device that the study would use here, and
    `cores` of its cores or, without a number, all that a process here may use."""
    results, cores = Path("results"), cores or usable_cores()
    device = study.settings.device
    gpus = 0 if device == "cpu" else cuda_devices()
    if device not in ("auto", "cuda"):
        gpus = min(gpus, 1)  # cuda:1 is the same one for every job
    return Machine(results, min(gpus, cores), cores, free_disk(results))


def outlook(study: Study, machine: Machine, made: Callable[[str], bool]) -> list[str]:
    """Lines that say what there is to do.

    `made`: whether a result, by its path from where the workflow runs, is there and stays.
    """
    jobs = list(costs(study, machine.device))
    targets = _targets(study)
    to_do = [job for job in jobs if not all(map(made, targets[job.rule, job.job]))]
    count = Counter(job.rule for job in to_do)
    pairs = {tile.name: len(tile.pairs) for tile in study.tiles}
    compare = sum(pairs[job.job] for job in to_do if job.rule == "similarity")
    factor, earlier = slowness(machine.results, machine.device)
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
    for name in study.analyses:
        if ANALYSES[name].artifact:
            seconds = factor * sum(job.seconds or 0 for job in to_do if job.rule == name)
            unit = "core" if _without_torch(name) else _unit(machine)
            time = f", {spoken(seconds)} of one {unit}" if count[name] else ""
            of = len(study.analysed(name))
            lines.append(f"  to analyse    {count[name]} of {of} networks: {name}{time}")
    lines.append(f"  to draw       {figures} of {len(study.figures)} figures, and their tables")
    if not (to_do or figures):
        return [*lines, "Everything is there."]
    of_tables = sum(job.rule.endswith(TABLES) for job in to_do)
    lines.append(
        f"  jobs          {len(to_do) - of_tables:,}, besides those of data, tables and figures"
    )
    lines += _time(to_do, figures, machine, factor, earlier)
    lines += _gpu_time(study, to_do, machine, factor)
    return [*lines, *_disk(to_do, study, machine)]


def _targets(study: Study) -> dict[tuple[str, str], list[str]]:
    """Paths of the files that each job makes last, by rule and job."""
    found = {}
    kinds = ["grams", "activations"] if study.settings.keep_activations else ["grams"]
    for name, probe in study.probes.items():
        found["train", name] = found["load_checkpoint", name] = [f"results/runs/{name}/status.json"]
        stem = f"{name}--{probe.id}"
        found["extract", name] = [f"results/{kind}/{stem}.manifest.json" for kind in kinds]
    for tile in study.tiles:
        found["similarity", tile.name] = [f"results/similarity/{tile.measure}/{tile.name}.parquet"]
    tables = f"results/studies/{study.name}/tables"
    for name in study.analyses:
        for run in study.analysed(name) if ANALYSES[name].artifact else ():
            found[name, run] = [f"results/{study.artifact(name, run)}"]
        found[name + TABLES, study.name] = [f"{tables}/{ANALYSES[name].tables[0]}"]
    for name in study.own_analyses:
        found[OWN, name] = [f"{tables}/{name}.csv"]
    return found


def _time(
    to_do: list[Cost], figures: int, machine: Machine, factor: float, earlier: int
) -> list[str]:
    """What it takes, `factor` times as long as the laws say by so many `earlier` trainings."""
    known = [(job.rule, factor * job.seconds) for job in to_do if job.seconds is not None]
    with_torch = sum(took for rule, took in known if not _without_torch(rule))
    seconds = [took for _, took in known]
    # A figure takes about what it takes to start.
    seconds += [rate("cpu_start")] * figures
    # A schedule is no shorter than its longest job, and than what waits for a GPU or for a core.
    units = machine.gpus or machine.cores
    shortest = max(max(seconds, default=0.0), with_torch / units, sum(seconds) / machine.cores)
    where = f"{units} {_unit(machine)}{'s' if units > 1 else ''}"
    by = (
        f"by {earlier} earlier {'trainings' if earlier > 1 else 'training'} here"
        if earlier
        else "by the rates of repatlas (no training was timed here yet)"
    )
    lines = [f"  time          about {spoken(shortest)} on {where}, {by}"]
    unknown = [job for job in to_do if job.seconds is None]
    own = [job.job for job in unknown if job.rule == OWN]
    others = len(unknown) - len(own)
    without = [f"{others} comparisons by measures of activations"] if others else []
    if own:
        without.append(f"{'analyses' if own[1:] else 'the analysis'} {', '.join(own)}")
    if without:
        lines.append(f"                without {' and '.join(without)}: their time is not known")
    return lines


def _gpu_time(study: Study, to_do: list[Cost], machine: Machine, factor: float) -> list[str]:
    """What a GPU would take, where there is none here and cores take long, for those who think of
    taking the study to one."""
    here = factor * sum(job.seconds or 0 for job in to_do)
    if machine.gpus or study.settings.device == "cpu" or here < LONG:
        return []
    wanted = {(job.rule, job.job) for job in to_do if not _without_torch(job.rule)}
    elsewhere = costs(study, "cuda")
    seconds = sum(job.seconds or 0 for job in elsewhere if (job.rule, job.job) in wanted)
    speed = rates()["gpu_flops"]
    hours = seconds / 3600
    about = f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"
    return [
        f"                or about {about} GPU hours, of a GPU that sustains "
        f"{speed.value / 1e12:g} TFLOP/s ({speed.source})"
    ]


def _without_torch(rule: str) -> bool:
    """Whether jobs of a rule compute on the host, whatever device the study has."""
    return rule in ("similarity", *OF_GRAMS) or rule.endswith(TABLES)


def _unit(machine: Machine) -> str:
    return "GPU" if machine.device == "cuda" else "core"


def _disk(to_do: list[Cost], study: Study, machine: Machine) -> list[str]:
    needed = sum(job.disk for job in to_do)
    stored = sum(job.disk for job in to_do if job.rule == "extract")
    about = f"about {_size(needed)}" if needed >= 1e6 else "less than 1 MB"
    if stored > needed / 2:
        about += f", mostly {'activations' if study.settings.keep_activations else 'Gram matrices'}"
    return [f"  disk          {about}; {_size(machine.free)} are free"]


def _size(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e6:.0f} MB"
