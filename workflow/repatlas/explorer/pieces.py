"""Pieces of data in the form that a page opened from a disk can load: scripts."""

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# The page's function that takes a piece, see assets/pieces.js.
REGISTER = "repatlas.register"


class Pieces:
    """The folder of a page's data.

    Parameters
    ----------
    folder : where pieces are written; a name such as `networks/x` is the file `networks/x.js`
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, name: str, value: Any) -> None:
        """Write one piece. Numbers that are not finite become null, which stands for undefined."""
        path = self._folder / f"{name}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plain(value), separators=(",", ":"), allow_nan=False)
        path.write_text(f"{REGISTER}({json.dumps(name)},{text});\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """`value` in the types of JSON: arrays as lists, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, pd.Series | np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def columns(table: pd.DataFrame, names: list[str] | None = None) -> dict[str, pd.Series]:
    """A table column by column, which repeats no name."""
    return {name: table[name] for name in (table.columns if names is None else names)}


def packed(values: np.ndarray) -> str:
    """Numbers as base64 of little-endian float32: four decimals and more of any similarity, in a
    form that the page unpacks at once. NaN stays NaN."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
