"""A finished study, as a notebook sees it."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repatlas.catalogue import chosen_measure
from repatlas.errors import StoreError, did_you_mean
from repatlas.files import read_json
from repatlas.results.comparisons import Comparisons, as_matrix, restricted
from repatlas.results.tables import Tables
from repatlas.stores import ActivationStore, GramStore


def load_study(path: str | os.PathLike) -> "StudyResults":
    """The results of a study.

    Parameters
    ----------
    path : the study's folder, `results/studies/<study>`; of `results/published/<study>`
        the small tables alone are there

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
    lines.append("Accepted is results/studies/<study>, after `make CONFIG=...` has finished.")
    raise StoreError("\n".join(lines))


class StudyResults:
    """A study's tables, similarity matrices and logits. Tables are read when first asked for.

    Parameters
    ----------
    tables : the folder `tables` of the study; the networks are found at ../../../runs
    only : names of the study's tables, where the folder may hold others; by default all there

    Attributes
    ----------
    folder : the study's folder
    """

    def __init__(self, tables: str | os.PathLike, only: Iterable[str] | None = None):
        folder = Path(tables).resolve()
        self._tables = Tables(folder, only)
        self.folder = folder.parent
        self._networks = folder.parents[2] / "runs"

    def __repr__(self) -> str:
        return f"<study {self.name}: {len(self.runs)} networks>"

    @property
    def name(self) -> str:
        """The study's name."""
        return self.folder.name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The study's effective settings."""
        return read_json(self.folder / "config.json")

    def table(self, name: str) -> pd.DataFrame:
        """A copy of a table by its file's name without suffix, such as `runs`.

        StoreError when the study has no such table.
        """
        return self._tables.read(name)

    def has(self, name: str) -> bool:
        """Whether the study has a table of that name."""
        return name in self._tables.names()

    def path(self, name: str) -> Path:
        """The file of a table, for reading a large one part by part. Errors as in `table`."""
        return self._tables.path(name)

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
        return self.table("layer_similarity")

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
        path = self._networks / run / "test_logits.npy"
        try:
            values = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise StoreError(f"{path} is missing. `make CONFIG=...` of its study trains {run}.") from None
        except (ValueError, EOFError) as error:
            raise StoreError(f"{path} is damaged ({error}). Delete it and start again.") from error
        return pd.DataFrame(values).rename_axis(index="example", columns="class")

    def activations(self, run: str) -> ActivationStore:
        """The stored activations of a network on its probe set: `.layers` names them in order,
        `.read(index)` gives one layer's, (examples, ...) float32.

        StoreError when the network is not of this study, or its activations are not here
        (`keep_activations: true` stores them).
        """
        return ActivationStore(self._store("activations", run))

    def grams(self, run: str) -> GramStore:
        """The stored Gram matrices of a network's layers, batch by batch. StoreError as above."""
        return GramStore(self._store("grams", run))

    def _store(self, kind: str, run: str) -> Path:
        self._check_run(run)
        probe = self.runs.set_index("run").loc[run, "probe"]
        path = self._networks.with_name(kind) / f"{run}--{probe}.zarr"
        if not path.exists():
            raise StoreError(f"{path} is missing: `make CONFIG=...` of its study reads {run} out.")
        return path

    def pairs(self, measure: str) -> pd.DataFrame:
        """The pairs of networks that `measure` compares: run_a, run_b, group_a, group_b. StoreError
        for a measure that the study does not have."""
        pairs, measure = self._comparisons.pairs, chosen_measure(measure, self.measures)
        self._check_measure(measure)
        return pairs[pairs["measure"] == measure].drop(columns="measure").reset_index(drop=True)

    @property
    def measures(self) -> list[str]:
        """The measures of the similarity table, in its order."""
        return self._comparisons.pairs["measure"].unique().tolist()

    @cached_property
    def _comparisons(self) -> Comparisons:
        return Comparisons(self._tables.path("layer_similarity"))

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
        measure : the similarity measure, with its options where the study computes it with several
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
        found = self._comparisons.between(measure, run_a, run_b)
        if found.empty:
            # Perhaps a name without the options that the study gives it.
            measure = chosen_measure(measure, self.measures)
            self._check_measure(measure)
            found = self._comparisons.between(measure, run_a, run_b)
        if found.empty:
            raise self._not_compared(run_a, run_b)
        return found if layers is None else restricted(found, layers)

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

    def _check_run(self, run: str) -> None:
        known = self.runs["run"].tolist()
        if run not in known:
            raise StoreError(
                f"The study {self.name} has no network {run!r}{did_you_mean(run, known)}.\n"
                "The column `run` of `.runs` names them all."
            )

    def _check_measure(self, measure: str) -> None:
        if measure not in self.measures:
            hint = did_you_mean(measure, self.measures)
            raise StoreError(
                f"The study {self.name} has no measure {measure!r}{hint} (it has: "
                f"{', '.join(self.measures)}). `measures` in its YAML file adds one."
            )

    def _not_compared(self, run_a: str, run_b: str) -> StoreError:
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
