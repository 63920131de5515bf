"""Median seconds of calls that take turns."""

from collections.abc import Callable, Hashable, Mapping

import numpy as np
from harness.measuring import interleaved, median


def seconds(calls: Mapping[Hashable, Callable], rounds: int) -> dict[Hashable, tuple[float, float]]:
    """The median over rounds of each call's seconds, with its standard error."""
    found = interleaved(calls, rounds)
    lines = {key: median(str(key), np.asarray(values), "s") for key, values in found.items()}
    return {key: (line.value, 0.0 if rounds < 2 else line.se) for key, line in lines.items()}
