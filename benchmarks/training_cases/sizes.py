"""How large the cases are: as published, and small enough for a test."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of all cases.

    real: CIFAR-10, otherwise random images of side `side`; depth, width: of the network; images:
    of a timed epoch; batch: images a step; held: training images in memory when that is measured;
    gpu_images: of a timed epoch on a GPU; at_once: networks trained at the same time on a CPU, and
    gpu_at_once on a GPU; workers: of a DataLoader; compiled: whether torch.compile is timed, which
    takes minutes and a C++ compiler.
    """

    real: bool
    side: int
    depth: int
    width: float
    images: int
    batch: int
    held: int
    gpu_images: int
    at_once: int
    gpu_at_once: int
    workers: int
    compiled: bool


FULL = Sizes(
    real=True,
    side=32,
    depth=20,
    width=1,
    images=1024,
    batch=128,
    held=50_000,
    gpu_images=49_920,
    at_once=2,
    gpu_at_once=4,
    workers=2,
    compiled=True,
)
SMALL = Sizes(
    real=False,
    side=8,
    depth=8,
    width=0.25,
    images=32,
    batch=8,
    held=64,
    gpu_images=32,
    at_once=2,
    gpu_at_once=2,
    workers=1,
    compiled=False,
)
