"""In what networks, and what was measured of them, differ from the paper's protocol, in words."""

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
# Of the follow-up's networks with a penalty on the first principal component, which it chose for
# each architecture.
PENALTIES, THRESHOLD = (0.1, 1, 10), 0.2
LINEAR_PROBES = {
    "epochs": 300,
    "batch_size": 128,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "evaluate_every": 1,
}
PASSES = 10
PROBE = 10_000
PROBE_BATCH = 256
# Settings that change no number, or of which the paper says nothing.
_NEUTRAL = {"learning_rate", "l2", "evaluate_every", "threads", "checkpoints"}
_CELL = {"dataset", "fraction", "evaluate_on", "label_seed", "architecture", "depth", "width"}
_PENALTY = {"pc_penalty", "pc_threshold"}

# Quantities by what they are measured on: images that the training evaluates on (the others are
# measured on the probe set); the whole probe set at once (the others by minibatch CKA); and both.
TESTED = {"test_accuracy", "probe_accuracy", "accuracy_after_deletion"}
AT_ONCE = {"pc1_share", "pc1_share_max", "zero_share", "zero_share_mean"}


def departures(
    runs: Iterable[str],
    quantity: str,
    specs: Mapping[str, Mapping],
    manifests: Mapping[str, Mapping],
    hardware: Mapping[str, Mapping],
    options: Mapping[str, Any],
) -> list[str]:
    """What was done for a quantity of the given networks that the paper (Nguyen, Raghu & Kornblith
    2021, with its published code) did not do, in words, each once: only what concerns the quantity.

    `specs` (of the trainings), `manifests` (of Gram stores) and `hardware` (what was recorded of
    the machine) by run. `options` of the study: `linear_probes`, those of the analysis; `probe`,
    settings of the data set whose images are the probe of all networks, where not each has its own.
    """
    found: dict[str, None] = {}
    named = list(dict.fromkeys(runs))
    for run in named:
        found |= dict.fromkeys(_of_training(specs[run]))
        if quantity not in TESTED:
            found |= dict.fromkeys(_of_images(specs[run], options.get("probe")))
            if quantity not in AT_ONCE:
                found |= dict.fromkeys(_of_batches(manifests[run]))
        found[f"device {hardware[run]['device']}"] = None
    if quantity == "cross_architecture_mean" and len({specs[run]["seed"] for run in named}) == 1:
        found["networks of one seed, which begin alike, for independent ones"] = None
    if quantity == "probe_accuracy":
        found |= dict.fromkeys(_of_linear_probes(options["linear_probes"]))
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
    if training.get("pc_penalty"):
        found.append(f"pc penalty {training['pc_penalty']} for the best of {_listed(PENALTIES)}")
        if training["pc_threshold"] != THRESHOLD:
            found.append(f"pc threshold {training['pc_threshold']} for {THRESHOLD}")
    if data.get("random_labels"):
        found.append(f"random labels {data['random_labels']} for 0")
    # Whatever else is set is an option that the paper's networks do not have.
    known = {*PROTOCOL, *MODEL, *_NEUTRAL, *_CELL, *_PENALTY, "random_labels"}
    for section in (data, model, training):
        further = {k: v for k, v in section.items() if k not in known and v not in (None, False)}
        found += [f"{k.replace('_', ' ')} {v} for none" for k, v in further.items()]
    return [*found, "final epoch's network for that of the best test accuracy"]


def _of_images(spec: Mapping[str, Any], probe: Mapping[str, Any] | None) -> list[str]:
    if probe is None or probe == spec["data"]["dataset"]:
        return []
    return [f"probe images of {probe['source']} for the network's own test images"]


def _of_batches(manifest: Mapping[str, Any]) -> list[str]:
    """What differs in minibatch CKA. The paper's code keeps a short last batch, by its weight."""
    passes, size = manifest["passes"], manifest["batch_size"]
    found = []
    if passes != PASSES:
        found.append(f"{passes} CKA {'pass' if passes == 1 else 'passes'} for {PASSES}")
    if size != PROBE_BATCH:
        found.append(f"probe batches of {size} images for {PROBE_BATCH}")
    examples = manifest["n_batches"] // passes * size
    if examples != PROBE:
        found.append(f"{examples} probe images for {PROBE}")
    return found


def _of_linear_probes(options: Mapping[str, Any]) -> list[str]:
    pooled = [f"probe maps pooled by {options['pool']} for none"] if "pool" in options else []
    if options["method"] != "sgd":
        return ["probes in closed form for SGD", *pooled]
    found = [
        f"probe {k.replace('_', ' ')} {options[k]} for {v}"
        for k, v in LINEAR_PROBES.items()
        if options[k] != v
    ]
    return [*found, *pooled, "probes of one setting for the best of several"]


def _listed(values: Iterable[float]) -> str:
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}"
