"""The options of the analyses: a section of the study file for each analysis that has any."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from repatlas.study.axes import Pair
from repatlas.study.fields import Name, OneOrMore, Seed, Settings, count


class PredictionSettings(Settings):
    """Which architectures' predictions are compared, and how."""

    pairs: Annotated[
        Literal["all"] | list[Pair],
        Field(examples=[[[{"depth": 14, "width": 2}, {"depth": 56, "width": 1}]]]),
    ] = "all"
    """`all` pairs of architectures with at least two seeds that are tested on the same images, or a
    list of pairs, each of two selections such as [{depth: 14, width: 2}, {depth: 56, width: 1}]."""
    class_groups: dict[Name, OneOrMore[int | str]] = {}
    """Groups of classes to be tested as one, such as {vehicles: [airplane, truck]}; classes by name
    or by number, from 0."""
    least_seeds: Annotated[int, count("networks", 3)] = 5
    """Completed networks of each architecture that a test needs; with fewer there is no p-value."""
    examples: Annotated[int, count("examples")] = 8
    """Dividing examples shown of each pair, in either direction."""
    seed: Seed = 0
    """Seed of the halves, permutations and resamples."""


class LinearProbeSettings(Settings):
    """How linear classifiers are fitted to the layers of frozen networks."""

    method: Literal["ridge", "sgd"] = "ridge"
    """`ridge`: in closed form, on the training images as they are. `sgd`: the paper's protocol,
    which the keys below describe."""
    pool: Annotated[int, count("positions", 2)] | None = None
    """Max-pool the maps in squares of this side first (the paper's code has 2 as an option); by
    default no pooling."""
    epochs: Annotated[int, count("epochs")] = 300
    """`sgd`: passes over the network's training images, augmented as in its own training."""
    batch_size: Annotated[int, count("images")] = 128
    """`sgd`: images a step; the remainder of an epoch is dropped."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """`sgd`: constant learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """`sgd`: momentum (not Nesterov)."""
    evaluate_every: Annotated[int, count("epochs")] = 1
    """`sgd`: epochs between tests, of which the best is reported beside the last."""

    @model_validator(mode="after")
    def _belongs_to_method(self) -> "LinearProbeSettings":
        # Not what is written, but what is changed: the record of a study writes every default.
        fields = type(self).model_fields
        given = [k for k in fields if getattr(self, k) != fields[k].default]
        changed = sorted({*given} - {"method", "pool"})
        if self.method == "ridge" and changed:
            raise ValueError(
                f"`{changed[0]}` has no effect with `method: ridge`; take it out, or write "
                "`method: sgd`"
            )
        return self


class PrincipalComponentSettings(Settings):
    """Which layers' first principal components are taken, and how exactly."""

    layers: OneOrMore[str] = ["relu", "dense"]
    """Layers taken, by default the paper's: ReLU layers and logits. Written as `taps`."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """Largest angle (radians, by a bound) between a first component as found and the true one; the
    relative error of its share is at most about the square."""
    passes: Annotated[int, count("passes", 2)] = 16
    """Most passes over the probe set; a layer that needs more is marked as not converged. Up to
    1,024 small images take one pass."""


class DominantExampleSettings(Settings):
    """Which examples dominate, and how many of them are taken out."""

    layer: str | None = None
    """Layer whose first component says which examples dominate, such as `stage2.block4.relu2`; by
    default that of the largest share in the longest run of similar ReLU layers, or of all where
    the run's is less than half of that."""
    removed: OneOrMore[Annotated[float, Field(gt=0, le=0.5)]] = [0.01, 0.1]
    """Shares of the probe examples taken out, those with the largest projections."""
    draws: Annotated[int, count("draws")] = 3
    """Random sets of the same size taken out for comparison."""
    seed: Seed = 0
    """Seed of the random sets."""


class DynamicsSettings(Settings):
    """How networks are read out at the checkpoints of their training."""

    layers: OneOrMore[str] = ["all"]
    """Layers read out. Written as `taps`."""
    batch_norm: Literal["train", "inference"] = "train"
    """`train`: by the statistics of the probe batch, as Nguyen et al. (2022), because running ones
    lag behind in the first epochs. `inference`: by the running ones."""
    batches: Annotated[int, count("batches")] | None = None
    """At most so many probe batches; by default all of one pass."""


# The sections by the name of their analysis; `repatlas.catalogue.ANALYSES` names all analyses.
ANALYSIS_SECTIONS: dict[str, type[Settings]] = {
    "linear_probes": LinearProbeSettings,
    "predictions": PredictionSettings,
    "principal_components": PrincipalComponentSettings,
    "dominant_examples": DominantExampleSettings,
    "dynamics": DynamicsSettings,
}
