"""Examples as images: those that dominate a first component, and those that divide groups."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from repatlas.explorer.networks import optional
from repatlas.explorer.pieces import Pieces
from repatlas.results import StudyResults

_ACCURACIES = ["accuracy_a_confirmation", "accuracy_b_confirmation"]


def png(pixels: bytes, shape: tuple[int, int, int]) -> str:
    """An image of uint8 pixels (channels, height, width; one channel or three) as a data URI."""
    array = np.frombuffer(pixels, dtype=np.uint8).reshape(shape)
    image = Image.fromarray(array[0] if shape[0] == 1 else array.transpose(1, 2, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def write_dominant(results: StudyResults, pieces: Pieces) -> list[str]:
    """A piece `dominant/<run>` for every network whose dominant examples the study has; their
    names."""
    table = optional(results, "dominant_images")
    if table is None:
        return []
    written = []
    for run, own in table.groupby("run", observed=True, sort=False):
        content: dict[str, Any] = {"layer": str(own["layer"].iloc[0])}
        for shown in ("dominant", "random"):
            part = own[own["shown"] == shown].sort_values("rank")
            content[shown] = [_dominant(row) for row in part.to_dict("records")]
        pieces.write(f"dominant/{run}", content)
        written.append(str(run))
    return written


def _dominant(row: Mapping[str, Any]) -> dict[str, Any]:
    shape = tuple(int(row[name]) for name in ("channels", "image_height", "image_width"))
    return {
        "image": png(row["pixels"], shape),  # type: ignore[arg-type]
        "example": int(row["example"]),
        "class": str(row["class"]),
        "projection": row["projection_to_median"],
    }


def write_dividing(results: StudyResults, pieces: Pieces) -> list[dict[str, Any]]:
    """A piece `dividing/<number>` for every pair of groups with examples that divide it; the pairs,
    as groups a and b and the numbers of networks that confirm the choice."""
    table = optional(results, "dividing_examples")
    if table is None:
        return []
    images = results.table("dividing_images").set_index(["dataset_folder", "example"])
    pairs: list[dict[str, Any]] = []
    for (a, b), own in table.groupby(["group_a", "group_b"], sort=False):
        content = {
            favours: [
                _dividing(row, images)
                for row in own[own["favours"] == favours].sort_values("rank").to_dict("records")
            ]
            for favours in ("a", "b")
        }
        pieces.write(f"dividing/{len(pairs)}", content)
        confirming = {f"n_{side}": own[f"n_{side}_confirmation"].iloc[0] for side in "ab"}
        pairs.append({"a": a, "b": b, **confirming})
    return pairs


def _dividing(row: Mapping[str, Any], images: pd.DataFrame) -> dict[str, Any]:
    image = images.loc[(row["dataset_folder"], row["example"])]
    shape = tuple(int(image[name]) for name in ("channels", "height", "width"))
    return {
        "image": png(image["pixels"], shape),  # type: ignore[arg-type]
        "example": int(row["example"]),
        "class": str(row["class"]),
        "accuracy": [row[name] for name in _ACCURACIES],
    }
