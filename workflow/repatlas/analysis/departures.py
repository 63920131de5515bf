"""In what networks differ from the paper's protocol, in words."""

from collections.abc import Iterable, Mapping
from typing import Any

PROTOCOL = {
    "epochs": 300,
    "batch_size": 128,
    "schedule": "cosine",
    "momentum": 0.9,
    "crop_padding": 4,
    "flip": True,
    "precision": "float32",
}
MODEL = {"init": "he_normal", "bn_momentum": 0.01}
SEEDS = 10
PASSES = 10
PROBE = 10_000
# Settings that change no number, or of which the paper says nothing.
_NEUTRAL = {"learning_rate", "l2", "evaluate_every", "threads", "checkpoints"}
_CELL = {"dataset", "fraction", "evaluate_on", "label_seed", "architecture", "depth", "width"}


def departures(
    runs: Iterable[str],
    specs: Mapping[str, Mapping],
    manifests: Mapping[str, Mapping],
    hardware: Mapping[str, Mapping],
) -> list[str]:
    """What the given networks do that those of the paper (Nguyen, Raghu & Kornblith 2021, with its
    published code) did not, in words, each once.

    `specs` (of the trainings), `manifests` (of Gram stores) and `hardware` (what was recorded of
    the machine) by run. Fewer networks than the paper's 10 seeds are one of the departures.
    """
    runs = list(dict.fromkeys(runs))
    found: dict[str, None] = {}
    for run in runs:
        found |= dict.fromkeys(_of_training(specs[run]))
        found |= dict.fromkeys(_of_probe(manifests[run]))
        found[f"device {hardware[run]['device']}"] = None
    if len(runs) < SEEDS:
        found[f"{len(runs)} seed{'s' * (len(runs) != 1)} for {SEEDS}"] = None
    found["PyTorch for TensorFlow"] = None
    return list(found)


def _of_training(spec: Mapping[str, Any]) -> list[str]:
    training, data, model = spec["training"], spec["data"], spec.get("model", {})
    if "checkpoint" in model:
        return ["trained elsewhere"]
    found = [f"{k} {training[k]} for {v}" for k, v in PROTOCOL.items() if training[k] != v]
    found += [f"{k} {model[k]} for {v}" for k, v in MODEL.items() if model.get(k, v) != v]
    found.append(
        f"learning rate {training['learning_rate']} and l2 {training['l2']}, which the paper does "
        "not give"
    )
    if data.get("random_labels"):
        found.append(f"random labels {data['random_labels']} for 0")
    # Whatever else is set is an option that the paper's networks do not have.
    known = {*PROTOCOL, *MODEL, *_NEUTRAL, *_CELL, "random_labels"}
    for section in (data, model, training):
        further = {k: v for k, v in section.items() if k not in known and v not in (None, False)}
        found += [f"{k.replace('_', ' ')} {v} for none" for k, v in further.items()]
    every = "" if training["evaluate_every"] == 1 else ", read every few epochs"
    found.append(f"final epoch's accuracy{every}")
    return found


def _of_probe(manifest: Mapping[str, Any]) -> list[str]:
    found = []
    if manifest["passes"] != PASSES:
        found.append(f"{manifest['passes']} CKA pass for {PASSES}")
    examples = manifest["n_batches"] // manifest["passes"] * manifest["batch_size"]
    if examples < PROBE - manifest["batch_size"]:
        found.append(f"{examples} probe images for {PROBE}")
    return found
