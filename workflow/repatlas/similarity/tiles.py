"""Which matrix products answer the wanted blocks, and how they are formed.

Layers of several networks are stacked as rows of one matrix, as many networks at a time as fit into
memory; a product of two stacks answers all blocks between them. Everything here is decided once,
before the first batch is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from repatlas.grams import SAFE_NORMS, batch_of

STRETCH = 4096  # see Tile
SMALL = 1_000_000  # multiply-adds up to which OpenBLAS multiplies without packing the factors first
SHORT = 512  # entries that a product must have to be worth a call of its own
CACHED = 4 << 20  # bytes that are still in the processor's cache after they were read
DENSE = 0.5  # share of wanted entries from which on one product of a whole tile is cheaper

Index = slice | np.ndarray
Layers = tuple[int, ...]
Group = dict[int, Layers]  # networks, and the layers wanted of each


@dataclass(frozen=True)
class Plan:
    """A wanted block: layers of network `a` as rows, layers of network `b` as columns."""

    a: int
    b: int
    layers_a: Layers
    layers_b: Layers


@dataclass(frozen=True)
class Answer:
    """Where the block of plan number `plan` stands in a product: in these `rows` and `columns`, in
    the order of the plan's layers; `transposed`: of network b and a rather than a and b."""

    plan: int
    rows: np.ndarray
    columns: np.ndarray
    transposed: bool


@dataclass(frozen=True)
class Product:
    """Rows of the left stack times rows of the right one (`rows`, `columns`, numbers of rows in
    either); `symmetric`: both are the same rows of the same stack."""

    rows: Index
    columns: Index
    symmetric: bool
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Tile:
    """Two groups of networks, the layers wanted of each, and the products to form, which sum
    `stretch` entries of the long axis in float32 before float64 takes over."""

    left: Group
    right: Group
    products: tuple[Product, ...]
    stretch: int = STRETCH


def tiles(plans: Sequence[Plan], capacity: float, cached: float = math.inf) -> list[Tile]:
    """The tiles that answer all `plans`. A group of networks holds at most `capacity` layers, or
    else a single network. Where one network is compared with all others, theirs hold at most
    `cached` layers: each is needed once, and best multiplied while it is still in cache."""
    wanted: Group = {}
    for plan in plans:
        _extend(wanted, plan.a, plan.layers_a)
        _extend(wanted, plan.b, plan.layers_b)
    hub, stretch = _hub(plans) if len(wanted) > 2 else None, STRETCH
    if hub is not None:
        largest = len(wanted[hub]) * max(len(wanted[k]) for k in wanted if k != hub)
        if SHORT <= (small := SMALL // max(1, largest)) < STRETCH:
            stretch = small
    groups: list[Group] = []
    room = 0.0
    for network in sorted(wanted, key=lambda k: (k != hub, k)):
        if not groups or len(wanted[network]) > room:
            groups.append({})
            room = capacity if hub is None else min(capacity, cached)
        groups[-1][network] = wanted[network]
        room -= len(wanted[network])
        if network == hub:
            room = 0.0
    home = {network: number for number, group in enumerate(groups) for network in group}
    inside: dict[tuple[int, int], list[int]] = {}
    for number, plan in enumerate(plans):
        pair = (home[plan.a], home[plan.b])
        inside.setdefault((min(pair), max(pair)), []).append(number)
    return [
        Tile(groups[i], groups[j], tuple(_products(groups[i], groups[j], plans, numbers)), stretch)
        for (i, j), numbers in sorted(inside.items())
    ]


def _hub(plans: Sequence[Plan]) -> int | None:
    """The network that all `plans` have in common, if there is just one."""
    common = set.intersection(*({plan.a, plan.b} for plan in plans))
    return common.pop() if len(common) == 1 else None


def _extend(group: Group, network: int, layers: Iterable[int]) -> None:
    group[network] = tuple(sorted({*group.get(network, ()), *layers}))


def _products(
    left: Group, right: Group, plans: Sequence[Plan], numbers: list[int]
) -> Iterator[Product]:
    """One product for all plans between different networks, where most of it is wanted, and one for
    each plan that this leaves."""
    rows: Group = {}
    columns: Group = rows if left is right else {}
    for number in numbers:
        plan = plans[number]
        if plan.a != plan.b:
            _extend(rows if plan.a in left else columns, plan.a, plan.layers_a)
            _extend(columns if plan.b in right else rows, plan.b, plan.layers_b)
    together = _product(left, right, rows, columns, plans, numbers)
    used = 0
    for answer in together.answers:
        mirrored = together.symmetric and plans[answer.plan].a != plans[answer.plan].b
        used += answer.rows.size * answer.columns.size * (1 + mirrored)
    if used and used >= DENSE * _size(rows) * _size(columns):
        yield together
        numbers = sorted(set(numbers) - {answer.plan for answer in together.answers})
    for number in numbers:
        plan = plans[number]
        rows, columns = {plan.a: plan.layers_a}, {plan.b: plan.layers_b}
        if plan.a not in left or plan.b not in right:
            rows, columns = columns, rows
        yield _product(left, right, rows, columns, plans, [number])


def _size(group: Group) -> int:
    return sum(len(layers) for layers in group.values())


def _product(
    left: Group,
    right: Group,
    rows: Group,
    columns: Group,
    plans: Sequence[Plan],
    candidates: Iterable[int],
) -> Product:
    """The product of the layers `rows` and `columns`, with every candidate plan that it answers."""
    at_row, at_column = _positions(rows), _positions(columns)
    answers = []
    for number in candidates:
        plan = plans[number]
        a = [(plan.a, layer) for layer in plan.layers_a]
        b = [(plan.b, layer) for layer in plan.layers_b]
        for first, second, transposed in ((a, b, False), (b, a, True)):
            if all(x in at_row for x in first) and all(x in at_column for x in second):
                i = np.array([at_row[x] for x in first], dtype=np.intp)
                j = np.array([at_column[x] for x in second], dtype=np.intp)
                answers.append(Answer(number, i, j, transposed))
                break
    symmetric = left is right and rows == columns
    return Product(_index(left, rows), _index(right, columns), symmetric, tuple(answers))


def _positions(group: Group) -> dict[tuple[int, int], int]:
    return {key: k for k, key in enumerate((n, x) for n, xs in group.items() for x in xs)}


def _index(stacked: Group, chosen: Group) -> Index:
    """Where the `chosen` layers stand in the stack: a slice, which copies nothing, if it can be."""
    at = _positions(stacked)
    index = np.array([at[key] for key in _positions(chosen)], dtype=np.intp)
    if index.size and (np.diff(index) == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


@dataclass(frozen=True)
class Stack:
    """The packed Grams of some networks' layers in one batch of `n` examples, row by row.

    values (rows, pairs): each row times a power of two that keeps its products in range; scales
    (rows,): the powers' inverses; squares (rows,): the squared norms of the rows as they were.
    """

    n: int
    values: np.ndarray
    scales: np.ndarray
    squares: np.ndarray


class Room:
    """Memory in which stacks are built, one after the other: new memory for each would cost as much
    as filling it."""

    def __init__(self) -> None:
        self._held = np.empty(0, dtype=np.float32)

    def of(self, rows: int, entries: int, dtype: np.dtype | None = None) -> np.ndarray:
        """Memory for (rows, entries) numbers of the `dtype`, or else of the last one; what was
        there before is overwritten."""
        dtype, size = dtype or self._held.dtype, rows * entries
        if self._held.dtype != dtype or self._held.size < size:
            self._held = np.empty(size, dtype=dtype)
        return self._held[:size].reshape(rows, entries)


Read = Callable[[np.ndarray], np.ndarray]


def stack(reads: Iterable[Read], group: Group, entries: int, room: Room) -> Stack:
    """Stack the wanted layers of a group's packed Grams, which have `entries` pairs or, in a short
    batch, fewer.

    `reads`: one a network, gives its packed Grams (layers, pairs), in the memory that it is called
    with where they fit there. The stack is good until `room` is used again.
    """
    squares, start = np.empty(sum(map(len, group.values()))), 0
    values = room.of(len(squares), entries)
    with np.errstate(all="ignore"):
        for read, layers in zip(reads, group.values(), strict=True):
            stop = start + len(layers)
            place = values[start:stop]
            packed = read(place)
            if layers != tuple(range(len(packed))):
                packed = packed[list(layers)]
            if len(group) == 1:
                values = packed
            elif packed is not place:
                if start == 0:
                    values = room.of(len(squares), packed.shape[1], packed.dtype)
                elif packed.dtype.itemsize > values.dtype.itemsize:
                    values = values.astype(packed.dtype)
                values[start:stop] = packed
            # Summed while the rows are still in the processor's cache.
            squares[start:stop] = squared_norms(packed)
            start = stop
        return _in_range(values, squares)


def _in_range(values: np.ndarray, squares: np.ndarray) -> Stack:
    """The stack of `values` (rows, pairs), rows brought into the range of float32 products."""
    scales = np.ones(len(values))
    odd = np.flatnonzero(~((squares > SAFE_NORMS[0]) & (squares < SAFE_NORMS[1])))
    peaks = np.abs(values[odd]).max(axis=1, initial=0)
    odd = odd[(peaks > 0) & np.isfinite(peaks)]
    if odd.size:
        exponents = np.frexp(np.abs(values[odd]).max(axis=1))[1]
        values = values.copy()  # it may be the caller's own
        values[odd] = np.ldexp(values[odd], -exponents[:, None])
        scales[odd] = 2.0**exponents
        squares[odd] = squared_norms(values[odd]) * scales[odd] ** 2
    return Stack(batch_of(values.shape[1]), values, scales, squares)


def multiply(left: Stack, right: Stack, product: Product, stretch: int) -> np.ndarray:
    """The inner products (rows, columns), float64, of the packed Grams that a product names; not
    finite where a Gram is not. `stretch` as in :class:`Tile`."""
    a = left.values[product.rows]
    b = a if product.symmetric else right.values[product.columns]
    with np.errstate(all="ignore"):
        total = inner_products(a, b, stretch)
        total *= left.scales[product.rows][:, None]
        total *= right.scales[product.columns]
    return total


def inner_products(a: np.ndarray, b: np.ndarray, stretch: int = STRETCH) -> np.ndarray:
    """a b' of two (rows, entries) arrays: their own precision over a stretch, then float64."""
    total = np.zeros((len(a), len(b)))
    for start in range(0, a.shape[1], stretch):
        part = a[:, start : start + stretch]
        # A matrix times its own transpose takes half the work, if it is the same matrix.
        other = part if b is a else b[:, start : start + stretch]
        total += part @ other.T
    return total


def squared_norms(a: np.ndarray) -> np.ndarray:
    """The squared norms (rows,) of a (rows, entries) array, summed like the products."""
    total = np.zeros(len(a))
    for start in range(0, a.shape[1], STRETCH):
        part = a[:, start : start + STRETCH]
        total += np.vecdot(part, part)
    return total
