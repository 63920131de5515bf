"""What is measured, part by part: each can be measured again without the others."""

import os
from collections.abc import Callable

from harness.report import made

from scaling_cases import analyses, networks, start, stores
from scaling_cases.growth import Growth
from scaling_cases.report import Part
from scaling_cases.sizes import Sizes

# Each measures at some sizes, in so many rounds, and gives its growths and its rates.
PARTS: dict[str, Callable[[Sizes, int], tuple[list[Growth], dict[str, float]]]] = {
    "networks": networks.measure,
    "extraction": stores.measure_extraction,
    "comparison": stores.measure_comparison,
    "memory": networks.memory,
    "analyses": analyses.measure,
    "start": start.measure,
}


def measure(name: str, sizes: Sizes, rounds: int) -> Part:
    """One part, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = round(os.getloadavg()[0], 1)
    growths, rates = PARTS[name](sizes, rounds)
    return Part(name, growths, rates, rounds, load, made())
