"""Batch normalisation by the statistics of the batch, as in training; nothing is left behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """While the block runs, every batch normalisation of `network` uses the mean and variance of
    the batch that it is given. Its running statistics take no part, and are what they were when the
    block ends, however it ends."""
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    kept = [(m, m.running_mean, m.running_var) for m in layers]
    try:
        for layer in layers:
            # Without any running statistics torch falls back on the batch's, in either mode.
            layer.running_mean = layer.running_var = None
        yield
    finally:
        for layer, mean, variance in kept:
            layer.running_mean, layer.running_var = mean, variance
