"""A small network, and images whose class shows."""

import numpy as np
import torch
from repatlas.data.selection import Examples
from repatlas.frozen.features import flattened
from repatlas.models.taps import tapped
from repatlas.training.batches import as_input

CPU = torch.device("cpu")
CLASSES = 4


def model(depth=8, architecture="resnet", width=0.25):
    base = {"architecture": architecture, "depth": depth, "width": width}
    return {**base, "init": "he_normal", "bn_momentum": 0.1}


def spec(**changes):
    return {
        "data": {"fraction": 1, "evaluate_on": "test"},
        "model": model(**changes),
        "training": {"crop_padding": 1, "flip": False},
        "seed": 3,
    }


def examples(n, seed):
    """Images whose class is the quadrant that is bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    images = rng.integers(0, 120, (n, 1, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(label, 2)
        image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 110
    return Examples(images, labels)


def features(network, layer, images, pool=None):
    kept = []
    with torch.no_grad(), tapped(network, [layer], lambda _i, out: kept.append(out)):
        network(as_input(images, CPU))
    return flattened(kept[0], pool).double().numpy()
