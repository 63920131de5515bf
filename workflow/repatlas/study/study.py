"""The study as the workflow and the library use it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from repatlas.catalogue import ANALYSES
from repatlas.data.catalogue import describe
from repatlas.data.content import Description
from repatlas.errors import ConfigError, RepatlasError
from repatlas.naming import canonical, digest
from repatlas.own import is_own, short
from repatlas.study.checks import (
    mistakes_in_analyses,
    mistakes_in_layers,
    mistakes_in_names,
    mistakes_in_runs,
)
from repatlas.study.comparisons import Tile, tiles_of
from repatlas.study.components import mistakes_in_components
from repatlas.study.dynamics import mistakes_in_dynamics
from repatlas.study.explain import check_keys, mistakes_in
from repatlas.study.figure_checks import mistakes_in_figures
from repatlas.study.figures import figures_of, settings_of, tables_of
from repatlas.study.grid import Run, dataset_folder, dataset_settings, fits, runs_of
from repatlas.study.measures import Variant, mistakes_in_options, variants
from repatlas.study.messages import Mistake, StudyError, as_written
from repatlas.study.own import (
    describe_own,
    mistakes_in_functions,
    mistakes_in_own,
    with_layers,
)
from repatlas.study.predictions import mistakes_in_class_groups, prediction_pairs
from repatlas.study.probing import mistakes_in_probes
from repatlas.study.read import lines_of, shown_path
from repatlas.study.settings import StudySettings

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class ProbePlan:
    """A probe as the stores of a network name it: which images, in which batches, which taps."""

    id: str
    dataset: str
    size: int
    batch_size: int
    passes: int
    taps: tuple[str, ...]


class Study:
    """A validated study.

    Parameters
    ----------
    config : the content of the study's YAML file (or of several, merged)
    files : the files it came from, for messages
    kept : folder for what is found of the user's own code, which is run once; without it each time

    Raises ConfigError with one line for each thing that is wrong: where in which file, what was
    found, what is accepted. No image is read; a user's own data are listed.
    """

    def __init__(
        self, config: Mapping[str, Any], files: Sequence[str] = (), kept: Path | None = None
    ):
        try:
            self.settings = load_settings(config)
            _stop_at(mistakes_in_names(self.settings))
            _stop_at(mistakes_in_functions(self.settings, kept))
            self.runs: list[Run] = runs_of(self.settings)
            self._descriptions = self._describe(kept)
            self.runs = with_layers(self.settings, self.runs, self._descriptions, kept)
            self.tiles: list[Tile] = []
            self.prediction_pairs: list[tuple[str, str]] = []
            self._compare()
        except StudyError as error:
            raise ConfigError(_message(error.mistakes, config, files)) from None

    def _compare(self) -> None:
        """Fill `tiles`, and stop at whatever the parts of the study do not allow each other."""
        settings, probes = self.settings, self.probes
        mistakes = [*mistakes_in_runs(settings, self.runs, self._descriptions, probes)]
        sizes = [plan.size for plan in probes.values()]
        mistakes += mistakes_in_options(settings.measures, settings.measure_options, sizes)
        try:
            ids = {name: plan.id for name, plan in probes.items()}
            self.tiles = tiles_of(self.runs, ids, self.measures, settings.comparisons)
        except StudyError as error:
            mistakes += error.mistakes
        else:
            mistakes += mistakes_in_figures(settings, self.runs, self.tiles)
            mistakes += mistakes_in_analyses(settings, self.runs, self.tiles)
        mistakes += mistakes_in_own(settings, self.runs)
        mistakes += mistakes_in_dynamics(settings, self.runs)
        mistakes += mistakes_in_components(settings, self.runs)
        try:
            self.prediction_pairs = prediction_pairs(settings, self.runs)
        except StudyError as error:
            mistakes += error.mistakes
        mistakes += mistakes_in_class_groups(settings, self.runs, self._descriptions)
        mistakes += mistakes_in_probes(settings, self.runs, self._descriptions)
        _stop_at([*mistakes, *mistakes_in_layers(settings, self.runs, self.tiles)])

    @property
    def name(self) -> str:
        """The study's name and folder."""
        return self.settings.study

    @cached_property
    def measures(self) -> list[Variant]:
        """The measures, each with its options."""
        return variants(self.settings.measures, self.settings.measure_options)

    @property
    def analyses(self) -> list[str]:
        """Names of the built-in analyses that the study names."""
        return [name for name in self.settings.analyses if not is_own(name)]

    @property
    def own_analyses(self) -> dict[str, str]:
        """Where the user's own analyses are, by their name, which is that of their table."""
        return {short(name): name for name in self.settings.analyses if is_own(name)}

    @cached_property
    def by_name(self) -> dict[str, Run]:
        """Runs by name."""
        return {run.name: run for run in self.runs}

    @cached_property
    def datasets(self) -> dict[str, dict[str, Any]]:
        """Data set specs by folder name, probe sets' included."""
        return {
            dataset_folder(n, self.settings): dataset_settings(n, self.settings).spec()
            for n in self._dataset_names()
        }

    @cached_property
    def probes(self) -> dict[str, ProbePlan]:
        """The probe of every run, by the run's name."""
        plans = {name: self._plan(name) for name in self._dataset_names()}
        of_all = self.settings.probe.dataset
        return {run.name: plans[of_all or run.design["dataset"]] for run in self.runs}

    @cached_property
    def frame(self) -> "pandas.DataFrame":
        """The grid as a pandas frame: one row a network, design columns first."""
        import pandas

        rows = [
            {"run": r.name, "group": r.group, **r.design, "probe": self.probes[r.name].id}
            for r in self.runs
        ]
        return pandas.DataFrame(rows)

    @cached_property
    def figures(self) -> list[str]:
        """Names of the figures to draw."""
        return figures_of(self.settings, self.runs, self.tiles)

    def figure_settings(self, figure: str) -> dict[str, Any]:
        """The settings of a figure that are not its defaults."""
        return settings_of(self.settings, figure)

    def figure_tables(self, figure: str) -> list[str]:
        """Files of the tables that a figure is drawn from."""
        return tables_of(self.settings, figure)

    def description(self, dataset: str) -> Description:
        """Image shape, classes and numbers of examples of a data set, by its folder's name."""
        return self._descriptions[dataset]

    def shape(self, run: str) -> tuple[int, int, int]:
        """Channels, height and width of the images that a network sees."""
        return self._descriptions[self.by_name[run].dataset].shape

    def analysis_options(self, analysis: str) -> dict[str, Any]:
        """The options of an analysis as the study sets them; empty for one that has none."""
        section = getattr(self.settings, analysis, None)
        return canonical(section.model_dump()) if section else {}

    def analysed(self, analysis: str) -> list[str]:
        """Names of the networks that `analysis` makes a file of: all that the study's `analysed`
        selects, but for the dynamics those alone that are saved on their way."""
        entries = [entry.given for entry in self.settings.analysed]
        chosen = [r for r in self.runs if not entries or any(fits(r, e) for e in entries)]
        if analysis == "dynamics":
            chosen = [run for run in chosen if "checkpoints" in run.spec["training"]]
        return [run.name for run in chosen]

    def artifact(self, analysis: str, run: str) -> str:
        """Path, below the results folder, of what `analysis` makes of the network `run`. Its name
        ends in the digest of the options, and of the probe where that matters."""
        about = ANALYSES[analysis]
        spec: dict[str, Any] = {"options": self.analysis_options(analysis)}
        if about.needs:
            spec["needs"] = {name: self.analysis_options(name) for name in about.needs}
        if about.probed:
            spec["probe"] = self.probes[run].id
        return f"analysis/{analysis}/{run}--{digest(spec)}{about.artifact}"

    def _dataset_names(self) -> list[str]:
        names = {run.design["dataset"] for run in self.runs}
        return sorted(names | set(filter(None, [self.settings.probe.dataset])))

    def _describe(self, kept: Path | None) -> dict[str, Description]:
        found, mistakes = {}, []
        for name in self._dataset_names():
            folder = dataset_folder(name, self.settings)
            spec = self.datasets[folder]
            try:
                found[folder] = (
                    describe_own(spec, kept) if is_own(spec["source"]) else describe(spec)
                )
            except RepatlasError as error:
                mistakes.append(Mistake(("datasets", name), str(error)))
        _stop_at(mistakes)
        return found

    def _plan(self, dataset: str) -> ProbePlan:
        settings, folder = self.settings.probe, dataset_folder(dataset, self.settings)
        size = settings.size or self._descriptions[folder].n_test
        taps = tuple(sorted(set(self.settings.taps)))
        spec = {
            "dataset": self.datasets[folder],
            "size": size,
            "batch_size": settings.batch_size,
            "passes": settings.passes,
            "taps": taps,
        }
        stem = f"{folder.rsplit('-', 1)[0]}-n{size}-b{settings.batch_size}-p{settings.passes}"
        return ProbePlan(
            id=f"{stem}-{digest(spec)}",
            dataset=folder,
            size=size,
            batch_size=settings.batch_size,
            passes=settings.passes,
            taps=taps,
        )


def load_settings(config: Mapping[str, Any]) -> StudySettings:
    """The typed settings of a study; StudyError (a ConfigError) with all mistakes of form."""
    _stop_at(check_keys(config))
    try:
        return StudySettings.model_validate(dict(config))
    except ValidationError as error:
        raise StudyError(mistakes_in(error, StudySettings, config)) from None


def _stop_at(mistakes: Iterable[Mistake]) -> None:
    if found := list(mistakes):
        raise StudyError(found)


def _message(mistakes: Sequence[Mistake], config: Any, files: Sequence[str]) -> str:
    """All mistakes in one message, each with its line where a file has the key."""
    lines = {file: lines_of(file) for file in files}
    where = ", ".join(map(shown_path, files)) or "the configuration"
    number = f"{len(mistakes)} things to correct" if len(mistakes) > 1 else "one thing to correct"
    text = [f"The study in {where} cannot be used; {number}:"]
    for mistake in mistakes:
        path = as_written(mistake.path, config)
        # Of merged files the last one wins.
        place = [(file, found[path]) for file, found in lines.items() if path in found]
        line = ""
        if place:
            file, on = place[-1]
            line = f"line {on}, " if len(files) == 1 else f"{shown_path(file)}, line {on}, "
        first, *more = str(Mistake(path, mistake.text)).splitlines()
        text += [f"  {line}{first}", *(f"    {rest}" for rest in more)]
    return "\n".join(text)
