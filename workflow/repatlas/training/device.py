"""The device a job computes on, and the settings that make it repeatable."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from repatlas.errors import ResourceError


def choose(name: str, threads: int, precision: str = "float32") -> torch.device:
    """The torch device for `name` (`auto`, `cpu`, `cuda`, `cuda:1`), set up to repeat itself.

    `threads` is the number of CPU threads; it is part of a run's spec because other numbers of
    threads give other rounding. `precision` `tf32` allows TF32 in matrix products and
    convolutions; anything else keeps float32 exact. ResourceError where a GPU is demanded and
    there is none.
    """
    # cuBLAS is deterministic only with a fixed workspace, and reads this at its first call.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    float32 = "tf32" if precision == "tf32" else "ieee"
    _set_float32(float32, float32)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
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
    return torch.device(name)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Full float32 in the products and convolutions of the block, whatever :func:`choose` allowed
    for training."""
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = torch.backends.cuda.matmul.fp32_precision, convolutions.fp32_precision
    _set_float32("ieee", "ieee")
    try:
        yield
    finally:
        _set_float32(*before)


def _set_float32(products: str, convolutions: str) -> None:
    """`ieee` or `tf32`. Not by torch's older `allow_tf32`, which must not be mixed with this."""
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = convolutions  # type: ignore[attr-defined]


def describe(device: torch.device) -> dict[str, str]:
    """Device and library versions, for the record beside a result."""
    model = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_model()
    return {"device": device.type, "model": model, "torch": torch.__version__}


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return "unknown"
