"""How differently two architectures predict single examples, against networks of one architecture.

Nguyen, Raghu & Kornblith (2021), figures 7 and F.1 to F.3: per-example accuracies over seeds of two
architectures, with those of two disjoint halves of the seeds of one architecture as the null.
"""

from collections.abc import Sequence

import numpy as np

from repatlas.analysis.predictions import Architecture
from repatlas.analysis.statistics import MIN_FOR_INTERVAL

SPLITS = 100
PERMUTATIONS = 999
RESAMPLES = 1_000
WHERE = ("between", "within_a", "within_b")


def dispersion(a: Architecture, b: Architecture, seed: int) -> dict[str, float]:
    """Correlation, mean absolute difference and sd of the difference of per-example accuracies
    (fractions), between the architectures and within each: `correlation_`, `mean_abs_` and `sd_`
    with `between`, `within_a` and `within_b`.

    All are taken between two disjoint sets of the same number of networks, `half`, so that they
    differ in nothing but whose networks they are; between the architectures as far as there are
    enough of unlike seeds, because networks of one seed begin alike. Means over 100 random draws,
    which `seed` decides. NaN where an architecture has fewer than two networks; a correlation also
    where accuracies do not vary.
    """
    half = min(a.n, b.n) // 2
    names = [f"{what}_{where}" for what in ("correlation", "mean_abs", "sd") for where in WHERE]
    if half == 0:
        return {"half": half, **dict.fromkeys(names, np.nan)}
    rng = np.random.default_rng(seed)
    found: dict[str, list[tuple[float, float, float]]] = {where: [] for where in WHERE}
    for _ in range(SPLITS):
        of_a = _two_halves(a, half, rng)
        of_b = _two_halves(b, half, rng, avoided=a.seeds[of_a[0]])
        a1, a2 = (_accuracies(a, chosen) for chosen in of_a)
        b1, b2 = (_accuracies(b, chosen) for chosen in of_b)
        for where, (x, y) in zip(WHERE, ((a1, b1), (a1, a2), (b1, b2)), strict=True):
            found[where].append(_between(x, y))
    result: dict[str, float] = {"half": half}
    for position, what in enumerate(("correlation", "mean_abs", "sd")):
        for where in WHERE:
            values = np.array([row[position] for row in found[where]])
            known = values[~np.isnan(values)]
            result[f"{what}_{where}"] = float(known.mean()) if len(known) else np.nan
    return result


def _two_halves(
    side: Architecture, half: int, rng: np.random.Generator, avoided: Sequence[int] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the networks of two disjoint halves, the first as far as possible of seeds that
    are not to be `avoided`."""
    order = rng.permutation(side.n)
    order = order[np.argsort(np.isin(side.seeds[order], avoided), kind="stable")]
    return order[:half], order[half : 2 * half]


def _accuracies(side: Architecture, chosen: np.ndarray) -> np.ndarray:
    return side.correct[chosen].mean(axis=0, dtype=float)


def _between(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    difference = x - y
    varies = np.ptp(x) > 0 and np.ptp(y) > 0
    correlation = float(np.corrcoef(x, y)[0, 1]) if varies else float("nan")
    return correlation, float(np.abs(difference).mean()), float(difference.std(ddof=1))


def permutation_test(a: Architecture, b: Architecture, seed: int) -> dict[str, float]:
    """Test that the networks of both architectures predict alike, whatever they predict: the sd
    over examples of the difference in accuracy (a fraction), against 999 random exchanges of
    networks between the architectures. `sd_observed`, `sd_expected` (mean over the exchanges), and
    `p`, exact for any number of networks (Phipson & Smyth 2010), one at least on either side."""
    both = np.concatenate([a.correct, b.correct])
    rng = np.random.default_rng(seed)
    own = np.arange(a.n + b.n)
    orders = np.stack([own, *(rng.permutation(own) for _ in range(PERMUTATIONS))])
    weights = np.where(orders < a.n, 1 / a.n, -1 / b.n).astype(np.float32)
    # In blocks, because all exchanges of many networks on many examples would not fit in memory.
    sds = np.concatenate(
        [(part @ both).std(axis=1, ddof=1) for part in np.array_split(weights, 10)]
    )
    as_large = np.sum(sds[1:] >= sds[0] * (1 - 1e-6))
    return {
        "sd_observed": float(sds[0]),
        "sd_expected": float(sds[1:].mean()),
        "p": float((1 + as_large) / (1 + PERMUTATIONS)),
    }


def disagreement(a: Architecture, b: Architecture, seed: int) -> dict[str, float]:
    """Share of examples for which two networks predict different classes: mean over pairs of
    networks of unlike seeds between the architectures and within each, and `excess`, how much the
    first is above the mean of the others. Keys `disagreement_between`, `_within_a`, `_within_b` and
    `excess`; each with `_low`, `_high`: 95 % bootstrap interval over networks (1,000 resamples, no
    network beside itself), from 3 networks a side on. NaN where there is no pair of
    networks, or too few for an interval."""
    table = disagreements(np.concatenate([a.predicted, b.predicted]))
    apart = _of_unlike_seeds(a, b)
    values = _means(table, apart, np.ones((1, a.n)), np.ones((1, b.n)))
    drawn = np.full((1, 4), np.nan)
    if min(a.n, b.n) >= MIN_FOR_INTERVAL:
        rng = np.random.default_rng(seed)
        drawn = _means(
            table, apart, *(rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) for n in (a.n, b.n))
        )
        # A resample of one network alone has no pair.
        drawn = drawn[~np.isnan(drawn).any(axis=1)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    names = [*(f"disagreement_{where}" for where in WHERE), "excess"]
    result: dict[str, float] = {}
    for k, name in enumerate(names):
        result |= {name: float(values[0, k])}
        result |= {f"{name}_low": float(low[k]), f"{name}_high": float(high[k])}
    return result


def disagreements(predicted: np.ndarray) -> np.ndarray:
    """(networks, networks) share of examples with different predictions; `predicted`: (networks,
    examples)."""
    return np.array([(predicted != row).mean(axis=1) for row in predicted]).reshape(
        len(predicted), len(predicted)
    )


def _of_unlike_seeds(a: Architecture, b: Architecture) -> np.ndarray:
    """(networks, networks) of both, 1 for a pair that counts and 0 for one of the same seed, such
    as a network and itself. Two architectures with no pair of unlike seeds: all of theirs count."""
    seeds = np.concatenate([a.seeds, b.seeds])
    apart = (seeds[:, None] != seeds).astype(float)
    if not apart[: a.n, a.n :].any():
        apart[: a.n, a.n :] = 1
    return apart


def _means(table: np.ndarray, apart: np.ndarray, of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
    """(resamples, 4): between, within a, within b, excess; each network counted as often as it was
    drawn, in the pairs that are 1 in `apart`. NaN where there is no pair."""
    n = of_a.shape[1]
    first, second = slice(n), slice(n, None)
    parts = []
    for left, right, rows, columns in (
        (of_a, of_b, first, second),
        (of_a, of_a, first, first),
        (of_b, of_b, second, second),
    ):
        counted = apart[rows, columns]
        pairs = (left @ counted * right).sum(axis=1)
        total = (left @ (table[rows, columns] * counted) * right).sum(axis=1)
        parts.append(np.divide(total, pairs, out=np.full(len(total), np.nan), where=pairs > 0))
    parts.append(parts[0] - (parts[1] + parts[2]) / 2)
    return np.stack(parts, axis=1)
