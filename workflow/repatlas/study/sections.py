"""The sections of a study that describe one network, its data and its probe set.

A field that is None by default is an optional feature: it enters a run's name only where it is set.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from repatlas.own import is_own
from repatlas.study.fields import (
    Arguments,
    Depth,
    Fraction,
    OneOrMore,
    Own,
    Seed,
    Settings,
    Share,
    Width,
    count,
)

BUILT_IN = ("digits", "cifar10", "cifar100", "mnist", "fashion-mnist")
OWN = ("folder", "npz")
PC_THRESHOLD = 0.2
Pixels = Annotated[int, count("pixels")]


class DatasetSettings(Settings):
    """One data set of the study, under the name that the grid uses for it."""

    source: (
        Literal["digits", "cifar10", "cifar100", "mnist", "fashion-mnist", "folder", "npz"] | Own
    )
    """Where the images come from: a built-in set, a `folder` of images, an `npz` file, or a
    function of your own that gives the arrays of such a file: see EXTENDING.md."""
    path: str | None = None
    """`folder` and `npz`: where your data lies. A relative path starts where Snakemake runs."""
    size: Pixels | list[Pixels] | None = None
    """`folder`: side, or [height, width], in pixels, to which every image is resized."""
    channels: Literal[1, 3] | None = None
    """`folder`: 3 for colour, 1 for grey."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    """`folder` and `npz` that come without a test part: share of each class that becomes the test
    set. By default 0.2."""
    split_seed: Seed | None = None
    """Seed of that split. By default 0."""
    arguments: Arguments | None = None
    """What a function of your own is called with, by name."""

    @model_validator(mode="after")
    def _belongs_to_source(self) -> "DatasetSettings":
        given = {k for k, v in self.model_dump().items() if v is not None} - {"source"}
        accepted = {
            "folder": {"path", "size", "channels", "test_fraction", "split_seed"},
            "npz": {"path", "test_fraction", "split_seed"},
        }.get(self.source, set())
        if is_own(self.source):
            accepted = {"arguments", "test_fraction", "split_seed"}
        if wrong := sorted(given - accepted):
            rest = (
                f"accepted beside `source`: {', '.join(sorted(accepted))}"
                if accepted
                else ("a built-in set has no further settings; take the line out")
            )
            raise ValueError(f"`{wrong[0]}` has no meaning for `source: {self.source}`; {rest}")
        needed = {"folder": ["path", "size", "channels"], "npz": ["path"]}.get(self.source, [])
        if lacking := [k for k in needed if k not in given]:
            raise ValueError(f"`source: {self.source}` also needs `{'`, `'.join(lacking)}`")
        if isinstance(self.size, list) and len(self.size) != 2:
            raise ValueError(
                f"`size` has {len(self.size)} numbers; accepted is one number of pixels or "
                "[height, width]"
            )
        return self

    def spec(self) -> dict[str, Any]:
        """The part that decides the data, without what is not given."""
        spec = self.model_dump(exclude_none=True)
        if self.arguments is not None:
            # As pairs a null among them counts.
            spec["arguments"] = [list(pair) for pair in sorted(self.arguments.items())] or None
        if self.source in OWN or is_own(self.source):
            spec.setdefault("test_fraction", 0.2)
            spec.setdefault("split_seed", 0)
        return spec


class DataSettings(Settings):
    """What a network is trained and tested on."""

    dataset: str = "digits"
    """Name of a built-in data set or of one declared under `datasets`."""
    fraction: Fraction = 1.0
    """Share of the training images used. Class-balanced and nested: 1/16 lies within 1/4."""
    evaluate_on: Literal["test", "held_out"] = "test"
    """Images behind the reported accuracy: the test set, or training images outside the fraction
    (for choosing hyper-parameters)."""
    random_labels: Share | None = None
    """Share of the training images whose label is drawn at random (Zhang et al. 2017)."""
    label_seed: Seed | None = None
    """Seed of that draw, one for all networks. By default 0."""


class ModelSettings(Settings):
    """Which network."""

    architecture: Literal["resnet", "cnn"] | Own = "resnet"
    """`resnet`: the paper's CIFAR ResNet v1. `cnn`: the same without residual connections. Or your
    own: see EXTENDING.md. The four settings that follow are those of `resnet` and `cnn`."""
    depth: Depth = 14
    """Number of weight layers, of the form 6n+2: 8, 14, 20, 26, ..."""
    width: Width = 1.0
    """Multiplier of the 16, 32 and 64 channels of the three stages; fractions are rounded."""
    init: Literal["he_normal", "he_uniform", "glorot_uniform", "orthogonal"] = "he_normal"
    """Initialisation of all kernels. `he_normal` is Keras' truncated normal, the paper's."""
    bn_momentum: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Weight of the new batch in batch normalisation's running statistics (Keras' 0.99 is 0.01)."""
    arguments: Arguments | None = None
    """What an architecture of your own is called with, by name. In the grid a list of values is
    crossed. `depth` and `width` among them fill the tables' columns of these names."""
    checkpoint: str | None = None
    """A saved state dict (`torch.save`) that the network is loaded from instead of being trained;
    `{seed}`, `{depth}` and the like in its path stand for the network's own."""


class CheckpointSettings(Settings):
    """When a network in training is saved."""

    steps: OneOrMore[Annotated[int, count("steps", 0)]] | None = None
    """After which steps; 0 is the initialisation."""
    epochs: OneOrMore[Annotated[int, count("epochs")]] | None = None
    """After which epochs."""

    @model_validator(mode="after")
    def _says_when(self) -> "CheckpointSettings":
        if not self.model_dump(exclude_none=True):
            raise ValueError("it names neither `steps` nor `epochs`; name at least one of them")
        return self

    def spec(self) -> dict[str, list[int]]:
        """What is named, in order and each once: one way to say each thing."""
        return {k: sorted(set(v)) for k, v in self.model_dump(exclude_none=True).items()}


class TrainingSettings(Settings):
    """How a network is trained. The defaults are the paper's protocol."""

    epochs: Annotated[int, count("epochs")] = 300
    """Passes over the training images."""
    batch_size: Annotated[int, count("images", 2)] = 128
    """Images a step; the remainder of an epoch is dropped."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Initial learning rate of SGD."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Learning rate over the epochs. `cosine`: to zero, set once an epoch, no warm-up."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of SGD (not Nesterov)."""
    l2: Annotated[float, Field(ge=0)] = 0.001
    """Penalty l2 * sum(w^2) on convolution and dense kernels (Keras' convention: torch's
    weight_decay is twice this number)."""
    crop_padding: Annotated[int, count("pixels", 0)] = 4
    """Reflection around an image before the random crop back to its size; 0 = no crop."""
    flip: bool = True
    """Random horizontal flips."""
    evaluate_every: Annotated[int, count("epochs")] = 1
    """Epochs between evaluations in the learning curve; the last epoch is always evaluated."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Arithmetic of forward and backward passes. The paper's is float32."""
    threads: Annotated[int, count("threads")] = 1
    """CPU threads of a training. Part of the run: another number gives other rounding."""
    checkpoints: Annotated[
        CheckpointSettings | None, Field(examples=[{"steps": [0, 1, 10, 30, 100], "epochs": [5]}])
    ] = None
    """When the network is saved on its way, for the analysis `dynamics`: after which `steps` (0 is
    the initialisation), after which `epochs`, or both. No axis of the grid; `overrides` may set
    it."""
    pc_penalty: Annotated[float, Field(ge=0)] | None = None
    """Weight alpha of the penalty on a dominant first principal component (Nguyen et al. 2022);
    0 = none. Theirs: 0.1, 1 or 10."""
    pc_threshold: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Share of the variance from which on the first component is penalised. By default 0.2."""
    colour_jitter: Annotated[float, Field(ge=0, le=2.5)] | None = None
    """Strength of the random colour jitter of training images (that of SimCLR); 0 = none. Nguyen et
    al. (2022): 1."""

    def spec(self) -> dict[str, Any]:
        """The part that decides the training: what is off is the same as what is not there."""
        spec = self.model_dump() | {"checkpoints": self.checkpoints and self.checkpoints.spec()}
        spec["colour_jitter"] = spec["colour_jitter"] or None
        if not self.pc_penalty:
            spec["pc_penalty"] = spec["pc_threshold"] = None
        elif self.pc_threshold is None:
            spec["pc_threshold"] = PC_THRESHOLD
        return spec


class ProbeSettings(Settings):
    """The images on which networks are compared."""

    dataset: str | None = None
    """Data set whose test images are the probe; by default each network's own."""
    size: Annotated[int, count("images")] | None = None
    """Number of probe images, class-balanced; by default the whole test set."""
    batch_size: Annotated[int, count("images", 4)] = 256
    """Images a batch of minibatch CKA; a short last batch is left out. Standard errors need at
    least 8 batches."""
    passes: Annotated[int, Field(ge=1, le=100)] = 1
    """Passes over the probe set, reshuffled from the second on. The paper used 10, which narrows
    the sampling error by 2 % at ten times the cost; standard errors come from a single pass."""


# The sections of which every network has its own version.
SECTIONS: dict[str, type[Settings]] = {
    "data": DataSettings,
    "model": ModelSettings,
    "training": TrainingSettings,
}
# Settings that say what is kept of a network, not what it is: they cannot tell two networks apart.
NO_AXES = {"checkpoints"}
# Settings that are off at 0, which is then what they are where nothing is said.
OFF_AT_ZERO = {"pc_penalty", "colour_jitter", "random_labels"}
