"""The tile engine: minibatch CKA of all layers of many networks from packed Gram matrices.

The estimator of Nguyen, Raghu & Kornblith (2021) is a ratio of sums over probe batches,

    CKA = sum_i w_i <G_i(a), G_i(b)> / sqrt(sum_i w_i |G_i(a)|² · sum_i w_i |G_i(b)|²),

with G_i the U-centred Gram matrices of batch i (:mod:`repatlas.grams`). All layer pairs of all
network pairs are entries of one matrix product of packed Grams, accumulated over batches, so that a
pair of layers costs b (b - 1) / 2 multiply-adds a batch, whatever the layers' width.

Products are formed in the Grams' own precision over stretches of the long axis and summed in
float64. Networks are loaded a batch at a time, and in groups when they do not fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np

from repatlas.grams import pairs
from repatlas.similarity.alike import check_alike
from repatlas.similarity.jackknife import (
    FEW_BATCHES,
    MIN_BATCHES,
    ExactJackknife,
    StreamedJackknife,
)
from repatlas.similarity.scores import BROKEN, DEAD, ratio
from repatlas.similarity.tiles import CACHED, Group, Plan, Room, Stack, Tile, multiply, stack, tiles

Weighting = Literal["pairs", "equal"]

AHEAD = 32 << 20  # bytes of Grams that the disk is asked for before they are needed

# What makes a value undefined, as bits of Block.reason.
A_DEAD, B_DEAD, A_BROKEN, B_BROKEN = 1, 2, 4, 8


class GramSource(Protocol):
    """The packed Grams of one network: a stored file or an object in memory.

    `n_batches` counts the batches of all `passes`, pass by pass; all hold `batch_size` examples but
    perhaps the last of a pass. `probe`, where there is one, names the examples and their order.
    """

    @property
    def n_batches(self) -> int: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def passes(self) -> int: ...

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Packed U-centred Grams (layers, pairs) and diagonals (layers, examples) of a batch."""
        ...


@dataclass(frozen=True)
class Block:
    """Minibatch CKA of the layers of network `a` (rows) with those of network `b` (columns).

    layers_a (A,), layers_b (B,): the layers' numbers; value, se (A, B): float64, NaN where
    undefined; n_batches: batches that entered, of all passes; reason (A, B): uint8, see
    :func:`explain`; se_reason: why no entry has a standard error, or ""; hsic_ab (A, B), hsic_aa
    (A,), hsic_bb (B,): the sums over batches of n (n - 3) HSIC1 (weighting "pairs") or of HSIC1
    ("equal"). A value is undefined where a layer's own sum is 0 or not finite.
    """

    a: int
    b: int
    layers_a: np.ndarray
    layers_b: np.ndarray
    value: np.ndarray
    se: np.ndarray
    n_batches: int
    reason: np.ndarray
    se_reason: str
    hsic_ab: np.ndarray
    hsic_aa: np.ndarray
    hsic_bb: np.ndarray


def explain(reason: int) -> str:
    """An entry of Block.reason in words; "" for 0."""
    said = []
    for dead, broken, name in ((A_DEAD, A_BROKEN, "layer_a"), (B_DEAD, B_BROKEN, "layer_b")):
        if reason & (dead | broken):
            said.append(f"{name} {BROKEN if reason & broken else DEAD}")
    return "; ".join(said)


def minibatch_cka(
    networks: Sequence[GramSource],
    blocks: Sequence[tuple[int, int]],
    layers: Callable[[int, int], tuple[Sequence[int], Sequence[int]]] | None = None,
    weighting: Weighting = "pairs",
    memory_budget: float = 512e6,
) -> list[Block]:
    """Minibatch CKA, with standard errors, of the wanted pairs of `networks`: one block a pair, in
    the order of `blocks` (see the module for the estimator).

    `blocks` names pairs by position; `layers(a, b)` gives the layers of both networks wanted for
    such a pair (default: all). `weighting` is "pairs", each batch by its n (n - 3) as the paper's
    published code does, or "equal", each batch alike as its equation says; they differ only where
    a batch is short.

    Each block's `se` is a jackknife over the batches of the first pass: exact while all batches'
    terms fit into half of `memory_budget` (bytes), linearised otherwise. With several passes it is
    that of one pass, slightly too large: reshuffling hardly narrows the sampling error.

    StoreError when the networks were not probed in the same way.
    """
    if not blocks:
        return []
    # Only what is compared: a network without usable weights has no batches at all.
    used = sorted({k for block in blocks for k in block})
    names = [str(getattr(networks[k], "path", f"network {k}")) for k in used]
    check_alike([networks[k] for k in used], names)
    plans = _plans(networks, blocks, layers)
    source = networks[blocks[0][0]]
    per_pass = source.n_batches // source.passes
    area = sum(len(plan.layers_a) * len(plan.layers_b) for plan in plans)
    exact = 8 * area * per_pass <= memory_budget / 2
    sums = [_Sums(plan, exact) for plan in plans]
    # Two stacks and the parts that one of them is made of are held at a time.
    layer = 4 * pairs(source.batch_size)
    work = tiles(plans, memory_budget / 2 / 3 / layer, CACHED / layer)
    largest = max(sum(map(len, tile.right.values())) for tile in work)
    ahead = min(max(1, AHEAD // max(1, largest * layer)), source.n_batches * len(work))
    rooms = Room(), Room()
    for index in range(source.n_batches):
        for number, terms in _batch_terms(networks, plans, work, index, weighting, rooms, ahead):
            sums[number].add(terms, in_error=index < per_pass)
    return [total.block(source.n_batches, per_pass) for total in sums]


def _plans(
    networks: Sequence[GramSource],
    blocks: Sequence[tuple[int, int]],
    layers: Callable[[int, int], tuple[Sequence[int], Sequence[int]]] | None,
) -> list[Plan]:
    counts: dict[int, int] = {}
    plans = []
    for a, b in blocks:
        if layers is None:
            for network in (a, b):
                if network not in counts:
                    known = getattr(networks[network], "layers", None)
                    counts[network] = len(networks[network].batch(0)[1] if known is None else known)
            plans.append(Plan(a, b, tuple(range(counts[a])), tuple(range(counts[b]))))
        else:
            layers_a, layers_b = layers(a, b)
            plans.append(Plan(a, b, tuple(map(int, layers_a)), tuple(map(int, layers_b))))
    return plans


Terms = tuple[np.ndarray, np.ndarray, np.ndarray]


def _batch_terms(
    networks: Sequence[GramSource],
    plans: Sequence[Plan],
    work: Sequence[Tile],
    index: int,
    weighting: Weighting,
    rooms: tuple[Room, Room],
    ahead: int,
) -> Iterator[tuple[int, Terms]]:
    """(plan, (ab, aa, bb)) of batch `index` for every plan. Each tile announces what the tile that
    is `ahead` by so many will read."""
    held: tuple[Group, Stack] | None = None
    for number, tile in enumerate(work):
        first = index == number == 0
        for further in range(1 if first else ahead, ahead + 1):
            batches, later = divmod(number + further, len(work))
            _announce([networks[k] for k in work[later].right], index + batches)
        # Tiles are sorted by their left group, which therefore is read once a batch.
        if held is None or held[0] is not tile.left:
            held = tile.left, _read(networks, tile.left, index, rooms[0])
        left = held[1]
        same = tile.right is tile.left
        right = left if same else _read(networks, tile.right, index, rooms[1])
        # Packed Grams hold each pair of examples once.
        weight = 2.0 if weighting == "pairs" else 2.0 / (left.n * (left.n - 3))
        for product in tile.products:
            result = multiply(left, right, product, tile.stretch) * weight
            row_squares = left.squares[product.rows] * weight
            column_squares = right.squares[product.columns] * weight
            for answer in product.answers:
                ab = result[np.ix_(answer.rows, answer.columns)]
                aa, bb = row_squares[answer.rows], column_squares[answer.columns]
                if answer.transposed:
                    ab, aa, bb = ab.T, bb, aa
                plan = plans[answer.plan]
                if plan.a == plan.b:
                    # A layer with itself: the very number that it is divided by.
                    i, j = np.nonzero(np.equal.outer(plan.layers_a, plan.layers_b))
                    ab[i, j] = aa[i]
                yield answer.plan, (ab, aa, bb)


def _read(networks: Sequence[GramSource], group: Group, index: int, room: Room) -> Stack:
    entries = pairs(networks[min(group)].batch_size)
    return stack((partial(_packed, networks[n], index) for n in group), group, entries, room)


def _announce(sources: Sequence[GramSource], index: int) -> None:
    """Let the disk fetch a batch of those sources that lie on one, while others are multiplied."""
    for source in sources:
        announce = getattr(source, "announce", None)
        if announce is not None and index < source.n_batches:
            announce(index)


def _packed(source: GramSource, index: int, place: np.ndarray) -> np.ndarray:
    """The packed Grams of a batch; sources that can leave out the rest put them in `place`."""
    alone = getattr(source, "packed", None)
    return source.batch(index)[0] if alone is None else alone(index, place)


class _Sums:
    """The running sums of one block."""

    def __init__(self, plan: Plan, exact: bool):
        self.plan = plan
        shape = len(plan.layers_a), len(plan.layers_b)
        self.ab, self.aa, self.bb = np.zeros(shape), np.zeros(shape[0]), np.zeros(shape[1])
        self.jackknife = ExactJackknife() if exact else StreamedJackknife()

    def add(self, terms: Terms, in_error: bool) -> None:
        self.ab += terms[0]
        self.aa += terms[1]
        self.bb += terms[2]
        if in_error:
            self.jackknife.add(*terms)

    def block(self, n_batches: int, in_error: int) -> Block:
        reason = _state(self.aa, A_DEAD, A_BROKEN)[:, None] | _state(self.bb, B_DEAD, B_BROKEN)
        with np.errstate(all="ignore"):
            value = ratio(self.ab, self.aa, self.bb)
        value[reason != 0] = np.nan
        enough = in_error >= MIN_BATCHES
        se = self.jackknife.error() if enough else np.full(value.shape, np.nan)
        return Block(
            a=self.plan.a,
            b=self.plan.b,
            layers_a=np.array(self.plan.layers_a, dtype=np.intp),
            layers_b=np.array(self.plan.layers_b, dtype=np.intp),
            value=value,
            se=se,
            n_batches=n_batches,
            reason=reason,
            se_reason="" if enough else FEW_BATCHES,
            hsic_ab=self.ab,
            hsic_aa=self.aa,
            hsic_bb=self.bb,
        )


def _state(squares: np.ndarray, dead: int, broken: int) -> np.ndarray:
    """The layers' bits of Block.reason, from their self terms."""
    return np.where(np.isfinite(squares), dead * (squares == 0), broken).astype(np.uint8)
