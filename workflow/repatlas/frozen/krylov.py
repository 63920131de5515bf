"""The first principal components of a layer over any number of examples, from repeated passes.

Block Lanczos with full reorthogonalisation (Golub & Underwood 1977), without ever forming the p x p
covariance or the n x n Gram matrix: each pass over the examples applies A = Xc' Xc to one block of
directions, batch by batch. The search space after q passes is the block Krylov space of the first
block, whose best approximation (Rayleigh-Ritz) the components are; how far they are from an
eigenvector is known at every step, because A on the space leaves it only towards the next block.

Examples are centred by their mean over all examples, which is known after the first pass only: that
pass subtracts the mean of the first batch, and what is left of the mean is taken out of the sums
afterwards, exactly, without the cancellation that raw features would bring.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 16  # directions a pass: fewer cost as much, because reading the features is what costs
STRIP = 1024  # features converted to float64 at a time, which stay in cache
CUDA_STRIP = 1 << 16
ROUNDING = 4 * float(np.finfo(np.float32).eps)  # below which a layer counts as constant
NEW = 1e-12  # share of a block's size below which a direction is no new one


@dataclass(frozen=True)
class Components:
    """The first principal components of a layer, as far as the passes have told them.

    variances (m,): sums of squares along them, descending; residuals (m,): |A v - lambda v| of
    each, in units of the first variance; projections (n,): of the examples on the first, in the
    units of the activations; the sign is arbitrary.
    """

    variances: np.ndarray
    residuals: np.ndarray
    projections: np.ndarray

    @property
    def angle(self) -> float:
        """Bound on the sine of the angle between the first component and the true one: its residual
        over the gap to the second (Davis & Kahan 1970); inf where there is no gap."""
        second = self.variances[1] if len(self.variances) > 1 else 0.0
        gap = 1 - second / self.variances[0]
        return float(self.residuals[0] / gap) if gap > 0 else np.inf


class Krylov:
    """The search space of one layer of `features` features on `n` examples.

    Every pass: `add` for all batches, in the same order, then `finish`. `mean_square` and `norms`
    are known from the second pass on.

    Attributes
    ----------
    norms : (n,) distance of each example from the mean
    zeros : number of activations that are exactly zero
    """

    def __init__(self, features: int, n: int, device: torch.device, block: int = BLOCK):
        self.n, self.features = n, features
        self.norms, self.zeros, self.finite = np.zeros(n), 0, True
        draw = torch.Generator().manual_seed(0)
        start = torch.randn(features, min(block, features), generator=draw, dtype=torch.float64)
        self._basis = [torch.linalg.qr(start)[0].T.contiguous().to(device)]
        self._projected: list[Tensor] = []
        self._coupling: Tensor | None = None
        self._centre: Tensor | None = None
        self._rest = torch.zeros(features, dtype=torch.float64, device=device)
        self._begin()

    def _begin(self) -> None:
        block = self._basis[-1]
        self._image = torch.zeros_like(block)
        self._rows = torch.zeros(self.n, len(block), dtype=torch.float64, device=block.device)
        self._square = 0.0

    def add(self, start: int, x: Tensor) -> None:
        """Add the activations `x` (batch, features) of the examples from number `start` on: float,
        on the space's device."""
        first = not self._projected
        if self._centre is None:
            self._centre = x.mean(dim=0, dtype=torch.float64)
        if first:
            self.zeros += int(x.numel() - torch.count_nonzero(x))
            self.finite &= bool(torch.isfinite(x).all())
        block, here = self._basis[-1], slice(start, start + len(x))
        strip = CUDA_STRIP if x.is_cuda else STRIP
        rows = x.new_zeros(len(x), len(block), dtype=torch.float64)
        squares = x.new_zeros(len(x), dtype=torch.float64)
        strips = [slice(k, k + strip) for k in range(0, self.features, strip)]
        for part in strips:
            some = x[:, part].to(torch.float64, copy=True)
            some -= self._centre[part]
            rows.addmm_(some, block[:, part].T)
            if first:
                self._rest[part] += some.sum(dim=0)
            elif len(self._projected) == 1:
                squares += torch.linalg.vecdot(some, some)
        columns = rows.T.contiguous()
        for part in strips:
            some = x[:, part].to(torch.float64, copy=True)
            some -= self._centre[part]
            self._image[:, part].addmm_(columns, some)
        self._rows[here] = rows
        if len(self._projected) == 1:
            self.norms[here] = squares.sqrt().cpu().numpy()

    def finish(self) -> None:
        """End a pass: the space grows by one block, if there is anything left to grow by."""
        if self.exhausted:
            # The pass was for the norms alone.
            self._projected.append(self._rows)
            return
        if not self._projected:
            rest = self._rest / self.n
            shift = self._basis[0] @ rest
            self._image -= self.n * torch.outer(shift, rest)
            self._rows -= shift
            assert self._centre is not None  # known from the first batch on
            # Not in place: it may have been made in inference mode.
            self._centre = self._centre + rest
        self._projected.append(self._rows)
        space = torch.cat(self._basis)
        size = torch.linalg.matrix_norm(self._image)
        for _ in range(2):
            self._image -= (self._image @ space.T) @ space
        # A layer of few directions runs out of new ones, which the factor's rank tells.
        orthogonal, factor = torch.linalg.qr(self._image.T)
        left, values, right = torch.linalg.svd(factor)
        kept = values > NEW * size
        self._coupling = values[kept, None] * right[kept]
        self._basis.append((orthogonal @ left[:, kept]).T.contiguous())
        self._begin()

    @property
    def exhausted(self) -> bool:
        """Whether the space holds every direction that A leads to: the components are exact."""
        return len(self._basis[-1]) == 0

    @property
    def mean_square(self) -> float:
        """Squared length of the examples' mean, in squared units of the activations."""
        assert self._centre is not None  # known from the first batch on
        return float(self._centre @ self._centre)

    @property
    def constant(self) -> bool:
        """Whether the examples deviate from their mean by no more than the mean's rounding."""
        total = float(self.norms @ self.norms)
        return not total > ROUNDING**2 * self.n * self.mean_square

    def components(self) -> Components:
        """Rayleigh-Ritz on the space of all finished passes, at least one. The layer must not be
        :attr:`constant`, nor hold values that are not finite."""
        assert self._coupling is not None  # known from the first finished pass on
        projected = torch.cat(self._projected, dim=1)
        values, vectors = torch.linalg.eigh((projected.T @ projected).cpu())
        values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
        last = vectors[len(vectors) - self._coupling.shape[1] :]
        residuals = torch.linalg.vector_norm(self._coupling.cpu() @ last, dim=0)
        first = projected @ vectors[:, 0].to(projected.device)
        return Components(
            variances=values.numpy(),
            residuals=(residuals / values[0]).numpy(),
            projections=first.cpu().numpy(),
        )
