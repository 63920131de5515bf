"""What a study needs of the machine, known before anything runs."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from repatlas.errors import ResourceError
from repatlas.hardware import total_memory
from repatlas.layers import layers_of, select_present
from repatlas.memory import check_memory, needed
from repatlas.own import is_own
from repatlas.probe_sizes import BASE, closed_form_bytes, probed_features
from repatlas.study.comparisons import Tile
from repatlas.study.grid import Run
from repatlas.study.study import Study


def features(model: Mapping, shape: tuple[int, int, int]) -> list[int]:
    """Numbers that each layer of a built-in network gives for one example of `shape` (C, H, W)."""
    base, (channels, height, width) = round(16 * model["width"]), shape
    counts, stage = [], 1
    for layer in layers_of(model):
        if layer.name.startswith("stage"):
            now = int(layer.name[5])
            if now > stage:
                # The first convolution of a stage halves the map; so does what stands before it.
                height, width, stage = math.ceil(height / 2), math.ceil(width / 2), now
        if layer.kind != "input":
            channels = base * 2 ** (stage - 1)
        if layer.kind in ("pool", "flatten"):
            counts.append(channels)
        elif layer.kind == "dense":
            counts.append(0)  # a handful of logits, not worth knowing the classes for
        else:
            counts.append(channels * height * width)
    return counts


def features_of(run: Run, shape: tuple[int, int, int]) -> list[int]:
    """Numbers that each layer of a network gives for one example of `shape` (C, H, W)."""
    if run.found and is_own(run.spec["model"]["architecture"]):
        return run.found["features"]
    return features(run.spec["model"], shape)


def disk_bytes(study: Study, results: Path) -> int:
    """Least bytes that the stores still to be made will take under `results`."""
    total = 0.0
    for run in study.runs:
        probe = study.probes[run.name]
        taps = select_present(run.layers, probe.taps)
        stem = f"{run.name}--{probe.id}.manifest.json"
        if not (results / "grams" / stem).exists():
            batches = probe.size // probe.batch_size * probe.passes
            total += batches * len(taps) * probe.batch_size * (probe.batch_size - 1) // 2 * 4
        if study.settings.keep_activations and not (results / "activations" / stem).exists():
            sizes = features_of(run, study.shape(run.name))
            total += 4 * probe.size * sum(sizes[i] for i in taps)
    return int(total)


def compared_features(study: Study, tile: Tile) -> list[list[int]]:
    """Numbers of features of the layers that a tile's job compares together: those of one network
    within it, and those of all networks that are compared with others. None for minibatch CKA,
    which takes one batch's Gram matrices whatever the sizes."""
    if tile.measure == "cka_minibatch":
        return []
    runs = {study.by_name[name].group: study.by_name[name] for name in tile.runs}
    sizes = {}
    for group, run in runs.items():
        layers, counts = run.layers, features_of(run, study.shape(run.name))
        tapped = select_present(layers, study.probes[run.name].taps)
        compared = set(select_present(layers, tile.layers)) & set(tapped)
        sizes[group] = [counts[i] for i in tapped], [counts[i] for i in sorted(compared)]
    across = {k for a, b in tile.pairs if a != b for k in (a, b)}
    groups = [study.by_name[tile.runs[k]].group for k in sorted(across)]
    within = [sizes[study.by_name[tile.runs[a]].group][0] for a, b in tile.pairs if a == b]
    return [max(within, key=sum, default=[]), [size for g in groups for size in sizes[g][1]]]


def tile_bytes(study: Study, tile: Tile) -> float:
    """Memory that the job of a tile takes at its peak, in bytes; 0 for minibatch CKA."""
    n, together = study.probes[tile.runs[0]].size, compared_features(study, tile)
    return max((needed(tile.own or tile.measure, n, sizes) for sizes in together), default=0.0)


def check_machine(
    study: Study,
    results: Path,
    gpus: Callable[[], int],
    free: Callable[[Path], int],
    memory: Callable[[], int] = total_memory,
) -> None:
    """ResourceError where this machine cannot run the study: `data_root` is not here, a GPU is
    demanded and there is none, the disk is too small for the stores, or a measure takes more memory
    than there is. `gpus`, `free` and `memory` ask the machine."""
    root, device = study.settings.data_root, study.settings.device
    if root and not Path(root).expanduser().is_dir():
        raise ResourceError(
            f"data_root: found {root!r}, which is no folder on this machine.\nAccepted is the "
            "folder that holds downloaded data sets; without the key they are downloaded."
        )
    if device.startswith("cuda") and gpus() == 0:
        raise ResourceError(
            f"device: found {device!r}, but this machine has no CUDA GPU (or none is visible, see "
            "CUDA_VISIBLE_DEVICES).\nAccepted here are 'auto' and 'cpu'."
        )
    needed, available = disk_bytes(study, results), free(results)
    if needed > available:
        hint = " `keep_activations: false` needs far less." * study.settings.keep_activations
        raise ResourceError(
            f"The study needs at least {needed / 1e9:.1f} GB of disk for its stores, but only "
            f"{available / 1e9:.1f} GB are free for {results}.\nFree some space, or start with "
            f"`--directory` (make DIRECTORY=...) on a larger disk.{hint}"
        )
    for tile in study.tiles:
        for sizes in compared_features(study, tile):
            check_memory(tile.own or tile.measure, study.probes[tile.runs[0]].size, sizes, memory())


def probe_memory(study: Study, name: str) -> int:
    """Bytes that the job of the network `name` takes at its peak."""
    run, options = study.by_name[name], study.settings.linear_probes
    if options.method == "sgd":
        return BASE
    about = study.description(run.dataset)
    n = round(run.spec["data"]["fraction"] * about.n_train)
    return closed_form_bytes(n, probed_features(run.spec["model"], about.shape, options.pool))
