"""What each table of a study holds, in one sentence."""

from repatlas.catalogue import ANALYSES

_TABLES = {
    "runs": "One row a network: design, status, steps, parameters, final losses and accuracies",
    "accuracy": "One row a group of networks that differ in the seed alone: accuracy over seeds",
    "learning_curves": "One row a network and epoch: losses, accuracies and learning rate",
    "layers": "One row a network and tapped layer: name, kind, shape and relative depth",
    "layer_similarity": "One row an ordered pair of layers: similarity with its standard error",
    "block_metrics": "One row a network and measure: the size of its block structure",
    "block_summary": "One row a group and measure: block metrics over seeds",
    "cross_seed": "One row a group, measure and layer: similarity of the layer in two seeds",
    "layer_matching": "One row a group and measure: how often it finds the same layer again",
    "layer_matching_layers": "One row a group, measure and layer: which layers are found again",
    "comparison_with_paper": "One row a number that the paper gives too: ours, its, the difference",
    "cost": "One row a job: time, memory and what was read and written",
}


def described(table: str) -> str:
    """A sentence, without full stop, on the table of a file's name without suffix."""
    return known(table) or table.replace("_", " ").capitalize()


def known(table: str) -> str:
    """That sentence for a table of repatlas itself; '' for one of an analysis of the user's own."""
    if table in _TABLES:
        return _TABLES[table]
    for about in ANALYSES.values():
        if table in {name.rsplit(".", 1)[0] for name in about.tables}:
            return about.title
    return ""
