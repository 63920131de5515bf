"""Residual branches taken out of a trained network, and put back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from torch import Tensor, nn


class ShortcutOnly(nn.Module):
    """A residual block without its branch: the shortcut (identity or projection) and the ReLU."""

    def __init__(self, block: nn.Module):
        super().__init__()
        self.shortcut = cast("nn.Module | None", block.shortcut)
        self.relu2 = cast(nn.Module, block.relu2)

    def forward(self, x: Tensor) -> Tensor:
        """As the block's own, with nothing added to the shortcut."""
        return self.relu2(x if self.shortcut is None else self.shortcut(x))


@contextmanager
def without_branches(network: nn.Module, blocks: Sequence[str]) -> Iterator[None]:
    """While the block of code runs, the named residual blocks (`stage2.block3`) have no branch.

    Nothing is trained or recalibrated, and weights are shared, not copied. The network is what it
    was when the block of code ends, however it ends. KeyError for a name that the network does not
    have, ValueError for a block without a residual connection: nothing would be left of it.
    """
    modules = dict(network.named_modules())
    whole = {name: modules[name] for name in blocks}
    for name, block in whole.items():
        if getattr(block, "add", None) is None:
            raise ValueError(f"{name} has no residual connection: without its branch it is nothing")
    try:
        for name, block in whole.items():
            # The stand-in takes over whether the network trains or is frozen.
            _put(network, name, ShortcutOnly(block).train(block.training))
        yield
    finally:
        for name, block in whole.items():
            _put(network, name, block)


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
