"""benchmarks/scaling.py: its fits, and every step at tiny sizes."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from repatlas.costs import rates as shipped

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from harness.report import with_last
from scaling_cases import networks, report
from scaling_cases.growth import Growth, fit, slope
from scaling_cases.parts import PARTS, measure
from scaling_cases.sizes import SMALL


def test_a_fit_finds_rates_of_very_different_size():
    macs, layers = np.array([1e8, 3e8, 9e8, 2e6]), np.array([10.0, 20, 30, 40])
    measured = 2e-10 * macs + 1e-4 * layers
    found = fit({"mac": macs, "layer": layers}, measured)
    assert found == pytest.approx({"mac": 2e-10, "layer": 1e-4})


def test_a_rate_that_would_be_negative_is_none():
    found = fit({"a": [1, 2, 3], "b": [1, 1, 1]}, [0.9, 2, 3.1])
    assert found["b"] == 0
    assert found["a"] > 0


def test_growth_is_a_slope_on_logarithmic_axes():
    sizes = [1, 2, 4, 8]
    growth = Growth("x", "s", "n", sizes, [3, 12, 48, 192], [3, 6, 12, 24])
    assert growth.exponent == pytest.approx(2)
    assert growth.law_exponent == pytest.approx(1)
    assert growth.deviation == pytest.approx(8)
    assert np.isnan(slope([2, 2], [1, 1]))


def test_the_manual_names_the_rates_that_were_measured_outside_the_published_results():
    root = Path(__file__).resolve().parents[2]
    published = json.loads((root / "results/published/benchmarks/scaling.json").read_text())
    text = (root / "benchmarks/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(cpu_\w+)`", text))
    measured = {name for name, rate in shipped.rates().items() if rate.source == "measured"}
    assert named == measured - {
        name for part in published["parts"].values() for name in part["rates"]
    }


@pytest.fixture(scope="module")
def outcome():
    # Processes that import torch take longer than all else; others are tested by name below.
    return [measure(name, SMALL, 1) for name in PARTS if name not in ("memory", "start")]


def test_every_step_is_measured_along_every_size(outcome, tmp_path):
    growths = [growth for part in outcome for growth in part.growths]
    measured = {(g.quantity, g.by) for g in growths}
    assert {("training step", "depth"), ("training step", "width")} <= measured
    assert {("epoch of training", "images"), ("reading out", "probe images")} <= measured
    assert {("comparing", by) for by in ("layers", "networks", "probe batches")} <= measured
    assert {
        ("two passes of block Lanczos, 100 images", "features"),
        ("first components, 4 layers", "batch size"),
        ("linear probe in closed form", "images"),
    } <= measured
    for growth in growths:
        assert len(growth.sizes) == len(growth.measured) == len(growth.expected) > 1
        assert min(growth.measured) > 0
    assert {name for part in outcome for name in part.rates} <= set(shipped.rates())
    report.save(outcome, tmp_path)
    assert (tmp_path / "scaling.png").stat().st_size > 1000
    assert "Gram store" in report.table(growths)


def test_parts_that_are_not_measured_again_keep_their_last_numbers(outcome, tmp_path):
    networks, extraction, comparison, _ = outcome
    report.save([networks, extraction], tmp_path)
    again = replace(extraction, load=9.0)
    kept = with_last([comparison, again], tmp_path / "scaling.json", list(PARTS), report.part_of)
    assert [part.name for part in kept] == ["networks", "extraction", "comparison"]
    assert [part.as_record() for part in kept] == [
        part.as_record() for part in (networks, again, comparison)
    ]


def test_a_gram_store_takes_the_bytes_of_its_law(outcome):
    every = (growth for part in outcome for growth in part.growths)
    found = [growth for growth in every if growth.quantity == "Gram store"]
    assert len(found) == 3
    for growth in found:
        # Beside the matrices: Zarr's metadata and checksums, a kilobyte or so.
        over = np.subtract(growth.measured, growth.expected)
        assert ((over > 0) & (over < 3000)).all()


def test_memory_of_training_holds_at_least_what_the_layers_give():
    network, batch = (8, 2, 32), 32
    above = networks.used("train", network, batch)
    assert above > 4 * batch * networks.work_of(network).total_features / 2
