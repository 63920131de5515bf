"""Measures of the user's own: a function of two layers' activations that gives a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from repatlas.errors import ConfigError, DataError
from repatlas.own import load, short, told
from repatlas.similarity.forms import compare_forms
from repatlas.similarity.inputs import Layers, centre
from repatlas.similarity.measure import Invariance, Measure
from repatlas.similarity.scores import Scores


def own_measure(text: str) -> Measure:
    """The measure that `text` (`FILE.py:NAME` or `MODULE:NAME`) names.

    Its function is called with two float64 arrays (examples, features) of the same examples, as the
    layers gave them, and gives a number that is larger for layers that are more alike; NaN says
    that it has none. It is called with both orders, unless it has an attribute `symmetric` that is
    true. A `repatlas.similarity.measure.Measure` is taken as it is.

    ConfigError where there is no such function. DataError where it fails.
    """
    found = load(text)
    if isinstance(found, Measure):
        return found
    if not callable(found):
        raise ConfigError(f"{text} is {type(found).__name__}; a function of two arrays is expected")
    name, symmetric = short(text), bool(getattr(found, "symmetric", False))

    def scores(a: Layers, b: Layers | None) -> Scores:
        def similarity(x: np.ndarray, y: np.ndarray) -> Any:
            forth = _number(found, x, y, text)
            return forth if symmetric else (forth, _number(found, y, x, text))

        made = compare_forms(a, b, _as_given, similarity, symmetric)
        wanted = np.ones(made.value.shape, bool) if a.wanted is None or b is not None else a.wanted
        silent = np.isnan(made.value) & wanted & (made.reason == "")
        return Scores(made.value, np.where(silent, f"{name} is not a number", made.reason))

    scores.__name__, scores.__doc__ = name, getattr(found, "__doc__", None)
    invariances = frozenset({Invariance.SYMMETRY} if symmetric else ())
    return Measure(scores, name, invariances, (-np.inf, np.inf), None, False, False)


def _as_given(x: np.ndarray) -> tuple[np.ndarray | None, str]:
    state = centre(x).state
    return (None if state else x.astype(np.float64)), state


def _number(function: Callable, x: np.ndarray, y: np.ndarray, text: str) -> float:
    try:
        return float(function(x, y))
    except Exception as error:
        raise DataError(f"{text} cannot compare two layers: {told(error)}") from error
