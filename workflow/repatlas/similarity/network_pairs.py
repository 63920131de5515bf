"""A tile of a study: the similarity of all layers of many pairs of networks, as one tidy table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from repatlas.files import whole_file
from repatlas.layers import Layer, select
from repatlas.similarity.minibatch import Block, check_alike, explain, minibatch_cka
from repatlas.stores import ActivationStore, GramStore

SCHEMA = pa.schema(
    [
        ("run_a", pa.dictionary(pa.int32(), pa.string())),
        ("run_b", pa.dictionary(pa.int32(), pa.string())),
        ("index_a", pa.int32()),
        ("index_b", pa.int32()),
        ("layer_a", pa.dictionary(pa.int32(), pa.string())),
        ("layer_b", pa.dictionary(pa.int32(), pa.string())),
        ("kind_a", pa.dictionary(pa.int32(), pa.string())),
        ("kind_b", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("se", pa.float64()),
        ("n_batches", pa.int32()),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        # The sums over batches that the value was made from; undefined for other measures.
        ("hsic_ab", pa.float64()),
        ("hsic_aa", pa.float64()),
        ("hsic_bb", pa.float64()),
    ]
)
Store = GramStore | ActivationStore
Wanted = Callable[[int, int], tuple[list[int], list[int]]]


def compare_networks(
    measure: str, stores: Sequence[Store], pairs: Sequence[tuple[int, int]], layers: Sequence[str]
) -> pa.Table:
    """The similarity table of the pairs (positions in `stores`).

    A pair of a network with itself compares all its stored layers, a pair of two networks those
    that `layers` names (see :func:`repatlas.layers.select`). All ordered pairs of layers are rows.
    A measure that is not symmetric compares two networks in both directions.
    A network without usable weights gives undefined values with its status as the reason.
    StoreError where two networks were probed differently.
    """
    if not _symmetric(measure):
        pairs = [p for a, b in pairs for p in dict.fromkeys([(a, b), (b, a)])]
    usable = [p for p in pairs if all(stores[i].status == "completed" for i in p)]

    def wanted(a: int, b: int) -> tuple[list[int], list[int]]:
        return _layers(stores[a], a == b, layers), _layers(stores[b], a == b, layers)

    if measure == "cka_minibatch":
        blocks = minibatch_cka(stores, usable, wanted) if usable else []
        made = {(block.a, block.b): _from_block(block) for block in blocks}
    else:
        made = _from_activations(measure, stores, usable, wanted)
    columns: dict[str, list] = {name: [] for name in SCHEMA.names}
    for a, b in pairs:
        one, two = wanted(a, b)
        part = made.get((a, b)) or _undefined(stores[a], stores[b], len(one), len(two))
        part |= _design(stores[a], stores[b], one, two)
        for name, values in part.items():
            columns[name].append(pa.array(values).cast(SCHEMA.field(name).type))
    return pa.table({k: pa.chunked_array(v) for k, v in columns.items()}, schema=SCHEMA)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, in one step and with the same bytes for the same content."""
    with whole_file(path) as partial:
        pq.write_table(table.unify_dictionaries(), partial, compression="zstd")


def _symmetric(measure: str) -> bool:
    if measure == "cka_minibatch":
        return True
    from repatlas.similarity.measure import Invariance
    from repatlas.similarity.table import MEASURES

    return Invariance.SYMMETRY in MEASURES[measure].invariances


def _layers(store: Store, within: bool, wanted: Sequence[str]) -> list[int]:
    if within:
        return list(range(len(store.layers)))
    return select([Layer(layer.name, layer.kind) for layer in store.layers], wanted)


def _design(a: Store, b: Store, one: Sequence[int], two: Sequence[int]) -> Mapping[str, Any]:
    rows, columns = np.repeat(one, len(two)), np.tile(two, len(one))
    size = len(rows)
    return {
        "run_a": [a.run] * size,
        "run_b": [b.run] * size,
        "index_a": rows,
        "index_b": columns,
        "layer_a": [a.layers[i].name for i in rows],
        "layer_b": [b.layers[i].name for i in columns],
        "kind_a": [a.layers[i].kind for i in rows],
        "kind_b": [b.layers[i].kind for i in columns],
    }


def _from_block(block: Block) -> dict[str, Any]:
    shape = block.value.shape
    said = {code: explain(code) for code in np.unique(block.reason).tolist()}
    reasons = [said[code] or block.se_reason for code in block.reason.ravel().tolist()]
    return {
        "value": block.value.ravel(),
        "se": block.se.ravel(),
        "n_batches": np.full(block.value.size, block.n_batches),
        "reason": reasons,
        "hsic_ab": block.hsic_ab.ravel(),
        "hsic_aa": np.broadcast_to(block.hsic_aa[:, None], shape).ravel(),
        "hsic_bb": np.broadcast_to(block.hsic_bb, shape).ravel(),
    }


def _from_activations(
    measure: str, stores: Sequence[Store], pairs: Sequence[tuple[int, int]], wanted: Wanted
) -> dict[tuple[int, int], dict[str, Any]]:
    """The pairs' columns by a measure of activations.

    All networks' layers go into one table, because what a measure needs of a layer (a singular
    value decomposition, say) is computed once a table, and costs more than all its comparisons.
    """
    from repatlas.similarity.table import similarity_table

    used = [stores[k] for k in sorted({k for pair in pairs for k in pair})]
    check_alike(used, [str(store.path) for store in used])
    made = {}
    # Layers compared across networks make one table; networks whose other layers are compared
    # within them make one each.
    across = [(a, b) for a, b in pairs if a != b]
    shared = {k: chosen for a, b in across for k, chosen in zip((a, b), wanted(a, b), strict=True)}
    tables = [(shared, [p for p in pairs if p in across or shared.get(p[0]) == wanted(*p)[0]])]
    covered = set(tables[0][1])
    tables += [({p[0]: wanted(*p)[0]}, [p]) for p in pairs if p not in covered]
    for chosen, answers in tables:
        if not answers:
            continue
        layers = _Layers(stores, chosen)
        table = similarity_table(layers, measure=measure)
        place = layers.places()
        for a, b in answers:
            rows = (place[a][:, None] * len(layers) + place[b]).ravel()
            part = table.iloc[rows]
            undefined = np.full(len(rows), np.nan)
            made[a, b] = {
                "value": part["value"].to_numpy(float),
                "se": part["se"].to_numpy(float),
                "n_batches": part["n_batches"].to_numpy(),
                "reason": part["reason"].astype(str).tolist(),
                "hsic_ab": undefined,
                "hsic_aa": undefined,
                "hsic_bb": undefined,
            }
    return made


class _Layers(Mapping):
    """Chosen layers of several activation stores, read when asked for, by store and number."""

    def __init__(self, stores: Sequence[Store], chosen: Mapping[int, Sequence[int]]):
        self.stores, self.chosen = stores, chosen
        self.keys_ = [(store, layer) for store, layers in chosen.items() for layer in layers]

    def places(self) -> dict[int, np.ndarray]:
        """Positions of each store's layers among all."""
        owner = np.array([store for store, _ in self.keys_])
        return {store: np.flatnonzero(owner == store) for store in self.chosen}

    def __getitem__(self, name: str) -> np.ndarray:
        store, layer = map(int, name.split("/"))
        return self.stores[store].read(layer)

    def __iter__(self) -> Iterator[str]:
        return (f"{store}/{layer}" for store, layer in self.keys_)

    def __len__(self) -> int:
        return len(self.keys_)


def _undefined(a: Store, b: Store, rows: int, columns: int) -> dict[str, Any]:
    failed = next(s for s in (a, b) if s.status != "completed")
    size = rows * columns
    nothing = np.full(size, np.nan)
    return {
        "value": nothing,
        "se": nothing,
        "n_batches": np.zeros(size, int),
        "reason": [f"network {failed.run} {failed.status}"] * size,
        "hsic_ab": nothing,
        "hsic_aa": nothing,
        "hsic_bb": nothing,
    }
