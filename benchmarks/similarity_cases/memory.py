"""Case 4: peak memory, each number from a process of its own.

Linux tells a process's peak since it was last set back, so that what importing took for a moment
hides nothing. Elsewhere the peak is that of the process's whole life.
"""

import resource
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from similarity_cases.measuring import Line, Outcome, Target, once
from similarity_cases.sizes import Sizes

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def run(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Peak memory of a read-out above that of the forward pass alone."""
    lines: list[Line] = []
    image, batch = sizes.image, sizes.batch
    for (depth, width), many in ((sizes.deep, 3), (sizes.broad, 2)):
        for batches in (1, many):
            above, own = in_own_process(read_out, depth, width, image, batch, batches, False)
            lines.append(
                once(
                    f"depth {depth}, width {width:g}, all layers, {batch * batches} examples",
                    above,
                    "MB",
                    Target("at most", 200),
                    f"above the forward pass's own peak of {own:.0f} MB (whole process)",
                )
            )
    width = sizes.broad[1]
    above, own = in_own_process(read_out, 8, width, image, batch, 1, True)
    kept = f"activations kept too: depth 8, width {width:g}, ReLU layers, {batch} examples"
    lines.append(
        once(kept, above, "MB", None, f"above {own:.0f} MB; the largest layer decides, not depth")
    )
    return Outcome(lines, {})


def in_own_process(function: Callable, *arguments: Any) -> Any:
    """`function(*arguments)` in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def read_out(
    depth: int, width: float, image: int, batch: int, batches: int, keep: bool
) -> tuple[float, float]:
    """Megabytes that reading a network out takes above the peak of its forward pass; that peak."""
    from similarity_cases.network import Network, images

    network = Network(depth, width, image, ["relu" if keep else "all"])
    probe = images(batch * batches, image)
    forget_peak()
    network.forward(probe, batch)
    own = peak()
    forget_peak()
    with tempfile.TemporaryDirectory() as folder:
        network.extract(probe, batch, Path(folder), keep)
    return peak() - own, own


def forget_peak() -> None:
    """Let the peak start again from what is held now, where the system can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """This process's peak resident memory, in megabytes (10^6 bytes)."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(kilobytes) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / 1e6
