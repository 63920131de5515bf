"""How fast: repatlas' training beside the machine's limit and beside what users pick instead.

    python benchmarks/training.py [--case N | --part NAME] [--rounds K] [--small]

Prints a table; writes training.json and training.png to results/published/benchmarks, where the
other parts' last results stay if --case or --part names some. See benchmarks/README.md.
"""

from pathlib import Path

from harness.script import Job, Script

JOBS = (
    Job(1, "one-core", "1 ResNet-20, one core", "speed.run_one_core", 1, 5),
    Job(1, "two-threads", "1 ResNet-20, two cores", "speed.run_two_threads", 2, 5),
    Job(2, "at-once", "2 Several networks at once", "at_once.run_cpu", 1, 5),
    Job(3, "memory", "3 Peak memory", "memory.run", 1, 1),
    Job(4, "gpu", "4 ResNet-20, one GPU", "speed.run_gpu", 1, 7),
    Job(5, "gpu-at-once", "5 Several networks on one GPU", "at_once.run_gpu", 1, 7),
)
ABOUT = __doc__.splitlines()[0]
SCRIPT = Script(Path(__file__).resolve(), ABOUT, JOBS, "training_cases", "images a second")

if __name__ == "__main__":
    SCRIPT.main()
