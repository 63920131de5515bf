"""The examples that most divide two architectures, chosen on some seeds and confirmed on others.

Nguyen, Raghu & Kornblith (2021), figure F.1: of many examples the most extreme differ by chance
too, so their accuracies are reported for networks that had no part in choosing them.
"""

import numpy as np
import pandas as pd

from repatlas.analysis.predictions import Architecture
from repatlas.data.dataset import Dataset

COLUMNS = ["favours", "rank", "example", "label", "class"]
_ACCURACIES = [f"accuracy_{side}_{part}" for part in ("selection", "confirmation") for side in "ab"]
_NUMBERS = [f"n_{side}_{part}" for part in ("selection", "confirmation") for side in "ab"]


def dividing_examples(a: Architecture, b: Architecture, number: int) -> pd.DataFrame:
    """The `number` examples on which a is most ahead of b, and as many of the reverse.

    Chosen by the accuracies of the networks for selection of both; of equal differences the first
    example is taken, and none that does not differ. One row an example: favours (a or b), rank,
    example (position in the test set), label, class, accuracy of both (a fraction) on both halves
    of the seeds, with their numbers, and `difference_selection`, `difference_confirmation` (a - b).
    No rows where a side has fewer than two networks.
    """
    columns = [*COLUMNS, *_ACCURACIES, *_NUMBERS]
    columns += ["difference_selection", "difference_confirmation"]
    if min(a.n, b.n) < 2:
        return pd.DataFrame(columns=columns)
    means = {
        (side, part): own.correct[chosen].mean(axis=0, dtype=float)
        for side, own in (("a", a), ("b", b))
        for part, chosen in zip(("selection", "confirmation"), own.halves, strict=True)
    }
    difference = {p: means["a", p] - means["b", p] for p in ("selection", "confirmation")}
    parts = []
    for favours, sign in (("a", 1), ("b", -1)):
        lead = sign * difference["selection"]
        order = np.argsort(-lead, kind="stable")[:number]
        order = order[lead[order] > 0]
        values = {"favours": favours, "rank": np.arange(1, len(order) + 1), "example": order}
        values |= {"label": a.labels[order]}
        values |= {"class": [a.classes[k] for k in a.labels[order]]}
        values |= {f"accuracy_{s}_{p}": mean[order] for (s, p), mean in means.items()}
        values |= {f"difference_{p}": d[order] for p, d in difference.items()}
        parts.append(pd.DataFrame(values))
    table = pd.concat(parts, ignore_index=True)
    for side, own in (("a", a), ("b", b)):
        for part, chosen in zip(("selection", "confirmation"), own.halves, strict=True):
            table[f"n_{side}_{part}"] = len(chosen)
    return table[columns]


def images_of(examples: pd.DataFrame, datasets: dict[str, Dataset]) -> pd.DataFrame:
    """The test images of `examples` (dataset_folder, example), each once: channels, height, width
    and `pixels`, uint8 bytes in that order. `datasets` by their folder."""
    wanted = examples[["dataset_folder", "example"]].drop_duplicates()
    rows = []
    for folder, example in wanted.itertuples(index=False):
        image = np.ascontiguousarray(datasets[folder].test_images[int(example)])
        shape = dict(zip(("channels", "height", "width"), image.shape, strict=True))
        rows.append(
            {"dataset_folder": folder, "example": example, **shape, "pixels": image.tobytes()}
        )
    columns = ["dataset_folder", "example", "channels", "height", "width", "pixels"]
    return pd.DataFrame(rows, columns=columns)
