"""Case 1: one network with itself."""

from collections.abc import Callable
from functools import partial

import numpy as np
from harness.measuring import Outcome, Target, as_lists, interleaved, median, ratio

from similarity_cases import limits, ours, peers
from similarity_cases.arrays import activations, centred
from similarity_cases.sizes import Sizes

LIMIT, FULL_PRODUCTS = "limit", "full products"
RAW, CENTRED = "repatlas, raw arrays", "repatlas, centred"


def candidates(sizes: Sizes, layers: list[np.ndarray]) -> dict[str, Callable]:
    """What is timed, by name."""
    without_means = centred(layers)
    packed = limits.stand_in(len(layers), sizes.batch)
    return {
        LIMIT: partial(limits.symmetric_products, [without_means], packed, sizes.batch),
        CENTRED: partial(ours.within, without_means, sizes.batch),
        RAW: partial(ours.within, layers, sizes.batch),
        FULL_PRODUCTS: partial(limits.full_products, [without_means], packed, sizes.batch),
        **peers.within(layers, sizes.batch, sizes.torch_cka_batches, sizes.ckatorch_shifts),
    }


def run(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Time one network with itself; the slow peers with one thread only."""
    timed = candidates(sizes, activations(sizes.wide, sizes.examples, 0))
    if threads > 1:
        timed = {
            name: call for name, call in timed.items() if name not in ("torch_cka", "ckatorch")
        }
    found = interleaved(timed, rounds)
    seconds = as_lists(found)
    count, batches = len(sizes.wide), sizes.examples // sizes.batch
    part = batches / sizes.torch_cka_batches
    short = f"timed on {sizes.torch_cka_batches} of {batches} batches, times {part:g}"
    notes = {}
    if "torch_cka" in found:
        found["torch_cka"] = found["torch_cka"] * part
        notes["torch_cka"] = short
    if "ckatorch" in found:
        # Every layer stands in two of the pairs of each shift, as it does in the rest.
        share = (count + 1) / 2 / sizes.ckatorch_shifts
        found["ckatorch"] = found["ckatorch"] * part * share
        notes["ckatorch"] = f"{short}; on one in {share:g} pairs of layers, times {share:g}"
    limit = found[LIMIT]
    lines = [
        median("the limit itself", limit, "s"),
        ratio("repatlas from centred activations / limit", found[CENTRED], limit, _most(1.1)),
        ratio("repatlas from raw arrays / limit", found[RAW], limit, _most(1.3)),
        ratio("products without symmetry (torch) / limit", found[FULL_PRODUCTS], limit),
    ]
    for name in found.keys() - {LIMIT, CENTRED, RAW, FULL_PRODUCTS}:
        first = name == "pytorch-cka"
        note = notes.get(name, "")
        for own, target in ((CENTRED, 1.6), (RAW, 1.35)):
            goal = Target("at least", target) if first else None
            lines.append(ratio(f"{name} / {own}", found[name], found[own], goal, note))
    return Outcome(lines[:4] + sorted(lines[4:], key=lambda line: line.label), seconds)


def _most(value: float) -> Target:
    return Target("at most", value)
