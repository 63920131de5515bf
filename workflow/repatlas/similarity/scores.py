"""What every measure returns: a table of values, and in words why one of them is undefined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# States of a layer, beside "" for one that can be compared.
DEAD = "does not tell the examples apart (a dead layer)"
BROKEN = "has values that are not finite, or too large for their products"
FULL_RANK = (
    "has as many independent directions as there are examples, less one: they predict anything. "
    "Use more examples, or pool the layer"
)


@dataclass(frozen=True)
class Scores:
    """Similarities of layers a (rows) and layers b (columns).

    value (A, B): float64, NaN where undefined; reason (A, B): text, why a value is undefined or
    says nothing, "" otherwise; se (A, B): standard errors, or None where the measure has none;
    se_reason: why all standard errors are missing; n_batches: batches of examples that entered;
    notes: what else the reader of the table must know, by name.
    """

    value: np.ndarray
    reason: np.ndarray
    se: np.ndarray | None = None
    se_reason: str = ""
    n_batches: int = 1
    notes: dict[str, Any] = field(default_factory=dict)


def ratio(ab: np.ndarray, aa: np.ndarray, bb: np.ndarray) -> np.ndarray:
    """ab / sqrt(aa bb) of inner products ab (A, B), aa (A,), bb (B,), whose products may be too
    large or too small for a float64; exactly 1 where the three are equal."""
    p, q = root(aa), root(bb)
    return ab / p / q / np.sqrt(np.outer(aa / p**2, bb / q**2))


def root(squares: np.ndarray) -> float:
    """A power of two near the root of the largest of the squares: dividing by it rounds nothing."""
    largest = np.max(squares, initial=0, where=np.isfinite(squares))
    return float(2.0 ** (np.frexp(largest)[1] // 2))


def reasons(states_a: Sequence[str], states_b: Sequence[str]) -> np.ndarray:
    """Reasons (A, B), text, why the pairs of layers in these states have no value; "" where both
    layers' state is ""."""
    table = np.empty((len(states_a), len(states_b)), dtype=object)
    for i, a in enumerate(states_a):
        for j, b in enumerate(states_b):
            said = [f"{name} {state}" for name, state in (("layer_a", a), ("layer_b", b)) if state]
            table[i, j] = "; ".join(said)
    return table
