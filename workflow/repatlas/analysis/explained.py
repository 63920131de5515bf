"""How much of the example-level difference between two architectures their classes explain.

Nguyen, Raghu & Kornblith (2021), appendix F.3: three nested logistic models of whether a network is
right about an example, v2 = (VarA - VarB) / (VarA - VarC) of their mean squared residuals.

A: example + architecture; B: example + class * architecture; C: example * architecture.
"""

import numpy as np
from scipy.special import expit, log_expit

REPEATS = 20
_BOUND = (
    40.0  # log odds between architectures that no finite number of networks tells from infinity
)
_HALVINGS = 60


class Counts:
    """How many of `n_a` and of `n_b` networks are right about each example: `right_a`, `right_b`,
    whole numbers (examples,).

    Examples with the same class and numbers are one row with a `weight`, so that the cost does not
    grow with the number of examples. cells (cells, 2): the pairs of numbers that occur; cell_of
    (examples,): which of them each example has.
    """

    def __init__(self, right_a: np.ndarray, right_b: np.ndarray, n_a: int, n_b: int):
        self.n_a, self.n_b = n_a, n_b
        pairs = np.stack([right_a, right_b], axis=1).astype(np.int64)
        self.cells, self.cell_of = np.unique(pairs, axis=0, return_inverse=True)

    def rows(self, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(class, cell, weight), each (rows,), of every combination that occurs, weight the number
        of its examples; `classes`: class numbers (examples,)."""
        n = len(self.cells)
        found, weight = np.unique(classes.astype(np.int64) * n + self.cell_of, return_counts=True)
        return found // n, found % n, weight


def shifted(
    counts: Counts, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Maximum likelihood of: log odds = example + (second architecture) * shift of its class. That
    is model B; with a single class for all examples it is model A.

    For a given shift each example's own term solves a quadratic equation; what is left is one
    equation a class, whose left side falls with the shift. Returns, a row of `Counts.rows` each,
    the log odds of both architectures (-inf and inf for an example about which none or all are
    right), the cell and the weight. A class in which the data bound no
    shift has one of 40, which fits like an infinite one.
    """
    own, cell, weight = counts.rows(classes)
    right = counts.cells[cell].astype(float)
    n_classes = int(classes.max()) + 1
    low, high = np.full(n_classes, -_BOUND), np.full(n_classes, _BOUND)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        odds = _example_terms(right, middle[own], counts.n_a, counts.n_b)
        excess = weight * (right[:, 1] - counts.n_b * expit(odds + middle[own]))
        larger = np.bincount(own, excess, n_classes) > 0
        low, high = np.where(larger, middle, low), np.where(larger, high, middle)
    shift = ((low + high) / 2)[own]
    odds = _example_terms(right, shift, counts.n_a, counts.n_b)
    return odds, odds + shift, cell, weight


def _example_terms(right: np.ndarray, shift: np.ndarray, n_a: int, n_b: int) -> np.ndarray:
    """The x for which n_a expit(x) + n_b expit(x + shift) is the number of networks that are right;
    -inf and inf where none or all are."""
    total, ratio = right.sum(axis=1), np.exp(shift)
    square = ratio * (n_a + n_b - total)
    linear = n_a + n_b * ratio - total * (1 + ratio)
    root = np.sqrt(linear**2 + 4 * square * total)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of the two ways to write the positive solution the one that cancels nothing.
        odds = np.where(linear >= 0, 2 * total / (linear + root), (root - linear) / (2 * square))
        terms = np.log(odds)
    return np.where(total == n_a + n_b, np.inf, terms)


def explained_by_class(
    right_a: np.ndarray,
    right_b: np.ndarray,
    n_a: int,
    n_b: int,
    classes: np.ndarray,
    seed: int = 0,
) -> dict[str, float]:
    """v2 of two architectures, with what to compare it with.

    Parameters
    ----------
    right_a, right_b : (examples,) how many of the n_a and n_b networks are right about each
    classes : (examples,) class numbers from 0
    seed : of the repeats below

    Returns v2 (NaN where the architectures do not differ at all), mse_a, mse_b, mse_c (mean squared
    residuals of single predictions) and aic_a, aic_b, aic_c of the three models, and, as means over
    20 repeats each, `v2_chance`: with the classes dealt out to the examples at random;
    `v2_ceiling`: with data drawn from model B, in which class explains all, because with few
    networks model C fits noise too.
    """
    counts = Counts(right_a, right_b, n_a, n_b)
    everyone = np.zeros_like(classes)
    one, several = shifted(counts, everyone), shifted(counts, classes)
    saturated = _saturated(counts)
    n = len(classes)
    parameters = {"a": n + 1, "b": n + len(np.unique(classes)), "c": 2 * n}
    result: dict[str, float] = {}
    for name, fit in (("a", one), ("b", several), ("c", saturated)):
        squares, likelihood = _fit(counts, *fit)
        result[f"mse_{name}"] = squares / (n * (n_a + n_b))
        result[f"aic_{name}"] = 2 * parameters[name] - 2 * likelihood
    rng = np.random.default_rng(seed)
    by_chance = [_share(counts, rng.permutation(classes), one, saturated) for _ in range(REPEATS)]
    return {
        "v2": _ratio(result["mse_a"], result["mse_b"], result["mse_c"]),
        "v2_chance": _mean(by_chance),
        "v2_ceiling": _mean(_ceiling(counts, classes, several, rng)),
        **result,
    }


def exchanged_networks(
    correct_a: np.ndarray, correct_b: np.ndarray, classes: np.ndarray, seed: int = 0
) -> float:
    """v2 with networks exchanged between the architectures at random, mean over 20 repeats: what
    seeds give that differ from class to class, where architectures do not. `correct_a`,
    `correct_b`: (networks, examples), 0 or 1; `classes`: (examples,), from 0. NaN where no exchange
    leaves a difference."""
    both, n_a = np.concatenate([correct_a, correct_b]), len(correct_a)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(REPEATS):
        order = rng.permutation(len(both))
        one, other = (both[part].sum(axis=0) for part in (order[:n_a], order[n_a:]))
        counts = Counts(one, other, n_a, len(both) - n_a)
        common = shifted(counts, np.zeros_like(classes))
        found.append(_share(counts, classes, common, _saturated(counts)))
    return _mean(found)


def _saturated(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Model C: every example and architecture has the odds that it shows."""
    with np.errstate(divide="ignore"):
        odds_a, odds_b = (
            np.log(counts.cells[:, side]) - np.log(n - counts.cells[:, side])
            for side, n in enumerate((counts.n_a, counts.n_b))
        )
    weight = np.bincount(counts.cell_of, minlength=len(counts.cells))
    return odds_a, odds_b, np.arange(len(counts.cells)), weight


def _fit(
    counts: Counts, odds_a: np.ndarray, odds_b: np.ndarray, cell: np.ndarray, weight: np.ndarray
) -> tuple[float, float]:
    """Sum of squared residuals over single predictions, and log-likelihood."""
    squares = likelihood = 0.0
    for side, (odds, n) in enumerate(((odds_a, counts.n_a), (odds_b, counts.n_b))):
        right = counts.cells[cell, side]
        p, wrong = expit(odds), n - right
        squares += float(weight @ (right * (1 - p) ** 2 + wrong * p**2))
        logs = _times(right, log_expit(odds)) + _times(wrong, log_expit(-odds))
        likelihood += float(weight @ logs)
    return squares, likelihood


def _times(number: np.ndarray, logarithm: np.ndarray) -> np.ndarray:
    """Their product, 0 where the number is 0 whatever the logarithm."""
    return np.where(number > 0, number * np.where(number > 0, logarithm, 0.0), 0.0)


def _share(counts: Counts, classes: np.ndarray, one: tuple, saturated: tuple) -> float:
    parts = [_fit(counts, *fit)[0] for fit in (one, shifted(counts, classes), saturated)]
    return _ratio(*parts)


def _ratio(a: float, b: float, c: float) -> float:
    # What the sums round to is no difference.
    return (a - b) / (a - c) if a - c > 1e-12 * max(a, 1e-300) else float("nan")


def _ceiling(
    counts: Counts, classes: np.ndarray, fitted: tuple, rng: np.random.Generator
) -> list[float]:
    """v2 of data sets drawn from model B as fitted."""
    odds_a, odds_b, cell, weight = fitted
    own = np.repeat(counts.rows(classes)[0], weight)
    p_a, p_b = np.repeat(expit(odds_a), weight), np.repeat(expit(odds_b), weight)
    found = []
    for _ in range(REPEATS):
        drawn = Counts(
            rng.binomial(counts.n_a, p_a), rng.binomial(counts.n_b, p_b), counts.n_a, counts.n_b
        )
        one = shifted(drawn, np.zeros_like(own))
        found.append(_share(drawn, own, one, _saturated(drawn)))
    return found


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")
