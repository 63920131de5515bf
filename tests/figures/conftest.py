"""Small studies with known values, in the form in which the workflow leaves its tables."""

import sys
from pathlib import Path

import pytest
from repatlas.results import load_study

sys.path.insert(0, str(Path(__file__).parent))

from made_predictions import write_predictions
from made_study import make_study, similarity

DEAD = "stage3.block1.relu1"


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory):
    """2 depths x 2 widths x 2 seeds, of which one network diverged; one layer is dead."""
    folder = make_study(tmp_path_factory.mktemp("made"), diverged=[(14, 2.0, 0)], dead=[DEAD])
    write_predictions(folder)
    return folder


@pytest.fixture(scope="session")
def study(study_folder):
    """The same, read."""
    return load_study(study_folder)


@pytest.fixture
def study_of(tmp_path):
    """Make and read a study of one's own: `study_of(depths=(8, 20), ...)`, see `make_study`."""
    return lambda **settings: load_study(make_study(tmp_path, **settings))


@pytest.fixture(scope="session")
def known():
    """The similarity that the table was made from: known(run_a, run_b, i, j, n_a, n_b)."""
    return similarity
