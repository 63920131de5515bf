"""Checkpoints: the final weights, and the state from which interrupted training goes on."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from repatlas.errors import StoreError
from repatlas.files import disk_full_is_named


def save(value: Any, path: Path) -> None:
    """`torch.save` in one step, with bytes that depend on the content alone.

    torch writes the file's own name into the file, so the temporary file must bear the final name.
    """
    partial = path.parent / ".partial" / path.name
    partial.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_is_named(path):
        torch.save(value, partial)
        os.replace(partial, path)
        partial.parent.rmdir()


def load(path: Path, device: torch.device | str = "cpu") -> Any:
    """The content of a checkpoint, read with `weights_only` (no code in it is ever run)."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing.") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise StoreError(f"{path} is damaged ({error}). Delete it and start again.") from error


def load_resume(path: Path, identity: dict, device: torch.device) -> dict | None:
    """The resume state at `path`, or None where there is none that this very training wrote:
    `identity` (spec, code and data) must agree."""
    if not path.exists():
        return None
    try:
        state = load(path, device)
    except StoreError:
        return None  # a torn checkpoint costs the epochs since the start, never a wrong result
    return state if state.get("identity") == identity else None


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    """The network's weights and BN statistics on the CPU, in standard memory format."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in network.state_dict().items()}
