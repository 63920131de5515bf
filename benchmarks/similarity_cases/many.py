"""Case 2: all pairs of several networks, activations in memory."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from harness.measuring import (
    Line,
    Outcome,
    Target,
    as_lists,
    interleaved,
    median,
    ratio,
)

from similarity_cases import limits, ours, peers
from similarity_cases.arrays import activations, centred
from similarity_cases.sizes import Sizes

LIMIT, PEER, RAW, CENTRED = "limit", "pytorch-cka", "repatlas, raw arrays", "repatlas, centred"
ALONE, APART = "pytorch-cka, some networks alone", "pytorch-cka, some pairs"


def candidates(sizes: Sizes, networks: list[list[np.ndarray]]) -> dict[str, Callable]:
    """What is timed of all pairs of the `networks`."""
    without_means = [centred(layers) for layers in networks]
    packed = limits.stand_in(sum(map(len, networks)), sizes.batch)
    replayed = [peers.Replay(layers) for layers in networks]
    return {
        LIMIT: partial(limits.symmetric_products, without_means, packed, sizes.batch),
        CENTRED: partial(ours.all_pairs, without_means, sizes.batch),
        RAW: partial(ours.all_pairs, networks, sizes.batch),
        **peers.available("cka", {PEER: partial(peers.pytorch_cka_pairs, replayed, sizes.batch)}),
    }


def run_few(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """All pairs of a few networks with wide layers."""
    networks = [activations(sizes.wide, sizes.six_examples, seed) for seed in range(sizes.few)]
    found = interleaved(candidates(sizes, networks), rounds)
    return Outcome(_lines(found, 9), as_lists(found))


def run_many(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """All pairs of many networks with pooled layers; pytorch-cka on some of the pairs a round."""
    networks = [activations(sizes.pooled, sizes.examples, seed) for seed in range(sizes.many)]
    timed = candidates(sizes, networks)
    some = SomePairs(sizes.many, sizes.many, sizes.pair_stride)
    if timed.pop(PEER, None):
        timed |= some.candidates(networks, sizes.batch)
    found = interleaved(timed, rounds)
    seconds = as_lists(found)
    note = ""
    if ALONE in found:
        found[PEER] = some.total(found.pop(ALONE), found.pop(APART))
        note = f"each round another one in {sizes.pair_stride} of the pairs, scaled up"
    return Outcome(_lines(found, 20, note), seconds)


class SomePairs:
    """pytorch-cka on every `stride`-th pair of `known` networks, other ones in every round, from
    which its time for all pairs of `wanted` networks follows."""

    def __init__(self, known: int, wanted: int, stride: int):
        self.wanted, self.stride = wanted, stride
        self.alone = [(k, k) for k in range(known)]
        self.apart = [(i, j) for i, j in ours.every_pair(known) if i != j]
        self.sizes: dict[str, list[int]] = {ALONE: [], APART: []}

    def candidates(self, networks: Sequence[ours.Layers], batch: int) -> dict[str, Callable]:
        """The two calls to time: networks with themselves, and with one another."""
        replayed = [peers.Replay(layers) for layers in networks]

        def call(name: str, pairs: list[tuple[int, int]]) -> np.ndarray:
            sizes = self.sizes[name]
            chosen = pairs[len(sizes) % self.stride :: self.stride]
            sizes.append(len(chosen))
            return peers.pytorch_cka_pairs(replayed, batch, chosen)

        return {ALONE: partial(call, ALONE, self.alone), APART: partial(call, APART, self.apart)}

    def total(self, alone: np.ndarray, apart: np.ndarray) -> np.ndarray:
        """Seconds (rounds,) for all wanted pairs, from those of the calls."""
        rounds = len(alone)
        each_alone = alone / self.sizes[ALONE][-rounds:]
        each_apart = apart / self.sizes[APART][-rounds:]
        return self.wanted * each_alone + self.wanted * (self.wanted - 1) / 2 * each_apart


def _lines(found: dict[str, np.ndarray], target: float, note: str = "") -> list[Line]:
    limit = found[LIMIT]
    lines = [
        median("the limit itself", limit, "s"),
        ratio("repatlas from centred activations / limit", found[CENTRED], limit),
        ratio("repatlas from raw arrays / limit", found[RAW], limit),
    ]
    if PEER in found:
        goal = Target("at least", target)
        for own in (CENTRED, RAW):
            lines.append(ratio(f"{PEER} / {own}", found[PEER], found[own], goal, note))
    return lines
