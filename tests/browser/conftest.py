"""The explorer in a real browser: Debian's Chromium without a window, opened from the disk."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from repatlas.explorer.page import write_page
from repatlas.results import load_study

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
sys.path.insert(0, str(Path(__file__).parent))

from made_predictions import write_predictions
from made_study import make_study
from window import Window

DEAD = "stage3.block1.relu1"
OTHER = "svcca(keep=0.9)"  # a measure without standard errors
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def browser():
    """The browser; where none is installed the test is skipped, unless it must not be."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        message = "No Chromium is installed; on Debian: apt-get install chromium"
        if os.environ.get("REPATLAS_BROWSER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # Chromium refuses its sandbox to root, as which containers run.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = driver.chromium.launch(executable_path=path, args=options)
        yield running
        running.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A study with every table that the page shows, and its page: 2 depths x 2 widths x 2 seeds.
    One network diverged, as did all of one architecture; a layer is dead; two measures."""
    folder = make_study(
        tmp_path_factory.mktemp("explorer"),
        diverged=[(14, 2.0, 0), (8, 2.0, 0), (8, 2.0, 1)],
        dead=[DEAD],
    )
    write_predictions(folder)
    _add_measure(folder / "tables" / "layer_similarity.parquet")
    study = load_study(folder)
    write_page(study, "Made up", folder / "explorer")
    return study


def _add_measure(path):
    table = pd.read_parquet(path)
    more = table.assign(measure=OTHER, value=table["value"] / 2, se=np.nan, n_batches=np.nan)
    both = pd.concat([table.astype({"measure": str}), more], ignore_index=True)
    both.astype({"measure": "category"}).to_parquet(path, index=False)


@pytest.fixture
def window(browser, made):
    """Open the page: `window(a=run, ...)` with this state in the address; see `Window`."""
    opened = []

    def open_(folder=None, scheme="light", size=(1440, 900), **state):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        opened.append(context)
        return Window(context.new_page(), folder or made.folder / "explorer", state)

    yield open_
    for context in opened:
        context.close()
