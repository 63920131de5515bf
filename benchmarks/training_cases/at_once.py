"""Cases 2 and 5: several networks trained at the same time, each in a process of its own."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch
from harness.measuring import Outcome, Target, as_lists, interleaved, median, ratio, unmeasured

from training_cases.loops import Ours
from training_cases.sizes import Sizes
from training_cases.speed import NO_GPU

ALONE, TOGETHER, THREADS = "one network", "all at once", "one network, as many threads"


def run_cpu(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """As many networks of one thread as there are cores for, and one network with that many
    threads."""
    return compare(sizes, sizes.images, sizes.at_once, rounds, "cpu", None)


def run_gpu(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Several networks that share one GPU; without one the target stands as not measured."""
    target = Target("at least", 2)
    if not torch.cuda.is_available():
        return Outcome([unmeasured(_label(sizes.gpu_at_once), "x", target, NO_GPU)], {})
    return compare(sizes, sizes.gpu_images, sizes.gpu_at_once, rounds, "cuda", target)


def compare(
    sizes: Sizes, n: int, count: int, rounds: int, device: str, target: Target | None
) -> Outcome:
    """An epoch of `n` images by one network, by `count` at once, and on a CPU by one network with
    `count` threads."""
    with ExitStack() as stack:
        crew = [stack.enter_context(Worker(sizes, n, device, 1)) for _ in range(count)]
        timed: dict[str, Callable] = {ALONE: partial(go, crew[:1]), TOGETHER: partial(go, crew)}
        if device == "cpu":
            timed[THREADS] = partial(go, [stack.enter_context(Worker(sizes, n, device, count))])
        found = interleaved(timed, rounds)
    lines = [ratio(_label(count), count * found[ALONE], found[TOGETHER], target)]
    if THREADS in found:
        label = f"{count} networks at once / one network with {count} threads, images a second"
        lines.append(ratio(label, count * found[THREADS], found[TOGETHER]))
    lines.append(median(ALONE, n / found[ALONE], "images/s"))
    lines.append(median(TOGETHER, count * n / found[TOGETHER], "images/s"))
    return Outcome(lines, as_lists(found))


def _label(count: int) -> str:
    return f"{count} networks at once / one after the other"


class Worker:
    """A process that trains one network, an epoch whenever it is told to."""

    def __init__(self, *given: Any):
        context = get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, *given), daemon=True)

    def __enter__(self) -> "Worker":
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pipe.send(False)
        self.process.join()


def go(crew: Sequence[Worker]) -> None:
    """An epoch by each of the crew at the same time."""
    for worker in crew:
        worker.pipe.send(True)
    for worker in crew:
        worker.pipe.recv()


def _serve(pipe: Connection, sizes: Sizes, n: int, device: str, threads: int) -> None:
    epoch = Ours(sizes, n, device, threads)
    while pipe.recv():
        epoch()
        pipe.send(True)
