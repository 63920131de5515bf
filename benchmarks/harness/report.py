"""What the benchmark says: a table, JSON, and a figure."""

import math
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from repatlas.analysis.provenance import git_output
from repatlas.figures.style import DOUBLE, GREY, style
from repatlas.files import read_json, whole_file, write_json

from harness.measuring import Line, Target

PACKAGES = (
    "numpy",
    "scipy",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "zarr",
    "pytorch-cka",
    "torch-cka",
    "ckatorch",
    "rsatoolbox",
)
COLOURS = {"met": "#009e73", "missed": "#d55e00", "undecided": "#e69f00", "": GREY}
MARKERS = {"met": "o", "missed": "s", "undecided": "D", "": "o"}


@dataclass(frozen=True)
class Part:
    """A part of the benchmark that was run: its title, threads, lines and raw seconds, and the
    machine's load average when it began; when, where and with which commit, as :func:`made`."""

    name: str
    title: str
    threads: int
    lines: list[Line]
    seconds: dict[str, list[float]]
    load: float | None = None
    made: dict[str, Any] | None = None

    def as_record(self) -> dict[str, Any]:
        """This part as JSON; an unknown standard error is null."""
        lines = []
        for line in self.lines:
            record = asdict(line) | {"verdict": line.verdict}
            record["se"] = None if line.rounds < 2 else line.se
            record["value"] = line.value if line.rounds else None
            lines.append(record)
        return {
            "title": self.title,
            "threads": self.threads,
            "lines": lines,
            "seconds": self.seconds,
            "load": self.load,
            "made": self.made,
        }


def part_of(name: str, record: dict[str, Any]) -> Part:
    """A part from its JSON."""
    lines = [
        Line(
            item["label"],
            float("nan") if item["value"] is None else item["value"],
            float("nan") if item["se"] is None else item["se"],
            item["unit"],
            item["rounds"],
            Target(**item["target"]) if item["target"] else None,
            item["note"],
        )
        for item in record["lines"]
    ]
    return Part(
        name,
        record["title"],
        record["threads"],
        lines,
        record["seconds"],
        record.get("load"),
        record.get("made"),
    )


def table(parts: Sequence[Part]) -> str:
    """All lines as text."""
    rows = []
    for part in parts:
        rows.append(f"\n{part.title} ({_threads(part.threads)})")
        for line in part.lines:
            target = f"{line.target.bound} {line.target.value:g}" if line.target else ""
            rows.append(
                f"  {line.label:<62} {_with_error(line):>15} {line.unit:<8} "
                f"{target:<14} {line.verdict if line.rounds else ''}".rstrip()
            )
            if line.note:
                rows.append(f"      {line.note}")
    return "\n".join(rows)


def made() -> dict[str, Any]:
    """Day, commit, processor, GPU, cores, system and versions of what is measured now. The parts of
    a file may differ in all of them."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": git_output(Path(__file__).parent, "rev-parse", "--short", "HEAD"),
        "processor": _processor(),
        "gpu": _gpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def with_last(
    parts: Sequence[Any], path: Path, names: Sequence[str], part_of: Callable[[str, dict], Any]
) -> list[Any]:
    """`parts` of any benchmark, which have a `name`, and of `names` that are not among them those
    last in the file `path`, as `part_of` makes them of name and record; in the order of `names`."""
    last = read_json(path)["parts"] if path.exists() else {}
    found = {name: part_of(name, record) for name, record in last.items()}
    found |= {part.name: part for part in parts}
    return [found[name] for name in names if name in found]


def _gpu() -> str | None:
    """The GPU that torch takes where none is named, if it was asked for."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_initialized() else None


def save(parts: Sequence[Part], folder: Path, name: str, ratio_of: str = "times") -> None:
    """<name>.json and <name>.png in `folder`; the figure shows ratios of `ratio_of`."""
    records = {part.name: part.as_record() for part in parts}
    write_json(folder / f"{name}.json", {"parts": records})
    draw(parts, folder / f"{name}.png", ratio_of)


def draw(parts: Sequence[Part], path: Path, ratio_of: str = "times") -> None:
    """Every ratio as a dot with its standard error on a logarithmic axis, targets as ticks."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    rows: list[tuple[Part, Line | None]] = []
    for part in parts:
        lines = [line for line in part.lines if line.unit == "x"]
        if lines:
            rows += [(part, None), *((part, line) for line in lines)]
    with style():
        figure = Figure(figsize=(DOUBLE, 0.17 * len(rows) + 0.9), layout="constrained")
        axes = figure.add_subplot()
        beside = axes.get_yaxis_transform()
        labels = []
        for y, (part, line) in enumerate(rows):
            if line is None:
                labels.append(f"{part.title} ({_threads(part.threads)})")
                continue
            labels.append(line.label)
            colour = COLOURS.get(line.verdict, GREY)
            if line.rounds:
                axes.errorbar(
                    line.value,
                    y,
                    xerr=line.se,
                    fmt=MARKERS[line.verdict],
                    color=colour,
                    markersize=3.5,
                    elinewidth=0.8,
                    capsize=1.5,
                )
            said = _with_error(line)
            axes.text(1.02, y, said, transform=beside, va="center_baseline", fontsize=6)
            if line.target:
                end = "<" if line.target.bound == "at most" else ">"
                axes.plot(line.target.value, y, "|", color="black", markersize=8)
                axes.plot(line.target.value, y, end, color="black", markersize=2.5)
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        steps = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 5, 7)
        axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), labels)
        for tick, (_, line) in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("bold" if line is None else "normal")
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.axvline(1, color=GREY, linewidth=0.6)
        axes.grid(axis="x", which="both", linewidth=0.3, alpha=0.4)
        axes.set_xlabel(
            f"ratio of {ratio_of}, median of interleaved rounds with standard error\n"
            "black: target, pointing to the side that it allows\n"
            "circle: met, or no target; square: missed; diamond: undecided"
        )
        with whole_file(path) as partial:
            figure.savefig(partial, format="png", dpi=200, metadata={"Software": None})


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _with_error(line: Line) -> str:
    """The value, to as many digits as its standard error leaves, and the error."""
    if not line.rounds:
        return "not measured"
    if line.rounds == 1 or not line.se:
        return f"{line.value:.3g}" if abs(line.value) < 100 else f"{line.value:.0f}"
    digits = max(0, -math.floor(math.log10(line.se)))
    return f"{line.value:.{digits}f} ± {line.se:.{digits}f}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
