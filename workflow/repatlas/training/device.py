"""The device a job computes on, and the settings that make it repeatable."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from repatlas.errors import ResourceError
from repatlas.hardware import cuda_devices

log = logging.getLogger(__name__)


def choose(name: str, threads: int, precision: str = "float32") -> torch.device:
    """The torch device for `name` (`auto`, `cpu`, `cuda`, `cuda:1`), set up to repeat itself, and
    the one that CUDA takes where none is named.

    `threads` is the number of CPU threads; it is part of a run's spec because other numbers of
    threads give other rounding. `precision` `tf32` allows TF32 in matrix products and
    convolutions; anything else keeps float32 exact. ResourceError where a GPU is demanded and
    there is none. A warning where `auto` does without one that is there.
    """
    # cuBLAS is deterministic only with a fixed workspace, and reads this at its first call.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    float32 = "tf32" if precision == "tf32" else "ieee"
    _set_float32([float32] * len(_float32_parts()))
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and cuda_devices():
            log.warning(
                "There is a GPU, but torch %s (CUDA %s) cannot use it: computing on the CPU. Its "
                "driver may be too old; `device: cuda` refuses to go on without it.",
                torch.__version__,
                torch.version.cuda or "not in it",
            )
    if name.startswith("cuda") and torch.cuda.is_available():
        # On the CPU every operation used here is deterministic already, and asking for it would
        # import torch's compiler, which costs seconds a job.
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Nothing here reads memory that it did not write; filling it is a kernel more a tensor.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ResourceError(
            f"device: {name!r} was asked for, but PyTorch sees no CUDA GPU here.\n"
            "Use `device: auto` or `device: cpu`, or start on a machine with a GPU."
        )
    device = torch.device(name)
    if device.index is not None and device.type == "cuda":
        if device.index >= torch.cuda.device_count():
            raise ResourceError(
                f"device: found {name!r}, but PyTorch sees {torch.cuda.device_count()} GPUs here, "
                "which are numbered from 0."
            )
        torch.cuda.set_device(device)
    return device


@contextmanager
def exact_float32() -> Iterator[None]:
    """Full float32 in the products, convolutions and recurrences of the block, whatever
    :func:`choose` allowed for training."""
    before = [part.fp32_precision for part in _float32_parts()]
    _set_float32(["ieee"] * len(before))
    try:
        yield
    finally:
        _set_float32(before)


def _float32_parts() -> list[Any]:
    """What has a precision of its own in torch: products, convolutions, recurrences."""
    cudnn: Any = torch.backends.cudnn
    return [torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn]


def _set_float32(precisions: Sequence[str]) -> None:
    """`ieee` or `tf32` of each part. Not by torch's older `allow_tf32`: the two must not mix."""
    for part, precision in zip(_float32_parts(), precisions, strict=True):
        part.fp32_precision = precision


def describe(device: torch.device) -> dict[str, str]:
    """Device and library versions, for the record beside a result."""
    model = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_model()
    return {"device": device.type, "model": model, "torch": str(torch.__version__)}


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return "unknown"
