"""benchmarks/scaling.py: its fits, and every step at tiny sizes."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from repatlas.costs import rates as shipped

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from scaling_cases import analyses, networks, report, stores
from scaling_cases.growth import Growth, fit, slope
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
    assert named == measured - set(published["rates"])


@pytest.fixture(scope="module")
def outcome():
    growths, rates = networks.measure(SMALL, 1)
    for part in (
        stores.measure_extraction(SMALL, 1, rates),
        stores.measure_comparison(SMALL, 1),
        analyses.measure(SMALL, 1),
    ):
        growths += part[0]
        rates |= part[1]
    return growths, rates


def test_every_step_is_measured_along_every_size(outcome, tmp_path):
    growths, rates = outcome
    measured = {(g.quantity, g.by) for g in growths}
    assert {("training step", "depth"), ("training step", "width")} <= measured
    assert {("epoch of training", "images"), ("reading out", "probe images")} <= measured
    assert {("comparing", by) for by in ("layers", "networks", "probe batches")} <= measured
    assert {
        ("two passes of block Lanczos", "features"),
        ("first components", "batch size"),
    } <= measured
    for growth in growths:
        assert len(growth.sizes) == len(growth.measured) == len(growth.expected) > 1
        assert min(growth.measured) > 0
    assert set(rates) <= set(shipped.rates())
    report.save(growths, rates, {}, tmp_path)
    assert (tmp_path / "scaling.json").stat().st_size > 1000
    assert (tmp_path / "scaling.png").stat().st_size > 1000
    assert "Gram store" in report.table(growths)


def test_a_gram_store_takes_the_bytes_of_its_law(outcome):
    found = [growth for growth in outcome[0] if growth.quantity == "Gram store"]
    assert len(found) == 3
    for growth in found:
        # Beside the matrices: Zarr's metadata and checksums, a kilobyte or so.
        over = np.subtract(growth.measured, growth.expected)
        assert ((over > 0) & (over < 3000)).all()


def test_memory_of_training_holds_at_least_what_the_layers_give():
    network, batch = (8, 2, 32), 32
    above = networks.used("train", network, batch)
    assert above > 4 * batch * networks.work_of(network).total_features / 2
