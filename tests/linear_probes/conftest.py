"""One untrained network, and images to fit and to test its probes on."""

import sys
from pathlib import Path

import pytest
import torch
from repatlas.models.registry import build

sys.path.insert(0, str(Path(__file__).parent))

from made_examples import CLASSES, examples, model


@pytest.fixture(scope="module")
def network():
    made = build(model(), (1, 8, 8), CLASSES, torch.Generator().manual_seed(0))
    return made.to(memory_format=torch.channels_last).eval()


@pytest.fixture(scope="module")
def train():
    return examples(150, 1)


@pytest.fixture(scope="module")
def test():
    return examples(90, 2)
