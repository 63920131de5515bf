"""What a fresh interpreter does."""

import os
import subprocess
import sys
from pathlib import Path

import repatlas


def run_alone(code: str) -> int:
    """The exit status of `code` in an interpreter of its own that knows the same repatlas."""
    path = {**os.environ, "PYTHONPATH": str(Path(repatlas.__file__).parents[1])}
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False, env=path)
    return ran.returncode
