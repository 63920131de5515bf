"""Case 4: peak memory of extraction."""

import tempfile
from pathlib import Path

from harness.measuring import Line, Outcome, Target, once
from harness.memory import forget_peak, in_own_process, peak

from similarity_cases.sizes import Sizes


def run(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Peak memory of a read-out above that of the forward pass alone."""
    lines: list[Line] = []
    image, batch = sizes.image, sizes.batch
    for (depth, width), numbers in ((sizes.deep, (1, 3, 9)), (sizes.broad, (1, 2))):
        for batches in numbers:
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
