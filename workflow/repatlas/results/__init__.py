"""A study's results as pandas objects, for notebooks and for the figures."""

from repatlas.results.comparisons import as_matrix
from repatlas.results.study import StudyResults, load_study

__all__ = ["StudyResults", "as_matrix", "load_study"]
