"""A study's results as pandas objects, for notebooks and for the figures."""

import difflib
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.dataset import dataset

from repatlas.errors import StoreError
from repatlas.files import read_json
from repatlas.layers import Layer, select

SUFFIXES = (".csv", ".parquet")
LAYER_SIMILARITY = "layer_similarity"
SIDED = ("layer", "index", "kind")
VALUES = ("value", "se", "n_batches", "reason")


def load_study(path: str | os.PathLike) -> "StudyResults":
    """The results of a study.

    Parameters
    ----------
    path : the study's folder, `results/studies/<study>` (or `results/published/<study>`)

    Raises StoreError when there is no such folder or it holds no tables.
    """
    folder = Path(path)
    if (folder / "tables" / "runs.csv").is_file():
        return StudyResults(folder / "tables")
    lines = [f"{folder} holds no tables of a study (tables/runs.csv is missing)."]
    around = (folder, folder / "studies", folder.parent)
    found = sorted({str(f.parents[1]) for a in around for f in a.glob("*/tables/runs.csv")})
    if found:
        lines.append(f"There are: {', '.join(found)}.")
    lines.append("Accepted is results/studies/<study>, after `snakemake tables` has finished.")
    raise StoreError("\n".join(lines))


class StudyResults:
    """A study's tables, similarity matrices and logits. Tables are read when first asked for.

    Parameters
    ----------
    tables : the folder `tables` of the study; the networks are found at ../../../runs
    """

    def __init__(self, tables: str | os.PathLike):
        self._tables = Path(tables).resolve()
        self._runs_folder = self._tables.parents[2] / "runs"
        self._read: dict[str, pd.DataFrame] = {}

    def __repr__(self) -> str:
        return f"<study {self.name}: {len(self.runs)} networks>"

    @property
    def name(self) -> str:
        """The study's name."""
        return self._tables.parent.name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The study's effective settings."""
        return read_json(self._tables.parent / "config.json")

    def table(self, name: str) -> pd.DataFrame:
        """A copy of a table by its file's name without suffix, such as `runs`.

        StoreError when the study has no such table.
        """
        if name not in self._read:
            path = self._table_path(name)
            frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
            self._read[name] = frame
        return self._read[name].copy()

    def _table_path(self, name: str) -> Path:
        known = {p.stem: p for p in sorted(self._tables.glob("*")) if p.suffix in SUFFIXES}
        if name not in known:
            raise StoreError(
                f"{self._tables} has no table {name!r}{_nearest(name, known)}.\n"
                f"It has: {', '.join(known) or 'none'}. `snakemake tables` makes them all."
            )
        return known[name]

    @property
    def runs(self) -> pd.DataFrame:
        """One row a network: design, status, losses and accuracies (fractions, 0 to 1)."""
        return self.table("runs")

    @property
    def accuracy(self) -> pd.DataFrame:
        """One row an architecture group: mean and spread of the accuracy over seeds."""
        return self.table("accuracy")

    @property
    def learning_curves(self) -> pd.DataFrame:
        """One row a network and epoch."""
        return self.table("learning_curves")

    @property
    def layer_similarity(self) -> pd.DataFrame:
        """One row a measure and pair of layers; large, see `similarity` for one matrix of it."""
        return self.table(LAYER_SIMILARITY)

    @property
    def block_metrics(self) -> pd.DataFrame:
        """One row a network and measure: the size of its block structure."""
        return self.table("block_metrics")

    @property
    def block_summary(self) -> pd.DataFrame:
        """One row an architecture group and measure: block metrics over seeds."""
        return self.table("block_summary")

    @property
    def cross_seed(self) -> pd.DataFrame:
        """One row an architecture group, measure and layer: the layer in different seeds."""
        return self.table("cross_seed")

    @property
    def cost(self) -> pd.DataFrame:
        """One row a job: time and memory."""
        return self.table("cost")

    @property
    def comparison_with_paper(self) -> pd.DataFrame:
        """One row a number that the paper gives too."""
        return self.table("comparison_with_paper")

    @property
    def design(self) -> list[str]:
        """The design columns: data set, fraction, ..., seed and the grid's further axes."""
        columns = list(self.runs.columns)
        return columns[columns.index("group") + 1 : columns.index("probe")]

    @property
    def completed(self) -> pd.DataFrame:
        """The rows of `runs` whose training completed."""
        runs = self.runs
        return runs[runs["status"] == "completed"].reset_index(drop=True)

    def layers(self, run: str) -> pd.DataFrame:
        """The tapped layers of a network in order: index, layer, kind, shape, features, ..."""
        self._check_run(run)
        table = self.table("layers")
        found = table[table["run"] == run].sort_values("index")
        return found.drop(columns=["run", "group", *self.design]).reset_index(drop=True)

    def logits(self, run: str) -> pd.DataFrame:
        """Logits of a network, one row a test example and one column a class.

        StoreError when the network is not of this study or its logits are not here (published
        studies come without networks).
        """
        self._check_run(run)
        path = self._runs_folder / run / "test_logits.npy"
        try:
            values = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise StoreError(f"{path} is missing. `snakemake networks` trains {run}.") from None
        except (ValueError, EOFError) as error:
            raise StoreError(f"{path} is damaged ({error}). Delete it and start again.") from error
        return pd.DataFrame(values).rename_axis(index="example", columns="class")

    def pairs(self, measure: str) -> pd.DataFrame:
        """The pairs of networks that `measure` compares: run_a, run_b, group_a, group_b."""
        pairs = self._compared
        return pairs[pairs["measure"] == measure].drop(columns="measure").reset_index(drop=True)

    @cached_property
    def measures(self) -> list[str]:
        """The measures of the similarity table, in its order."""
        return list(self._compared["measure"].unique())

    @cached_property
    def _compared(self) -> pd.DataFrame:
        """Each compared pair of networks once a measure. The table is streamed: at the paper's
        size its names alone would take gigabytes."""
        columns = ["measure", "run_a", "run_b", "group_a", "group_b"]
        found = []
        for batch in dataset(self._table_path(LAYER_SIMILARITY)).to_batches(columns=columns):
            names = pa.table(batch).group_by(columns, use_threads=False).aggregate([])
            found.append(_plain(names.select(columns).to_pandas()))
        return pd.concat(found).drop_duplicates(ignore_index=True)

    def comparison(
        self,
        run_a: str,
        run_b: str | None = None,
        measure: str = "cka_minibatch",
        layers: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """All pairs of layers of two networks, or of one with itself: a row each.

        Parameters
        ----------
        run_a, run_b : names of networks; without `run_b`, within `run_a`
        measure : the similarity measure
        layers : layers of both sides: `all`, `relu`, `residual`, another kind, patterns of names,
            or several of these; by default all that were compared

        Returns a frame with layer, index and kind of both sides, value, se (standard error),
        n_batches and reason (why a value is undefined), in the order of the layers. A pair that is
        stored the other way round is turned.

        Raises StoreError for a network or measure that the study does not have, for two networks
        that it does not compare, and for layers that were not compared.
        """
        run_b = run_a if run_b is None else run_b
        for run in (run_a, run_b):
            self._check_run(run)
        columns = [f"{c}_{side}" for side in "ab" for c in ("run", *SIDED)] + list(VALUES)
        ways = [(run_a, run_b)] if run_a == run_b else [(run_a, run_b), (run_b, run_a)]
        found = self._stored(
            columns,
            [[("measure", "==", measure), ("run_a", "==", a), ("run_b", "==", b)] for a, b in ways],
        )
        if found.empty:
            raise self._not_compared(run_a, run_b, measure)
        if found["run_a"].iloc[0] != run_a:
            found = turned(found)
        if layers is not None:
            wanted = [layers] if isinstance(layers, str) else layers
            for side in "ab":
                found = found[found[f"layer_{side}"].isin(_chosen(found, side, wanted))]
        return found.sort_values(["index_a", "index_b"], ignore_index=True)

    def similarity(
        self,
        run_a: str,
        run_b: str | None = None,
        measure: str = "cka_minibatch",
        layers: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Similarity matrix: a row a layer of `run_a`, a column a layer of `run_b`, labelled with
        the layers' names. NaN where undefined. Parameters and errors as in `comparison`."""
        return as_matrix(self.comparison(run_a, run_b, measure, layers), "value")

    def standard_errors(
        self,
        run_a: str,
        run_b: str | None = None,
        measure: str = "cka_minibatch",
        layers: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Standard errors of `similarity`, in the same shape. NaN where there are none."""
        return as_matrix(self.comparison(run_a, run_b, measure, layers), "se")

    def _stored(self, columns: Sequence[str], where: Any) -> pd.DataFrame:
        """Columns of the rows of the similarity table that `where` selects, the rest unread."""
        path = self._table_path(LAYER_SIMILARITY)
        return _plain(pd.read_parquet(path, columns=list(columns), filters=where))

    def _check_run(self, run: str) -> None:
        known = self.runs["run"].tolist()
        if run not in known:
            raise StoreError(
                f"The study {self.name} has no network {run!r}{_nearest(run, known)}.\n"
                "The column `run` of `.runs` names them all."
            )

    def _not_compared(self, run_a: str, run_b: str, measure: str) -> StoreError:
        if measure not in self.measures:
            hint = _nearest(measure, self.measures)
            return StoreError(
                f"The study {self.name} has no measure {measure!r}{hint} (it has: "
                f"{', '.join(self.measures)}). `measures` in its YAML file adds one."
            )
        runs = self.runs.set_index("run")
        for run in (run_a, run_b):
            if (status := runs.loc[run, "status"]) != "completed":
                return StoreError(
                    f"{run} was not compared: its training {status} ({runs.loc[run, 'reason']})."
                )
        return StoreError(
            f"The study {self.name} does not compare {run_a} with {run_b}.\n"
            "`comparisons` in its YAML file says what is compared."
        )


def _read_csv(path: Path) -> pd.DataFrame:
    """A table of the study: an empty number is NaN, an empty text stays empty."""
    texts = dict.fromkeys(["reason", "status"], str)
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=texts)
    return frame.fillna(dict.fromkeys(frame.columns.intersection(list(texts)), ""))


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts as texts: categories, which save space in the file, also bring those of other rows."""
    texts = frame.select_dtypes(include="category").columns
    return frame.astype(dict.fromkeys(texts, str))


def _chosen(found: pd.DataFrame, side: str, wanted: Sequence[str]) -> set[str]:
    columns = [f"layer_{side}", f"kind_{side}", f"index_{side}"]
    present = found[columns].drop_duplicates().sort_values(columns[2])
    candidates = [Layer(*row) for row in present[columns[:2]].itertuples(index=False)]
    try:
        return {candidates[i].name for i in select(candidates, wanted)}
    except ValueError as error:
        run = found[f"run_{side}"].iloc[0]
        raise StoreError(f"layers of {run} that were compared: {error}.") from None


def turned(found: pd.DataFrame) -> pd.DataFrame:
    """A comparison of a with b as one of b with a."""
    names = {f"{c}_{x}": f"{c}_{y}" for c in ("run", *SIDED) for x, y in ("ab", "ba")}
    swapped = found.rename(columns=names)[list(found.columns)]
    return swapped.sort_values(["index_a", "index_b"], ignore_index=True)


def as_matrix(found: pd.DataFrame, column: str = "value") -> pd.DataFrame:
    """A column of `StudyResults.comparison` as a matrix labelled with the layers' names."""
    rows, columns = found["layer_a"].unique(), found["layer_b"].unique()
    matrix = found.pivot(index="layer_a", columns="layer_b", values=column).loc[rows, columns]
    return matrix.rename_axis(index=found["run_a"].iloc[0], columns=found["run_b"].iloc[0])


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
