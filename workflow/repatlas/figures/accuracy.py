"""Test accuracy over the grid."""

from collections.abc import Mapping
from typing import Any

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.figures import choice, lines, over_grid
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Accuracy after the last epoch against the first axis that varies, coloured by the second."""
    runs = choice.select_runs(results, settings)
    cells = choice.cells_of(results, runs)
    roles = over_grid.roles_of(results, cells, settings["max_columns"])
    summary = results.accuracy
    summary = summary[summary["group"].isin(cells["group"])]
    summary = summary.assign(n=summary["n"] - summary["n_failed"])
    done = runs[runs["status"] == "completed"]
    axes = [axis for axis in results.design if axis != "seed"]
    data = over_grid.shown(over_grid.tidy(done, summary, "test_accuracy", axes), roles)
    figure, panels = over_grid.draw_rows(
        data, roles, {"test_accuracy": f"{labels.accuracy(results.runs)} (%)"}
    )
    for ax in panels[0]:
        lines.percent(ax)
    text = [
        f"{FIGURES['accuracy'].title}: accuracy after the last epoch, not of the best one.",
        labels.accuracy_note(results.runs),
        over_grid.legend(data),
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        *roles.notes,
        labels.failures(runs),
    ]
    return Drawing(figure, data, " ".join(filter(None, text)))
