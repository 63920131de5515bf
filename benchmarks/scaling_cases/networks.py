"""Training, forward passes and memory of networks of several depths and widths."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import psutil
import torch
from harness.memory import forget_peak, in_own_process, peak
from repatlas.costs.workload import Workload, workload
from repatlas.data.dataset import Dataset
from repatlas.training.batches import as_input
from repatlas.training.device import choose
from repatlas.training.loop import Training

from scaling_cases.growth import Growth, fit
from scaling_cases.sizes import Network, Sizes
from scaling_cases.timing import seconds

NEVER = 10**6
CLASSES = 10


def model(network: Network) -> dict[str, Any]:
    """The `model` part of its spec."""
    depth, width, _ = network
    return {
        "architecture": "resnet",
        "depth": depth,
        "width": width,
        "init": "he_normal",
        "bn_momentum": 0.01,
    }


def work_of(network: Network) -> Workload:
    """What it computes for a colour image."""
    side = network[2]
    return workload(model(network), (3, side, side), CLASSES)


def training(network: Network, images: int, batch: int) -> Training:
    """Its training on random images."""
    side = network[2]
    generator = np.random.default_rng(0)
    pixels = generator.integers(256, size=(images, 3, side, side), dtype=np.uint8)
    labels, order = generator.integers(CLASSES, size=images), np.arange(images)
    classes = tuple(map(str, range(CLASSES)))
    data = Dataset({}, pixels.shape[1:], classes, *(pixels, labels) * 2, order, order, "")
    settings = {
        "epochs": NEVER,
        "batch_size": batch,
        "learning_rate": 0.01,
        "schedule": "constant",
        "momentum": 0.9,
        "l2": 0.001,
        "crop_padding": 4,
        "flip": True,
        "evaluate_every": NEVER,
        "precision": "float32",
        "threads": 1,
    }
    spec = {
        "data": {"dataset": {"source": "random"}, "fraction": 1, "evaluate_on": "test"},
        "model": model(network),
        "training": settings,
        "seed": 0,
    }
    return Training(spec, data, choose("cpu", 1))


def measure(sizes: Sizes, rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Growth of the time of a step and of a forward pass, and their rates."""
    nets, works = sizes.networks, [work_of(network) for network in sizes.networks]
    batch = sizes.batch
    made = {network: training(network, batch, batch) for network in nets}
    calls: dict[Any, Callable] = {("train", n): made[n].run_epoch for n in nets}
    calls |= {("forward", n): partial(forward, made[n], batch) for n in nets}
    lengths = {n: training(nets[0], n, batch) for n in sizes.images}
    calls |= {("images", n): lengths[n].run_epoch for n in sizes.images}
    found = seconds(calls, rounds)
    rates, growths = {}, []
    for kind in ("train", "forward"):
        rates |= fit(
            {
                f"cpu_{kind}_mac": [batch * w.macs for w in works],
                f"cpu_{kind}_feature": [batch * w.total_features for w in works],
                f"cpu_{kind}_layer": [len(w.layers) for w in works],
            },
            [found[kind, n][0] for n in nets],
        )
    for kind, quantity in (("train", "training step"), ("forward", "forward pass of a batch")):
        law = partial(_law, kind, rates, batch)
        for by, chosen in _families(nets):
            growths.append(
                Growth(
                    quantity,
                    "s",
                    by,
                    [n[0] if by == "depth" else n[1] for n in chosen],
                    [found[kind, n][0] for n in chosen],
                    [law(work_of(n)) for n in chosen],
                    [found[kind, n][1] for n in chosen],
                )
            )
    step = _law("train", rates, batch, works[0])
    epochs = [found["images", n] for n in sizes.images]
    growths.append(
        Growth(
            "epoch of training",
            "s",
            "images",
            sizes.images,
            [value for value, _ in epochs],
            [n // batch * step for n in sizes.images],
            [error for _, error in epochs],
        )
    )
    return growths, rates


def _families(nets: tuple[Network, ...]) -> list[tuple[str, list[Network]]]:
    """Networks that differ in depth alone, and those that differ in width alone, among the largest
    images."""
    side = max(n[2] for n in nets)
    depth = min(n[0] for n in nets if n[2] == side)
    width = min(n[1] for n in nets if n[2] == side)
    deep = sorted(n for n in nets if n[2] == side and n[1] == width)
    wide = sorted(n for n in nets if n[2] == side and n[0] == depth)
    return [("depth", deep), ("width", wide)]


def _law(kind: str, rates: dict[str, float], batch: int, work: Workload) -> float:
    image = rates[f"cpu_{kind}_mac"] * work.macs
    image += rates[f"cpu_{kind}_feature"] * work.total_features
    return batch * image + rates[f"cpu_{kind}_layer"] * len(work.layers)


def forward(made: Training, batch: int) -> None:
    """A forward pass in inference mode."""
    made.network.eval()
    with torch.inference_mode():
        made.network(as_input(made.test_images[:batch], made.device))


def memory(sizes: Sizes, _rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Growth of the peak memory of training and of a forward pass, and their rates."""
    batch, nets = sizes.batch, sizes.weighed
    works = [work_of(n) for n in nets]
    above = {
        kind: [in_own_process(used, kind, n, batch) for n in nets] for kind in ("train", "forward")
    }
    everything = [batch * w.total_features for w in works]
    parameters = [w.parameters for w in works]
    # A forward pass holds no more than a few layers at a time.
    widest = [batch * max(w.features) for w in works]
    once = [1.0] * len(nets)
    train = {
        "memory_once": once,
        "memory_train_feature": everything,
        "memory_parameter": parameters,
    }
    frozen = {"once": once, "memory_forward_feature": widest, "weights": parameters}
    fitted = {"train": fit(train, above["train"]), "forward": fit(frozen, above["forward"])}
    expected = {
        kind: [
            sum(fitted[kind][name] * column[k] for name, column in counts.items())
            for k in range(len(nets))
        ]
        for kind, counts in (("train", train), ("forward", frozen))
    }
    rates = fitted["train"]
    rates["memory_forward_feature"] = fitted["forward"]["memory_forward_feature"]
    growths = []
    for kind, name in (("train", "training"), ("forward", "forward pass")):
        for by, chosen in _families(nets):
            at = [nets.index(n) for n in chosen]
            growths.append(
                Growth(
                    f"memory of {name}",
                    "byte",
                    by,
                    [n[0] if by == "depth" else n[1] for n in chosen],
                    [above[kind][k] for k in at],
                    [expected[kind][k] for k in at],
                )
            )
    return growths, rates


def used(kind: str, network: Network, batch: int) -> float:
    """Bytes at the peak of training, steps and an evaluation and steps again, or of a forward pass,
    above what the libraries hold."""
    choose("cpu", 1)
    training((8, 0.25, 8), 8, 4).run_epoch()  # what the first step of any network brings with it
    start = psutil.Process().memory_info().rss
    made = training(network, 3 * batch, batch)
    forget_peak()
    if kind == "train":
        for _ in range(2):
            made.run_epoch()
            made.logits()
        made.run_epoch()
    else:
        forward(made, batch)
    return peak() * 1e6 - start
