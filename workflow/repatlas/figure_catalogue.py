"""The figures of a study: what each is drawn from, and the settings that it has."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

Scalar = bool | int | float | str | None

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
    "pc1_share": (
        bool,
        "show the largest share of a first component too; by default where the study has it",
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
        ("runs.csv", "dynamics.csv", "dynamics_similarity.parquet", "dynamics_blocks.csv"),
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
        ("runs.csv", "dynamics.csv", "dynamics_blocks.csv"),
        {"max_columns": 4},
        analysis="dynamics",
    ),
    "interventions": Figure(
        "Block structure and accuracy with and without interventions in training",
        ("runs.csv", "block_metrics.csv", "block_summary.csv", "accuracy.csv"),
        {"measure": None, "pc1_share": None, "max_columns": 4},
        optional={"pc1_share": ("principal_components", "principal_components.csv")},
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
