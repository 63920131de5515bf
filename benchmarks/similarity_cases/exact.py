"""Case 5: all examples at once, beside batches, and beside libraries that do the same."""

from collections.abc import Callable
from functools import partial

import numpy as np
from harness.measuring import Outcome, as_lists, interleaved, median, once, ratio

from similarity_cases import limits, memory
from similarity_cases.arrays import activations
from similarity_cases.sizes import Sizes

EXACT, BIASED, BATCHES, LIMIT = "repatlas cka", "repatlas cka_biased", "repatlas minibatch", "limit"
THEIRS = {
    "pytorch-cka cka_from_features": EXACT,
    "ckatorch cka_base": BIASED,
    "rsatoolbox cosine_cov": BIASED,
}


def of_peers(sizes: Sizes, layers: list[np.ndarray]) -> dict[str, Callable]:
    """repatlas and the libraries that compute CKA of all examples at once."""
    from similarity_cases import peers

    return {
        EXACT: partial(table, layers, "cka"),
        BIASED: partial(table, layers, "cka_biased"),
        **peers.available("cka", {list(THEIRS)[0]: partial(peers.cka_from_features, layers)}),
        **peers.available("ckatorch", {list(THEIRS)[1]: partial(peers.ckatorch_base, layers)}),
        **peers.available(
            "rsatoolbox", {list(THEIRS)[2]: partial(peers.rsatoolbox_biased, layers)}
        ),
    }


def run_peers(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """As many examples as the other libraries can take."""
    layers = activations(sizes.pooled, sizes.examples, 0)
    found = interleaved(of_peers(sizes, layers), rounds)
    lines = [median(name, found[name], "s") for name in (EXACT, BIASED)]
    lines += [
        ratio(f"{name} / {own}", found[name], found[own])
        for name, own in THEIRS.items()
        if name in found
    ]
    return Outcome(lines, as_lists(found))


def run_large(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Many examples, in strips; batches of the same beside it."""
    n = sizes.exact_examples
    layers = activations(sizes.pooled, n, 0)
    found = interleaved(
        {
            LIMIT: partial(_limit, layers),
            EXACT: partial(table, layers, "cka"),
            BATCHES: partial(table, layers, "cka_minibatch", batch_size=sizes.batch, seed=None),
        },
        rounds,
    )
    del layers
    lines = [
        median(f"exact CKA of {n} examples", found[EXACT], "s"),
        median(f"minibatch CKA of the same, batches of {sizes.batch}", found[BATCHES], "s"),
        ratio("exact / minibatch", found[EXACT], found[BATCHES]),
        ratio("exact / limit", found[EXACT], found[LIMIT], None, "limit: rank-k updates alone"),
    ]
    for measure in ("cka", "cka_minibatch"):
        above, bare = memory.in_own_process(used, sizes, measure)
        note = f"above the activations, {bare:.0f} MB"
        lines.append(once(f"peak memory of {measure}", above, "MB", None, note))
    return Outcome(lines, as_lists(found))


def table(layers: list[np.ndarray], measure: str, **options: object) -> np.ndarray:
    """Values (layers, layers) by the public function."""
    from repatlas.similarity import similarity_table

    found = similarity_table(list(layers), measure=measure, **options)
    return found["value"].to_numpy().reshape(len(layers), len(layers))


def used(sizes: Sizes, measure: str) -> tuple[float, float]:
    """Megabytes that `measure` takes above the activations it is given; the activations' own."""
    layers = activations(sizes.pooled, sizes.exact_examples, 0)
    options = {"batch_size": sizes.batch, "seed": None} if measure == "cka_minibatch" else {}
    table([x[: sizes.batch] for x in layers], measure, **options)  # imports and buffers
    memory.forget_peak()
    before = memory.peak()
    table(layers, measure, **options)
    return memory.peak() - before, sum(x.nbytes for x in layers) / 1e6


def _limit(layers: list[np.ndarray]) -> None:
    n = len(layers[0])
    gram = np.zeros((n, n), dtype=np.float32, order="F")
    for x in layers:
        limits.rank_k(x, gram)
