"""What a measure of similarity is: a function of two networks' layers, and what it promises."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import update_wrapper
from typing import Any

import numpy as np

from repatlas.errors import ConfigError
from repatlas.similarity.inputs import Layers, as_layers
from repatlas.similarity.scores import Scores


class Invariance(StrEnum):
    """Changes of the features or the order of arguments that leave a measure's value alone."""

    ORTHOGONAL = "orthogonal maps of either side's features"
    ISOTROPIC_SCALING = "scaling of all of either side's features by one positive number"
    TRANSLATION = "adding a constant vector to either side's features"
    INVERTIBLE_LINEAR = "invertible linear maps of either side's features"
    SYMMETRY = "exchanging the two sides"
    PERMUTATION = "the same permutation of the examples of both sides"


class Measure:
    """A measure of similarity: call it with two arrays of shape (examples, ...) for its value.

    A layer that tells the examples apart by no more than rounding, or is not finite, has no value
    with any other: NaN, and a reason.

    name; invariances: what it is invariant to, with default options; bounds: its range, the ends
    included, which rounding can pass; self_value: its value for a layer with itself, None where
    that depends on the layer; distance: whether small means alike; from_grams: whether Gram stores
    suffice; symmetric_with: the (option, value) that makes it symmetric, for one that is not by
    default.
    """

    def __init__(
        self,
        function: Callable[..., Scores],
        name: str,
        invariances: frozenset[Invariance],
        bounds: tuple[float, float],
        self_value: float | None,
        distance: bool,
        from_grams: bool,
        symmetric_with: tuple[str, Any] | None = None,
    ):
        self.function = function
        self.name = name
        self.invariances = invariances
        self.bounds = bounds
        self.self_value = self_value
        self.distance = distance
        self.from_grams = from_grams
        self.symmetric_with = symmetric_with
        update_wrapper(self, function)
        parameters = list(inspect.signature(function).parameters.values())[2:]
        self.options: dict[str, Any] = {p.name: p.default for p in parameters}
        array = inspect.Parameter.POSITIONAL_ONLY
        self.__signature__ = inspect.Signature(
            [inspect.Parameter("x", array), inspect.Parameter("y", array), *parameters]
        )

    def __repr__(self) -> str:
        return f"<measure {self.name}>"

    def __reduce__(self) -> tuple[Callable[..., Measure], tuple[str]]:
        # The decorator put the measure in its function's place.
        return _by_name, (self.name,)

    def __call__(self, x: Any, y: Any, /, **options: Any) -> float:
        """The value for `x` and `y`, both (examples, ...); NaN where it is undefined. An
        UndefinedSimilarityWarning says why it is, or why it says little. ConfigError for an option
        that the measure has not or a value that it does not accept, DataError for arrays that
        cannot be compared."""
        return self.value(x, y, options, depth=2)

    def value(self, x: Any, y: Any, options: dict[str, Any], depth: int = 1) -> float:
        """As a call, with the options in a dictionary; a warning is put down to the caller `depth`
        calls away."""
        scores = self.scores(as_layers({"x": x}), as_layers({"y": y}), **options)
        reason = scores.reason[0, 0]
        if reason:
            said = reason.replace("layer_a", "x").replace("layer_b", "y")
            message = f"{self.name}: {said}."
            warnings.warn(message, UndefinedSimilarityWarning, stacklevel=depth + 1)
        return float(scores.value[0, 0])

    def is_symmetric(self, options: Mapping[str, Any]) -> bool:
        """Whether the value with these options is the same when the two sides are exchanged."""
        if Invariance.SYMMETRY in self.invariances:
            return True
        if self.symmetric_with is None:
            return False
        option, value = self.symmetric_with
        return options.get(option, self.options[option]) == value

    def scores(self, a: Layers, b: Layers | None, **options: Any) -> Scores:
        """The values for all layers of `a` with all of `b`, or with those of `a` if None.

        ConfigError for an option that the measure has not, or for a Gram store where it needs the
        activations; DataError and StoreError as in
        :func:`repatlas.similarity.inputs.shared_examples`.
        """
        for option in options:
            if option not in self.options:
                accepted = ", ".join(self.options) or "none"
                raise ConfigError(
                    f"{self.name} has no option {option!r}; accepted options: {accepted}."
                )
        for layers in (a, b):
            if layers is not None and not layers.has_activations and not self.from_grams:
                raise ConfigError(
                    f"{self.name} needs the activations themselves, and {layers.where} holds Gram "
                    "matrices of batches only. Use cka_minibatch, or store the activations too "
                    "(`keep_activations: true` in the study)."
                )
        return self.function(a, b, **options)


def _by_name(name: str) -> Measure:
    from repatlas.similarity.table import MEASURES

    return MEASURES[name]


class UndefinedSimilarityWarning(UserWarning):
    """A similarity is undefined, or says nothing about the layers; the message says why."""


def measure(
    *invariances: Invariance,
    bounds: tuple[float, float] = (0, 1),
    self_value: float | None = 1,
    distance: bool = False,
    from_grams: bool = False,
    symmetric_with: tuple[str, Any] | None = None,
) -> Callable[[Callable[..., Scores]], Measure]:
    """Make a Measure of a function (layers a, layers b or None, **options) -> Scores, under the
    function's name. What it promises is said as in :class:`Measure`."""

    def decorate(function: Callable[..., Scores]) -> Measure:
        return Measure(
            function,
            function.__name__,
            frozenset(invariances),
            bounds,
            self_value,
            distance,
            from_grams,
            symmetric_with,
        )

    return decorate


def choice(option: str, value: Any, accepted: tuple[str, ...]) -> None:
    """ConfigError unless the value of `option` is one of the accepted ones."""
    if value not in accepted:
        known = ", ".join(repr(word) for word in accepted)
        raise ConfigError(f"{option} is {value!r}; accepted are {known}.")


def is_whole(value: Any) -> bool:
    """Whether an option's value is a whole number, Python's or NumPy's; truth values are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def between(option: str, value: Any, low: float, high: float = float("inf")) -> None:
    """ConfigError unless the value of `option` is a number with low < value <= high."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not low < value <= high:
        limit = "" if high == float("inf") else f" and at most {high:g}"
        raise ConfigError(f"{option} is {value!r}; a number above {low:g}{limit} is expected.")
