"""Size of the block structure over the grid: how much is similar, and how long in one piece."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from repatlas import labels
from repatlas.catalogue import FIGURES, chosen_measure
from repatlas.errors import DataError
from repatlas.figures import choice, lines, over_grid
from repatlas.figures.style import Drawing
from repatlas.results import StudyResults


def draw(results: StudyResults, settings: Mapping[str, Any]) -> Drawing:
    """Share of similar pairs and longest run against the first axis that varies, coloured by the
    second. DataError when the measure has no block metrics of a network that completed."""
    runs = choice.select_runs(results, settings)
    cells = choice.cells_of(results, runs)
    roles = over_grid.roles_of(results, cells, settings["max_columns"])
    table, summary = results.block_metrics, results.block_summary
    known = list(table["measure"].unique())
    measure = chosen_measure(settings["measure"] or _first(table), known)
    done = runs.loc[runs["status"] == "completed", "run"]
    table = table[(table["measure"] == measure) & table["run"].isin(done)]
    summary = summary[(summary["measure"] == measure) & summary["group"].isin(cells["group"])]
    if table.empty:
        raise DataError(
            f"No block metrics of {measure!r}: block_metrics.csv of the study {results.name} has "
            f"{', '.join(results.block_metrics['measure'].unique()) or 'none'}."
        )
    axes = [axis for axis in results.design if axis != "seed"]
    metrics = ["fraction_above", "longest_run"]
    data = pd.concat(
        [over_grid.tidy(table, summary, metric, axes) for metric in metrics], ignore_index=True
    )
    data = over_grid.shown(data, roles)
    threshold, kind = table["threshold"].iloc[0], table["kind"].iloc[0]
    noun = labels.layer_noun(kind)
    titles = {
        "fraction_above": f"Share of {noun}\npairs above {threshold:g} (%)",
        "longest_run": f"Longest run\n({noun}s)",
    }
    figure, panels = over_grid.draw_rows(data, roles, titles, bottom=0)
    for ax in panels[0]:
        lines.percent(ax)
    for ax in panels[1]:
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    text = [
        f"{FIGURES['block_metrics'].title}, by {labels.measure(measure)} on {labels.probes(runs)}.",
        f"Above: share of the pairs of different {noun}s whose similarity is above {threshold:g}. "
        f"Below: the longest run of {noun}s of which all pairs reach it.",
        over_grid.legend(data),
        f"n = {labels.count(data['run'].nunique(), 'network')}.",
        *roles.notes,
        labels.failures(runs),
    ]
    return Drawing(figure, data, " ".join(filter(None, text)))


def _first(table: pd.DataFrame) -> str:
    return table["measure"].iloc[0] if len(table) else ""
