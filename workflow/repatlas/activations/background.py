"""Writing beside computing: activations go to disk in a thread of their own."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

HELD = 32 << 20  # bytes that may wait to be written, or else a single tensor


@contextmanager
def in_background(
    write: Callable[[int, int, np.ndarray], None], held: int = HELD
) -> Iterator[Callable[[int, int, Tensor], None]]:
    """Yield a function that takes `write`'s arguments with a tensor instead of an array, copies the
    tensor and returns. One thread makes the calls in their order; the block ends when all are made.

    Compressing, digesting and the disk itself then take no time from the forward pass. When copies
    that wait would take more than `held` bytes together, the caller waits for them before another
    is made, so that memory stays bounded. An error of a write is raised by a later call, or at the
    block's end.
    """
    waiting: deque[tuple[Future, int]] = deque()
    thread = ThreadPoolExecutor(1, thread_name_prefix="writer")

    def write_soon(index: int, start: int, values: Tensor) -> None:
        size = 4 * values.numel()
        while waiting and sum(s for _, s in waiting) + size > held:
            waiting.popleft()[0].result()
        # One copy brings memory order, precision and device in order.
        copy = torch.empty(values.shape, dtype=torch.float32).copy_(values)
        waiting.append((thread.submit(write, index, start, copy.numpy()), size))

    try:
        yield write_soon
        while waiting:
            waiting.popleft()[0].result()
    finally:
        thread.shutdown(cancel_futures=True)
