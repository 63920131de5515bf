"""Every command in the docs is run, or marked as one that is not.

A comment `<!-- not run here -->` before a block leaves out all of it, `<!-- not run here: A, B -->`
its lines that contain A or B. Commands run in a copy of the repository that holds the finished
smoke study.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from .conftest import ROOT

# One worker runs the workflow, so that the finished smoke study is made once.
pytestmark = pytest.mark.xdist_group("workflow")

PAGES = ["README.md", "CONTRIBUTING.md", "config/README.md", "workflow/README.md"]
PAGES += ["results/README.md", "benchmarks/README.md"]
PAGES += [f"config/{name}.md" for name in ("ANALYSES", "CLUSTER", "EXTENDING", "PROTOCOL")]
PAGES += ["config/RECOVERY.md", "config/SCALE.md"]
BLOCK = re.compile(
    r"(?:<!-- not run here(?P<marks>:[^>]*)? (?P<marked>-->)\n)?"
    r"```(?:bash|sh|shell|console)\n(?P<text>.*?)```",
    re.DOTALL,
)


def commands(page):
    """(command, whether it is marked) for each line of each block of a page."""
    for block in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        marks = [m.strip(" ") for m in (block["marks"] or "").lstrip(":").split(",") if m.strip()]
        lines = [k for k in block["text"].replace("\\\n", " ").splitlines() if k.strip()]
        unused = [m for m in marks if not any(m in line for line in lines)]
        assert not unused, f"{page}: marked, but not there: {unused}"
        for line in lines:
            if not line.startswith("#"):
                everything = bool(block["marked"]) and not marks
                yield line.strip(), everything or any(mark in line for mark in marks)


# Each command once, with the page that has it first.
TO_RUN: dict[str, str] = {}
for name in PAGES:
    for command, marked in commands(name):
        if not marked:
            TO_RUN.setdefault(command.split(" #")[0].strip(), name)


@pytest.fixture(scope="module")
def copy(smoke, tmp_path_factory):
    """A copy of the repository, where the smoke study is
    finished and a folder of images and two of activations lie."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("Makefile", "Snakefile", "pyproject.toml", "workflow", "config", "envs"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder)
    for name in ("results", ".snakemake"):
        shutil.copytree(smoke[0] / name, folder / name, symlinks=True)
    (folder / ".ready").touch()
    rng = np.random.default_rng(0)
    for name in ("activations_a", "activations_b"):
        (folder / name).mkdir()
        np.save(folder / name / "layer.npy", rng.standard_normal((40, 6)))
    digits = load_digits()
    for digit, bird in enumerate(["heron", "stork"]):
        (folder / "birds" / bird).mkdir(parents=True)
        images = digits.images[digits.target == digit][:40]
        for number, image in enumerate(images):
            picture = Image.fromarray((image * 15).astype(np.uint8))
            picture.save(folder / "birds" / bird / f"{number:03}.png")
    manual = (ROOT / "config/README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(study: birds\n.*?)```", manual, re.DOTALL)
    assert len(blocks) == 1
    (folder / "birds.yaml").write_text(blocks[0])
    return folder


def run(copy, line, page):
    """Run a command of a page in the copy."""
    tools = str(Path(sys.executable).parent)
    paths = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(copy / "workflow")}
    # The environment of the tests instead of one that make would set up.
    paths["MAKEFLAGS"] = f"BIN={tools} READY=.ready"
    program = shlex.split(line, comments=True)[0]
    assert shutil.which(program, path=paths["PATH"]), f"{page}: no program {program}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=copy,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{page}: {line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(("line", "page"), list(TO_RUN.items()), ids=list(TO_RUN))
def test_a_command_of_the_docs_runs(copy, line, page):
    run(copy, line, page)


def test_own_images_become_a_heat_map(copy):
    """After the command of "Your own data in five minutes", run here or before."""
    line = "make CONFIG=birds.yaml"
    run(copy, line, TO_RUN[line])
    study = copy / "results/studies/birds"
    assert (study / "figures/within_by_depth.png").stat().st_size > 10_000
    assert (study / "report.html").exists()


def test_what_marked_commands_name_is_there():
    """Targets of make, scripts, and files of the repository."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set()
    for page in PAGES:
        for command, marked in commands(page):
            words = shlex.split(command, comments=True)
            if not marked:
                continue
            if words[0] == "make":
                wanted = {word for word in words[1:] if "=" not in word}
                assert wanted <= targets, f"{page}: {command}"
                named |= wanted
            for path in re.findall(r"\b(?:benchmarks|config|envs|workflow)/[\w./-]+", command):
                assert (ROOT / path).exists(), f"{page}: {command}"
                named.add(path)
    assert {"setup-slurm", "config/studies/smoke.yaml", "workflow/profiles/slurm"} <= named


def test_pages_that_are_linked_are_there():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
