"""Independent random streams: one per purpose, all derived from a run's seed."""

import hashlib

import torch


def generator(seed: int, *purpose: object) -> torch.Generator:
    """A CPU generator for one purpose of one seed.

    Streams are keyed, not consumed in sequence: the augmentation of epoch 7 is the same whether or
    not the process that draws it also drew epochs 1 to 6. That makes resumed training exact.
    """
    key = ":".join(str(part) for part in (seed, *purpose))
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)
