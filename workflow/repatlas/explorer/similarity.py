"""Layer-by-layer comparisons, streamed from a table of any size into pieces of about a megabyte."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from repatlas.errors import StoreError
from repatlas.explorer.pieces import Pieces, packed

PIECE_BYTES = 1_000_000  # of numbers in a piece; it loads in some hundredths of a second
_ROWS = 1 << 18  # of the table, held at a time
_UNCOMPARED = "not compared"


@dataclass
class Comparison:
    """All compared pairs of layers of two networks (or of one with itself).

    rows, columns : the layers of a and of b, as (index, name, kind)
    value, se : arrays (rows, columns), NaN where undefined
    n_batches : number of probe batches, 0 where there are none
    reasons : array (rows, columns) of texts that say why a value is undefined
    """

    measure: str
    run_a: str
    run_b: str
    rows: tuple[tuple[int, str, str], ...]
    columns: tuple[tuple[int, str, str], ...]
    value: np.ndarray
    se: np.ndarray
    n_batches: int
    reasons: np.ndarray


class _Texts:
    """Texts met so far, each with its number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.all: list[str] = []

    def number(self, text: str) -> int:
        if text not in self.numbers:
            self.numbers[text] = len(self.all)
            self.all.append(text)
        return self.numbers[text]

    def codes(self, array: pa.Array) -> np.ndarray:
        """The number of each text of a column; an empty cell is the empty text."""
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        own = [self.number(text or "") for text in array.dictionary.to_pylist()]
        own.append(self.number(""))
        places = array.indices.fill_null(len(own) - 1).to_numpy(zero_copy_only=False)
        return np.array(own)[places]


def comparisons(path: Path, measure: str | None = None) -> Iterator[Comparison]:
    """Every comparison in a table of layer pairs, in its order, holding one at a time.

    Parameters
    ----------
    path : a Parquet file with the columns of layer_similarity.parquet
    measure : what it measures, for a table that compares each network (column `run`) with itself

    Raises StoreError when the rows of one comparison do not stand together.
    """
    texts = _Texts()
    seen: set[tuple[int, int, int]] = set()
    rest: dict[str, np.ndarray] | None = None
    for batch in _batches(path, measure, texts):
        if rest is not None:
            batch = {name: np.concatenate([rest[name], batch[name]]) for name in batch}
        keys = [batch[name] for name in ("measure", "run_a", "run_b")]
        changes = np.any([np.diff(key) != 0 for key in keys], axis=0)
        starts = [0, *(np.flatnonzero(changes) + 1).tolist()]
        for start, end in zip(starts, starts[1:], strict=False):
            yield _comparison(batch, slice(start, end), texts, seen, path)
        rest = {name: column[starts[-1] :] for name, column in batch.items()}
    if rest is not None and len(rest["value"]):
        yield _comparison(rest, slice(None), texts, seen, path)


def _batches(path: Path, measure: str | None, texts: _Texts) -> Iterator[dict[str, np.ndarray]]:
    file = pq.ParquetFile(path)
    present = set(file.schema_arrow.names)
    runs = ["run_a", "run_b"] if measure is None else ["run", "run"]
    words = [*runs, "layer_a", "layer_b", "kind_a", "kind_b", "reason"]
    numbers = ["index_a", "index_b", "value", "se", "n_batches"]
    if measure is None:
        words = ["measure", *words]
    read = [name for name in dict.fromkeys([*words, *numbers]) if name in present]
    for batch in file.iter_batches(batch_size=_ROWS, columns=read):
        if not len(batch):
            continue
        found = {name: texts.codes(batch[name]) for name in words}
        for name in numbers:
            column = batch[name] if name in present else pa.nulls(len(batch), pa.float64())
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            found[name] = values.astype(int) if name.startswith("index") else values
        if measure is not None:
            found["measure"] = np.full(len(batch), texts.number(measure))
            found["run_a"] = found["run_b"] = found.pop("run")
        yield found


def _comparison(
    table: Mapping[str, np.ndarray],
    part: slice,
    texts: _Texts,
    seen: set[tuple[int, int, int]],
    path: Path,
) -> Comparison:
    own = {name: column[part] for name, column in table.items()}
    key = tuple(int(own[name][0]) for name in ("measure", "run_a", "run_b"))
    measure, run_a, run_b = (texts.all[code] for code in key)
    if key in seen:
        raise StoreError(
            f"{path}: the rows of {run_a} and {run_b} by {measure} do not stand together. "
            "Delete the file and start again: the workflow writes it in order."
        )
    seen.add(key)  # type: ignore[arg-type]
    layers, places = [], []
    for side in "ab":
        index, first, place = np.unique(
            own[f"index_{side}"], return_index=True, return_inverse=True
        )
        words = [
            [texts.all[code] for code in own[f"{what}_{side}"][first]] for what in ("layer", "kind")
        ]
        layers.append(tuple(zip(index.tolist(), *words, strict=True)))
        places.append(place.ravel())
    shape = (len(layers[0]), len(layers[1]))
    value, se = np.full(shape, np.nan), np.full(shape, np.nan)
    reasons = np.full(shape, _UNCOMPARED, dtype=object)
    at = tuple(places)
    value[at], se[at] = own["value"], own["se"]
    reasons[at] = np.array(texts.all, dtype=object)[own["reason"]]
    batches = own["n_batches"][np.isfinite(own["n_batches"])]
    rows, columns = layers
    n_batches = int(batches.max(initial=0))
    return Comparison(measure, run_a, run_b, rows, columns, value, se, n_batches, reasons)


class SimilarityPieces:
    """Writes comparisons by one measure as pieces `similarity/<folder>/<number>`, and an index that
    says in which of them a pair of networks lies.

    Parameters
    ----------
    pieces : where they are written
    folder : the measure's folder
    numbers : number of each network on the page
    """

    def __init__(self, pieces: Pieces, folder: str, numbers: Mapping[str, int]):
        self._pieces, self._folder, self._numbers = pieces, f"similarity/{folder}", numbers
        self._axes: dict[tuple, int] = {}
        self._pairs: list[int] = []
        self._open: dict[str, dict[str, Any]] = {}
        self._size = self._written = 0

    def add(self, found: Comparison) -> None:
        """Take one comparison; a piece that is full is written."""
        a, b = self._numbers[found.run_a], self._numbers[found.run_b]
        axes = [
            self._axes.setdefault(axis, len(self._axes)) for axis in (found.rows, found.columns)
        ]
        self._pairs += [a, b, *axes, self._written]
        entry: dict[str, Any] = {"v": packed(found.value)}
        if np.isfinite(found.se).any():
            entry["s"] = packed(found.se)
        if found.n_batches:
            entry["n"] = found.n_batches
        if undefined := _undefined(found):
            entry["u"] = undefined
        self._open[f"{a}-{b}"] = entry
        self._size += found.value.size * 4 * (2 if "s" in entry else 1)
        if self._size >= PIECE_BYTES:
            self._flush()

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write what is left, and the index with what `about` adds to it."""
        if self._open:
            self._flush()
        axes = [
            dict(zip(("index", "layer", "kind"), zip(*axis, strict=True), strict=True))
            for axis in self._axes
        ]
        content = {"axes": axes, "pairs": self._pairs, **about}
        self._pieces.write(f"{self._folder}/index", content)

    def _flush(self) -> None:
        self._pieces.write(f"{self._folder}/{self._written}", self._open)
        self._open, self._size = {}, 0
        self._written += 1


def _undefined(found: Comparison) -> dict[str, list[int]]:
    """Positions of undefined values (row by row) under the reason why they are."""
    flat = np.flatnonzero(~np.isfinite(found.value))
    reasons = found.reasons.ravel()[flat]
    return {
        text or "no reason given": flat[reasons == text].tolist() for text in dict.fromkeys(reasons)
    }
