"""At which sizes each step is measured: as published, and small enough for a test."""

from dataclasses import dataclass

Network = tuple[int, float, int]  # depth, width, side of an image


@dataclass(frozen=True)
class Sizes:
    """Sizes of all cases.

    networks: timed in training and in a forward pass, in batches of `batch` images; small: those
    of them that are read out; images: of an epoch, for the growth with examples; probe_batches and
    probe_sizes: batches of a probe set and images a batch, for the smallest network; layers,
    stored, batches: of networks that are compared, how many networks, and batches of each, where
    the others have their first size; compared: examples a batch of these; weighed: networks
    whose memory is measured; features: of a layer in the parts of analyses; learnt: images of a
    linear probe in closed form; seeds, tested: networks of each of two architectures whose
    predictions are compared, and test images.
    """

    networks: tuple[Network, ...]
    small: tuple[Network, ...]
    weighed: tuple[Network, ...]
    batch: int
    images: tuple[int, ...]
    probe_batch: int
    probe_batches: tuple[int, ...]
    probe_sizes: tuple[int, ...]
    layers: tuple[int, ...]
    stored: tuple[int, ...]
    batches: tuple[int, ...]
    compared: int
    features: tuple[int, ...]
    learnt: tuple[int, ...]
    seeds: tuple[int, ...]
    tested: int


FULL = Sizes(
    networks=(
        (8, 0.5, 8),
        (14, 1, 8),
        (38, 1, 8),
        (8, 1, 32),
        (14, 1, 32),
        (20, 1, 32),
        (38, 1, 32),
        (56, 1, 32),
        (8, 2, 32),
        (8, 4, 32),
        (8, 10, 32),
        (14, 2, 32),
    ),
    small=((8, 1, 32), (14, 1, 32), (20, 1, 32), (38, 1, 32), (8, 2, 32), (8, 4, 32)),
    weighed=(
        (8, 1, 32),
        (20, 1, 32),
        (38, 1, 32),
        (56, 1, 32),
        (8, 2, 32),
        (8, 4, 32),
        (8, 10, 32),
    ),
    batch=128,
    images=(256, 512, 1024, 2048),
    probe_batch=256,
    probe_batches=(1, 2, 4, 8),
    probe_sizes=(64, 128, 256, 512),
    layers=(32, 64, 128, 256),
    stored=(2, 4, 8, 16),
    batches=(1, 2, 4, 8),
    compared=256,
    features=(2048, 4096, 16_384),
    learnt=(512, 1024, 2048),
    seeds=(5, 20, 80),
    tested=10_000,
)
SMALL = Sizes(
    networks=((8, 0.5, 8), (8, 0.5, 16), (14, 0.5, 16), (8, 1, 16)),
    small=((8, 0.5, 16), (14, 0.5, 16), (8, 1, 16)),
    weighed=((8, 0.5, 16), (14, 0.5, 16), (8, 1, 16)),
    batch=16,
    images=(32, 64),
    probe_batch=16,
    probe_batches=(1, 2, 4),
    probe_sizes=(16, 32),
    layers=(8, 16),
    stored=(2, 3),
    batches=(1, 2),
    compared=16,
    features=(64, 128),
    learnt=(20, 40),
    seeds=(4, 6),
    tested=100,
)
