"""What a job takes before it computes anything."""

import subprocess
import sys
from functools import partial

from scaling_cases.timing import seconds

# What the two kinds of job import; a job of tables has no torch.
JOBS = {
    "cpu_start": "import repatlas.cli.train, repatlas.cli.extract",
    "cpu_start_light": "import repatlas.cli.similarity, repatlas.similarity.network_pairs",
}


def measure(rounds: int) -> dict[str, float]:
    """Seconds from the start of Python until a job's modules are there."""
    calls = {
        name: partial(subprocess.run, [sys.executable, "-c", code], check=True)
        for name, code in JOBS.items()
    }
    return {name: value for name, (value, _) in seconds(calls, rounds).items()}
