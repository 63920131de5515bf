"""How fast and how large: repatlas.similarity beside other libraries and the machine's limit.

    python benchmarks/similarity.py [--case N | --part NAME] [--rounds K] [--small]

Prints a table; writes similarity.json and similarity.png to results/published/benchmarks, where
the other parts' last results stay if --case or --part names some. See benchmarks/README.md.
"""

from __future__ import annotations

from pathlib import Path

from harness.script import Job, Script

JOBS = (
    Job(1, "within-1", "1 One network with itself", "within.run", 1, 9),
    Job(1, "within-2", "1 One network with itself", "within.run", 2, 11),
    Job(2, "few", "2 All pairs of 6 networks", "many.run_few", 1, 7),
    Job(2, "many", "2 All pairs of 20 networks", "many.run_many", 1, 7),
    Job(2, "most", "2 All pairs of 100 networks", "growing.run_most", 1, 7),
    Job(2, "one-more", "2 One more network", "growing.run_one_more", 1, 7),
    Job(3, "extraction", "3 Extraction", "extraction.run", 1, 7),
    Job(4, "memory", "4 Peak memory of extraction", "memory.run", 2, 1),
    Job(5, "exact-peers", "5 All examples at once", "exact.run_peers", 1, 7),
    Job(5, "exact-large", "5 Exact CKA of 10,000 examples", "exact.run_large", 1, 3),
)

SCRIPT = Script(Path(__file__).resolve(), __doc__.splitlines()[0], JOBS, "similarity_cases")

if __name__ == "__main__":
    SCRIPT.main()
