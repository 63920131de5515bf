"""Standard errors of a ratio of sums, by leaving out one batch of examples at a time.

Minibatch CKA is N / sqrt(A B) with N, A and B sums over batches. The batches of one pass over the
examples are disjoint, so deleting each in turn gives the jackknife of the sampling error of the
probe examples (Efron & Stein 1981). Batches of reshuffled passes share their examples and would
say nothing of it: only the first pass enters here.
"""

import numpy as np

from repatlas.similarity.scores import ratio, root

MIN_BATCHES = 8
FEW_BATCHES = f"no standard error: fewer than {MIN_BATCHES} disjoint batches in a pass"


class ExactJackknife:
    """Keeps every batch's terms and deletes each in turn: with R_i the ratio without batch i of n,
    the squared standard error is (n - 1) / n sum_i (R_i - mean R_i)². Needs two batches."""

    def __init__(self) -> None:
        self.terms: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, ab: np.ndarray, aa: np.ndarray, bb: np.ndarray) -> None:
        """One batch: its terms of N, ab (layers a, layers b), of A, aa (layers a,), and of B, bb
        (layers b,)."""
        self.terms.append((ab, aa, bb))

    def error(self) -> np.ndarray:
        """Standard errors (layers a, layers b), float64; NaN where the ratio is undefined."""
        totals = [np.sum(terms, axis=0) for terms in zip(*self.terms, strict=True)]
        count = len(self.terms)
        mean = np.zeros_like(totals[0])
        squares = np.zeros_like(totals[0])
        with np.errstate(all="ignore"):
            for k, terms in enumerate(self.terms, start=1):
                ab, aa, bb = (total - term for total, term in zip(totals, terms, strict=True))
                left = ratio(ab, aa, bb)
                # Welford's update: the replicates agree in most of their digits.
                step = left - mean
                mean += step / k
                squares += step * (left - mean)
            return np.sqrt((count - 1) / count * squares)


class StreamedJackknife:
    """Keeps sums of products only, and deletes batches from the ratio's linear approximation.

    With t_i = ab_i / sqrt(A B) - R (aa_i / 2A + bb_i / 2B), R = N / sqrt(A B), leaving batch i out
    changes R by about -t_i, so the squared standard error is n / (n - 1) sum_i t_i²; the t_i sum to
    zero. Errors below some 1e-7 are lost in the rounding of the sums. Memory: a few arrays of the
    table's size, whatever the number of batches. Needs two batches.
    """

    def __init__(self) -> None:
        self.count = 0
        self.sums: list[np.ndarray] = []
        self.scales = (1.0, 1.0)

    def add(self, ab: np.ndarray, aa: np.ndarray, bb: np.ndarray) -> None:
        """One batch: its terms of N, ab (layers a, layers b), of A, aa (layers a,), and of B, bb
        (layers b,)."""
        if self.count == 0:
            # The errors are those of the ratio, whatever the scale; products of sums need one.
            self.scales = root(aa), root(bb)
        p, q = self.scales
        ab, aa, bb = ab / p / q, aa / p**2, bb / q**2
        terms = (ab, aa, bb, ab * ab, ab * aa[:, None], ab * bb, np.outer(aa, bb), aa * aa, bb * bb)
        if self.count == 0:
            self.sums = [np.array(term) for term in terms]
        else:
            for total, term in zip(self.sums, terms, strict=True):
                total += term
        self.count += 1

    def error(self) -> np.ndarray:
        """Standard errors (layers a, layers b), float64; NaN where the ratio is undefined."""
        ab, aa, bb, ab_ab, ab_aa, ab_bb, aa_bb, aa_aa, bb_bb = self.sums
        with np.errstate(all="ignore"):
            a, root = aa[:, None], np.sqrt(np.outer(aa, bb))
            ratio = ab / root
            square = ab_ab / root**2
            square -= ratio / root * (ab_aa / a + ab_bb / bb)
            square += ratio**2 / 4 * ((aa_aa / aa**2)[:, None] + bb_bb / bb**2)
            square += ratio**2 / 2 * aa_bb / root**2
            # A sum of squares: below zero only by rounding.
            return np.sqrt(np.where(square < 0, 0, square) * self.count / (self.count - 1))
