"""Every measure by name, and the tables they make of two networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from repatlas.errors import ConfigError, did_you_mean
from repatlas.similarity import canonical, cka, cka_minibatch, neighbourhoods, shape
from repatlas.similarity.inputs import as_layers
from repatlas.similarity.measure import Measure

if TYPE_CHECKING:
    import pandas as pd

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for module in (cka_minibatch, cka, canonical, shape, neighbourhoods)
    for measure in module.MEASURES
}


def compare(x: Any, y: Any, measure: str = "cka", **options: Any) -> float:
    """The similarity of two layers' activations `x` and `y` on the same examples.

    x, y: arrays (NumPy or torch) of shape (examples, ...), flattened after the first axis, centred
    by every measure that needs it. `measure` is a key of MEASURES, whose docstrings list the
    options. NaN, with a warning that says why, where the value is undefined.

    ConfigError for an unknown measure or option, DataError for arrays that cannot be compared.
    """
    return _known(measure).value(x, y, options, depth=2)


def similarity_table(a: Any, b: Any = None, measure: str = "cka", **options: Any) -> pd.DataFrame:
    """Similarities of all layers of `a` with all of `b` (None: with those of `a`).

    Each layer is read once, or once a batch or strip where measures work in pieces of bounded
    memory, and never held with all others.

    a, b: a sequence of arrays, a mapping name -> array, a store or its path, or the path of a
    folder of .npy or .npz files. Columns: layer_a, layer_b, value, se (NaN where the measure gives
    none), n_batches, reason (why value or se is undefined, or says nothing; else ""). `attrs` holds
    the measure, its options and, for batches, how they were cut and weighted.

    ConfigError, DataError as :func:`compare`; StoreError where two stores hold different probe
    sets, orders or batches, saying which differ.
    """
    import pandas as pd

    chosen = _known(measure)
    layers_a = as_layers(a)
    layers_b = None if b is None else as_layers(b)
    scores = chosen.scores(layers_a, layers_b, **options)
    columns = layers_a.names if layers_b is None else layers_b.names
    se = np.full(scores.value.shape, np.nan) if scores.se is None else scores.se
    reason = np.where(scores.reason == "", scores.se_reason, scores.reason)
    table = pd.DataFrame(
        {
            "layer_a": np.repeat(np.array(layers_a.names, dtype=object), len(columns)),
            "layer_b": np.tile(np.array(columns, dtype=object), len(layers_a)),
            "value": scores.value.ravel(),
            "se": se.ravel(),
            "n_batches": scores.n_batches,
            "reason": reason.ravel(),
        }
    )
    table.attrs = {"measure": measure, **chosen.options, **options, **scores.notes}
    return table


def compare_layers(a: Any, b: Any = None, measure: str = "cka", **options: Any) -> pd.DataFrame:
    """:func:`similarity_table` as a matrix: layers of `a` as rows, layers of `b` as columns, both
    in their own order. `attrs` and errors as there; ConfigError too where two layers of a side have
    the same name."""
    table = similarity_table(a, b, measure, **options)
    rows, columns = table["layer_a"].unique(), table["layer_b"].unique()
    if len(rows) * len(columns) != len(table):
        raise ConfigError("Two layers have the same name; a matrix needs a name for each.")
    matrix = table.pivot(index="layer_a", columns="layer_b", values="value")
    matrix = matrix.loc[rows, columns]
    matrix.attrs = table.attrs
    return matrix


def _known(measure: str) -> Measure:
    if not isinstance(measure, str) or measure not in MEASURES:
        known = ", ".join(sorted(MEASURES))
        meant = did_you_mean(str(measure), MEASURES) or "."
        raise ConfigError(f"There is no measure {measure!r}{meant} Known are {known}.")
    return MEASURES[measure]
