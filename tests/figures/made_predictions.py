"""Tables of predictions of made-up networks: those of one architecture fail in one class."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
from repatlas.analysis.design import Grid
from repatlas.analysis.dividing import images_of
from repatlas.analysis.prediction_tables import Options, prediction_tables
from repatlas.analysis.predictions import Architecture
from repatlas.analysis.writing import write_csv, write_parquet

CLASSES = ("cat", "dog", "ship", "truck")
LABELS = np.arange(48) % 4
IMAGES = np.random.default_rng(0).integers(0, 256, (48, 3, 8, 8), dtype=np.uint8)
OPTIONS = Options({"pets": ["cat", "dog"]}, least_seeds=5, examples=4, seed=0)


def write_predictions(folder, seed=0):
    """Write the tables of the analysis into a study's folder. Networks are right with probability
    0.9, those of width 2 about a dog with 0.3."""
    tables = folder / "tables"
    runs = pd.read_csv(tables / "runs.csv")
    columns = list(runs.columns)
    design = columns[columns.index("group") + 1 : columns.index("probe")]
    rng = np.random.default_rng(seed)
    found = {}
    for group, own in runs.groupby("group", sort=False):
        n = int((own["status"] == "completed").sum())
        p = np.where((LABELS == 1) & (own["width"].iloc[0] == 2), 0.3, 0.9)
        predicted = np.where(rng.random((n, 48)) < p, LABELS, (LABELS + 1) % 4)
        found[group] = Architecture(group, "made", predicted, LABELS, CLASSES, 0, np.arange(n))
    pairs = list(itertools.combinations(found, 2))
    made = prediction_tables(Grid(runs, design, {}), found, pairs, OPTIONS)
    write_parquet(made.examples, tables / "prediction_examples.parquet")
    for name in ("classes", "groups", "pairs"):
        write_csv(getattr(made, name), tables / f"prediction_{name}.csv")
    write_csv(made.dividing, tables / "dividing_examples.csv")
    images = images_of(made.dividing, {"made": SimpleNamespace(test_images=IMAGES)})
    write_parquet(images, tables / "dividing_images.parquet")
