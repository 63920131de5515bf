"""What can be compared: arrays, mappings of arrays, files and stores, seen as named layers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from repatlas.errors import ConfigError, DataError, StoreError
from repatlas.grams import MIN_EXAMPLES
from repatlas.similarity.alike import check_alike
from repatlas.similarity.folders import load
from repatlas.similarity.scores import BROKEN, DEAD
from repatlas.stores import ActivationStore, GramStore

ROUNDING = 4  # units of relative rounding within which features count as constant


class Layers:
    """The layers of one network, in order, read when needed.

    names: one a layer; store: the activation or Gram store behind them, None for arrays; wanted:
    which pairs of these layers need comparing (layers, layers) bool, None for all.
    """

    def __init__(
        self,
        names: Sequence[str],
        arrays: Callable[[int], Any] | None = None,
        store: ActivationStore | GramStore | None = None,
        wanted: np.ndarray | None = None,
    ):
        self.names = list(names)
        self.store = store
        self.wanted = wanted
        self._arrays = arrays
        self._n_examples: int | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_activations(self) -> bool:
        """Whether the activations themselves can be read."""
        return self._arrays is not None

    @property
    def where(self) -> str:
        """What these layers are of, for messages."""
        return str(self.store.path) if self.store else "the given activations"

    def raw(self, index: int) -> Any:
        """Layer `index` as it was given: (examples, ...), NumPy or torch.

        DataError where it is empty or has not as many examples as the first layer, ConfigError
        where a Gram store is behind it, which has no activations.
        """
        if self._arrays is None:
            raise ConfigError(f"{self.where} holds no activations, only Gram matrices of batches.")
        x = self._arrays(index)
        shape = np.shape(x)
        if not shape or 0 in shape:
            raise DataError(
                f"Layer {self.names[index]!r} has shape {shape}; (examples, ...) with at least one "
                "example and one feature is expected."
            )
        if self._n_examples is None:
            self._n_examples = shape[0] if index == 0 else len(self.raw(0))
        if shape[0] != self._n_examples:
            raise DataError(
                f"Layers {self.names[0]!r} and {self.names[index]!r} hold {self._n_examples} and "
                f"{shape[0]} examples; all layers must come from the same examples."
            )
        return x

    def read(self, index: int) -> np.ndarray:
        """Layer `index` as a (examples, features) array of float32 or float64; errors as in
        :meth:`raw` and :func:`checked_features`."""
        return checked_features(self.raw(index), self.names[index])

    @property
    def n_examples(self) -> int:
        """The number of examples, as the activation store or the first layer says. ConfigError for
        a Gram store, which counts batches."""
        if isinstance(self.store, ActivationStore):
            return self.store.n_examples
        if self._n_examples is None:
            self._n_examples = len(self.raw(0))
        return self._n_examples


def as_layers(given: Any) -> Layers:
    """The layers in `given`: a sequence of arrays (examples, ...), which numbers name, a mapping
    name -> array, a store, or the path of a store, of a folder of .npy or .npz files, or of an .npz
    file.

    ConfigError for anything else, DataError where there is no layer, StoreError for a missing store
    and for one whose network has no usable weights.
    """
    if isinstance(given, Layers):
        return given
    if isinstance(given, (str, os.PathLike)):
        given = load(given)
    if isinstance(given, (ActivationStore, GramStore)):
        if given.status != "completed":
            raise StoreError(f"The network of {given.path} {given.status}: nothing to compare.")
        names = [layer.name for layer in given.layers]
        layers = Layers(names, getattr(given, "read", None), given)
    elif isinstance(given, Mapping):
        values = given
        keys = list(given)
        layers = Layers([str(key) for key in keys], lambda index: values[keys[index]])
    elif isinstance(given, Sequence):
        sequence = given
        layers = Layers([str(index) for index in range(len(given))], lambda k: sequence[k])
    else:
        raise ConfigError(
            f"A {type(given).__name__} cannot be read as the layers of a network. Accepted are a "
            "list of arrays, a mapping from names to arrays, and the path of a store or of a "
            "folder of .npy or .npz files. A single array goes in a list: [x]."
        )
    if not len(layers):
        raise DataError("There are no layers to compare.")
    return layers


def checked_features(x: Any, name: str = "x") -> np.ndarray:
    """`x` flattened to (examples, features), float32 or float64, on the host.

    float16 and bfloat16 become float32, integers and truth values float64. DataError for anything
    else.
    """
    if hasattr(x, "detach"):  # torch, which comparing arrays must not import
        x = x.detach().cpu()
        x = (x.float() if x.dtype.is_floating_point and x.dtype.itemsize < 4 else x).numpy()
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise DataError(f"Layer {name!r} holds {x.dtype}; real numbers are expected.")
    x = x.reshape(len(x), -1)
    if x.dtype in (np.float32, np.float64):
        return x
    return x.astype(np.float32 if x.dtype == np.float16 else np.float64)


class Centred(NamedTuple):
    """x (examples, features): features less their means and over their root mean square `scale`, a
    single number in the units of the features; state: of the layer, "" or, where it cannot be
    compared and the rest means nothing, DEAD or BROKEN; rounding: of the features as they came, in
    the units of `x`."""

    x: np.ndarray
    scale: float
    state: str
    rounding: float = 0.0


def product_rounding(features: int) -> float:
    """What rounding in float64 leaves of an inner product of two unit vectors, at most."""
    return ROUNDING * float(np.finfo(np.float64).eps) * features**0.5


def centre(x: np.ndarray, dtype: Any = np.float64) -> Centred:
    """The centred features, of `dtype`, of `x` (examples, features).

    At unit scale no product overflows. What deviates from the means by no more than their rounding
    counts as constant.
    """
    eps = float(np.finfo(x.dtype).eps)
    with np.errstate(all="ignore"):
        x = x.astype(dtype)
        mean = x.mean(axis=0, dtype=np.float64)
        x -= mean.astype(dtype)
        peak = float(np.abs(x).max())
        if not np.isfinite(peak):
            return Centred(x, 1.0, BROKEN)
        if peak <= ROUNDING * eps * float(np.abs(mean).max()):
            return Centred(x, 1.0, DEAD)
        x /= x.dtype.type(peak)
        scale = float(np.sqrt(np.vdot(x, x) / x.size))
        x /= x.dtype.type(scale)
        scale *= peak
        # The features' root mean square as they came, means included.
        size = np.hypot(1, np.sqrt(np.mean(np.square(mean / scale))))
    return Centred(x, scale, "", eps * float(size))


def shared_examples(a: Layers, b: Layers | None) -> int:
    """The number of examples of both; DataError or StoreError where they are not the same."""
    if b is not None:
        stores = [layers.store for layers in (a, b) if layers.store is not None]
        check_alike(stores, [str(store.path) for store in stores])
    n = a.n_examples
    if b is not None and b.n_examples != n:
        raise DataError(
            f"The two sides hold {n} and {b.n_examples} examples; activations are compared on the "
            "same examples in the same order."
        )
    if n < MIN_EXAMPLES:
        raise DataError(f"{n} examples are too few: at least {MIN_EXAMPLES} are needed.")
    return n
