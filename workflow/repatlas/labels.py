"""Words on figures: networks, axes, measures and counts as a reader names them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from repatlas.catalogue import is_directed, measure_name
from repatlas.own import short

_ARCHITECTURES = {"resnet": "ResNet", "cnn": "CNN"}
_MEASURES = {
    "cka_minibatch": "CKA (linear, minibatch)",
    "cka": "CKA (linear)",
    "cka_biased": "CKA (linear, biased)",
    "cka_lange": "CKA (linear, Lange et al.)",
    "cka_debiased_features": "CKA (linear, debiased)",
    "cka_rbf": "CKA (RBF kernel)",
    "cca_mean": "CCA (mean correlation)",
    "cca_r2": "CCA (R²)",
    "svcca": "SVCCA",
    "pwcca": "PWCCA",
    "procrustes": "Procrustes similarity",
    "angular_shape": "Angular shape distance (rad)",
    "rsa": "RSA",
    "linear_regression": "Linear regression (R²)",
    "knn_jaccard": "Neighbours in common (Jaccard)",
    "distance_correlation": "Distance correlation",
}
_EVALUATED = {"test": "Test", "held_out": "Held-out"}
_LAYERS = {
    "all": "layer",
    "relu": "ReLU layer",
    "conv": "convolution",
    "bn": "batch norm layer",
    "add": "residual sum",
    "residual": "residual sum",
}
_AXES = {
    "depth": "Depth (layers with weights)",
    "width": "Width (multiple of 16 channels)",
    "fraction": "Share of the training data",
    "pc_penalty": "Penalty on the first principal component",
    "colour_jitter": "Strength of colour jitter",
}
_SETTINGS = {"pc_penalty": "PC penalty"}
# The axes that a network's own name already tells.
NAMED = ("architecture", "depth", "width")
# Those that an own architecture may lack; figures then see 0 (`figures.lacking`).
MAY_LACK = ("depth", "width")
_PROBE = re.compile(r"(?P<data>.+)-n(?P<n>\d+)-b(?P<b>\d+)-p(?P<p>\d+)-[0-9a-f]+")


def network(design: Mapping[str, Any]) -> str:
    """'ResNet-38, width 2'; an own architecture by its name and what it has of these."""
    depth = "" if _lacks(design["depth"]) else f"-{design['depth']:g}"
    width = "" if _lacks(design["width"]) else f", width {design['width']:g}"
    return f"{architecture(design['architecture'])}{depth}{width}"


def _lacks(value: Any) -> bool:
    """Whether a depth or width is none: undefined as in tables, or 0 as figures see it."""
    return value is None or value != value or value == 0


def architecture(name: str) -> str:
    """'ResNet' of resnet, 'SmallNet' of my_networks.py:SmallNet."""
    return _ARCHITECTURES.get(name, short(name))


def setting(axis: str, value: Any) -> str:
    """One value of an axis: 'depth 38', '1/16 of the data', 'learning rate 0.1'."""
    if axis == "fraction":
        return "all data" if value == 1 else f"{tick(axis, value)} of the data"
    if axis in ("dataset", "architecture", "arguments"):
        return tick(axis, value)
    if axis in MAY_LACK and _lacks(value):
        return f"no {axis}"
    return f"{_SETTINGS.get(axis, axis.replace('_', ' '))} {tick(axis, value)}"


def settings(design: Mapping[str, Any], axes: Iterable[str]) -> str:
    """Several values of a network, comma-separated."""
    return ", ".join(setting(axis, design[axis]) for axis in axes)


def tick(axis: str, value: Any) -> str:
    """A value as it stands at a tick: '1/16', '38', 'ResNet'."""
    if axis == "fraction":
        exact = Fraction(value).limit_denominator(64)
        if exact.numerator == 1 and float(exact) == value:
            return "all" if value == 1 else str(exact)
        return f"{100 * value:g} %"
    if axis == "architecture":
        return architecture(value)
    if axis in MAY_LACK and _lacks(value):
        return "none"
    if pd.api.types.is_bool(value):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g}"


def axis(name: str) -> str:
    """The title of an axis of the grid."""
    return _AXES.get(name) or heading(name)


def heading(name: str) -> str:
    """An axis of the grid in a word or two: 'Depth', 'PC penalty'."""
    words = _SETTINGS.get(name, name.replace("_", " "))
    return words[0].upper() + words[1:]


def measure(name: str) -> str:
    """A similarity measure as a colour bar names it: 'SVCCA', or with the options that a study sets
    'SVCCA, keep 0.9'."""
    name = short(name)
    bare = measure_name(name)
    options = name[len(bare) :].strip("()").replace("=", " ").replace("_", " ")
    known = _MEASURES.get(bare, bare.replace("_", " "))
    return f"{known}, {options}" if options else known


def direction(name: str) -> str:
    """A sentence on which layer comes first, for a measure that is not symmetric; else ''."""
    if not is_directed(name):
        return ""
    return "The measure is not symmetric: the vertical axis has its first argument."


def layer_axis(selection: str) -> str:
    """What the numbers on a heat map's axes count."""
    name = layer_noun(selection)
    return name[0].upper() + name[1:]


def layer_noun(selection: str) -> str:
    """One of the layers that a figure shows: 'ReLU layer'."""
    return _LAYERS.get(selection, f"layer ({selection})")


def layer_words(selection: str) -> str:
    """All of them: 'ReLU layers'."""
    if selection == "all":
        return "all tapped layers"
    return f"{_LAYERS[selection]}s" if selection in _LAYERS else f"layers {selection}"


def wrapped(text: str, width: float, size: float = 7) -> str:
    """A title of parts with commas between them, broken behind a comma where it would be wider than
    `width` inches in letters of `size` points."""
    letters = _letters(width, size)
    made = [""]
    for part in text.split(", "):
        longer = f"{made[-1]}, {part}" if made[-1] else part
        if made[-1] and len(longer) > letters:
            made[-1] += ","
            made.append(part)
        else:
            made[-1] = longer
    return "\n".join(made)


def shortened(text: str, width: float, size: float = 7) -> str:
    """`text` without its middle where it would be wider than `width` inches in letters of `size`
    points."""
    letters = int(_letters(width, size))
    if len(text) <= letters:
        return text
    half = (letters - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _letters(width: float, size: float) -> float:
    """How many letters of `size` points `width` inches have room for."""
    return width * 72 / (0.5 * size)


def count(n: int, noun: str) -> str:
    """'1 network', '3 networks'."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def seeds(values: Iterable[int]) -> str:
    """'seed 0', 'seeds 0 and 2', 'seeds 0, 1 and 2'."""
    texts = [str(v) for v in values]
    return f"{'seed' if len(texts) == 1 else 'seeds'} {listed(texts)}"


def networks_of(runs: Sequence[Mapping[str, Any]]) -> str:
    """'n = 3 networks, seed 2': how many networks these are, and of which seeds."""
    return f"n = {count(len(runs), 'network')}, {seeds(sorted({int(run['seed']) for run in runs}))}"


def listed(texts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def evaluated_on(runs: pd.DataFrame) -> str:
    """The images behind these networks' `test_accuracy` and `test_loss`, as a word before these;
    the test set's where the table does not say (published tables of before)."""
    images = set(runs["evaluated_on"]) if "evaluated_on" in runs else {"test"}
    return " or ".join(word for name, word in _EVALUATED.items() if name in images)


def accuracy(runs: pd.DataFrame) -> str:
    """What their tables call `test_accuracy`."""
    return f"{evaluated_on(runs)} accuracy"


def accuracy_note(runs: pd.DataFrame) -> str:
    """A sentence on the images behind it, where they are not the test set."""
    if evaluated_on(runs) == _EVALUATED["test"]:
        return ""
    return "Held-out: training images outside the fraction, not the test set."


def probes(runs: pd.DataFrame) -> str:
    """'512 probe images of digits in batches of 64 (1 pass)', from the probes' names."""
    return "; ".join(filter(None, map(probe, runs["probe"].unique())))


def probe(name: str, batches: int | None = None) -> str:
    """One probe in words by its name, or its first `batches` batches; '' for another name."""
    found = _PROBE.fullmatch(name)
    if not found:
        return ""
    n, size, passes = (int(found[k]) for k in "nbp")
    if batches is None:
        batches = n // size
    else:
        passes = 1
    return (
        f"{batches * size} probe images of {found['data']} in batches of {size} "
        f"({passes} {'pass' if passes == 1 else 'passes'})"
    )


def failures(runs: pd.DataFrame) -> str:
    """A sentence on the networks of `runs` that did not complete; '' when all did."""
    failed = runs[runs["status"] != "completed"]
    if failed.empty:
        return ""
    columns = list(runs.columns)
    design = columns[columns.index("group") + 1 : columns.index("probe")]
    axes = [a for a in design if a not in (*NAMED, "seed") and runs[a].nunique() > 1]
    names = [
        f"{network(row)}, {settings(row, [*axes, 'seed'])} ({row['status']})"
        for _, row in failed.iterrows()
    ]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"{len(failed)} of {count(len(runs), 'network')} did not complete and are left out: "
        f"{'; '.join(names[:5])}{more}."
    )
