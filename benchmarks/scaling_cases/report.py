"""What is said of growth: a table, JSON, and a figure of points beside laws."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from repatlas.figures.style import DOUBLE, GREY, style
from repatlas.files import whole_file, write_json

from scaling_cases.growth import Growth

COLUMNS = 4
BLUE = "#0072b2"
TITLE = 30  # characters of a panel's title in a line


@dataclass(frozen=True)
class Part:
    """A part that was measured: its growths, the rates fitted to them, rounds, the machine's load
    average when it began; when, where and with what, as :func:`harness.report.made`."""

    name: str
    growths: Sequence[Growth]
    rates: Mapping[str, float]
    rounds: int
    load: float
    made: Mapping[str, Any]

    def as_record(self) -> dict[str, Any]:
        """This part as JSON."""
        growths = []
        for growth in self.growths:
            record = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(growth).items()}
            for name, value in (("exponent", growth.exponent), ("law", growth.law_exponent)):
                record[name] = None if math.isnan(value) else value
            growths.append(record)
        about = {"rounds": self.rounds, "load": self.load, "made": dict(self.made)}
        return {**about, "growth": growths, "rates": dict(self.rates)}


def part_of(name: str, record: Mapping[str, Any]) -> Part:
    """A part from its JSON."""
    fields = Growth.__dataclass_fields__
    growths = [Growth(**{k: g[k] for k in fields}) for g in record["growth"]]
    return Part(name, growths, record["rates"], record["rounds"], record["load"], record["made"])


def table(growths: Sequence[Growth]) -> str:
    """A line for each growth: its range, its exponent, the law's, and the largest deviation."""
    wide = max((len(g.quantity) for g in growths), default=0)
    head = (
        f"{'quantity':<{wide}} {'by':<16} {'from':>9} {'to':>9} {'exponent':>9} {'law':>6}  off by"
    )
    rows = [head]
    for g in growths:
        rows.append(
            f"{g.quantity:<{wide}} {g.by:<16} {_number(g.measured[0], g.unit):>9} "
            f"{_number(g.measured[-1], g.unit):>9} {g.exponent:>9.2f} {g.law_exponent:>6.2f}  "
            f"{100 * (g.deviation - 1):.0f} %"
        )
    return "\n".join(rows)


def _number(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value:.3g} s"
    for factor, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.3g} {name}"
    return f"{value:.3g} B"


def save(parts: Sequence[Part], folder: Path) -> None:
    """scaling.json and scaling.png in `folder`."""
    records = {part.name: part.as_record() for part in parts}
    write_json(folder / "scaling.json", {"parts": records})
    draw([growth for part in parts for growth in part.growths], folder / "scaling.png")


def draw(growths: Sequence[Growth], path: Path) -> None:
    """A panel for each growth, on logarithmic axes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

    rows = math.ceil(len(growths) / COLUMNS)
    with style():
        figure = Figure(figsize=(DOUBLE, 1.45 * rows + 0.3), layout="constrained")
        panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for panel in panels[len(growths) :]:
            panel.set_axis_off()
        for panel, g in zip(panels, growths, strict=False):
            factor, unit = _scale(max(g.measured), g.unit)
            panel.plot(g.sizes, [y / factor for y in g.expected], "-", color=GREY, linewidth=0.9)
            panel.errorbar(
                g.sizes,
                [y / factor for y in g.measured],
                yerr=[e / factor for e in g.errors] or None,
                fmt="o",
                color=BLUE,
                markersize=3,
                elinewidth=0.8,
            )
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.xaxis.set_major_locator(FixedLocator(sorted(set(g.sizes))))
            panel.xaxis.set_major_formatter("{x:g}")
            panel.xaxis.set_minor_locator(NullLocator())
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
            low, high = panel.get_ylim()
            if high / low < 10:
                # So that a flat line looks flat, and an axis has a labelled tick.
                middle = math.sqrt(low * high)
                panel.set_ylim(middle / 4, middle * 4)
            grows = f"exponent {g.exponent:.2f}, law {g.law_exponent:.2f}"
            panel.set_title(f"{textwrap.fill(g.quantity, TITLE)}\n{grows}", fontsize=6.5)
            panel.set_xlabel(g.by)
            panel.set_ylabel(unit)
        figure.supxlabel("points: measured; lines: the law with fitted rates", fontsize=6.5)
        with whole_file(path) as partial:
            figure.savefig(partial, format="png", dpi=200, metadata={"Software": None})


def _scale(largest: float, unit: str) -> tuple[float, str]:
    if unit != "byte":
        return 1, unit
    factor = 1e9 if largest >= 1e9 else 1e6 if largest >= 1e6 else 1e3
    return factor, {1e9: "GB", 1e6: "MB", 1e3: "kB"}[factor]
