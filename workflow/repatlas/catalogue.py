"""The names a study may use for measures and figures, known without importing what makes them."""

import difflib
from collections.abc import Iterable, Mapping
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



class Analysis(NamedTuple):
    """An analysis that a study may name.

    title: what it gives; tables: the files it adds to the study's tables; artifact: suffix of the
    one file that it makes of each network, '' where tables are all it makes; probed: whether that
    file depends on the probe set.
    """

    title: str
    tables: tuple[str, ...]
    artifact: str = ""
    probed: bool = True


ANALYSES: dict[str, Analysis] = {
    "best_matches": Analysis(
        "For each layer of one network the most similar layer of another, by depth",
        ("best_matches.csv",),
    ),
}

# What a figure's settings mean, and the type of each.
FIGURE_SETTINGS: dict[str, tuple[type, str]] = {
    "measure": (str, "similarity measure; by default the first of the study"),
    "layers": (str, "layers shown: `all`, `relu`, `residual`, another kind, or a pattern of names"),
    "seed": (int, "seed of the networks shown; by default each cell's first that completed"),
    "block": (bool, "outline the longest run of ReLU layers that are all similar to each other"),
    "max_rows": (int, "most rows of panels"),
    "max_columns": (int, "most columns of panels"),
    "max_groups": (int, "most architectures shown"),
    "max_seeds": (int, "most seeds of an architecture shown"),
    "max_pairs": (int, "most pairs of architectures shown"),
}


class Figure(NamedTuple):
    """A figure of a study.

    title: the caption's first sentence; tables: the files of the study's tables that it is drawn
    from, and nothing else; settings: those it has, with their defaults (None: chosen from the
    data); axis: the axis of the grid of which it needs two values, or ''; analysis: the analysis
    that gives its tables, or ''.
    """

    title: str
    tables: tuple[str, ...]
    settings: Mapping[str, Scalar]
    axis: str = ""
    analysis: str = ""


_WITHIN_TABLES = ("runs.csv", "layer_similarity.parquet", "block_metrics.csv")
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
        ("runs.csv", "best_matches.csv"),
        {"measure": None, "layers": "relu", "max_pairs": 6},
        analysis="best_matches",
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
        where = f"figure_settings.{name}.{key}"
        if key not in own:
            if key not in axes:
                mistakes.append(f"{where}: unknown setting{suggestion(key, [*own, *axes])}")
            continue
        kind = FIGURE_SETTINGS[key][0]
        if value is None and own[key] is None:
            continue
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            accepted = {int: "a whole number", bool: "true or false", str: "a text"}[kind]
            mistakes.append(f"{where}: found {value!r}, accepted is {accepted}")
        elif key.startswith("max_") and value < 1:
            mistakes.append(f"{where}: found {value}, accepted is a whole number from 1 up")
        elif key == "measure" and value not in MEASURES:
            mistakes.append(f"{where}: found {value!r}{suggestion(value, MEASURES)}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return {**own, **given}
