"""How time, memory and disk grow with examples, layers, networks and seeds, beside their laws.

    python benchmarks/scaling.py [--rounds K] [--small] [--rates]

Prints a table; writes scaling.json and scaling.png to results/published/benchmarks. With --rates
the fitted rates become those from which the expected cost of a study is made. See
benchmarks/README.md.
"""

import argparse
import os
from pathlib import Path

# Before anything that computes is imported: a job of the workflow has one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from harness.report import machine  # noqa: E402
from harness.script import PUBLISHED  # noqa: E402
from repatlas.costs import rates as shipped  # noqa: E402
from scaling_cases import analyses, networks, report, start, stores  # noqa: E402
from scaling_cases.growth import Growth  # noqa: E402
from scaling_cases.sizes import FULL, SMALL, Sizes  # noqa: E402


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each point")
    parser.add_argument("--small", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--output", type=Path, help="folder (--small: none unless given)")
    parser.add_argument("--rates", action="store_true", help="replace the package's measured rates")
    options = parser.parse_args()
    output = options.output or (None if options.small else PUBLISHED)
    load = round(os.getloadavg()[0], 1)
    growths, rates = measure(SMALL if options.small else FULL, options.rounds)
    print(report.table(growths))
    for name, value in rates.items():
        print(f"{name:<26} {value:.3g} {shipped.rates()[name].unit}")
    if output is not None:
        report.save(growths, rates, machine() | {"load": load, "rounds": options.rounds}, output)
        print(f"\n{output / 'scaling.json'} and scaling.png written.")
    if options.rates:
        shipped.replace(rates)


def measure(sizes: Sizes, rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Every growth, and every rate that is measured."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    growths, rates = networks.measure(sizes, rounds)
    for part in (
        stores.measure_extraction(sizes, rounds, rates),
        stores.measure_comparison(sizes, rounds),
        networks.memory(sizes),
        analyses.measure(sizes, rounds),
    ):
        growths += part[0]
        rates |= part[1]
    return growths, rates | start.measure(rounds)


if __name__ == "__main__":
    main()
