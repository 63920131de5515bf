"""Other libraries, called as their users would; those that are not installed are left out.

Models are replayed: a network whose layers hand on slices of arrays in memory, so that what is
timed is the comparison alone. Nothing is copied and there is no data loader's overhead.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from similarity_cases.ours import every_pair

Layers = Sequence[np.ndarray]


def installed(*names: str) -> bool:
    """Whether all the named modules can be imported."""
    return all(find_spec(name) is not None for name in names)


def available(module: str, candidates: dict[str, Callable]) -> dict[str, Callable]:
    """The candidates if their `module` is installed, otherwise none."""
    return candidates if installed(module) else {}


class Replay(nn.Module):
    """A network whose layers are identities that return slices of arrays in memory."""

    def __init__(self, layers: Layers):
        super().__init__()
        self.names = [f"layer{k}" for k in range(len(layers))]
        for name in self.names:
            self.add_module(name, nn.Identity())
        self.tensors = [torch.from_numpy(x) for x in layers]

    def forward(self, rows: Tensor) -> Tensor:
        """`rows` (batch,): consecutive numbers of examples."""
        start, stop = int(rows[0]), int(rows[-1]) + 1
        for name, tensor in zip(self.names, self.tensors, strict=True):
            getattr(self, name)(tensor[start:stop])
        return rows


class Batches:
    """A data loader of numbers of examples, in order."""

    dataset = "numbers of examples"

    def __init__(self, n: int, batch: int):
        self.parts = [[torch.arange(k, k + batch)] for k in range(0, n, batch)]

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[list[Tensor]]:
        return iter(self.parts)


def pytorch_cka(a: Replay, b: Replay, batch: int) -> np.ndarray:
    """pytorch-cka 1.1.3: all layers of `a` with all of `b`; the same object twice is its faster
    way for one network."""
    from cka import compute_cka

    batches = Batches(len(a.tensors[0]), batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (matrix,) = compute_cka(
            a, b, batches, layers=a.names, model2_layers=b.names, device="cpu", progress=False
        )
    return matrix.numpy()


def pytorch_cka_pairs(
    networks: Sequence[Replay], batch: int, pairs: Sequence[tuple[int, int]] | None = None
) -> np.ndarray:
    """pytorch-cka on each of the pairs (None: all) of networks: (pairs, layers, layers)."""
    chosen = every_pair(len(networks)) if pairs is None else pairs
    return np.stack([pytorch_cka(networks[i], networks[j], batch) for i, j in chosen])


def torch_cka(layers: Layers, batch: int, batches: int) -> np.ndarray:
    """torch_cka 0.21 on the first `batches` batches. It compares two networks: a copy is the other.
    Gradients are off, which its users must see to themselves."""
    from torch_cka import CKA

    a, b = Replay(layers), Replay(layers)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        compared = CKA(a, b, "a", "b", a.names, b.names, device="cpu")
        compared.compare(Batches(batch * batches, batch))
    return compared.export()["CKA"].numpy()


def ckatorch(layers: Layers, batch: int, shifts: int, batches: int) -> np.ndarray:
    """ckatorch 1.0.3's minibatch function (float64) on the first `batches` batches, layer i with
    layer i + k for k up to `shifts`; NaN elsewhere. Its class gives something else."""
    from ckatorch import cka_batch

    count = len(layers)
    parts = [torch.from_numpy(x[: batch * batches].reshape(batches, batch, -1)) for x in layers]
    values = np.full((count, count), np.nan)
    for i in range(count):
        for k in range(1, shifts + 1):
            values[i, (i + k) % count] = cka_batch(parts[i], parts[(i + k) % count])
    return values


def ckatorch_base(layers: Layers) -> np.ndarray:
    """ckatorch 1.0.3, biased CKA of all examples (layers, layers), each pair once."""
    from ckatorch import cka_base

    tensors = [torch.from_numpy(x) for x in layers]
    return _each_pair(len(layers), lambda i, j: float(cka_base(tensors[i], tensors[j])))


def cka_from_features(layers: Layers) -> np.ndarray:
    """pytorch-cka 1.1.3's function for arrays: unbiased CKA of all examples (layers, layers)."""
    from cka import cka_from_features as compute

    tensors = [torch.from_numpy(x) for x in layers]
    return compute(tensors, tensors).numpy()


def rsatoolbox_biased(layers: Layers) -> np.ndarray:
    """rsatoolbox: biased CKA (layers, layers), as the `cosine_cov` of squared Euclidean RDMs."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare, concat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rdms = concat([calc_rdm(Dataset(x), method="euclidean") for x in layers])
        return compare(rdms, rdms, method="cosine_cov")


def _each_pair(count: int, value: Callable[[int, int], float]) -> np.ndarray:
    values = np.empty((count, count))
    for i, j in every_pair(count):
        values[i, j] = values[j, i] = value(i, j)
    return values


def within(layers: Layers, batch: int, n_torch_cka: int, shifts: int) -> dict[str, Callable]:
    """Every peer that computes the minibatch CKA of one network with itself."""
    one = Replay(layers)
    return {
        **available("cka", {"pytorch-cka": partial(pytorch_cka, one, one, batch)}),
        **available("torch_cka", {"torch_cka": partial(torch_cka, layers, batch, n_torch_cka)}),
        **available(
            "ckatorch", {"ckatorch": partial(ckatorch, layers, batch, shifts, n_torch_cka)}
        ),
    }
