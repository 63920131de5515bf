"""What a job takes before it computes anything."""

import subprocess
import sys
from functools import partial
from pathlib import Path

from scaling_cases.growth import Growth
from scaling_cases.sizes import Sizes
from scaling_cases.timing import seconds

# What the two kinds of job import; a job of tables has no torch.
JOBS = {
    "cpu_start": "import repatlas.cli.train, repatlas.cli.extract",
    "cpu_start_light": "import repatlas.cli.similarity, repatlas.similarity.network_pairs",
}


# A job that has convolved once, which brings the libraries' own buffers with it.
CONVOLVE = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
import repatlas.cli.train
from harness.memory import peak
x = torch.zeros(8, 3, 8, 8, requires_grad=True)
torch.nn.functional.conv2d(x, torch.zeros(4, 3, 3, 3)).sum().backward()
print(peak() * 1e6)
"""
HERE = Path(__file__).resolve().parents[1]


def measure(_sizes: Sizes, rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Seconds from the start of Python until a job's modules are there, and bytes that a job with
    torch holds then."""
    calls = {
        name: partial(subprocess.run, [sys.executable, "-c", code], check=True)
        for name, code in JOBS.items()
    }
    found = {name: value for name, (value, _) in seconds(calls, rounds).items()}
    command = [sys.executable, "-c", CONVOLVE, str(HERE)]
    held = subprocess.run(command, check=True, capture_output=True, text=True)
    return [], found | {"memory_start": float(held.stdout)}
