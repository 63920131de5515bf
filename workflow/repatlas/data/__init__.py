"""Data sets: where images come from, how they are split and ordered, and what a probe set is.

    describe(spec)      what a data set will be, before any job; nothing decoded or downloaded
    fingerprint(spec)   notices images added to or taken from a user's own data
    prepare(spec, ...)  makes the artifact `results/data/<dataset>/`
    load(folder)        reads it back, every file verified
    subset, held_out    nested, stratified parts of the training images
    randomise_labels    labels replaced at random (Zhang et al., ICLR 2017)
    make_probe, load_probe, pass_order   the probe set and the order of its passes

Names are resolved on first use. So validating a study loads neither Pillow nor scikit-learn, and
a job that only reads data depends on no code that makes them.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Dataset": "dataset",
    "Description": "content",
    "Probe": "probe",
    "describe": "catalogue",
    "fingerprint": "catalogue",
    "held_out": "selection",
    "load": "dataset",
    "load_probe": "probe",
    "make_probe": "probe",
    "pass_order": "order",
    "prepare": "artifact",
    "randomise_labels": "selection",
    "stratified_order": "order",
    "subset": "selection",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """The public object `name`, from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
