"""One layer after another, as many at a time as the linear algebra has threads.

A layer's Gram matrix is a small product, of which threads inside BLAS make little: on two cores
1.5 times the speed of one. Layers side by side, each with a BLAS of one thread, make nearly twice,
and give the same bits whatever the number of threads.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Given = TypeVar("Given")
Made = TypeVar("Made")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def side_by_side(function: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
    """`function` of every item, in order, by as many threads as BLAS is set to use.

    Items are drawn here, one by one, so that an iterator need not be safe to share; with t threads
    at most t + 1 are held at a time, with one thread a single one.
    """
    # No BLAS that is known of (Apple's): it may have threads of its own.
    threads = max((library.num_threads for library in _blas().lib_controllers), default=1)
    if threads == 1:
        return [function(item) for item in items]
    made: list[Made] = []
    begun: deque[Future[Made]] = deque()
    with _blas().limit(limits=1), ThreadPoolExecutor(threads) as pool:
        for item in items:
            if len(begun) == threads:
                made.append(begun.popleft().result())
            begun.append(pool.submit(function, item))
        made += [future.result() for future in begun]
    return made
