"""Every case of benchmarks/similarity.py at tiny sizes: it runs, and what is timed is right.

Values are held against a float64 computation by the definition, ours and the peers' alike: a fast
wrong answer is no comparison. Peers that are not installed are skipped by name.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import similarity as script
from harness import measuring, report
from harness import memory as peaks
from harness.measuring import Line, Target
from similarity_cases import (
    arrays,
    exact,
    extraction,
    growing,
    limits,
    many,
    memory,
    ours,
    peers,
    within,
)
from similarity_cases.sizes import SMALL

NETWORKS = [arrays.activations(SMALL.wide, SMALL.examples, seed) for seed in range(3)]
INSTALL = "pip install --no-deps -r benchmarks/requirements.txt"


def expected(i, j):
    return arrays.reference(NETWORKS[i], NETWORKS[j], SMALL.batch)


def needs(module):
    if not peers.installed(module):
        pytest.skip(f"{module} is not installed: {INSTALL}")


def test_the_made_up_layers_are_neither_alike_nor_unrelated():
    """Otherwise no disagreement could be seen, and a peer that clips at zero would seem right."""
    values = expected(0, 1)
    assert values.min() > 0.02
    assert values.max() < 0.98
    assert values.std() > 0.02


# Accuracy in float32 that the libraries were found to have with means of about one standard
# deviation; pytorch-cka and torch_cka centre nothing before the Gram.
@pytest.mark.parametrize(
    ("name", "module", "tolerance"),
    [
        (within.CENTRED, "repatlas", 1e-6),
        (within.RAW, "repatlas", 1e-6),
        ("pytorch-cka", "cka", 2e-5),
        ("torch_cka", "torch_cka", 2e-5),
        ("ckatorch", "ckatorch", 1e-9),
    ],
)
def test_one_network_with_itself_is_what_each_library_computes(name, module, tolerance):
    needs(module)
    found = within.candidates(SMALL, NETWORKS[0])[name]()
    np.testing.assert_allclose(found, expected(0, 0), rtol=0, atol=tolerance)


def test_ckatorch_is_timed_on_pairs_that_hold_each_layer_twice():
    needs("ckatorch")
    found = peers.ckatorch(NETWORKS[0], SMALL.batch, 1, 1)
    first = [x[: SMALL.batch] for x in NETWORKS[0]]
    known = ~np.isnan(found)
    assert known.sum() == len(SMALL.wide)
    np.testing.assert_allclose(
        found[known], arrays.reference(first, first, SMALL.batch)[known], atol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "module", "tolerance"),
    [
        (many.CENTRED, "repatlas", 1e-6),
        (many.RAW, "repatlas", 1e-6),
        (many.PEER, "cka", 2e-5),
    ],
)
def test_all_pairs_are_in_one_order(name, module, tolerance):
    needs(module)
    found = many.candidates(SMALL, NETWORKS)[name]()
    wanted = [expected(i, j) for i, j in ours.every_pair(3)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


def test_stores_give_the_values_of_the_arrays(tmp_path):
    paths = [tmp_path / f"{k}.zarr" for k in range(3)]
    for layers, path in zip(NETWORKS, paths, strict=True):
        ours.store_grams(layers, SMALL.batch, path)
    wanted = ours.all_pairs(NETWORKS, SMALL.batch)
    np.testing.assert_allclose(ours.from_stores(paths), wanted, rtol=0, atol=1e-6)
    for new in (paths[0], NETWORKS[0]):
        found = ours.one_with_others(new, paths[1:], SMALL.batch)
        np.testing.assert_allclose(found, wanted[:3], rtol=0, atol=1e-6)


def test_the_limit_forms_the_products_it_claims(monkeypatch):
    """A limit that left work out would flatter nobody but would be none."""
    x = NETWORKS[0][0][: SMALL.batch]
    gram = np.zeros((SMALL.batch, SMALL.batch), np.float32, order="F")
    limits.rank_k(x, gram)
    lower = np.tril_indices(SMALL.batch)
    np.testing.assert_allclose(gram[lower], (x @ x.T)[lower], rtol=1e-5)
    done = []
    monkeypatch.setattr(limits, "rank_k", lambda part, _gram: done.append(part.shape))
    packed = limits.stand_in(len(SMALL.wide), SMALL.batch)
    limits.symmetric_products(NETWORKS[:1], packed, SMALL.batch)
    assert done == [(SMALL.batch, p) for p in SMALL.wide] * (SMALL.examples // SMALL.batch)


@pytest.mark.parametrize("name", [exact.EXACT, exact.BIASED, *exact.THEIRS])
def test_all_examples_at_once_is_what_each_library_computes(name):
    layers = NETWORKS[0]
    candidates = exact.of_peers(SMALL, layers)
    if name not in candidates:
        pytest.skip(f"{name.partition(' ')[0]} is not installed: {INSTALL}")
    if exact.THEIRS.get(name, name) == exact.EXACT:
        wanted = arrays.reference(layers, layers, SMALL.examples)
    else:
        flat = [x.astype(float) - x.mean(axis=0, dtype=float) for x in layers]
        grams = np.array([(x @ x.T).ravel() for x in flat])
        grams /= np.linalg.norm(grams, axis=1, keepdims=True)
        wanted = grams @ grams.T
    np.testing.assert_allclose(candidates[name](), wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "run",
    [
        within.run,
        many.run_few,
        many.run_many,
        growing.run_most,
        growing.run_one_more,
        extraction.run,
        exact.run_peers,
    ],
)
def test_a_case_reports_ratios_that_follow_from_its_seconds(run):
    outcome = run(SMALL, 2, 1)
    assert outcome.lines
    for seconds in outcome.seconds.values():
        assert len(seconds) == 2
        assert min(seconds) > 0
    for line in outcome.lines:
        assert line.value > 0
        assert line.rounds == 2
        assert line.se >= 0


def test_peak_memory_is_measured_in_processes_of_their_own(monkeypatch):
    """Here the function is called in place, as new processes each take seconds to import."""
    monkeypatch.setattr(memory, "in_own_process", lambda function, *given: function(*given))
    lines = memory.run(SMALL, 1, 1).lines
    assert [line.unit for line in lines] == ["MB"] * 6
    large = exact.run_large(replace(SMALL, exact_examples=96), 1, 1)
    assert [line.unit for line in large.lines[-2:]] == ["MB", "MB"]


PEAKS = """
import numpy as np
from harness.memory import forget_peak, peak

forget_peak()
print(peak())
held = np.ones(8_000_000)
del held
print(peak())
forget_peak()
print(peak())
"""


def test_the_peak_sees_what_was_held():
    """In a process of its own: one that has freed much takes its memory from that."""
    done = subprocess.run(
        [sys.executable, "-c", PEAKS],
        env={**os.environ, "PYTHONPATH": str(Path(peaks.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    before, held, after = map(float, done.stdout.split())
    if sys.platform == "linux":
        assert 60 < held - before < 90
        assert after - before < 30


def test_a_median_of_ratios_is_taken_round_by_round():
    line = measuring.ratio("r", np.array([2.0, 40.0, 9.0]), np.array([1.0, 10.0, 3.0]))
    assert line.value == 3
    assert 0 < line.se < 1
    same = measuring.ratio("r", np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    assert same.se == 0


def test_interleaving_turns_the_order_and_leaves_out_the_first_round():
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "abc"}
    prepared = []
    found = measuring.interleaved(calls, 2, {"b": lambda: prepared.append(len(order))})
    assert "".join(order) == "abcbcacab"
    assert prepared == [1, 3, 8]
    assert [len(seconds) for seconds in found.values()] == [2, 2, 2]


@pytest.mark.parametrize(
    ("value", "se", "bound", "verdict"),
    [
        (1.0, 0.05, "at most", "met"),
        (1.2, 0.05, "at most", "missed"),
        (1.08, 0.05, "at most", "undecided"),
        (1.12, 0.05, "at least", "undecided"),
        (1.2, 0.05, "at least", "met"),
        (1.0, nan, "at least", "missed"),
        (1.1, 0.0, "at most", "met"),
    ],
)
def test_a_target_is_met_or_missed_by_more_than_the_error(value, se, bound, verdict):
    assert Line("x", value, se, "x", 5, Target(bound, 1.1)).verdict == verdict


def test_some_pairs_add_up_to_all_of_them():
    some = many.SomePairs(5, 5, 3)
    taken = {many.ALONE: [], many.APART: []}

    def record(_networks, _batch, pairs):
        taken[many.APART if pairs[0][0] != pairs[0][1] else many.ALONE] += pairs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "pytorch_cka_pairs", record)
        calls = some.candidates([], SMALL.batch)
        for _ in range(3):
            for call in calls.values():
                call()
    assert sorted(sum(taken.values(), [])) == ours.every_pair(5)
    # 5 networks alone at 1 s, 10 pairs at 2 s: the last two rounds took 2 and 1, and 3 and 3.
    total = some.total(np.array([2.0, 1.0]), np.array([6.0, 6.0]))
    np.testing.assert_allclose(total, [25, 25])


def test_results_survive_being_written_and_drawn(tmp_path):
    lines = [
        Line("a ratio", 1.05, 0.02, "x", 7, Target("at most", 1.1), "a note"),
        Line("slow", 300.0, 5.0, "x", 7, Target("at least", 9)),
        Line("memory", 150.0, nan, "MB", 1, Target("at most", 200)),
    ]
    part = report.Part("within-1", "Title", 1, lines, {"limit": [0.1]})
    script.SCRIPT.save([part], tmp_path)
    other = replace(part, name="few", title="Other")
    script.SCRIPT.save([other], tmp_path)
    content = json.loads((tmp_path / "similarity.json").read_text())
    assert list(content["parts"]) == ["few", "within-1"], "what was measured before is kept"
    again = report.part_of("within-1", content["parts"]["within-1"])
    assert again.as_record() == part.as_record()
    assert (tmp_path / "similarity.png").stat().st_size > 1000
    text = report.table([again])
    for said in ("Title (1 thread)", "at most 1.1", "met", "a note", "300", "MB"):
        assert said in text


def test_every_job_names_a_function_that_exists():
    modules = {"within": within, "many": many, "growing": growing, "exact": exact}
    modules |= {"extraction": extraction, "memory": memory}
    for job in script.JOBS:
        module, name = job.function.split(".")
        assert callable(getattr(modules[module], name))
