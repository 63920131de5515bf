"""Checkpoints: the final weights, and the state from which interrupted training goes on."""

import hashlib
import io
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from repatlas.errors import StoreError
from repatlas.files import disk_full_is_named, whole_file

log = logging.getLogger(__name__)

DIGEST = hashlib.sha256().digest_size  # bytes


def save(value: Any, path: Path) -> None:
    """`torch.save` in one step, with bytes that depend on the content alone.

    torch writes the file's own name into the file, so the temporary file must bear the final name.
    """
    partial = path.parent / ".partial" / path.name
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with disk_full_is_named(path):
            torch.save(value, partial)
            os.replace(partial, path)
    finally:
        # With whatever a killed training left there.
        shutil.rmtree(partial.parent, ignore_errors=True)


def load(path: Path, device: torch.device | str = "cpu") -> Any:
    """The content of a checkpoint, read with `weights_only` (no code in it is ever run)."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing.") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise StoreError(f"{path} is damaged ({error}). Delete it and start again.") from error


def save_resume(state: dict, path: Path) -> None:
    """Write a resume state in one step, after its SHA-256: torch does not notice a flipped byte."""
    content = io.BytesIO()
    torch.save(state, content)
    with whole_file(path) as partial, open(partial, "wb") as handle:
        handle.write(hashlib.sha256(content.getbuffer()).digest())
        handle.write(content.getbuffer())


def load_resume(path: Path, identity: dict, device: torch.device) -> dict | None:
    """The resume state at `path`, or None where there is none that this very training wrote:
    `identity` (spec, code and data) must agree.

    A damaged one costs the epochs since the start, never a wrong result.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        log.warning("%s is damaged; the training starts anew", path)
        return None
    state = torch.load(io.BytesIO(content[DIGEST:]), map_location=device, weights_only=True)
    return state if state.get("identity") == identity else None


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    """The network's weights and BN statistics on the CPU, in standard memory format."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in network.state_dict().items()}
