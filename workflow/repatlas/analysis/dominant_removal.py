"""Similarity within a network after its dominant examples are taken out of the probe set, from
stored Grams alone, with as many examples drawn at random as the null."""

from collections.abc import Mapping, Sequence

import numpy as np

from repatlas.analysis.blocks import THRESHOLD, longest_run
from repatlas.analysis.dominance import count, dominant, reference_layer
from repatlas.analysis.without_pc1 import reasons
from repatlas.data.order import pass_order
from repatlas.errors import StoreError
from repatlas.similarity.altered import AlteredGrams, without_examples
from repatlas.similarity.minibatch import minibatch_cka
from repatlas.stores import GramStore

LEAST_RUN = 2  # layers of a block


def removals(
    store: GramStore, components: Mapping[str, np.ndarray], options: Mapping
) -> dict[str, np.ndarray]:
    """Minibatch CKA between the ReLU layers of `store` on what is left of the probe set, after
    Nguyen, Raghu & Kornblith (2022).

    `components`: what the analysis principal_components left of the network; `options`: removed
    (shares of the examples), layer (a name, or None for the rule of `reference_layer`), draws and
    seed of the random removals.

    Returns arrays layer (L,), reference (a name, or ''), block (names of the longest run); and for
    each removal R, the first of which removes nothing: criterion (none, dominant, random), removed
    (share), draw, n_removed, value (R, L, L), reason (R, L, L), pc1_share (R,) of the reference
    layer, the largest eigenvalue of its batches' Grams over their trace, a ratio of sums. The block
    is that of all examples, of at least 2 layers with all pairs at .9 or above. A network without
    usable weights, or without a reference layer, has NaN and the reason.

    StoreError when the two were not made on the same probe set.
    """
    chosen = [k for k, la in enumerate(store.layers) if la.kind == "relu"]
    names = np.array([store.layers[k].name for k in chosen])
    plan = _plan(options)
    if not store.n_batches:
        return _nothing(names, plan, store.layers[0].reason)
    if str(components["probe"]) != store.probe:
        raise StoreError(
            f"{store.path} and the principal components of {store.run} were not made on the same "
            "probe set. Delete the older one and start again."
        )
    n = components["u1"].shape[1]
    whole = minibatch_cka([store], [(0, 0)], lambda _a, _b: (chosen, chosen))[0]
    start, length = longest_run(whole.value >= THRESHOLD)
    block = names[start : start + length].tolist() if length >= LEAST_RUN else []
    reference = reference_layer(components, block, options.get("layer"))
    if reference is None:
        return _nothing(names, plan, "no layer has a first principal component")
    u1, name = components["u1"][reference], components["layer"][reference]
    orders = [pass_order(store.probe, turn, n) for turn in range(store.passes)]
    at = {la.name: k for k, la in enumerate(store.layers)}.get(str(name))
    rng = np.random.default_rng(options["seed"])
    made: dict[str, list] = {"value": [], "reason": [], "n_removed": [], "pc1_share": []}
    for criterion, share, _draw in plan:
        removed = np.zeros(n, dtype=bool)
        if criterion == "dominant":
            removed[dominant(u1, share)] = True
        elif criterion == "random":
            removed[rng.choice(n, count(n, share), replace=False)] = True
        left = AlteredGrams(store, without_examples(removed, orders, store.batch_size), chosen)
        found = minibatch_cka([left], [(0, 0)])[0]
        made["value"].append(found.value)
        made["reason"].append(reasons(found))
        made["n_removed"].append(int(removed.sum()))
        made["pc1_share"].append(np.nan if at is None else first_share(left, at))
    return {**_about(names, plan, str(name), block), **{k: np.array(v) for k, v in made.items()}}


def first_share(grams: AlteredGrams, layer: int) -> float:
    """Largest eigenvalue of a layer's centred Grams over their trace, both summed over batches; NaN
    where they are not finite or nothing varies. `layer`: its number in the source of `grams`."""
    largest = total = 0.0
    for batch in range(grams.n_batches):
        gram = grams.doubly_centred(batch, layer)
        if not np.isfinite(gram).all():
            return np.nan
        if len(gram):
            largest += float(np.linalg.eigvalsh(gram)[-1])
            total += float(np.trace(gram))
    return largest / total if total > 0 else np.nan


def _plan(options: Mapping) -> list[tuple[str, float, int]]:
    """(criterion, share, draw) of every removal."""
    plan = [("none", 0.0, 0)]
    for share in options["removed"]:
        plan.append(("dominant", share, 0))
        plan += [("random", share, draw) for draw in range(options["draws"])]
    return plan


def _about(
    names: np.ndarray, plan: Sequence[tuple[str, float, int]], reference: str, block: list[str]
) -> dict[str, np.ndarray]:
    return {
        "layer": names,
        "reference": np.array(reference),
        "block": np.array(block, dtype=str),
        "criterion": np.array([criterion for criterion, _, _ in plan]),
        "removed": np.array([share for _, share, _ in plan]),
        "draw": np.array([draw for *_, draw in plan]),
    }


def _nothing(
    names: np.ndarray, plan: Sequence[tuple[str, float, int]], reason: str
) -> dict[str, np.ndarray]:
    """A network of which nothing is known, for a reason."""
    shape = (len(plan), len(names), len(names))
    return {
        **_about(names, plan, "", []),
        "value": np.full(shape, np.nan),
        "reason": np.full(shape, reason),
        "n_removed": np.zeros(len(plan), dtype=int),
        "pc1_share": np.full(len(plan), np.nan),
    }
