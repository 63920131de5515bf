"""Cases 1 and 4: images a second of one network."""

import importlib.util
import os
import shutil
from collections.abc import Callable

import numpy as np
import torch
from harness.measuring import (
    Line,
    Outcome,
    Target,
    as_lists,
    interleaved,
    median,
    ratio,
    unmeasured,
)

from training_cases.loops import Bare, Lightning, Loader, Ours
from training_cases.sizes import Sizes

OURS, LIMIT, LOADER, LAYOUT = "repatlas", "bare loop", "DataLoader", "DataLoader, channels_last"
LIGHTNING, HALF, HALF_LIMIT = "Lightning", "repatlas, bfloat16", "bare loop, bfloat16"
EVALUATION, FORWARD = "evaluation", "forward passes"
TF32, TF32_LIMIT, GRAPH = "repatlas, TF32", "bare loop, TF32", "bare loop, CUDA graph"
COMPILED, FREE = "bare loop, torch.compile", "bare loop, not repeatable"
OF_LIMIT = "repatlas / bare loop (forward, backward, step on one batch)"
OF_LOADER = "repatlas / DataLoader loop as in kuangliu/pytorch-cifar"
OF_GRAPH = "bare loop as a CUDA graph / bare loop"
OF_COMPILED = "bare loop by torch.compile / bare loop"
OF_FREE = "bare loop without repeatable operations, in TF32 / bare loop"
NO_GPU = "no CUDA GPU here"


def run_one_core(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """One thread, everything on one core: what a job of the workflow has."""
    keep_to_one_core()
    return compare(sizes, sizes.images, rounds, "cpu", threads, also=True)


def run_two_threads(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """All threads, and the DataLoader's workers beside them."""
    return compare(sizes, sizes.images, rounds, "cpu", threads, also=False)


def run_gpu(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """The same on a GPU; without one the targets stand as not measured."""
    if not torch.cuda.is_available():
        labels = {OF_LIMIT: 0.9, OF_LOADER: 3.0, _precision("TF32"): None}
        labels |= dict.fromkeys((_precision("bfloat16"), OF_GRAPH, OF_COMPILED, OF_FREE))
        lines = [
            unmeasured(label, "x", Target("at least", least) if least else None, NO_GPU)
            for label, least in labels.items()
        ]
        return Outcome(lines, {})
    return compare(sizes, sizes.gpu_images, rounds, "cuda", threads, also=True)


def compare(sizes: Sizes, n: int, rounds: int, device: str, threads: int, also: bool) -> Outcome:
    """Epochs of `n` images by every loop; `also` other precisions, evaluation and layouts."""
    gpu = device.startswith("cuda")
    given = (sizes, n, device, threads)
    ours, bare = Ours(*given), Bare(*given)
    timed: dict[str, Callable] = {OURS: ours, LIMIT: bare, LOADER: Loader(*given)}
    if importlib.util.find_spec("pytorch_lightning"):
        timed[LIGHTNING] = Lightning(*given)
    if also:
        timed[LAYOUT] = Loader(*given, channels_last=True)
        timed |= {HALF: Ours(*given, "bfloat16"), HALF_LIMIT: Bare(*given, "bfloat16")}
        timed |= {EVALUATION: ours.evaluate, FORWARD: bare.forward}
        if sizes.compiled and shutil.which("g++"):
            timed[COMPILED] = Bare(*given, compiled=True)
        if gpu:
            timed |= {TF32: Ours(*given, "tf32"), TF32_LIMIT: Bare(*given, "tf32")}
            timed[GRAPH] = Bare(*given, graphed=True)
            timed[FREE] = Bare(*given, free=True)
    found = interleaved(timed, rounds)
    return Outcome(_lines(found, n, gpu), as_lists(found))


def _lines(found: dict[str, np.ndarray], n: int, gpu: bool) -> list[Line]:
    def speed(label: str, fast: str, slow: str, least: float | None = None, note: str = "") -> None:
        """How many times as many images a second `fast` does as `slow`."""
        if fast in found and slow in found:
            target = Target("at least", least) if least else None
            lines.append(ratio(label, found[slow], found[fast], target, note))

    lines: list[Line] = []
    speed(OF_LIMIT, OURS, LIMIT, 0.9 if gpu else 0.95)
    speed(OF_LOADER, OURS, LOADER, 3 if gpu else 1.3)
    speed("repatlas / DataLoader loop with channels_last", OURS, LAYOUT)
    speed("repatlas / Lightning", OURS, LIGHTNING)
    speed("evaluation / forward passes of one batch", EVALUATION, FORWARD)
    for name, precise, limit in (("bfloat16", HALF, HALF_LIMIT), ("TF32", TF32, TF32_LIMIT)):
        speed(_precision(name), precise, OURS)
        speed(f"repatlas / bare loop, both in {name}", precise, limit)
    speed(OF_GRAPH, GRAPH, LIMIT)
    speed(OF_COMPILED, COMPILED, LIMIT, note="compiled beforehand")
    speed(OF_FREE, FREE, LIMIT)
    names = OURS, LIMIT, LOADER, LAYOUT, LIGHTNING, HALF, EVALUATION, TF32, GRAPH, COMPILED, FREE
    for name in names:
        if name in found:
            lines.append(median(name, n / found[name], "images/s"))
    return lines


def _precision(name: str) -> str:
    return f"repatlas in {name} / in float32"


def keep_to_one_core() -> None:
    """Keep this process, and those that it starts, to one core where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
