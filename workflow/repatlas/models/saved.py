"""Weights saved elsewhere, loaded into a network that they fit exactly or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repatlas.errors import ConfigError

SHOWN = 5  # names that a message lists


def load_saved(network: nn.Module, path: Path, name: str) -> None:
    """Load the state dict that `torch.save` wrote to `path` into `network`, which messages call
    `name`. A mapping that holds it as `state_dict` or `model` will do.

    ConfigError where the file holds no state dict, or one that lacks a tensor, has one too many or
    one of another shape: which ones. Only tensors are read: no code of the file is run.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(
            f"{path} holds no state dict that can be read safely ({str(error).splitlines()[0]}). "
            "Save one with torch.save(network.state_dict(), path)"
        ) from error
    state = _state(content)
    if state is None:
        raise ConfigError(
            f"{path} holds {_found(content)}; a state dict is expected, as "
            "torch.save(network.state_dict(), path) writes it"
        )
    if mistakes := _mistakes(network.state_dict(), state):
        raise ConfigError(f"{path} does not fit {name}: {'; '.join(mistakes)}")
    network.load_state_dict(state)


def _state(content: Any) -> dict[str, Tensor] | None:
    for candidate in (content, *(_part(content, key) for key in ("state_dict", "model"))):
        if isinstance(candidate, dict) and candidate and _are_tensors(candidate.values()):
            return candidate
    return None


def _part(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, dict) else None


def _are_tensors(values: Any) -> bool:
    return all(isinstance(value, Tensor) for value in values)


def _found(content: Any) -> str:
    if isinstance(content, dict):
        return f"a mapping with {_listed(sorted(map(str, content)))}"
    return f"a {type(content).__name__}"


def _mistakes(expected: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    lacking = sorted(expected.keys() - given.keys())
    extra = sorted(given.keys() - expected.keys())
    other = [
        f"{key} ({_shape(given[key])} for {_shape(expected[key])})"
        for key in sorted(expected.keys() & given.keys())
        if given[key].shape != expected[key].shape
    ]
    found = [("it lacks", lacking), ("the network has no", extra), ("of another shape:", other)]
    return [f"{words} {_listed(names)}" for words, names in found if names]


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
