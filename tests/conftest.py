"""What the tests share."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
# One thread, as the workflow's jobs: results to the bit depend on it.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """Folder of the prepared handwritten digits (real, 1,797 images)."""
    from repatlas.data.artifact import prepare

    folder = tmp_path_factory.mktemp("data") / "digits"
    prepare({"source": "digits"}, folder)
    return folder
