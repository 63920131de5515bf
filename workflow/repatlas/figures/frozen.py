"""What the figures of frozen networks share: architectures as panels, seeds as colours."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repatlas import labels
from repatlas.errors import DataError
from repatlas.figures import choice
from repatlas.figures.style import GREY, markers, ordered
from repatlas.results import StudyResults

# Colour and marker of a series.
Look = tuple[tuple | str, str]

KEY = 0.14  # height of the key above the panels, inches


class Shown(NamedTuple):
    """`cells`: the architectures shown; `names` of them; `networks`: the rows of runs shown, a few
    seeds of each; `notes`: sentences on what is not shown."""

    cells: pd.DataFrame
    names: list[str]
    networks: pd.DataFrame
    notes: list[str]

    @property
    def seeds(self) -> list[int]:
        """All seeds shown, in order."""
        return sorted(self.networks["seed"].unique())


def chosen(
    results: StudyResults, runs: pd.DataFrame, table: pd.DataFrame, settings: Mapping[str, Any]
) -> Shown:
    """At most `max_groups` architectures that have rows in `table` (a column run, defined values
    only), and at most `max_seeds` networks of each. DataError where none has any."""
    done = runs[(runs["status"] == "completed") & runs["run"].isin(table["run"])]
    if done.empty:
        raise DataError(f"No network to draw: none of the study {results.name} has such values.")
    cells = choice.cells_of(results, done)
    cells, held = choice.hold(cells, choice.varying(results, cells)[2:])
    some = choice.corners(results, cells, settings["max_groups"])
    notes = [held] if held else []
    if len(some) < len(cells):
        notes.append(
            f"{len(some)} of {len(cells)} architectures are shown: those nearest to the corners of "
            "the grid."
        )
    parts = [
        choice.completed_seeds(done, group).head(settings["max_seeds"]) for group in some["group"]
    ]
    most = done.groupby("group").size().max()
    if most > settings["max_seeds"]:
        first = labels.count(settings["max_seeds"], "seed")
        notes.append(
            f"Of each architecture the first {first.removeprefix('1 ')} "
            f"{'is' if settings['max_seeds'] == 1 else 'are'} shown."
        )
    names = list(choice.names(results, some).values())
    return Shown(some, names, pd.concat(parts, ignore_index=True), notes)


def looks(seeds: Sequence[int]) -> dict[int, Look]:
    """Colour and marker of each seed."""
    return dict(zip(seeds, zip(ordered(len(seeds)), markers(len(seeds)), strict=True), strict=True))


def draw_series(ax: Axes, x: pd.Series, y: pd.Series, look: Look, filled: bool) -> None:
    """A line with filled marks, or a dashed one with open marks, which lies below it."""
    values = x.to_numpy(float), y.to_numpy(float)
    ax.plot(*values, **_look(*look, filled), clip_on=False, zorder=4 if filled else 3)


def key(figure: Figure, seeds: Sequence[int], filled: str, opened: str) -> None:
    """A line above the panels that says what marks and colours mean."""
    style = looks(seeds)
    neutral: Look = (GREY, "o") if len(seeds) > 1 else next(iter(style.values()))
    handles = [Line2D([], [], **_look(*neutral, full)) for full in (True, False)]
    texts = [filled, opened]
    if len(seeds) > 1:
        handles += [Line2D([], [], **_look(*look, filled=True)) for look in style.values()]
        texts += [f"seed {seed}" for seed in seeds]
    figure.legend(
        handles,
        texts,
        loc="upper left",
        bbox_to_anchor=(0.01, 1.0),
        ncols=len(handles),
        handlelength=2.6,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def _look(colour: tuple | str, marker: str, filled: bool) -> dict[str, Any]:
    return {
        "color": colour,
        "marker": marker,
        "markerfacecolor": colour if filled else "white",
        "markersize": 3.4,
        "markeredgewidth": 0.7,
        "linewidth": 0.9 if filled else 0.6,
        "linestyle": "-" if filled else (0, (3, 2)),
    }
