"""Trained networks as the analyses take them: loaded for inference, and their layers by name."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from repatlas.errors import StoreError
from repatlas.layers import Layer, layers_of, select_present
from repatlas.models.own import outline
from repatlas.models.registry import build
from repatlas.own import is_own
from repatlas.run_record import run_file
from repatlas.training import checkpoint
from repatlas.training.seeds import generator


def load_network(
    spec: Mapping, run: Path, shape: tuple[int, int, int], device: torch.device
) -> nn.Module:
    """The trained network in folder `run`, in inference mode, for images of `shape` (C, H, W)."""
    weights = checkpoint.load(run_file(run, "model.pt"))
    network = unloaded(spec, shape, classes_of(spec, run, weights), device)
    network.load_state_dict(weights)
    return network.eval()


def unloaded(
    spec: Mapping, shape: tuple[int, int, int], classes: int, device: torch.device
) -> nn.Module:
    """The network of `spec` before its weights are loaded, for images of `shape` (C, H, W).

    One of the user's own begins as its training began: what it drew and does not keep in its state
    dict (random features, a fixed mask) is the same again.
    """
    own = is_own(spec["model"]["architecture"])
    first = generator(spec["seed"], "initialisation") if own else None
    network = build(spec["model"], shape, classes, first)
    # torch's own annotations leave out this overload.
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def classes_of(spec: Mapping, run: Path, weights: Mapping[str, Tensor] | None = None) -> int:
    """Number of classes that the network in folder `run` was made for, whatever is probed now: the
    size of a built-in one's head, an own one's number of logits. StoreError where there are none.
    """
    if weights and not is_own(spec["model"]["architecture"]):
        return len(weights["dense.bias"])
    path = run_file(run, "test_logits.npy")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).shape[1]
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(f"{path} cannot be read ({error}). Delete it and start again.") from error


def tapped_layers(
    spec: Mapping, taps: list[str], run: Path, shape: tuple[int, int, int]
) -> list[Layer]:
    """The layers of the network in folder `run`, for images of `shape` (C, H, W), that `taps`
    names, of which it may lack some."""
    model = spec["model"]
    if is_own(model["architecture"]):
        classes = classes_of(spec, run)
        network = unloaded(spec, shape, classes, torch.device("cpu"))
        every = outline(network, model["architecture"], shape, classes).layers
    else:
        every = layers_of(model)
    return [every[i] for i in select_present(every, taps)]
