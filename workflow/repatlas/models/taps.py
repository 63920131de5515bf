"""Taps: the outputs of chosen layers during a forward pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def tapped(
    network: nn.Module, names: Sequence[str], receive: Callable[[int, Tensor], None]
) -> Iterator[None]:
    """While the block runs, call `receive(index, output)` inside each named layer's forward pass.

    `index` counts in `names`. The output must be used inside the call: what is kept is up to the
    receiver, so that a pass over a large network never holds more than one layer's worth beside
    the pass itself. The hooks are gone when the block ends, however it ends. KeyError for a name
    that the network does not have.
    """
    modules = dict(network.named_modules())

    def hook(index: int) -> Callable:
        def on_forward(_module: nn.Module, _args: tuple, output: Tensor) -> None:
            with torch.no_grad():
                receive(index, output.detach())

        return on_forward

    handles = []
    try:
        for index, name in enumerate(names):
            handles.append(modules[name].register_forward_hook(hook(index)))
        yield
    finally:
        for handle in handles:
            handle.remove()
