"""How large the cases are: as published, and small enough for a test."""

from dataclasses import dataclass

# Features of the 19 ReLU layers of ResNet-20 on 32 x 32 images, 188,416 together; and channels of
# those of ResNet-20 at width 10, averaged over positions.
RESNET20 = (16 * 32 * 32,) * 7 + (32 * 16 * 16,) * 6 + (64 * 8 * 8,) * 6
POOLED = (160,) * 7 + (320,) * 6 + (640,) * 6


@dataclass(frozen=True)
class Sizes:
    """Sizes of all cases.

    wide, pooled: features of each layer; batch: examples a batch; examples: of most cases;
    six_examples: of all pairs of `few` networks; few, many, most: numbers of networks;
    torch_cka_batches: batches that torch_cka is timed on (its time is proportional to them);
    ckatorch_shifts: it is timed on layer i with layer i + k for k up to this (the other pairs hold
    each layer as often); pair_stride: in each round pytorch-cka is timed on one in so many pairs
    of the `many` networks; image: side of an image; deep, broad: (depth, width) of the networks
    whose memory is measured; exact_examples: of the exact comparison.
    """

    wide: tuple[int, ...]
    pooled: tuple[int, ...]
    batch: int
    examples: int
    six_examples: int
    few: int
    many: int
    most: int
    torch_cka_batches: int
    ckatorch_shifts: int
    pair_stride: int
    image: int
    depth: int
    deep: tuple[int, float]
    broad: tuple[int, float]
    exact_examples: int


FULL = Sizes(
    wide=RESNET20,
    pooled=POOLED,
    batch=256,
    examples=1024,
    six_examples=256,
    few=6,
    many=20,
    most=100,
    torch_cka_batches=1,
    ckatorch_shifts=1,
    pair_stride=7,
    image=32,
    depth=20,
    deep=(164, 1),
    broad=(38, 10),
    exact_examples=10_000,
)
SMALL = Sizes(
    wide=(96, 96, 64, 48),
    pooled=(12, 16, 24),
    batch=32,
    examples=64,
    six_examples=32,
    few=3,
    many=4,
    most=7,
    torch_cka_batches=2,
    ckatorch_shifts=4,
    pair_stride=1,
    image=8,
    depth=8,
    deep=(14, 0.25),
    broad=(8, 0.5),
    exact_examples=200,
)
