"""Networks with random weights and images, read out as the workflow does."""

from pathlib import Path

import numpy as np
import torch
from repatlas.activations.extract import extract
from repatlas.data.probe import Probe
from repatlas.layers import Layer, layers_of, select
from repatlas.models.registry import build
from repatlas.models.taps import tapped
from repatlas.training.batches import as_input

CPU = torch.device("cpu")


class Network:
    """A ResNet of `depth` and `width` for images of side `image`, and the layers to read out."""

    def __init__(self, depth: int, width: float, image: int, taps: list[str]):
        spec = {
            "architecture": "resnet",
            "depth": depth,
            "width": width,
            "init": "he_normal",
            "bn_momentum": 0.01,
        }
        model = build(spec, (3, image, image), 10, torch.Generator().manual_seed(0))
        self.model = model.to(memory_format=torch.channels_last).eval()
        every = layers_of(spec)
        self.layers: list[Layer] = [every[k] for k in select(every, taps)]

    def forward(self, probe: Probe, batch: int) -> None:
        """The forward pass alone over all images, batch by batch."""
        with torch.inference_mode():
            for start in range(0, len(probe.images), batch):
                self.model(as_input(probe.images[start : start + batch], CPU))

    def activations(self, probe: Probe, batch: int) -> list[np.ndarray]:
        """Each layer's activations (batch, ...) on the first batch, as they lie in memory."""
        kept: dict[int, np.ndarray] = {}

        def receive(index: int, output: torch.Tensor) -> None:
            kept[index] = output.contiguous().numpy()

        names = [layer.name for layer in self.layers]
        with torch.inference_mode(), tapped(self.model, names, receive):
            self.model(as_input(probe.images[:batch], CPU))
        return [kept[index] for index in range(len(names))]

    def extract(self, probe: Probe, batch: int, folder: Path, keep: bool = False) -> Path:
        """Read out to stores in `folder`, activations too if they are to be kept; the Grams'."""
        about = {"run": "network", "probe": probe.hash, "batch_size": batch, "passes": 1}
        grams = folder / "grams.zarr"
        activations = folder / "activations.zarr" if keep else None
        extract(self.model, self.layers, probe, about, grams, activations, CPU)
        return grams


def images(n: int, side: int) -> Probe:
    """A probe set of `n` random images (3, side, side)."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(256, size=(n, 3, side, side), dtype=np.uint8)
    return Probe(np.arange(n), pixels, np.zeros(n, dtype=np.int64), "benchmark")
