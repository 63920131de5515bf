"""Taps: the outputs of chosen layers during a forward pass."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from repatlas.errors import ConfigError
from repatlas.layers import module_and_call


@contextmanager
def tapped(
    network: nn.Module, names: Sequence[str], receive: Callable[[int, Tensor], None]
) -> Iterator[None]:
    """While the block runs, call `receive(index, output)` inside each named layer's forward pass.

    `index` counts in `names`. A module that runs several times in a pass gives a layer each time,
    the second `name:2`. The output must be used inside the call: what is kept is up to the
    receiver, so that a pass over a large network never holds more than one layer's worth beside
    the pass itself, and a later module that works in place changes nothing that was received. The
    hooks are gone when the block ends, however it ends. KeyError for a name that the network does
    not have; ConfigError where a pass leaves one of the layers out.
    """
    modules = dict(network.named_modules())
    places: dict[str, dict[int, int]] = {}
    for index, name in enumerate(names):
        path, call = module_and_call(name)
        places.setdefault(path, {})[call] = index
    calls: Counter[str] = Counter()

    def start(*_: Any) -> None:
        calls.clear()

    def hook(path: str) -> Callable:
        def on_forward(_module: nn.Module, _args: tuple, output: Any) -> None:
            calls[path] += 1
            index = places[path].get(calls[path])
            if index is not None:
                with torch.no_grad():
                    receive(index, tensor_of(output).detach())

        return on_forward

    def end(*_: Any) -> None:
        for path, wanted in places.items():
            if max(wanted) > calls[path]:
                raise ConfigError(
                    f"the layer {names[wanted[max(wanted)]]!r} was not computed for these images: "
                    "the network takes another way through its layers than for other images. Leave "
                    "the layer out of `taps`"
                )

    handles = []
    try:
        handles.append(network.register_forward_pre_hook(start))
        for path in places:
            handles.append(modules[path].register_forward_hook(hook(path)))
        handles.append(network.register_forward_hook(end))
        yield
    finally:
        for handle in handles:
            handle.remove()


def tensor_of(output: Any) -> Tensor:
    """What a module returns: a tensor, or the first of several."""
    return output[0] if isinstance(output, (tuple, list)) and output else output
