"""Memory that measures take: what is foretold against what is allocated, and refusals."""

import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from repatlas import hardware
from repatlas.errors import ResourceError
from repatlas.memory import BASE, check_memory, most_examples, needed
from repatlas.similarity import MEASURES
from repatlas.similarity.inputs import Layers
from repatlas.study import Study
from repatlas.study.needs import check_machine, compared_features, tile_bytes

OF_ACTIVATIONS = sorted(set(MEASURES) - {"cka_minibatch"})
# Layers of real networks on a thousand images and more.
WIDE = [16384] * 3 + [8192] * 2 + [4096] * 2
CONFIG = {
    "study": "s",
    "grid": {"dataset": "cifar10", "depth": 8, "seed": [0, 1]},
    "taps": ["relu", "conv"],
    "measures": ["cka_minibatch", "cka", "pwcca"],
}


@pytest.mark.parametrize(("n", "features"), [(300, [1500, 1500, 100]), (400, [150, 150, 80, 80])])
@pytest.mark.parametrize("name", OF_ACTIVATIONS)
def test_what_is_allocated_is_at_most_what_was_foretold(name, n, features):
    def read(index):
        rng = np.random.default_rng(index)
        return rng.standard_normal((n, features[index]), dtype=np.float32)

    layers = Layers(list(map(str, range(len(features)))), read)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MEASURES[name].scores(layers, None)  # what is loaded once does not count
        tracemalloc.start()
        MEASURES[name].scores(layers, None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    foretold = needed(name, n, features) - BASE
    assert peak <= foretold < 3 * peak


@pytest.mark.parametrize("name", OF_ACTIVATIONS)
def test_networks_more_take_no_more_memory_once_it_is_full(name):
    """Some hundred layers of 2,000 examples do not fit beside one another."""
    ten, hundred = needed(name, 2000, WIDE * 10), needed(name, 2000, WIDE * 100)
    assert hundred == ten < 5e9
    assert needed(name, 10_000, WIDE) > needed(name, 2000, WIDE)


def test_the_largest_number_of_examples_is_the_largest():
    fits = most_examples("svcca", WIDE, 8e9)
    assert 5000 < fits < 10_000
    assert needed("svcca", fits, WIDE) <= 8e9 < needed("svcca", fits + 1, WIDE)


def test_a_refusal_says_how_much_and_what_would_fit():
    check_memory("cka", 10_000, WIDE, 24 * 10**9)
    said = (
        r"pwcca on 10,000 examples and layers of up to 16,384 features would take about 1\d GB of "
        r"memory; this machine has 8 GB.\nUp to \d,\d\d\d examples would fit"
    )
    with pytest.raises(ResourceError, match=said):
        check_memory("pwcca", 10_000, WIDE, 8 * 10**9)
    with pytest.raises(ResourceError) as error:
        check_memory("pwcca", 10_000, WIDE, 10**8)
    assert "would fit" not in str(error.value), "nothing would"


def test_a_study_that_does_not_fit_is_refused_before_any_job():
    study = Study(CONFIG)
    large, small = 64 * 10**9, 8 * 10**9
    plenty = (Path("results"), lambda: 0, lambda _path: 10**15)
    check_machine(study, *plenty, lambda: large)
    with pytest.raises(ResourceError, match=r"pwcca on 10,000 examples.*this machine has 8 GB"):
        check_machine(study, *plenty, lambda: small)
    without = {**CONFIG, "measures": ["cka_minibatch", "cka"]}
    check_machine(Study(without), *plenty, lambda: small)
    fewer = {**CONFIG, "probe": {"size": 1024}}
    check_machine(Study(fewer), *plenty, lambda: small)


def test_a_jobs_layers_are_those_within_a_network_or_those_across():
    study = Study(CONFIG)
    minibatch, cka, pwcca = study.tiles
    relu = [16384] * 3 + [8192] * 2 + [4096] * 2
    conv = [16384] * 3 + [8192] * 2 + [4096] * 2
    within, across = compared_features(study, cka)
    assert sorted(within) == sorted(relu + conv)
    assert across == relu * 2
    assert compared_features(study, minibatch) == []
    assert tile_bytes(study, minibatch) == 0
    assert tile_bytes(study, pwcca) == needed("pwcca", 10_000, across)
    alone = Study({**CONFIG, "comparisons": {"across_seeds": False}})
    assert compared_features(alone, alone.tiles[1])[1] == []


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    machine = hardware.total_memory()
    assert 10**8 < machine < 10**14
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text("123456789\n")
    for name, expected in (("max", machine), ("absent", machine), ("limit", 123456789)):
        monkeypatch.setattr(hardware, "MEMORY_LIMITS", [tmp_path / name])
        assert hardware.total_memory() >= expected
    assert hardware.total_memory() == 123456789
