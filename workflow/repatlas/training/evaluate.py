"""Logits and accuracy of a network on images held in memory."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repatlas.training.batches import as_input
from repatlas.training.device import exact_float32

BATCH = 250  # small enough for any network of the paper's grid on a laptop


def logits(network: nn.Module, images: np.ndarray | Tensor, device: torch.device) -> np.ndarray:
    """Logits (n, classes) float32 of uint8 images (n, C, H, W), batch statistics frozen, in full
    float32 however the network is trained. Images that lie on `device` are not copied there."""
    was_training = network.training
    network.eval()
    with torch.inference_mode(), exact_float32():
        parts = [
            network(as_input(images[i : i + BATCH], device)).float()
            for i in range(0, len(images), BATCH)
        ]
    network.train(was_training)
    return torch.cat(parts).cpu().numpy()


def score(values: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy (fraction) of logits (n, classes)."""
    tensor, target = torch.from_numpy(values).double(), torch.from_numpy(np.asarray(labels))
    loss = functional.cross_entropy(tensor, target).item()
    return loss, (tensor.argmax(1) == target).double().mean().item()
