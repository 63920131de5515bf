"""How time, memory and disk grow with examples, layers, networks and seeds, beside their laws.

    python benchmarks/scaling.py [--part NAME] [--rounds K] [--small] [--rates]

Prints a table; writes scaling.json and scaling.png to results/published/benchmarks, where the
other parts' last results stay if --part names one. With --rates the fitted rates become those from
which the expected cost of a study is made. See benchmarks/README.md.
"""

import argparse
import os
from pathlib import Path

# Before anything that computes is imported: a job of the workflow has one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from harness.report import with_last  # noqa: E402
from harness.script import PUBLISHED  # noqa: E402
from repatlas.costs import rates as shipped  # noqa: E402
from scaling_cases import report  # noqa: E402
from scaling_cases.parts import PARTS, measure  # noqa: E402
from scaling_cases.sizes import FULL, SMALL  # noqa: E402


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each point")
    parser.add_argument("--small", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--output", type=Path, help="folder (--small: none unless given)")
    parser.add_argument("--rates", action="store_true", help="replace the package's measured rates")
    options = parser.parse_args()
    output = options.output or (None if options.small else PUBLISHED)
    sizes = SMALL if options.small else FULL
    parts = [measure(name, sizes, options.rounds) for name in PARTS if options.part in (None, name)]
    print(report.table([growth for part in parts for growth in part.growths]))
    rates = {name: value for part in parts for name, value in part.rates.items()}
    for name, value in rates.items():
        print(f"{name:<26} {value:.3g} {shipped.rates()[name].unit}")
    if output is not None:
        path = output / "scaling.json"
        report.save(with_last(parts, path, list(PARTS), report.part_of), output)
        print(f"\n{path} and scaling.png written.")
    if options.rates:
        shipped.replace(rates)


if __name__ == "__main__":
    main()
