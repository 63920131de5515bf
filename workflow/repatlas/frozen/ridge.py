"""Linear probes in closed form: ridge regression on the classes' indicators.

The solution is exact, not iterated (Hastie, Tibshirani & Friedman, section 3.4.1): W minimises
||Y - 1 b' - X W||^2 + alpha ||W||^2 with b free. Which of the two equal forms is solved depends on
the smaller side of X, examples or features: the p x p normal equations or the n x n Gram matrix.
All sums are float64.

The penalty is written as a share of the total variance, alpha = share * ||X - mean||^2, so that one
range of shares serves every layer. It is chosen on the last fifth of the training images (they come
in an order whose every part is class-balanced) and W is then fitted to all of them. The test set is
touched once, at the end.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

SHARES = tuple(10.0 ** (k / 2) for k in range(-14, -1))  # 1e-7 ... 0.1, two a decade
HELD_OUT = 0.2
_ROWS, _COLUMNS = 1024, 1024


class Fit(NamedTuple):
    """A fitted probe: logits = (x - mean) @ weight + bias; weight (features, classes), all float64.
    `share`: the penalty chosen; `held_out`: accuracy on the held-out images with it."""

    weight: Tensor
    mean: Tensor
    bias: Tensor
    share: float
    held_out: float


def fit_size(n: int) -> int:
    """How many of `n` training images the penalty's candidates are fitted to."""
    return n - max(1, round(HELD_OUT * n))


def indicators(labels: Tensor, classes: int) -> Tensor:
    """(n,) labels -> (n, classes) of 0 and 1, float64."""
    return torch.nn.functional.one_hot(labels, classes).double()


def choose(correct: Sequence[int], total: int) -> tuple[float, float]:
    """Share and accuracy of the candidate with most held-out images right; of equals the strongest
    penalty. `correct` goes with `SHARES`."""
    best = max(range(len(SHARES)), key=lambda k: (correct[k], k))
    return SHARES[best], correct[best] / total


def solve(matrix: Tensor, right: Tensor, alpha: float) -> Tensor:
    """(matrix + alpha I)^-1 right, (m, classes), of a symmetric, positive semidefinite matrix (m,
    m) that stays as it is. LinAlgError where the sum is not positive definite in floating point.

    `alpha` is 0 where features do not vary at all. The smallest solution then is 0: such a probe
    knows the classes' frequencies and no more, as one trained by gradient descent would.
    """
    if alpha == 0:
        return torch.zeros_like(right)
    shifted = matrix.clone()
    shifted.diagonal().add_(alpha)
    return torch.cholesky_solve(right, torch.linalg.cholesky(shifted))


# --- more features than examples: the Gram matrix -------------------------------------------------


def add_gram(gram: Tensor, x: Tensor) -> None:
    """Add the Gram matrix of centred features to the lower blocks of `gram` (n, n) float64.

    `x`: (n, some features), any precision.
    """
    for start in range(0, x.shape[1], _COLUMNS):
        part = x[:, start : start + _COLUMNS].double()
        # Centring changes nothing in exact arithmetic, and saves the digits of a large mean.
        part -= part.mean(0)
        for row in range(0, len(gram), _ROWS):
            gram[row:, row : row + _ROWS].addmm_(part[row:], part[row : row + _ROWS].T)


def complete(gram: Tensor) -> None:
    """Make the matrix of which :func:`add_gram` filled the lower blocks symmetric, in place."""
    below = gram.tril(-1)
    gram.tril_().add_(below.T)


def fit_gram(gram: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor, float, float]:
    """Choose the penalty and solve, from the Gram matrix (n, n) of all training images.

    `gram` is overwritten. Returns dual coefficients (n, classes), whose columns sum to zero, so
    that the weight is X' coefficients; the bias (classes,); the share chosen and its held-out
    accuracy.
    """
    n, first = len(labels), fit_size(len(labels))
    targets = indicators(labels, classes)
    inner, mean = gram[:first, :first].clone(), targets[:first].mean(0)
    # Features less the mean of the images fitted to, on both sides of the product.
    column = inner.mean(0)
    cross = gram[first:, :first] - gram[first:, :first].mean(1, keepdim=True)
    cross += column.mean() - column
    _centre(inner)
    total = inner.diagonal().sum().item()
    correct = []
    for share in SHARES:
        dual = solve(inner, targets[:first] - mean, share * total)
        predicted = (cross @ dual + mean).argmax(1)
        correct.append(int((predicted == labels[first:]).sum()))
    share, held_out = choose(correct, n - first)
    del inner, cross
    _centre(gram)
    mean = targets.mean(0)
    dual = solve(gram, targets - mean, share * gram.diagonal().sum().item())
    return dual, mean, share, held_out


def _centre(gram: Tensor) -> None:
    """The Gram matrix of the same features less their mean, in place."""
    rows = gram.mean(0)
    gram.sub_(rows).sub_(rows[:, None]).add_(rows.mean())


# --- more examples than features: the normal equations --------------------------------------------


class Moments:
    """Streamed first and second moments of features and indicators: `square` (p, p) and `product`
    (p, classes), of features less `shift` (p,), the mean of the first batch. All float64."""

    def __init__(self, features: int, classes: int, device: torch.device):
        double: dict[str, Any] = {"dtype": torch.float64, "device": device}
        self.n = 0
        self.shift: Tensor | None = None
        self.sums = torch.zeros(features, **double)
        self.targets = torch.zeros(classes, **double)
        self.square = torch.zeros(features, features, **double)
        self.product = torch.zeros(features, classes, **double)

    def add(self, x: Tensor, targets: Tensor) -> None:
        """Add a batch: features (n, p), indicators (n, classes)."""
        x = x.double()
        if self.shift is None:
            self.shift = x.mean(0)  # near the mean, so that little is lost when it is taken out
        x = x - self.shift
        self.n += len(x)
        self.sums += x.sum(0)
        self.targets += targets.sum(0)
        self.square.addmm_(x.T, x)
        self.product.addmm_(x.T, targets)

    def solve(self, shares: Sequence[float]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """(weight (p, classes), mean (p,), bias (classes,)) with each of the penalties, shares of
        the total variance; logits are (x - mean) @ weight + bias. Needs a batch."""
        assert self.shift is not None  # known from the first batch on
        centre, bias = self.sums / self.n, self.targets / self.n
        square = torch.addr(self.square, self.sums, centre, alpha=-1)
        product = torch.addr(self.product, self.sums, bias, alpha=-1)
        total = square.diagonal().sum().item()
        mean = centre + self.shift
        return [(solve(square, product, share * total), mean, bias) for share in shares]
