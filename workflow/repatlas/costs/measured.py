"""What earlier trainings on this machine took, beside what the laws expected of them."""

import json
from collections.abc import Iterator
from pathlib import Path

from repatlas.costs.plan import training
from repatlas.data.catalogue import describe
from repatlas.errors import RepatlasError
from repatlas.own import is_own
from repatlas.run_record import RESUMED

# The latest so many trainings: a machine is what it is now.
LATEST = 40


def slowness(results: Path, device: str) -> tuple[float, int]:
    """How many times longer than the laws say earlier trainings took on `device` ("cpu" or "cuda"),
    all together, so that the long ones count most; and how many there were. (1, 0) without any."""
    pairs = list(_trainings(results, device))
    if not pairs:
        return 1.0, 0
    return sum(took for took, _ in pairs) / sum(expected for _, expected in pairs), len(pairs)


def _trainings(results: Path, device: str) -> Iterator[tuple[float, float]]:
    """Seconds that a training took, without those that it waited for a GPU, and that the laws
    expect of it."""
    paths = (results / "benchmarks" / "train").glob("*.jsonl")
    for path in sorted(paths, key=lambda p: p.stat().st_mtime, reverse=True)[:LATEST]:
        run = results / "runs" / path.stem
        log = results / "logs" / "train" / f"{path.stem}.log"
        try:
            if RESUMED in log.read_text(encoding="utf-8"):
                continue  # its benchmark has only what it took since
            took = float(json.loads(path.read_text().splitlines()[-1])["s"])
            took -= json.loads(log.with_suffix(".gpu.json").read_text())["waited_seconds"]
            spec = json.loads((run / "spec.json").read_text())
            if is_own(spec["data"]["dataset"]["source"]) or is_own(spec["model"]["architecture"]):
                continue  # only running the user's own code would say what it is
            trained_on = json.loads((run / "hardware.json").read_text())["device"]
            expected = training(path.stem, spec, describe(spec["data"]["dataset"]), device).seconds
        except (OSError, ValueError, KeyError, IndexError, RepatlasError):
            continue  # a training that is cut off or gone, or whose data are
        if expected and trained_on.startswith(device):
            yield took, expected
