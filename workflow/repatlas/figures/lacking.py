"""Networks of own architectures that have no depth or width, as figures see them."""

import pandas as pd

from repatlas.labels import MAY_LACK
from repatlas.results import StudyResults


class Filled(StudyResults):
    """A study in whose tables a depth or width that a network lacks is 0, which unlike NaN is equal
    to itself and has a place in an order; no network has a depth or width of 0."""

    def table(self, name: str) -> pd.DataFrame:
        """A copy of a table by its file's name without suffix."""
        frame = super().table(name)
        columns = frame.columns.intersection(MAY_LACK)
        return frame.fillna(dict.fromkeys(columns, 0)) if len(columns) else frame


def filled(results: StudyResults) -> StudyResults:
    """The study as figures draw it."""
    lacks = results.runs[list(MAY_LACK)].isna().any(axis=None)
    return Filled(results.folder / "tables") if lacks else results


def emptied(data: pd.DataFrame) -> pd.DataFrame:
    """What a figure shows, with what networks lack undefined again."""
    columns = data.columns.intersection(MAY_LACK)
    return data.assign(**{c: data[c].where(data[c] != 0) for c in columns})
