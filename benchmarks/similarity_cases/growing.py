"""Case 2 from disk: a hundred networks by way of Gram stores, and one more beside them."""

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from harness.measuring import (
    Outcome,
    Target,
    as_lists,
    interleaved,
    median,
    ratio,
)

from similarity_cases import ours, peers
from similarity_cases.arrays import activations
from similarity_cases.many import ALONE, APART, SomePairs
from similarity_cases.network import Network, images
from similarity_cases.sizes import Sizes

STORED, COMPARED = "repatlas, Grams to disk", "repatlas, comparison from disk"
EXTRACTED = "extraction of the new network"
FEW_OLD = 5


def run_most(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """All pairs of `most` networks with pooled layers, by way of Gram stores."""
    networks = _few(sizes)
    with tempfile.TemporaryDirectory() as folder:
        paths = _paths(Path(folder), sizes.most)
        timed = {
            STORED: partial(_store_all, networks, sizes.batch, paths),
            COMPARED: partial(ours.from_stores, paths),
        }
        some = SomePairs(len(networks), sizes.most, 1)
        if peers.installed("cka"):
            timed |= some.candidates(networks, sizes.batch)
        # A comparison needs stores, whichever of the two comes first.
        _store_all(networks, sizes.batch, paths)
        found = interleaved(timed, rounds, {STORED: partial(_empty, Path(folder))})
    total = found[STORED] + found[COMPARED]
    lines = [
        median(f"repatlas, {sizes.most} networks in all", total, "s"),
        median("of which Grams from arrays to disk", found[STORED], "s"),
        median("of which comparison from disk", found[COMPARED], "s"),
    ]
    if ALONE in found:
        peer = some.total(found[ALONE], found[APART])
        note = f"pytorch-cka extrapolated from the pairs of {len(networks)} networks"
        lines.append(ratio("pytorch-cka / repatlas by way of the disk", peer, total, None, note))
    return Outcome(lines, as_lists(found))


def run_one_more(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """One more network beside `most` and beside 5 whose Grams lie on disk."""
    networks = _few(sizes)
    network = Network(sizes.depth, 1, sizes.image, ["relu"])
    probe = images(sizes.examples, sizes.image)
    count = len(network.layers)
    # All have as many layers as the new one, whatever the sizes.
    networks = [_repeated(layers, count) for layers in networks]
    wide = _repeated(activations(sizes.wide, sizes.examples, 99), count)
    with tempfile.TemporaryDirectory() as folder:
        paths = _paths(Path(folder), sizes.most)
        _store_all(networks, sizes.batch, paths)
        os.sync()
        extracted = partial(network.extract, probe, sizes.batch, Path(folder, "new"))
        new = extracted()
        few, most = paths[:FEW_OLD], paths
        timed = {
            EXTRACTED: extracted,
            "stores, few": partial(ours.one_with_others, new, few, sizes.batch),
            "stores, most": partial(ours.one_with_others, new, most, sizes.batch),
            "stores, few, cold": partial(ours.one_with_others, new, few, sizes.batch),
            "stores, most, cold": partial(ours.one_with_others, new, most, sizes.batch),
            "files, most, cold": partial(_read_all, most),
            "arrays, few": partial(ours.one_with_others, wide, few, sizes.batch),
            "arrays, most": partial(ours.one_with_others, wide, most, sizes.batch),
        }
        uncached = ("stores, few, cold", "stores, most, cold", "files, most, cold")
        before = dict.fromkeys(uncached, partial(_forget, most))
        found = interleaved(timed, rounds, before)
    goal = Target("at most", 1.3)
    extraction = found[EXTRACTED]
    base = extraction + found["stores, few"]
    versus = f"one more beside {sizes.most} / beside {FEW_OLD}"
    warm = "forward pass, Grams and comparison; old Grams in the page cache"
    cold = "the same; the old Grams' pages dropped from the cache first, of both"
    bare = "the new network's activations in memory, so without a forward pass"
    lines = [
        ratio(versus, extraction + found["stores, most"], base, goal, warm),
        ratio(
            f"{versus}, cold",
            extraction + found["stores, most, cold"],
            extraction + found["stores, few, cold"],
            goal,
            cold,
        ),
        ratio(f"{versus}, from arrays", found["arrays, most"], found["arrays, few"], None, bare),
        median("extraction of the new network", extraction, "s"),
        median(f"comparison with {FEW_OLD}", found["stores, few"], "s"),
        median(f"comparison with {sizes.most}", found["stores, most"], "s"),
        median(f"comparison with {FEW_OLD}, cold", found["stores, few, cold"], "s"),
        median(f"comparison with {sizes.most}, cold", found["stores, most, cold"], "s"),
        median("of which the disk: reading the files alone, cold", found["files, most, cold"], "s"),
    ]
    return Outcome(lines, as_lists(found))


def _few(sizes: Sizes) -> list[list[np.ndarray]]:
    """A few networks' pooled layers; their Grams are stored under many names."""
    return [activations(sizes.pooled, sizes.examples, seed) for seed in range(sizes.few)]


def _repeated(layers: list[np.ndarray], count: int) -> list[np.ndarray]:
    return [layers[k % len(layers)] for k in range(count)]


def _paths(folder: Path, count: int) -> list[Path]:
    return [folder / f"network{k:03d}.zarr" for k in range(count)]


def _store_all(networks: list[list[np.ndarray]], batch: int, paths: list[Path]) -> None:
    for k, path in enumerate(paths):
        ours.store_grams(networks[k % len(networks)], batch, path)


def _empty(folder: Path) -> None:
    """Remove what is there, and let the disk catch up: it would slow what is written next."""
    shutil.rmtree(folder)
    folder.mkdir()
    os.sync()


def _read_all(stores: list[Path]) -> None:
    """Read the stores' Grams as bytes, one buffer for all: what the disk alone takes."""
    files = [file for store in stores for file in sorted((store / "grams").rglob("*"))]
    buffer = bytearray(1 << 24)
    for file in files:
        if file.is_file():
            with open(file, "rb", buffering=0) as handle:
                while handle.readinto(buffer):
                    pass


def _forget(stores: list[Path]) -> None:
    """Drop the stores' chunks from the page cache; they have long been written back."""
    for store in stores:
        for file in store.rglob("*"):
            if file.is_file():
                with open(file, "rb") as handle:
                    os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
