"""Case 3: peak memory of training on a whole training set."""

import multiprocessing
import sys
import threading
from collections.abc import Callable

import psutil
from harness.measuring import Outcome, once
from harness.memory import forget_peak, in_own_process, peak

from training_cases.loops import Bare, Lightning, Loader, Ours
from training_cases.sizes import Sizes

LOOPS: dict[str, Callable] = {
    "repatlas": Ours,
    "bare loop": Bare,
    "DataLoader loop": Loader,
    "Lightning": Lightning,
}
PAUSE = 0.05  # seconds between looks at the workers


def run(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Peak of three steps of every loop, with the data set that they come from."""
    lines = []
    for name in LOOPS:
        try:
            above, start, workers = in_own_process(used, name, sizes, threads)
        except ModuleNotFoundError:
            continue
        note = f"above {start:.0f} MB of Python and torch"
        if workers:
            note += f"; {workers:.0f} MB of it are its workers' own"
        lines.append(once(f"{name}, {sizes.held} images", above, "MB", None, note))
    return Outcome(lines, {})


def used(name: str, sizes: Sizes, threads: int) -> tuple[float, float, float]:
    """Megabytes above what the libraries take, what they take, and what the workers hold alone."""
    if sys.platform == "linux":
        # A process that was spawned would spawn in its turn; a user's DataLoader forks.
        multiprocessing.set_start_method("fork", force=True)
    start = psutil.Process().memory_info().rss / 1e6
    forget_peak()
    loop = LOOPS[name](sizes, sizes.held, "cpu", threads)
    stop, held = threading.Event(), [0.0]
    watcher = threading.Thread(target=_watch, args=(stop, held))
    watcher.start()
    try:
        steps(loop, 3)
    finally:
        stop.set()
        watcher.join()
    return peak() - start + held[0], start, held[0]


class EnoughError(Exception):
    """Ends an epoch early."""


def steps(loop: Callable, count: int) -> None:
    """The first `count` steps of an epoch."""
    network = next(
        place.network
        for place in (loop, getattr(loop, "training", None), getattr(loop, "module", None))
        if hasattr(place, "network")
    )
    left = [count]

    def seen(*_: object) -> None:
        if left[0] == 0:
            raise EnoughError
        left[0] -= 1

    handle = network.register_forward_pre_hook(seen)
    try:
        loop()
    except EnoughError:
        pass
    finally:
        handle.remove()


def _watch(stop: threading.Event, held: list[float]) -> None:
    """Keep the most that the workers hold for themselves at a time, in megabytes."""
    while not stop.wait(PAUSE):
        total = 0.0
        for child in psutil.Process().children():
            try:
                total += child.memory_full_info().uss / 1e6
            except psutil.Error:
                continue
        held[0] = max(held[0], total)
