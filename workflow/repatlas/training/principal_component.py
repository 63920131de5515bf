"""A penalty on a dominant first principal component (Nguyen, Raghu & Kornblith 2022).

For every ReLU layer from the second stage on, with X (n, p) the batch's activations centred over
the batch, one step of power iteration is taken for each step of training,

    v = X' X u,  lambda = |v|,  u <- v / lambda,

and alpha * max(lambda / |X|_F^2 - delta, 0) is added to the loss. lambda never exceeds the largest
eigenvalue of X' X, so the fraction never exceeds the first component's share of the variance.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from repatlas.layers import layers_of, select
from repatlas.training.seeds import generator

PENALISED = ("stage2.*.relu*", "stage3.*.relu*")
TINY = 1e-12  # keeps a layer in which nothing varies from dividing 0 by 0


class PrincipalComponentPenalty:
    """The penalty of one network in training, with the vectors u that it carries from step to step.

    Parameters
    ----------
    network, model : the network, and the part of its spec that describes it
    strength : alpha
    threshold : delta, the share of variance from which on the penalty acts
    seed : the run's; the first u of each layer is a random direction drawn from it
    """

    def __init__(
        self, network: nn.Module, model: dict, strength: float, threshold: float, seed: int
    ):
        layers = layers_of(model)
        modules = dict(network.named_modules())
        self.layers = {layers[i].name: modules[layers[i].name] for i in select(layers, PENALISED)}
        self.strength, self.threshold, self.seed = strength, threshold, seed
        self.directions: dict[str, Tensor] = {}
        self._terms: list[Tensor] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, every forward pass of the network counts as a step."""
        handles = [m.register_forward_hook(self._hook(name)) for name, m in self.layers.items()]
        try:
            yield
        finally:
            self._terms.clear()
            for handle in handles:
                handle.remove()

    def take(self) -> Tensor:
        """What the forward pass just made adds to the loss: alpha times the sum over layers."""
        total = torch.stack(self._terms).sum()
        self._terms.clear()
        return self.strength * total

    def state(self) -> dict[str, Tensor]:
        """What a resume checkpoint must hold."""
        return dict(self.directions)

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from :meth:`state`."""
        self.directions = dict(state)

    def _hook(self, name: str) -> Callable:
        def on_forward(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
            with torch.autocast(output.device.type, enabled=False):
                # In the order of memory, so that a channels_last map is read without a copy.
                x = output.float().movedim(1, -1).flatten(1)
                if name not in self.directions:
                    self.directions[name] = self._first(name, x)
                share, self.directions[name] = power_step(x, self.directions[name])
                self._terms.append((share - self.threshold).clamp(min=0))

        return on_forward

    def _first(self, name: str, x: Tensor) -> Tensor:
        draw = generator(self.seed, "principal component", name)
        u = torch.randn(x.shape[1], generator=draw)
        return (u / torch.linalg.vector_norm(u)).to(x.device)


def power_step(x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """(share, next u) of activations `x` (n, p), centred here, and a unit vector `u` (p,).

    share = |X' X u| / |X|_F^2, through which the gradient flows; u is a constant. Where nothing
    varies the share is 0 and u stays.
    """
    x = x - x.mean(dim=0)
    v = x.T @ (x @ u)
    length = torch.linalg.vector_norm(v)
    share = length / x.square().sum().clamp(min=TINY)
    with torch.no_grad():
        following = torch.where(length > TINY, v / length.clamp(min=TINY), u)
    return share, following
