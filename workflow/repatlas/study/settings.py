"""The typed model of a study: every key of its YAML file, with meaning, unit and default."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from repatlas.catalogue import ANALYSES, FIGURES, MEASURES
from repatlas.study.analyses import (
    DominantExampleSettings,
    DynamicsSettings,
    LinearProbeSettings,
    PredictionSettings,
    PrincipalComponentSettings,
)
from repatlas.study.axes import Axes, Changes, Pair
from repatlas.study.fields import AnyOf, Name, OneOrMore, Own, Scalar, Settings, count
from repatlas.study.measures import MeasureOptions
from repatlas.study.sections import (
    BUILT_IN,
    DatasetSettings,
    DataSettings,
    ModelSettings,
    ProbeSettings,
    TrainingSettings,
)

if TYPE_CHECKING:
    # The names stand in the catalogue, which a type checker cannot follow.
    Measure = str
    Analysis = str
    Figure = str
else:
    Measure = Literal[tuple(MEASURES)]
    Analysis = Literal[tuple(ANALYSES)]
    Figure = Literal[tuple(FIGURES)]


def _listed(value: Any) -> Any:
    """One figure's name as a list of it."""
    return [value] if isinstance(value, str) and value != "auto" else value


# `auto`, or a list; a single name is accepted as a list of one.
Figures = Annotated[Literal["auto"] | Figure | list[Figure], BeforeValidator(_listed)]


class ComparisonSettings(Settings):
    """Which networks are compared with which."""

    across_seeds: bool = True
    """Compare networks that differ in the seed alone."""
    across_architectures: Annotated[
        Literal["none", "all"] | list[Pair],
        Field(examples=[[[{"depth": 14, "width": 2}, {"depth": 56, "width": 1}]]]),
    ] = "none"
    """`all`, `none`, or a list of pairs, each of two selections such as
    [{depth: 14, width: 2}, {depth: 56, width: 1}]."""
    layers: OneOrMore[str] = ["relu"]
    """Layers compared across networks; within one network all tapped layers are. Written as
    `taps`."""
    seed_pairs: Annotated[int, count("pairs")] | None = 20
    """At most this many pairs of networks for each pair of architectures (the paper's 20);
    null = all."""


class Override(Settings):
    """Settings for the networks that match."""

    where: Axes
    """What a network must match, all of it."""
    set: Changes
    """Settings of `data`, `model` or `training` to change."""


class StudySettings(Settings):
    """A study: a grid of networks, a probe set, comparisons, and what to show."""

    study: Name
    """Name of the study and of its folder under results/studies."""
    title: str = ""
    """One line for figures and report."""
    datasets: dict[Name, DatasetSettings] = {}
    """Data sets of your own, by the name that the grid uses. Built-in: digits, cifar10, cifar100,
    mnist, fashion-mnist."""
    data_root: str | None = None
    """Folder that already holds downloaded data sets as torchvision lays them out; used as it is.
    The environment variable REPATLAS_DATA says the same."""
    grid: Axes
    """Axes that are crossed: any setting of `data`, `model` or `training`, and `seed`."""
    exclude: list[Axes] = []
    """Cells taken out of the grid: every network that matches all keys of one entry."""
    exclude_runs: AnyOf[str] = []
    """Networks left out by name (column `run` of the tables), such as one whose job keeps failing;
    tables and figures are made of the others."""
    include: list[Axes] = []
    """Extra rows: an entry's keys replace those of the grid, all other axes stay crossed."""
    overrides: list[Override] = []
    """Settings changed for a part of the grid; later entries win."""
    data: DataSettings = DataSettings()
    """Data settings that the grid does not vary."""
    model: ModelSettings = ModelSettings()
    """Model settings that the grid does not vary."""
    training: TrainingSettings = TrainingSettings()
    """Training settings that the grid does not vary."""
    taps: OneOrMore[str] = ["all"]
    """Layers read out: `all`, `residual` (the sums of branch and shortcut), a kind (`relu`, `conv`,
    `bn`, `add`, `dense`, ...), or patterns of names such as `stage2.*.relu2`."""
    probe: ProbeSettings = ProbeSettings()
    """The test images that every network is shown to be compared (the probe set)."""
    keep_activations: bool = True
    """Store activations beside the Gram matrices. At paper scale a width-10 network's do not fit
    on a disk; minibatch CKA never needs them."""
    measures: OneOrMore[Measure | Own] = ["cka_minibatch"]
    """Similarity measures; all but cka_minibatch need `keep_activations: true`. Your own: see
    EXTENDING.md."""
    measure_options: MeasureOptions = MeasureOptions()
    """Options of measures, by measure; a list of them computes the measure once for each."""
    comparisons: ComparisonSettings = ComparisonSettings()
    """Which networks are compared."""
    analyses: AnyOf[Analysis | Own] = []
    """Analyses beyond similarities, each with its tables and figures; options of one stand in the
    section of its name. Your own, which makes a table: see EXTENDING.md."""
    analysed: list[Axes] = []
    """Networks that analyses look into: those that match all keys of one entry; by default every
    network. Predictions and best matches take all."""
    linear_probes: LinearProbeSettings = LinearProbeSettings()
    """Options of the analysis `linear_probes`."""
    predictions: PredictionSettings = PredictionSettings()
    """Options of the analysis `predictions`."""
    principal_components: PrincipalComponentSettings = PrincipalComponentSettings()
    """Options of the analysis `principal_components`."""
    dominant_examples: DominantExampleSettings = DominantExampleSettings()
    """Options of the analysis `dominant_examples`."""
    dynamics: DynamicsSettings = DynamicsSettings()
    """Options of the analysis `dynamics`."""
    figures: Figures = "auto"
    """Names of figures, or `auto`: all that the grid gives data for."""
    figure_settings: dict[Figure, dict[str, Scalar | None]] = {}
    """Settings of single figures, by figure name."""
    device: Annotated[
        str,
        Field(
            pattern=r"^(auto|cpu|cuda(:\d+)?)$",
            json_schema_extra={"patternErrorMessage": "auto, cpu, cuda or cuda:N"},
        ),
    ] = "auto"
    """Where networks are trained and read out; `auto` takes a GPU where there is one. Jobs that run
    together take one each."""
    jobs_per_gpu: Annotated[int, count("jobs")] = 1
    """Jobs that may use one GPU at the same time; small networks leave most of a large one idle."""

    @field_validator("measures", "analyses")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{repeated[0]!r} is named twice")
        return names

    @field_validator("datasets")
    @classmethod
    def _own_names(cls, datasets: dict[str, DatasetSettings]) -> dict[str, DatasetSettings]:
        for name, settings in datasets.items():
            if name in BUILT_IN and settings.source != name:
                raise ValueError(f"{name!r} is the name of a built-in set; choose another")
        return datasets
