"""One byte flipped, a full disk, stores of something else: found before they reach a table, named,
and made anew on request."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..fingerprint import fingerprint
from .conftest import ENVIRONMENT, ROOT, flip, repatlas, run

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]


@pytest.fixture
def study(reference, tmp_path):
    """A copy of the finished study."""
    folder = tmp_path / "study"
    shutil.copytree(reference, folder, symlinks=True)
    return folder


# What is damaged, and what is removed beside it so that the workflow has to read it again: a table,
# and where it is not made from the damaged file itself, what lies between.
DAMAGED = {
    "data file": ("data/*/train_images.npy", ["studies/*/tables/runs.csv", "runs/*/status.json"]),
    "probe set": (
        "data/*/probe-512.json",
        ["studies/*/tables/layer_similarity.parquet", "grams/*.manifest.json"],
    ),
    "checkpoint": (
        "runs/*/model.pt",
        ["studies/*/tables/layer_similarity.parquet", "grams/*.manifest.json"],
    ),
    "logits": ("runs/*/test_logits.npy", ["studies/*/tables/prediction_pairs.csv"]),
    "learning curve": ("runs/*/curve.csv", ["studies/*/tables/learning_curves.parquet"]),
    "specification": ("runs/*/spec.json", ["studies/*/tables/runs.csv"]),
    "status": ("runs/*/status.json", ["studies/*/tables/runs.csv"]),
    "Gram chunk": (
        "grams/*.zarr/grams/c/3/0/0",
        ["studies/*/tables/layer_similarity.parquet", "similarity/*/*.parquet"],
    ),
    "tile": ("similarity/*/*.parquet", ["studies/*/tables/layer_similarity.parquet"]),
    "analysis of a network": (
        "analysis/linear_probes/*.csv",
        ["studies/*/tables/linear_probes.csv"],
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_flipped_byte_is_found_before_it_reaches_a_table_and_named(study, kind, fault):
    fault(f"flipped byte: {kind}")
    pattern, removed = DAMAGED[kind]
    path = sorted((study / "results").glob(pattern))[0]
    flip(path)
    for other in removed:
        for product in (study / "results").glob(other):
            product.unlink()
    # A small input's new content is a reason to rerun; only what was removed is of interest here.
    code, output = run(study, "--rerun-triggers", "mtime")
    assert code != 0
    store = next((p for p in path.parents if p.suffix == ".zarr"), None)
    assert (store or path).relative_to(study).as_posix() in output
    assert "damaged" in output
    assert "unexpected error" not in output
    table = removed[0].split("/")[-1]
    if "tables" in removed[0]:
        assert not list((study / "results/studies").glob(f"*/tables/{table}"))


def test_verify_names_everything_that_is_damaged_and_it_is_made_anew(study, reference, fault):
    """All kinds at once: named, removed, made again as they were; networks are not trained again
    for a data file that came out the same."""
    results, before = study / "results", fingerprint(reference)
    code, output = repatlas(study, "verify")
    assert code == 0, output
    assert "everything is as it was written" in output
    # Each file of a network in another one, of which there are four: a damaged status.json stands
    # for all of its folder.
    patterns = [pattern for kind, (pattern, _) in DAMAGED.items() if kind != "specification"]
    patterns.append("activations/*.zarr/0003/c/2/0/0/0")
    paths = [sorted(results.glob(pattern)) for pattern in patterns]
    paths = [found[number % len(found)] for number, found in enumerate(paths)]
    folders = [path.parent for path in paths if path.parent.parent.name == "runs"]
    assert len(set(folders)) == len(folders)
    for number, path in enumerate(paths):
        flip(path, (number + 1) / (len(paths) + 1))
        fault("flipped byte, rebuilt after verify")
    code, output = repatlas(study, "verify")
    assert code == 1
    for path in paths:
        named = next((p for p in path.parents if p.suffix == ".zarr"), path)
        assert named.relative_to(study).as_posix() in output
    code, output = repatlas(study, "verify", "--remove")
    assert code == 0, output
    targets = output.split("-- ")[1].splitlines()[0].split()
    code, output = run(study, "--", *targets)
    assert code == 0, output
    code, output = run(study)
    assert code == 0, output
    assert fingerprint(study) == before


def test_a_data_file_is_made_anew_without_training_again(study, fault):
    fault("flipped byte, rebuilt after verify")
    path = next((study / "results/data").glob("*/test_images.npy"))
    flip(path)
    code, output = repatlas(study, "verify", "--remove")
    assert code == 0, output
    code, output = run(study, "--", str(path.relative_to(study)))
    assert code == 0, output
    assert "Nothing to be done" in run(study)[1]


@pytest.mark.parametrize("change", ["format", "probe", "run"])
def test_a_store_of_something_else_is_refused_by_name(study, change, fault):
    fault(f"store of another {change}")
    one, two = sorted((study / "results/grams").glob("*.zarr"))[:2]
    manifest = one.with_name(one.name.removesuffix(".zarr") + ".manifest.json")
    content = json.loads(manifest.read_text())
    content |= {
        "format": {"format_version": 0},
        "probe": {"probe": "0" * 16},
        "run": {"run": "another"},
    }[change]
    manifest.write_text(json.dumps(content))
    names = [
        json.loads(next(two.parent.glob(f"{s.stem}.manifest.json")).read_text())["run"]
        for s in (one, two)
    ]
    if change == "run":
        names[0] = one.name.split("--")[0]
    tile = {"runs": names, "pairs": [[0, 1]], "layers": ["relu"]}
    arguments = ["similarity", "--measure", "cka_minibatch", "--tile", json.dumps(tile)]
    arguments += ["--stores", str(one), str(two), "--output", "tile.parquet"]
    code, output = repatlas(study, *arguments)
    assert code == 1
    assert one.name.removesuffix(".zarr") in output
    said = {"format": "format 0", "probe": "probe", "run": "another"}[change]
    assert said in output
    assert not (study / "tile.parquet").exists()


def extraction(study: Path, out: Path) -> list[str]:
    """The command that reads a network of the study out into `out`."""
    run_ = sorted((study / "results/runs").glob("[!.]*"))[0]
    (dataset,) = (study / "results/data").glob("[!.]*")
    plan = {"batch_size": 64, "passes": 1, "taps": ["all"]}
    words = [sys.executable, "-m", "repatlas", "extract", "--run", run_, "--dataset", dataset]
    words += ["--probe", dataset / "probe-512.json", "--plan", json.dumps(plan), "--device", "cpu"]
    words += ["--grams", out / "g.zarr", f"--activations={out / 'a.zarr'}"]
    return [str(word) for word in words]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB; the test is skipped where none may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False
    )
    if done.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def finished(command: list[str], **more) -> tuple[int, str]:
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, **more
    )
    return done.returncode, done.stdout + done.stderr


def test_a_disk_that_fills_up_while_a_store_is_written_is_named(reference, small_disk, fault):
    fault("disk full while a store is written")
    code, output = finished(extraction(reference, small_disk))
    assert code == 1
    assert f"The disk is full (or a quota is used up) while writing {small_disk}" in output
    assert "Traceback" not in output
    assert not list(small_disk.glob("*.manifest.json")), "no store is there"


def test_a_quota_that_is_used_up_is_named_and_the_store_made_once_there_is_room(
    reference, tmp_path, fault
):
    """A limit on the size of files stands in for a quota, which needs no rights to set."""
    fault("quota used up while a store is written")

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    code, output = finished(extraction(reference, tmp_path), preexec_fn=limited)
    assert code == 1
    assert "The disk is full (or a quota is used up)" in output
    code, output = finished(extraction(reference, tmp_path))
    assert code == 0, output
    made = sorted(p.relative_to(tmp_path) for p in (tmp_path / "g.zarr").rglob("*") if p.is_file())
    (original,) = list((reference / "results/grams").glob("*.zarr"))[:1] or [None]
    assert len(made) == sum(
        p.is_file() and p.name != ".snakemake_timestamp" for p in original.rglob("*")
    )


def test_out_of_memory_names_the_batch_size_and_what_to_change(reference, tmp_path, fault):
    fault("out of memory in training")
    run_ = sorted((reference / "results/runs").glob("[!.]*"))[0]
    spec = json.loads((run_ / "spec.json").read_text())
    spec["model"]["width"] = 16
    spec["training"]["batch_size"] = 512
    (dataset,) = (reference / "results/data").glob("[!.]*")
    words = [sys.executable, "-m", "repatlas", "train", "--spec", json.dumps(spec), "--dataset"]
    words += [str(dataset), "--output", str(tmp_path / "run"), "--scratch", str(tmp_path / "s")]
    words += ["--device", "cpu"]

    def limited():
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))

    code, output = finished(words, preexec_fn=limited)
    assert code == 1, output
    assert "Out of memory while training run in batches of 512 images" in output
    assert "training.batch_size" in output
    assert "Traceback" not in output
    assert not (tmp_path / "run/status.json").exists()
