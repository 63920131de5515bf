"""The three headline findings of a study, in numbers, from its summary tables."""

import pandas as pd

from repatlas import labels
from repatlas.catalogue import DISTANCES, chosen_measure, measure_name
from repatlas.results import StudyResults


def findings(study: StudyResults) -> list[str]:
    """Sentences: the range of the accuracy over the grid, the largest block and where it lies,
    similarity within networks beside that across seeds; and which networks failed, if any did."""
    sentences = [_accuracy(study), _block(study), _seeds(study), labels.failures(study.runs)]
    return [sentence for sentence in sentences if sentence]


def _named(study: StudyResults, row: pd.Series) -> str:
    """A group by its architecture and whatever else varies over the grid."""
    varied = [a for a in study.design if a not in (*labels.NAMED, "seed")]
    varied = [a for a in varied if study.runs[a].nunique() > 1]
    return ", ".join(filter(None, [labels.network(row), labels.settings(row, varied)]))


def _accuracy(study: StudyResults) -> str:
    table = study.accuracy.dropna(subset=["test_accuracy_mean"])
    if table.empty:
        return "No network has a test accuracy."
    table = table.assign(n=table["n"] - table["n_failed"])
    table = table.sort_values("test_accuracy_mean", kind="stable")
    low, high = table.iloc[0], table.iloc[-1]
    what = labels.accuracy(study.runs)
    if len(table) == 1:
        over = f", mean over {low['n']} seeds" if low["n"] > 1 else ""
        return f"{what}: {_percent(low)} ({_named(study, low)}{over})."
    over = "; means over seeds" if table["n"].max() > 1 else ""
    return (
        f"{what}: {_percent(low)} ({_named(study, low)}) to {_percent(high)} "
        f"({_named(study, high)}){over}."
    )


def _percent(row: pd.Series) -> str:
    return f"{100 * row['test_accuracy_mean']:.1f} %"


def _measure(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of one measure: minibatch CKA where the study has it, else its first similarity."""
    known = [m for m in table["measure"].unique() if measure_name(m) not in DISTANCES]
    wanted = [chosen_measure("cka_minibatch", known), *known]
    return table[table["measure"] == next((m for m in wanted if m in known), None)]


def _block(study: StudyResults) -> str:
    table = _measure(study.block_metrics.dropna(subset=["longest_run"]))
    if table.empty:
        return "Block structure is undefined: no pair of ReLU layers has a similarity."
    largest = table.sort_values(
        ["longest_run", "fraction_above"], ascending=False, kind="stable"
    ).iloc[0]
    alike = f"{labels.measure(largest['measure'])} of at least {largest['threshold']:g}"
    if largest["longest_run"] < 2:
        return f"No block: no two successive ReLU layers of a network have {alike}."
    return (
        f"Largest block: {largest['longest_run']:.0f} of the {largest['n_layers']:.0f} ReLU layers "
        f"of {_named(study, largest)}, seed {largest['seed']}, "
        f"{largest['run_start_layer']} to {largest['run_end_layer']}: all pairs have {alike}."
    )


def _seeds(study: StudyResults) -> str:
    within = _measure(study.block_summary.dropna(subset=["mean_similarity_mean"]))
    if within.empty:
        return ""
    name = labels.measure(within["measure"].iloc[0])
    text = f"Mean {name}: {_range(within['mean_similarity_mean'])} between different ReLU layers "
    text += "of one network"
    across = _measure(study.cross_seed.dropna(subset=["value_mean"]))
    across = across[(across["measure"] == within["measure"].iloc[0]) & (across["kind"] == "relu")]
    if across.empty:
        return f"{text}; no networks that differ in the seed alone are compared."
    same = across.groupby("group", sort=False)["value_mean"].mean()
    return f"{text}, {_range(same)} between the same ReLU layer of two seeds."


def _range(values: pd.Series) -> str:
    mean = f"{values.mean():.2f}"
    if len(values) == 1:
        return mean
    return f"{mean} (by architecture {values.min():.2f} to {values.max():.2f})"
