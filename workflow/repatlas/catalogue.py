"""The names a study may use for measures and figures, known without importing what makes them."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from repatlas.errors import ConfigError
from repatlas.figure_catalogue import FIGURE_SETTINGS, FIGURES, INTERVENTIONS, Figure, Scalar
from repatlas.own import short

__all__ = [
    "ANALYSES",
    "DIRECTED",
    "DISTANCES",
    "FIGURES",
    "FIGURE_SETTINGS",
    "INTERVENTIONS",
    "MEASURES",
    "Analysis",
    "Figure",
    "Scalar",
    "chosen_measure",
    "figure_settings",
    "from_activations",
    "is_directed",
    "measure_label",
    "measure_name",
    "suggestion",
]

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


def from_activations(measure: str) -> bool:
    """Whether a measure needs activations, as all of the user's own do."""
    return MEASURES.get(measure, True)


def measure_label(name: str, options: Mapping[str, Scalar]) -> str:
    """A measure with options as the tables call it: `svcca(keep=0.9)`, without any `svcca`; one of
    the user's own by its name alone."""
    name = short(name)
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


def suggestion(key: str, known: Iterable[str]) -> str:
    """'; did you mean X?' and the accepted names."""
    known = sorted(known)
    close = difflib.get_close_matches(key, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (accepted: {', '.join(known)})"


def figure_settings(
    name: str,
    given: Mapping[str, Scalar],
    axes: Iterable[str] = (),
    measures: Iterable[str] = (),
) -> dict[str, Scalar]:
    """The settings of figure `name`: its defaults with what is `given`.

    An axis of the grid is a setting too: `depth: 38` shows networks of depth 38 only. `axes` are
    the study's, and so are `measures`, which may be known here or not. Raises ConfigError, a line
    for each mistake, for an unknown figure or setting and for a value of the wrong type.
    """
    if name not in FIGURES:
        raise ConfigError(f"figure: found {name!r}{suggestion(name, FIGURES)}")
    own = FIGURES[name].settings
    axes = [axis for axis in axes if axis != "seed"]
    mistakes = []
    for key, value in given.items():
        if key in own:
            allowed = {*MEASURES, *measures}
            complaint = "" if value is None and own[key] is None else _refused(key, value, allowed)
        else:
            known = [*own, *axes]
            complaint = "" if key in axes else f"unknown setting{suggestion(key, known)}"
        if complaint:
            mistakes.append(f"figure_settings.{name}.{key}: {complaint}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return {**own, **given}


def _refused(key: str, value: Scalar, measures: Collection[str]) -> str:
    """Why a figure's setting cannot be `value`, or ''; `measures` are those that it may name."""
    kind = FIGURE_SETTINGS[key][0]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        accepted = {int: "a whole number", bool: "true or false", str: "a text"}[kind]
        return f"found {value!r}, accepted is {accepted}"
    if key.startswith("max_") and isinstance(value, int) and value < 1:
        return f"found {value}, accepted is a whole number from 1 up"
    if key == "measure" and measure_name(str(value)) not in measures:
        return f"found {value!r}{suggestion(str(value), measures)}"
    return ""
