"""Networks of the user's own: built from a study's spec, and their layers found by running them.

The layers are what modules return, in the order in which they return it. A module that is called
twice (one ReLU for both activations of a block) gives two layers, the second `name:2`. A module
that only hands on what it was given or what a module inside it returned gives none.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules import batchnorm, conv, pooling

from repatlas.errors import ConfigError
from repatlas.layers import Layer, numbered
from repatlas.models.taps import tensor_of
from repatlas.own import load, told

# Kinds of the built-in networks' layers; any other layer's kind is its class, in small letters.
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((nn.ReLU, nn.ReLU6), "relu"),
    (conv._ConvNd, "conv"),
    (batchnorm._BatchNorm, "bn"),
    (nn.Linear, "dense"),
    (
        (
            pooling._MaxPoolNd,
            pooling._AvgPoolNd,
            pooling._AdaptiveAvgPoolNd,
            pooling._AdaptiveMaxPoolNd,
        ),
        "pool",
    ),
)


class Outline(NamedTuple):
    """The layers of a network, how many numbers each gives for one image, and the multiply-adds of
    its convolutions and dense layers for one image."""

    layers: list[Layer]
    features: list[int]
    macs: int


def build_own(
    model: Mapping, shape: tuple[int, int, int], n_classes: int, generator: torch.Generator | None
) -> nn.Module:
    """The network that `model["architecture"]` makes: it is called with `num_classes` and the
    study's arguments, and with `image_shape` (channels, height, width) where it has that parameter.

    Its own code draws the initial weights, from a generator that `generator` seeds.

    ConfigError where there is no such code, it does not take the arguments, it fails, or it makes
    something else.
    """
    name = model["architecture"]
    make = load(name)
    if not callable(make):
        raise ConfigError(f"{name} is {type(make).__name__}; a class or function is expected")
    arguments = {"num_classes": n_classes, **dict(model.get("arguments", []))}
    if "image_shape" in _parameters(make):
        arguments.setdefault("image_shape", shape)
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError as error:
        raise ConfigError(
            f"{name} is called with {', '.join(arguments)}, but takes "
            f"{', '.join(_parameters(make)) or 'nothing'}: {error}"
        ) from None
    # Not the GPUs' generators, which would start CUDA on every one of them.
    with torch.random.fork_rng(devices=[]):
        if generator is not None:
            torch.manual_seed(generator.initial_seed())
        try:
            network = make(**arguments)
        except Exception as error:
            raise ConfigError(f"{name} cannot be built: {told(error)}") from error
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"{name} gives {type(network).__name__}; a torch.nn.Module is expected, whose forward "
            "takes images (n, C, H, W) and gives logits (n, classes)"
        )
    return network


def outline(network: nn.Module, name: str, shape: tuple[int, int, int], n_classes: int) -> Outline:
    """The layers of `network`, in inference mode, found by running two images of `shape` through
    it; `name` is what messages call it.

    ConfigError where it fails, or gives anything but logits (2, n_classes).
    """
    found: list[tuple[Layer, int]] = []
    calls: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    macs = 0
    kept: list[Any] = []  # a freed tensor's identity would be taken again

    def hook(path: str) -> Callable:
        def on_forward(module: nn.Module, args: tuple, output: Any) -> None:
            nonlocal macs
            calls[path] += 1
            kept.append((args, output))
            seen.update(_identity(x) for x in args if isinstance(x, Tensor) and x is not output)
            value = tensor_of(output)
            macs += _macs(module, value)
            if not _is_layer(value) or _identity(value) in seen:
                return
            seen.add(_identity(value))
            layer = Layer(numbered(path, calls[path]), _kind(module))
            found.append((layer, value[0].numel()))

        return on_forward

    # The network itself is no layer of itself.
    handles = [m.register_forward_hook(hook(p)) for p, m in network.named_modules() if p]
    try:
        # Not inference mode, whose tensors do not count their changes in place.
        with torch.no_grad():
            logits = network.eval()(torch.full((2, *shape), 0.5))
    except Exception as error:
        size = "x".join(map(str, shape))
        raise ConfigError(f"{name} cannot take images of {size}: {told(error)}") from error
    finally:
        for handle in handles:
            handle.remove()
    given = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if given != (2, n_classes):
        raise ConfigError(
            f"{name} gives {given} for 2 images and {n_classes} classes; logits of shape "
            f"(2, {n_classes}) are expected"
        )
    return Outline([layer for layer, _ in found], [size for _, size in found], macs // 2)


def _macs(module: nn.Module, output: Any) -> int:
    if not isinstance(module, (conv._ConvNd, nn.Linear)) or not isinstance(output, Tensor):
        return 0
    return output.numel() * module.weight[0].numel()


def _is_layer(value: Any) -> bool:
    """Whether it holds numbers for each of the two images."""
    tensor = isinstance(value, Tensor) and value.is_floating_point()
    return tensor and value.dim() > 1 and len(value) == 2


def _identity(value: Tensor) -> tuple[int, int]:
    """Which tensor it is, and how often it was changed in place."""
    return id(value), value._version


def _kind(module: nn.Module) -> str:
    known = (kind for types, kind in _KINDS if isinstance(module, types))
    return next(known, type(module).__name__.lower())


def _parameters(make: Any) -> list[str]:
    return [p.name for p in inspect.signature(make).parameters.values()]
