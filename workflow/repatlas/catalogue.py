"""The names a study may use for measures and figures, known without importing what makes them."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from repatlas.errors import ConfigError

Scalar = bool | int | float | str | None

# Measures; True where activations are needed, False where the stored Gram matrices suffice.
MEASURES = {
    "cka_minibatch": False,
    "cka": True,
    "cka_biased": True,
    "cka_lange": True,
    "cka_debiased_features": True,
    "cka_rbf": True,
    "cca_mean": True,
    "cca_r2": True,
    "svcca": True,
    "pwcca": True,
    "procrustes": True,
    "angular_shape": True,
    "rsa": True,
    "linear_regression": True,
    "knn_jaccard": True,
    "distance_correlation": True,
}

# Those of them that are small where layers are alike.
DISTANCES = frozenset({"angular_shape"})

# Those that depend on which layer comes first, unless an option makes them a mean of both ways.
DIRECTED = frozenset({"pwcca", "linear_regression"})


def measure_label(name: str, options: Mapping[str, Scalar]) -> str:
    """A measure with options as the tables call it: `svcca(keep=0.9)`, without any `svcca`."""
    listed = ", ".join(f"{key}={options[key]}" for key in sorted(options))
    return f"{name}({listed})" if listed else name


def measure_name(label: str) -> str:
    """The measure in a label: `svcca` of `svcca(keep=0.9)`."""
    return label.split("(", 1)[0]


def is_directed(label: str) -> bool:
    """Whether the measure in a label depends on which of two layers comes first."""
    return measure_name(label) in DIRECTED and "=mean" not in label


def chosen_measure(value: str, known: Sequence[str]) -> str:
    """The one of the `known` labels that `value` means: itself, or the only one of that measure."""
    of_name = [label for label in known if measure_name(label) == value]
    return of_name[0] if value not in known and len(of_name) == 1 else value


class Analysis(NamedTuple):
    """An analysis that a study may name.

    title: what it gives; tables: the files it adds to the study's tables; artifact: suffix of the
    one file that it makes of each network, '' where tables are all it makes; probed: whether that
    file depends on the probe set; needs: analyses whose files it is made from, which a study must
    name too.
    """

    title: str
    tables: tuple[str, ...]
    artifact: str = ""
    probed: bool = True
    needs: tuple[str, ...] = ()


ANALYSES: dict[str, Analysis] = {
    "best_matches": Analysis(
        "For each layer of one network the most similar layer of another, by depth",
        ("best_matches.csv",),
    ),
    "linear_probes": Analysis(
        "Accuracy of linear classifiers before and after each residual connection",
        ("linear_probes.csv", "linear_probe_summary.csv"),
        ".csv",
        probed=False,
    ),
    "block_deletion": Analysis(
        "Accuracy without retraining after residual branches are deleted",
        ("block_deletion.csv", "block_deletion_summary.csv"),
        ".csv",
        probed=False,
    ),
    "principal_components": Analysis(
        "The first principal component of each layer over the whole probe set, and sparsity",
        (
            "principal_components.csv",
            "pc_similarity.parquet",
            "principal_component_networks.csv",
            "principal_component_summary.csv",
        ),
        ".npz",
    ),
    "cka_without_pc1": Analysis(
        "Similarity of layers after the first principal component is taken out",
        (
            "cka_without_pc1.parquet",
            "cka_without_pc1_blocks.csv",
            "cka_without_pc1_summary.csv",
        ),
        ".npz",
    ),
    "dominant_examples": Analysis(
        "The few examples that first principal components are made of, and the block without them",
        (
            "dominant_layers.csv",
            "dominant_examples.csv",
            "dominant_removal.csv",
            "dominant_overlap.parquet",
            "dominant_projections.parquet",
            "dominant_similarity.parquet",
            "dominant_images.parquet",
        ),
        ".npz",
        needs=("principal_components",),
    ),
    "dynamics": Analysis(
        "Networks on their way: similarity, and the first principal component, by checkpoint",
        ("dynamics.csv", "dynamics_blocks.csv", "dynamics_similarity.parquet"),
        ".npz",
    ),
    "predictions": Analysis(
        "Accuracies of single examples and classes, between architectures and between seeds",
        (
            "prediction_examples.parquet",
            "prediction_classes.csv",
            "prediction_groups.csv",
            "prediction_pairs.csv",
            "dividing_examples.csv",
            "dividing_images.parquet",
        ),
    ),
}

# Settings of training that are meant to act on block structure.
INTERVENTIONS = ("pc_penalty", "colour_jitter", "batch_size")

# What a figure's settings mean, and the type of each.
FIGURE_SETTINGS: dict[str, tuple[type, str]] = {
    "measure": (str, "similarity measure; by default the first of the study"),
    "layers": (str, "layers shown: `all`, `relu`, `residual`, another kind, or a pattern of names"),
    "seed": (int, "seed of the networks shown; by default each cell's first that completed"),
    "block": (bool, "outline the longest run of ReLU layers that are all similar to each other"),
    "without_pc1": (
        bool,
        "show similarity without the first component beside; by default where the study has it",
    ),
    "max_rows": (int, "most rows of panels"),
    "max_columns": (int, "most columns of panels"),
    "max_groups": (int, "most architectures shown"),
    "max_seeds": (int, "most seeds of an architecture shown"),
    "max_pairs": (int, "most pairs of architectures shown"),
    "max_classes": (int, "most classes shown, those that differ most"),
    "max_examples": (int, "most examples shown in a row"),
}


class Figure(NamedTuple):
    """A figure of a study.

    title: the caption's first sentence; tables: the files of the study's tables that it is drawn
    from, and nothing else; settings: those it has, with their defaults (None: chosen from the
    data); axis: the axis of the grid of which it needs two values, or ''; analysis: the analysis
    that gives its tables, or ''; optional: tables that it shows too where a setting is true,
    {setting: (analysis, table)}, which by default it is where the study names the analysis.
    """

    title: str
    tables: tuple[str, ...]
    settings: Mapping[str, Scalar]
    axis: str = ""
    analysis: str = ""
    optional: Mapping[str, tuple[str, str]] = MappingProxyType({})


_WITHIN_TABLES = ("runs.csv", "layers.parquet", "layer_similarity.parquet", "block_metrics.csv")
_WITHIN_SETTINGS: dict[str, Scalar] = {
    "measure": None,
    "layers": "all",
    "seed": None,
    "block": True,
    "max_rows": 4,
    "max_columns": 6,
}

# In the order in which they are shown.
FIGURES: dict[str, Figure] = {
    "within_by_depth": Figure(
        "Similarity of all layers of one network, by depth",
        _WITHIN_TABLES,
        _WITHIN_SETTINGS,
        "depth",
    ),
    "within_by_width": Figure(
        "Similarity of all layers of one network, by width",
        _WITHIN_TABLES,
        _WITHIN_SETTINGS,
        "width",
    ),
    "within_by_fraction": Figure(
        "Similarity of all layers of one network, by share of the training data",
        _WITHIN_TABLES,
        _WITHIN_SETTINGS,
        "fraction",
    ),
    "across_seeds": Figure(
        "Similarity of networks that differ in the seed alone",
        ("runs.csv", "layer_similarity.parquet", "cross_seed.csv"),
        {"measure": None, "layers": None, "max_groups": 4, "max_seeds": 3},
        "seed",
    ),
    "across_architectures": Figure(
        "Similarity of networks of different architecture",
        ("runs.csv", "layer_similarity.parquet"),
        {"measure": None, "layers": None, "max_pairs": 6},
    ),
    "best_matches": Figure(
        "The most similar layer of another network, by depth",
        ("runs.csv", "layer_similarity.parquet", "best_matches.csv"),
        {"measure": None, "layers": "relu", "max_pairs": 6},
        analysis="best_matches",
    ),
    "linear_probes": Figure(
        "Accuracy of linear classifiers before and after each residual connection",
        ("runs.csv", "linear_probes.csv"),
        {"max_groups": 4, "max_seeds": 3},
        analysis="linear_probes",
    ),
    "block_deletion": Figure(
        "Test accuracy after residual branches are deleted",
        ("runs.csv", "block_deletion.csv"),
        {"max_groups": 4, "max_seeds": 3},
        analysis="block_deletion",
    ),
    "prediction_examples": Figure(
        "Accuracy on single test examples over seeds",
        ("runs.csv", "prediction_pairs.csv", "prediction_examples.parquet"),
        {"max_pairs": 3},
        analysis="predictions",
    ),
    "prediction_classes": Figure(
        "Difference in accuracy between architectures, by class",
        ("runs.csv", "prediction_pairs.csv", "prediction_classes.csv", "prediction_groups.csv"),
        {"max_pairs": 4, "max_classes": 20},
        analysis="predictions",
    ),
    "prediction_disagreement": Figure(
        "Test examples for which two networks predict different classes",
        ("runs.csv", "prediction_pairs.csv"),
        {"max_pairs": 6},
        analysis="predictions",
    ),
    "dividing_examples": Figure(
        "Test examples that most divide two architectures",
        ("runs.csv", "prediction_pairs.csv", "dividing_examples.csv", "dividing_images.parquet"),
        {"max_pairs": 3, "max_examples": 8},
        analysis="predictions",
    ),
    "first_component": Figure(
        "First principal components of the layers of one network",
        (
            "runs.csv",
            "principal_components.csv",
            "pc_similarity.parquet",
            "principal_component_networks.csv",
            "layer_similarity.parquet",
        ),
        {"seed": None, "without_pc1": None, "max_rows": 4},
        analysis="principal_components",
        optional={"without_pc1": ("cka_without_pc1", "cka_without_pc1.parquet")},
    ),
    "pc1_share": Figure(
        "Share of the first principal component in the variance of each layer",
        ("runs.csv", "principal_components.csv"),
        {"layers": "all", "max_rows": 4, "max_columns": 3},
        analysis="principal_components",
    ),
    "sparsity": Figure(
        "Share of zeros in ReLU layers",
        ("runs.csv", "principal_components.csv"),
        {"max_rows": 4, "max_columns": 3},
        analysis="principal_components",
    ),
    "cka_without_pc1": Figure(
        "Similarity of layers with and without the first principal component",
        ("runs.csv", "cka_without_pc1.parquet", "cka_without_pc1_blocks.csv"),
        {"layers": "relu", "seed": None, "max_columns": 4},
        analysis="cka_without_pc1",
    ),
    "dominant_projections": Figure(
        "Projections of the examples on the first principal component of one layer",
        ("runs.csv", "dominant_layers.csv", "dominant_projections.parquet"),
        {"max_rows": 3, "max_columns": 3},
        analysis="dominant_examples",
    ),
    "dominant_removal": Figure(
        "Similarity of ReLU layers without the dominant examples",
        ("runs.csv", "dominant_removal.csv", "dominant_similarity.parquet"),
        {"seed": None, "max_rows": 4},
        analysis="dominant_examples",
    ),
    "dominant_images": Figure(
        "The examples that dominate a first principal component",
        ("runs.csv", "dominant_images.parquet"),
        {"seed": None, "max_groups": 2, "max_examples": 8},
        analysis="dominant_examples",
    ),
    "dynamics_within": Figure(
        "Similarity of all layers of one network, at checkpoints of its training",
        ("runs.csv", "dynamics_similarity.parquet", "dynamics_blocks.csv"),
        {"layers": "all", "seed": None, "block": True, "max_rows": 6, "max_columns": 6},
        analysis="dynamics",
    ),
    "dynamics_to_final": Figure(
        "Similarity of layers to what they become, over training",
        ("runs.csv", "dynamics.csv", "dynamics_blocks.csv"),
        {"layers": "relu", "max_rows": 3, "max_columns": 3},
        analysis="dynamics",
    ),
    "dynamics_component": Figure(
        "Share of the first principal component in the variance of layers, over training",
        ("runs.csv", "dynamics.csv", "dynamics_blocks.csv"),
        {"layers": "relu", "max_rows": 3, "max_columns": 3},
        analysis="dynamics",
    ),
    "dynamics_blocks": Figure(
        "Block structure, similarity to the final network and accuracy over training",
        ("runs.csv", "dynamics_blocks.csv"),
        {"max_columns": 4},
        analysis="dynamics",
    ),
    "interventions": Figure(
        "Block structure and accuracy with and without interventions in training",
        ("runs.csv", "block_metrics.csv", "block_summary.csv", "accuracy.csv"),
        {"measure": None, "max_columns": 4},
    ),
    "layer_matching": Figure(
        "Layers that each measure finds again in a network of another seed",
        ("runs.csv", "layer_matching.csv"),
        {"max_groups": 4},
        "seed",
    ),
    "block_metrics": Figure(
        "Size of the block structure over the grid",
        ("runs.csv", "block_metrics.csv", "block_summary.csv"),
        {"measure": None, "max_columns": 4},
    ),
    "accuracy": Figure(
        "Test accuracy over the grid", ("runs.csv", "accuracy.csv"), {"max_columns": 4}
    ),
    "learning_curves": Figure(
        "Learning curves", ("runs.csv", "learning_curves.parquet"), {"max_columns": 4}
    ),
}


def suggestion(key: str, known: Iterable[str]) -> str:
    """'; did you mean X?' and the accepted names."""
    known = sorted(known)
    close = difflib.get_close_matches(key, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (accepted: {', '.join(known)})"


def figure_settings(
    name: str, given: Mapping[str, Scalar], axes: Iterable[str] = ()
) -> dict[str, Scalar]:
    """The settings of figure `name`: its defaults with what is `given`.

    An axis of the grid is a setting too: `depth: 38` shows networks of depth 38 only. `axes` are
    the study's. Raises ConfigError, a line for each mistake, for an unknown figure or setting and
    for a value of the wrong type.
    """
    if name not in FIGURES:
        raise ConfigError(f"figure: found {name!r}{suggestion(name, FIGURES)}")
    own = FIGURES[name].settings
    axes = [axis for axis in axes if axis != "seed"]
    mistakes = []
    for key, value in given.items():
        if key in own:
            complaint = "" if value is None and own[key] is None else _refused(key, value)
        else:
            known = [*own, *axes]
            complaint = "" if key in axes else f"unknown setting{suggestion(key, known)}"
        if complaint:
            mistakes.append(f"figure_settings.{name}.{key}: {complaint}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return {**own, **given}


def _refused(key: str, value: Scalar) -> str:
    """Why a figure's setting cannot be `value`, or ''."""
    kind = FIGURE_SETTINGS[key][0]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        accepted = {int: "a whole number", bool: "true or false", str: "a text"}[kind]
        return f"found {value!r}, accepted is {accepted}"
    if key.startswith("max_") and isinstance(value, int) and value < 1:
        return f"found {value}, accepted is a whole number from 1 up"
    if key == "measure" and measure_name(str(value)) not in MEASURES:
        return f"found {value!r}{suggestion(str(value), MEASURES)}"
    return ""
