"""Measures for which a layer is one form made of it (a basis, a matrix of dissimilarities), and a
similarity one small computation on two forms: all pairs of layers in bounded memory.

Making a form (a singular value decomposition, say) costs more than comparing two. So forms are held
while others meet them, up to FORMS bytes of them at a time. Layers beyond that are dealt with in
groups: a group's forms are held, and every later layer's is made once a group, meets them all, and
is dropped. With k groups a layer is made (k + 1) / 2 times on average; the values are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from repatlas.memory import FORMS
from repatlas.similarity.inputs import Centred, Layers, centre, shared_examples
from repatlas.similarity.scores import Scores, reasons

# A layer's form, None if it has none, and its state as `scores` names it, "" if it has one.
Prepare = Callable[[np.ndarray], tuple[Any, str]]


def of_centred(make: Callable[[Centred], Any]) -> Prepare:
    """A form made by `make` of the layer's centred float64 features (examples, features); no form,
    and the reason, of a layer that is constant or not finite."""

    def prepare(x: np.ndarray) -> tuple[Any, str]:
        centred = centre(x)
        del x
        return (None if centred.state else make(centred)), centred.state

    return prepare


def compare_forms(
    a: Layers,
    b: Layers | None,
    prepare: Prepare,
    similarity: Callable[[Any, Any], Any],
    symmetric: bool = True,
    doubt: Callable[[Any, Any], str] = lambda _x, _y: "",
    memory: float = FORMS,
) -> Scores:
    """Scores of all layers of `a` with all of `b`, or of `a` among themselves if None; of these
    only the pairs that `a.wanted` marks, if it does, the others being NaN without a reason.

    similarity(x, y) of two forms is a number, or where the measure is not `symmetric` the numbers
    (x with y, y with x); doubt(x, y) is the reason why a value says little. Memory: forms of
    `memory` bytes (the last of them may exceed it), one form more, and what making it or a
    comparison takes; :func:`repatlas.memory.needed` puts it in numbers.

    A pair of which a layer has no form is NaN with the layer's state as the reason. Errors as in
    :func:`repatlas.similarity.inputs.shared_examples`.
    """
    shared_examples(a, b)
    rows = _Made(a, prepare)
    columns = rows if b is None else _Made(b, prepare)
    value = np.full((len(a), len(columns.layers)), np.nan)
    said = np.full(value.shape, "", dtype=object)
    wanted = np.ones(value.shape, bool) if a.wanted is None or b is not None else a.wanted

    def meet(i: int, j: int, x: Any, y: Any) -> None:
        mirrored = b is None and i != j
        if x is None or y is None or not (wanted[i, j] or (mirrored and wanted[j, i])):
            return
        found = similarity(x, y)
        forth, back = (found, found) if symmetric else found
        value[i, j], said[i, j] = forth, doubt(x, y)
        if mirrored:
            value[j, i], said[j, i] = back, doubt(y, x)

    def visit(held: dict[int, Any]) -> None:
        group = list(held)
        if b is None:
            for i, x in held.items():
                for j in group[group.index(i) :]:
                    meet(i, j, x, held[j])
        for j in range(group[-1] + 1 if b is None else 0, len(columns.layers)):
            # A column that nothing in this group wants is not made for it.
            if wanted[group, j].any() or (b is None and wanted[j, group].any()):
                y = columns.make(j)
                for i, x in held.items():
                    meet(i, j, x, y)
                del y

    for held in _groups(rows, memory):
        visit(held)
        held.clear()
    if a.wanted is not None and b is None:
        value[~wanted], said[~wanted] = np.nan, ""
    reason = reasons(rows.states, columns.states)
    return Scores(value, np.where(reason == "", said, reason))


class _Made:
    """The forms of one side's layers, made when asked for, and the layers' states."""

    def __init__(self, layers: Layers, prepare: Prepare):
        self.layers, self.prepare = layers, prepare
        self.states = [""] * len(layers)

    def make(self, index: int) -> Any:
        form, self.states[index] = self.prepare(self.layers.read(index))
        return form


def _groups(made: _Made, memory: float) -> Iterator[dict[int, Any]]:
    """The forms by position, in groups of about `memory` bytes; a group is to be emptied before the
    next is made."""
    held: dict[int, Any] = {}
    size = 0
    for index in range(len(made.layers)):
        held[index] = made.make(index)
        size += getattr(held[index], "nbytes", 0)
        if size >= memory or index == len(made.layers) - 1:
            yield held
            held, size = {}, 0
