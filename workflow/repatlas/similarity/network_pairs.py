"""A tile of a study: the similarity of all layers of many pairs of networks, as one tidy table."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from repatlas.files import checked_file
from repatlas.hardware import total_memory
from repatlas.layers import Layer, select_present
from repatlas.memory import check_memory
from repatlas.own import is_own
from repatlas.similarity.alike import check_alike
from repatlas.similarity.inputs import Layers
from repatlas.similarity.minibatch import Block, explain, minibatch_cka
from repatlas.similarity.scores import Scores
from repatlas.stores import ActivationStore, GramStore

if TYPE_CHECKING:
    from repatlas.similarity.measure import Measure

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
    measure: str,
    stores: Sequence[Store],
    pairs: Sequence[tuple[int, int]],
    layers: Sequence[str],
    options: Mapping[str, Any] | None = None,
) -> pa.Table:
    """The similarity table of the pairs (positions in `stores`) by a measure with its options.

    Columns as in SCHEMA: run, index, layer and kind of both sides, value, se, n_batches, reason
    (why value or se is undefined, or says nothing), and of minibatch CKA the sums hsic_ab, hsic_aa,
    hsic_bb of :class:`repatlas.similarity.minibatch.Block`, NaN for other measures.

    A pair of a network with itself compares all its stored layers, a pair of two networks those
    that `layers` names (see :func:`repatlas.layers.select`). All ordered pairs of layers are rows.
    A measure that is not symmetric compares two networks in both directions.
    A network without usable weights gives undefined values with its status as the reason.
    StoreError where two networks were probed differently; ResourceError, before anything is
    allocated, where a measure of activations would take more memory than the machine has.
    """
    options = options or {}
    if not _symmetric(measure, options):
        pairs = [p for a, b in pairs for p in dict.fromkeys([(a, b), (b, a)])]
    usable = [p for p in pairs if all(stores[i].status == "completed" for i in p)]

    def wanted(a: int, b: int) -> tuple[list[int], list[int]]:
        return _layers(stores[a], a == b, layers), _layers(stores[b], a == b, layers)

    if measure == "cka_minibatch":
        # The study gives each measure the stores that it needs.
        grams = cast(Sequence[GramStore], stores)
        blocks = minibatch_cka(grams, usable, wanted) if usable else []
        made = {(block.a, block.b): _from_block(block) for block in blocks}
    else:
        activations = cast(Sequence[ActivationStore], stores)
        made = _from_activations(measure, options, activations, usable, wanted)
    columns: dict[str, list] = {name: [] for name in SCHEMA.names}
    for a, b in pairs:
        one, two = wanted(a, b)
        part = made.get((a, b)) or _undefined(stores[a], stores[b], len(one), len(two))
        part |= _design(stores[a], stores[b], one, two)
        for name, values in part.items():
            columns[name].append(pa.array(values).cast(SCHEMA.field(name).type))
    return pa.table({k: pa.chunked_array(v) for k, v in columns.items()}, schema=SCHEMA)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, in one step and with the same bytes for the same content, and its
    checksum beside it. ResourceError when the disk is full."""
    with checked_file(path) as partial:
        pq.write_table(table.unify_dictionaries(), partial, compression="zstd")


def _symmetric(measure: str, options: Mapping[str, Any]) -> bool:
    if measure == "cka_minibatch":
        return True
    return _measure(measure).is_symmetric(options)


def _measure(name: str) -> "Measure":
    """A measure of activations: a built-in one, or the user's own."""
    if is_own(name):
        from repatlas.similarity.own import own_measure

        return own_measure(name)
    from repatlas.similarity.table import MEASURES

    return MEASURES[name]


def _layers(store: Store, within: bool, wanted: Sequence[str]) -> list[int]:
    if within:
        return list(range(len(store.layers)))
    return select_present([Layer(layer.name, layer.kind) for layer in store.layers], wanted)


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
    measure: str,
    options: Mapping[str, Any],
    stores: Sequence[ActivationStore],
    pairs: Sequence[tuple[int, int]],
    wanted: Wanted,
) -> dict[tuple[int, int], dict[str, Any]]:
    """The pairs' columns by a measure of activations.

    What a measure needs of a layer costs more than all its comparisons, so the layers of all
    networks that are compared with others are handed to it together, in the order of the pairs that
    are wanted, and it holds as many of them at a time as its bound on memory allows.
    """
    used = [stores[k] for k in sorted({k for pair in pairs for k in pair})]
    check_alike(used, [str(store.path) for store in used])
    # Layers compared across networks are one set; networks whose other layers are compared within
    # them are one each.
    across = [(a, b) for a, b in pairs if a != b]
    shared = {k: chosen for a, b in across for k, chosen in zip((a, b), wanted(a, b), strict=True)}
    sets = [(shared, [p for p in pairs if p in across or shared.get(p[0]) == wanted(*p)[0]])]
    covered = set(sets[0][1])
    sets += [({p[0]: wanted(*p)[0]}, [p]) for p in pairs if p not in covered]
    made = {}
    for chosen, answers in sets:
        if not answers:
            continue
        layers, place = _chosen(stores, chosen, answers)
        n, sizes = used[0].n_examples, _features(stores, chosen)
        check_memory(measure, n, sizes, total_memory())
        if sizes:
            scores = _measure(measure).scores(layers, None, **options)
        else:
            scores = Scores(np.empty((0, 0)), np.empty((0, 0), dtype=object))
        for a, b in answers:
            made[a, b] = _from_scores(scores, np.ix_(place[a], place[b]))
    return made


def _chosen(
    stores: Sequence[ActivationStore],
    chosen: Mapping[int, Sequence[int]],
    pairs: Sequence[tuple[int, int]],
) -> tuple[Layers, dict[int, np.ndarray]]:
    """Chosen layers of several stores, read when asked for, of which the pairs of stores are
    wanted; and where each store's layers stand among them."""
    keys = [(store, layer) for store, layers in chosen.items() for layer in layers]
    owner = np.array([store for store, _ in keys])
    place = {store: np.flatnonzero(owner == store) for store in chosen}
    wanted = np.zeros((len(keys), len(keys)), dtype=bool)
    for a, b in pairs:
        wanted[np.ix_(place[a], place[b])] = True
    names = [f"{stores[store].run}/{stores[store].layers[layer].name}" for store, layer in keys]

    def read(position: int) -> np.ndarray:
        store, layer = keys[position]
        return stores[store].read(layer)

    return Layers(names, read, wanted=wanted), place


def _features(stores: Sequence[ActivationStore], chosen: Mapping[int, Sequence[int]]) -> list[int]:
    """Numbers of features of the chosen layers."""
    shapes = [stores[store].layers[k].shape for store, layers in chosen.items() for k in layers]
    return [math.prod(shape) for shape in shapes]


def _from_scores(scores: Scores, where: tuple) -> dict[str, Any]:
    undefined = np.full(scores.value[where].size, np.nan)
    return {
        "value": scores.value[where].ravel(),
        "se": undefined,
        "n_batches": np.full(undefined.size, scores.n_batches),
        "reason": scores.reason[where].ravel().tolist(),
        "hsic_ab": undefined,
        "hsic_aa": undefined,
        "hsic_bb": undefined,
    }


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
