"""The profile for clusters fits the rules; what it does on one is tested in tests/slurm."""

import re
from pathlib import Path

import pytest
import yte

from .conftest import ROOT

PROFILE = ROOT / "workflow/profiles/slurm/profile.v9+.yaml"
RULES = {path: path.read_text() for path in Path(ROOT, "workflow/rules").glob("*.smk")}


@pytest.fixture(scope="module")
def profile():
    with open(PROFILE) as text:
        return yte.process_yaml(text, require_use_yte=True)


def rules_with_a_device() -> set[str]:
    """Rules that compute where `device` says, and those made from them."""
    found = set()
    for text in RULES.values():
        blocks = re.split(r"^(?=(?:use )?rule )", text, flags=re.MULTILINE)
        found |= {b.split(maxsplit=2)[1].rstrip(":") for b in blocks if "device=" in b}
        found |= {
            new
            for old, new in re.findall(r"^use rule (\w+) as (\w+)", text, re.MULTILINE)
            if old in found
        }
    return found


def test_the_rules_that_ask_for_a_gpu_are_those_that_can_use_one(profile):
    asked = {name for name, wanted in profile["set-resources"].items() if wanted.get("gpu")}
    assert len(asked) > 3
    assert asked == rules_with_a_device()


def test_time_and_memory_grow_with_attempts_and_time_has_an_end(profile):
    assert profile["retries"] > 1
    jobs = [profile["default-resources"], *profile["set-resources"].values()]
    for job in jobs:
        first, later, last = (eval(job["runtime"], {"attempt": a}) for a in (1, 2, 99))
        assert first < later <= last == 1440
        if "mem_mb" in job:
            assert eval(job["mem_mb"], {"attempt": 2}) == 2 * eval(job["mem_mb"], {"attempt": 1})


def test_retries_are_the_profiles_alone():
    """A rule's own would run inside the allocation that was too small."""
    assert not [path.name for path, text in RULES.items() if re.search(r"^\s+retries:", text, re.M)]


def test_every_entry_of_the_profile_is_explained():
    above = ""
    for line in PROFILE.read_text().splitlines():
        if re.match(r"[\w-]+:", line) and not line.startswith("__"):
            assert above.startswith("#"), line
        above = line
