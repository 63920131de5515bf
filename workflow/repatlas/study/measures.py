"""The options of measures that a study may set: a section for each measure that has any.

The defaults are those of `repatlas.similarity`. Minibatch CKA has none here: its batches are those
of the probe.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from repatlas.catalogue import measure_label
from repatlas.naming import canonical
from repatlas.study.fields import OneOrMore, Settings, count
from repatlas.study.messages import Mistake, shown

Side = Literal["x", "y", "mean"]


class RbfSettings(Settings):
    """Options of `cka_rbf`."""

    median_fraction: Annotated[float, Field(gt=0)] = 1.0
    """Bandwidth of the kernel as a multiple of the median distance between a layer's examples."""
    median_of: Literal["pairs", "all"] = "pairs"
    """Whether that median is over pairs of examples, or over all entries of the matrix of
    distances, its zero diagonal included."""
    bandwidth: Annotated[float, Field(gt=0)] | None = None
    """The bandwidth itself, the same number for all layers, instead of a multiple of the median."""
    unbiased: bool = True
    """Whether HSIC is estimated without bias."""

    @model_validator(mode="after")
    def _one_rule(self) -> "RbfSettings":
        given = self.model_dump(exclude_defaults=True).keys() & {"median_fraction", "median_of"}
        if self.bandwidth is not None and given:
            raise ValueError(f"`{min(given)}` has no effect beside `bandwidth`; take one out")
        return self


class SvccaSettings(Settings):
    """Options of `svcca`."""

    keep: Annotated[float, Field(gt=0, le=1)] = 0.99
    """Share that the kept singular directions must reach."""
    threshold_on: Literal["variance", "singular_values"] = "variance"
    """What that is a share of: the squared singular values, or the singular values."""


class PwccaSettings(Settings):
    """Options of `pwcca`."""

    weights: Side = "x"
    """The side that gives the weights; `mean` is the mean of both, which is symmetric."""


class RsaSettings(Settings):
    """Options of `rsa`."""

    rdm: Literal["correlation", "cosine", "euclidean", "squared_euclidean"] = "correlation"
    """Dissimilarity between examples."""
    comparison: Literal["spearman", "pearson", "cosine", "kendall"] = "spearman"
    """How two matrices of dissimilarities are compared."""


class RegressionSettings(Settings):
    """Options of `linear_regression`."""

    target: Side = "x"
    """The side that is predicted; `mean` is the mean of both, which is symmetric."""


class NeighbourSettings(Settings):
    """Options of `knn_jaccard`."""

    k: Annotated[int, count("neighbours")] = 10
    """Neighbours of each example, at most the probe images less two."""
    metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between examples."""


class MeasureOptions(Settings):
    """Options of measures: a mapping, or a list of mappings, which computes the measure once for
    each. What is not named keeps its default; {} in a list is the measure with its defaults."""

    cka_rbf: OneOrMore[RbfSettings] | None = None
    """CKA with a Gaussian kernel."""
    svcca: OneOrMore[SvccaSettings] | None = None
    """Singular vector CCA."""
    pwcca: OneOrMore[PwccaSettings] | None = None
    """Projection-weighted CCA."""
    rsa: OneOrMore[RsaSettings] | None = None
    """Representational similarity analysis."""
    linear_regression: OneOrMore[RegressionSettings] | None = None
    """Linear regression."""
    knn_jaccard: OneOrMore[NeighbourSettings] | None = None
    """Neighbours in common."""

    def of(self, measure: str) -> list[dict[str, Any]]:
        """The options that differ from the defaults, once for each time `measure` is computed."""
        given: Sequence[Settings] = getattr(self, measure, None) or [Settings()]
        return [canonical(settings.model_dump(exclude_defaults=True)) for settings in given]


class Variant(NamedTuple):
    """A measure with the options that differ from its defaults. `label` names both, and is what the
    tables call it."""

    name: str
    options: Mapping[str, Any]

    @property
    def label(self) -> str:
        """`svcca`, or `svcca(keep=0.9)`."""
        return measure_label(self.name, self.options)


def variants(measures: Sequence[str], options: MeasureOptions) -> list[Variant]:
    """What a study computes: every measure, once for each of its options."""
    return [Variant(name, chosen) for name in measures for chosen in options.of(name)]


def mistakes_in_options(
    measures: Sequence[str], options: MeasureOptions, probe_sizes: Sequence[int]
) -> Iterator[Mistake]:
    """Options without effect or given twice, and more neighbours than the probes have images."""
    for name in options.model_dump(exclude_none=True):
        path = ("measure_options", name)
        if name not in measures:
            yield Mistake(
                path, f"it has no effect, because `measures` does not name {name!r}; add it there"
            )
        chosen = options.of(name)
        if twice := [one for n, one in enumerate(chosen) if one in chosen[:n]]:
            yield Mistake(path, f"the options {shown(twice[0])} stand twice; take one out")
    least = min(probe_sizes)
    for number, given in enumerate(options.of("knn_jaccard") if "knn_jaccard" in measures else []):
        if (k := given.get("k", NeighbourSettings().k)) > least - 2:
            yield Mistake(
                ("measure_options", "knn_jaccard", number, "k"),
                f"found {k}, but the probe set has {least} images; accepted is at most {least - 2}",
            )
