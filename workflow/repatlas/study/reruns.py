"""What changing a setting makes anew, for the manual and for editors.

A change reruns what is named here and everything that follows from it in the flow training ->
read-out -> comparisons -> tables and figures. Results under the old settings stay where they are.
"""

TRAINING = "training, for the networks concerned"
READ_OUT = "read-out"
COMPARISONS = "comparisons"
RECORD = "nothing but the study's record"
EXPLORER = "the study's record and its explorer"

# By key or section; a key that is not here has its section's.
RERUNS = {
    "study": "tables and figures, in the new name's folder",
    "title": EXPLORER,
    "datasets": "data set, then training, for the networks that use it",
    "data_root": RECORD,
    "grid": "training, for networks that are new",
    "exclude": "training, for networks that are new",
    "exclude_runs": COMPARISONS,
    "include": "training, for networks that are new",
    "overrides": TRAINING,
    "data": TRAINING,
    "model": TRAINING,
    "training": TRAINING,
    "taps": READ_OUT,
    "probe": READ_OUT,
    "keep_activations": "to true: read-out, which adds the store; to false: nothing",
    "measures": "comparisons, for measures that are new",
    "measure_options": "comparisons, for the measures concerned",
    "comparisons": COMPARISONS,
    "analyses": "analyses that are new",
    "analysed": "analyses, for networks that are new to them",
    "linear_probes": "the analysis, for every network",
    "predictions": "tables and figures, those of the analysis",
    "principal_components": "the analysis, for every network, and `dominant_examples`",
    "dominant_examples": "the analysis, from the Gram matrices at hand",
    "dynamics": "the analysis, for every network that has checkpoints",
    "figures": "figures that are new",
    "figure_settings": "figures, those concerned",
    "device": RECORD,
    "jobs_per_gpu": RECORD,
}


def reruns(key: str) -> str:
    """What changing `key`, such as `training.epochs`, makes anew."""
    return RERUNS.get(key) or RERUNS[key.split(".", 1)[0]]
