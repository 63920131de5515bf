"""Dominant examples: planted ones are found, and the block that they make goes with them alone."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.arrays import read_arrays, write_arrays
from repatlas.analysis.blocks import block_metrics
from repatlas.analysis.design import Grid
from repatlas.analysis.dominance import (
    DISTRIBUTION,
    count,
    distribution,
    dominant,
    oriented,
    overlap,
    reference_layer,
    sarle,
)
from repatlas.analysis.dominant_removal import removals
from repatlas.analysis.dominant_tables import dominance_tables
from repatlas.analysis.without_pc1 import block_table, cka_without_pc1, correlation
from repatlas.analysis.without_pc1 import similarity_table as without_table
from repatlas.data.order import pass_order
from repatlas.errors import StoreError
from repatlas.frozen.principal_components import from_activations, undefined
from repatlas.grams import gram_vector
from repatlas.stores import GramStore, GramWriter, StoredLayer

N, SIZE, PROBE = 640, 64, "00ff00ff00ff00ff"
OPTIONS = {"removed": [0.01, 0.1], "draws": 2, "seed": 0}
PLANTED = np.array([7, 9, 133, 140, 630, N - 1])  # 1 % of the examples, two a batch
BLOCK = (3, 4, 5, 6)
KINDS = ["relu"] * 9 + ["dense"]
NAMES = [f"stage1.block{k}.relu1" for k in range(9)] + ["dense"]


def layers(seed=0, planted=True):
    """Ten layers of which four share nothing but that six examples lie far out."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(len(NAMES)):
        x = rng.standard_normal((N, 30))
        if planted and k in BLOCK:
            x[PLANTED] += (60 + k) * np.linspace(1, 1.3, len(PLANTED))[:, None] / np.sqrt(30)
        found.append(x)
    return found


def write_store(path, xs, passes=1, status="completed", names=NAMES, kinds=KINDS):
    about = {"run": "r", "probe": PROBE, "batch_size": SIZE, "passes": passes}
    rows = [pass_order(PROBE, t, N)[k : k + SIZE] for t in range(passes) for k in range(0, N, SIZE)]
    if status != "completed":
        rows = []
    writer = GramWriter(path, {**about, "n_batches": len(rows)}, len(rows), len(names))
    for number, batch in enumerate(rows):
        made = [gram_vector(x[batch]) for x in xs]
        writer.write(number, np.stack([p for p, _ in made]), np.stack([d for _, d in made]))
    reason = "" if status == "completed" else f"network {status}"
    stored = [StoredLayer(n, k, (30,), reason) for n, k in zip(names, kinds, strict=True)]
    writer.finish(stored, status)
    return GramStore(path)


def components_of(xs, probe=PROBE, reason=""):
    """What the analysis principal_components leaves, as its command writes it."""
    found = [undefined(N, reason) if reason else from_activations(x, 1e-4) for x in xs]
    names = ("shares", "u1", "norms", "zeros", "residual", "angle", "passes", "converged", "reason")
    return {
        "layer": np.array(NAMES),
        "kind": np.array(KINDS),
        "probe": np.array(probe),
        "example": np.arange(N)[::-1],
        "label": np.arange(N) % 4,
        **{name: np.array([getattr(own, name) for own in found]) for name in names},
    }


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    xs = layers()
    store = write_store(tmp_path_factory.mktemp("store") / "g.zarr", xs)
    return xs, store, components_of(xs)


@pytest.fixture(scope="module")
def made(planted):
    _, store, components = planted
    return removals(store, components, OPTIONS)


def blocks(found, criterion, removed=0.0):
    chosen = (found["criterion"] == criterion) & (found["removed"] == removed)
    return [block_metrics(value) for value in found["value"][chosen]]


def test_planted_examples_are_found(planted):
    _, _, components = planted
    for k in BLOCK:
        assert set(dominant(components["u1"][k], 0.01)) == set(PLANTED)
        assert dominant(components["u1"][k], 0.01)[0] == PLANTED[-1], "the farthest comes first"
    assert set(dominant(components["u1"][0], 0.01)) != set(PLANTED)


def test_their_removal_takes_the_block_away_and_a_random_one_does_not(made):
    (whole,) = blocks(made, "none")
    assert (whole.longest_run, whole.run_start, whole.run_end) == (4, 4, 7)
    assert whole.fraction_above == pytest.approx(6 / 36)
    for share in (0.01, 0.1):
        (left,) = blocks(made, "dominant", share)
        assert left.longest_run == 1
        assert left.fraction_above == 0
        drawn = blocks(made, "random", share)
        assert len(drawn) == 2
        for null in drawn:
            assert null.longest_run == 4
    assert made["n_removed"].tolist() == [0, 6, 6, 6, 64, 64, 64]
    reference = made["criterion"] == "dominant"
    assert made["pc1_share"][0] > 0.6
    assert (made["pc1_share"][reference] < 0.3).all()
    assert (made["pc1_share"][made["criterion"] == "random"] > 0.5).all()


def test_what_is_left_is_what_the_kept_activations_give(planted, made):
    """By the direct double sum over kept examples, from the activations."""
    xs, _, components = planted
    k = int(np.flatnonzero((made["criterion"] == "dominant") & (made["removed"] == 0.1))[0])
    reference = NAMES.index(str(made["reference"]))
    gone = set(dominant(components["u1"][reference], 0.1).tolist())
    total = np.zeros((9, 9))
    for start in range(0, N, SIZE):
        kept = [r for r in range(start, start + SIZE) if r not in gone]
        n, ones = len(kept), np.ones(len(kept))
        grams = [x[kept] @ x[kept].T for x in xs[:9]]
        centred = []
        for gram in grams:
            np.fill_diagonal(gram, 0)
            m = gram @ ones / (n - 2)
            m -= m.sum() / (2 * (n - 1))
            g = gram - m - m[:, None]
            np.fill_diagonal(g, 0)
            centred.append(g.ravel())
        total += np.array(centred) @ np.array(centred).T
    expected = total / np.sqrt(np.outer(total.diagonal(), total.diagonal()))
    # The store keeps float32.
    np.testing.assert_allclose(made["value"][k], expected, atol=2e-6)


def test_the_reference_layer_is_the_strongest_of_the_block(made, planted):
    _, _, components = planted
    assert made["block"].tolist() == [NAMES[k] for k in BLOCK]
    best = max(BLOCK, key=lambda k: components["shares"][k, 0])
    assert made["reference"] == NAMES[best]
    # Outside the block another layer may have the larger share.
    components = {**components, "shares": components["shares"].copy()}
    components["shares"][0, 0] = 0.99
    assert reference_layer(components, [NAMES[k] for k in BLOCK]) == best
    assert reference_layer(components, []) == 0
    assert reference_layer(components, [], "dense") == 9
    components["shares"][9, 0] = 0.999
    assert reference_layer(components, []) == 0, "logits are no ReLU layer"
    components["shares"][:] = np.nan
    assert reference_layer(components, []) is None


def test_a_run_that_no_first_component_makes_is_no_block():
    """As of ResNet-14 on CIFAR-10: its first two layers are alike, with small first components."""
    names = np.array(["stage1.block1.relu1", "stage1.block1.relu2", "stage3.block2.relu2", "dense"])
    components = {
        "layer": names,
        "kind": np.array(["relu", "relu", "relu", "dense"]),
        "shares": np.array([[0.041], [0.036], [0.152], [0.4]]),
    }
    run = names[:2].tolist()
    assert reference_layer(components, run) == 2
    components["shares"][0] = 0.076
    assert reference_layer(components, run) == 0, "half of the largest share is enough"


def test_projections_are_turned_so_that_the_heavier_tail_is_positive():
    u1 = np.array([0.1] * 90 + [-0.9] * 10)
    found = oriented(u1)
    np.testing.assert_allclose(found, -u1 / np.sqrt(0.9 * 0.01 + 0.1 * 0.81))
    np.testing.assert_array_equal(oriented(-u1), found)
    assert np.mean(found**2) == pytest.approx(1)


def test_the_table_has_projections_with_their_sign(tables, planted):
    _, _, components = planted
    table = tables["dominant_projections.parquet"]
    assert set(table["run"].astype(str)) == {"ok"}
    layer = NAMES.index(table["layer"].astype(str).iloc[0])
    u1 = components["u1"][layer] * np.sqrt(N)
    sign = np.sign(u1[PLANTED[-1]])
    np.testing.assert_allclose(table["projection"], sign * u1, rtol=1e-9)
    sizes = table["projection"].abs()
    np.testing.assert_allclose(table["projection_to_median"], sizes / sizes.median())


def test_a_named_layer_is_taken(planted):
    _, store, components = planted
    found = removals(store, components, {**OPTIONS, "layer": NAMES[1], "removed": [0.01]})
    assert found["reference"] == NAMES[1]
    (left,) = blocks(found, "dominant", 0.01)
    assert left.longest_run == 4, "its examples are not those of the block"


def test_without_a_block_the_strongest_layer_is_taken(tmp_path):
    xs = layers(planted=False)
    found = removals(write_store(tmp_path / "g.zarr", xs), components_of(xs), OPTIONS)
    assert found["block"].tolist() == []
    assert found["reference"] in NAMES[:9]


def test_several_passes_lose_the_same_examples(tmp_path, planted):
    xs, _, components = planted
    found = removals(write_store(tmp_path / "g.zarr", xs, passes=3), components, OPTIONS)
    (left,) = blocks(found, "dominant", 0.01)
    assert left.longest_run == 1


def test_random_removals_repeat_themselves(planted, made):
    _, store, components = planted
    again = removals(store, components, OPTIONS)
    np.testing.assert_array_equal(again["value"], made["value"])
    other = removals(store, components, OPTIONS | {"seed": 1})
    drawn = made["criterion"] == "random"
    np.testing.assert_array_equal(other["value"][~drawn], made["value"][~drawn])
    assert not np.allclose(other["value"][drawn], made["value"][drawn], atol=1e-6)


def test_another_probe_set_is_refused(planted):
    xs, store, _ = planted
    with pytest.raises(StoreError, match="not made on the same probe set"):
        removals(store, components_of(xs, probe="ffff"), OPTIONS)


def test_without_the_first_component_the_block_is_gone(planted):
    """The block is one component; without it layers share nothing."""
    _, store, _ = planted
    found = cka_without_pc1(store)
    block = np.ix_(BLOCK, BLOCK)
    off = ~np.eye(4, dtype=bool)
    assert (found["value_with"][block][off] > 0.9).all()
    # A batch without planted examples loses another component instead.
    assert (np.abs(found["value_without"][block][off]) < 0.3).all()
    assert (found["reason"] == "").all()
    assert np.isfinite(found["se_without"]).all()


def test_how_projections_are_spread():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(100_000)
    flat = rng.uniform(-1, 1, 100_000)
    two = np.sign(flat) + 0.1 * normal
    few = np.where(np.arange(100_000) < 500, 100.0, 0) + normal
    found = distribution(normal, np.abs(normal))
    assert found["carried_1"] == pytest.approx(0.0845, abs=0.002)
    assert found["carried_10"] == pytest.approx(0.4393, abs=0.004)
    assert found["p99_to_median"] == pytest.approx(3.819, abs=0.05)
    assert found["bimodality"] == pytest.approx(1 / 3, abs=0.01)
    assert found["norm_correlation"] == pytest.approx(1)
    assert sarle(flat) == pytest.approx(5 / 9, abs=0.01)
    assert sarle(two) > 0.9
    outlying = distribution(few, np.abs(few))
    assert outlying["carried_1"] > 0.97
    assert outlying["bimodality"] > 5 / 9
    assert outlying["norm_ratio"] > 50
    scaled = distribution(-3 * few, 7 * np.abs(few))
    assert scaled == pytest.approx(outlying)


def test_projections_that_are_not_spread_are_undefined():
    for bad in (np.zeros(50), np.full(50, np.nan)):
        assert np.isnan([*distribution(bad, np.ones(50)).values()]).all()
    assert set(distribution(np.zeros(50), np.ones(50))) == set(DISTRIBUTION)


def test_overlap_is_the_share_in_common():
    u = np.zeros((3, 100))
    u[0, :10] = np.arange(10, 0, -1)
    u[1, 5:15] = -np.arange(10, 0, -1)
    u[2] = np.nan
    found = overlap(u, 0.1)
    assert found[0, 0] == found[1, 1] == 1
    assert found[0, 1] == found[1, 0] == 0.5
    assert np.isnan(found[2]).all()
    assert count(640, 0.01) == 6
    assert count(30, 0.01) == 1


def test_correlation_takes_each_pair_of_different_layers_once():
    rng = np.random.default_rng(0)
    a = rng.random((6, 6))
    a += a.T
    b = 2 * a + 0.1 * rng.random((6, 6))
    b = (b + b.T) / 2
    np.fill_diagonal(b, 100)
    upper = np.triu_indices(6, 1)
    expected = np.corrcoef(a[upper], b[upper])[0, 1]
    assert correlation(a, b) == (pytest.approx(expected), 15)
    b[0, 1] = np.nan
    assert correlation(a, b)[1] == 14
    assert np.isnan(correlation(a, np.ones((6, 6)))[0])


@pytest.fixture(scope="module")
def grid(tmp_path_factory, planted):
    """Two networks, the second of which failed."""
    folder = tmp_path_factory.mktemp("artifacts")
    _, store, components = planted
    failed = write_store(folder / "f.zarr", [], status="diverged: loss is nan")
    nothing = components_of(layers(), reason="network diverged: loss is nan")
    for name, run_store, own in (("ok", store, components), ("bad", failed, nothing)):
        write_arrays(folder / f"{name}.pc.npz", own)
        write_arrays(folder / f"{name}.dom.npz", removals(run_store, own, OPTIONS))
        write_arrays(folder / f"{name}.cka.npz", cka_without_pc1(run_store))
    runs = pd.DataFrame(
        {"run": ["ok", "bad"], "group": ["g", "g"], "depth": [8, 8], "seed": [0, 1]}
    )
    kinds = {"principal_components": "pc", "dominant_examples": "dom", "cka_without_pc1": "cka"}
    artifacts = {
        name: {run: str(folder / f"{run}.{suffix}.npz") for run in ("ok", "bad")}
        for name, suffix in kinds.items()
    }
    return Grid(runs, ["depth", "seed"], {}, artifacts)


@pytest.fixture(scope="module")
def tables(grid):
    images = np.arange(N * 12, dtype=np.uint32).astype(np.uint8).reshape(N, 3, 2, 2)
    data = SimpleNamespace(classes=["a", "b", "c", "d"], test_images=images)
    return {**dominance_tables(grid, {"ok": data, "bad": data}), "images": images}


def test_the_list_of_examples_is_that_of_the_test_set(tables):
    table = tables["dominant_examples.csv"]
    own = table[table["run"] == "ok"]
    # The probe order was made the reverse of the test set's.
    assert set(own["example"]) == {N - 1 - k for k in PLANTED}
    assert own["label"].tolist() == [(N - 1 - e) % 4 for e in own["example"]]
    assert own["class"].tolist() == [["a", "b", "c", "d"][k] for k in own["label"]]
    assert (own["block_share"] == 1).all()
    assert own["same_side"].all()
    assert (own["norm_to_median"] > 5).all()
    (bad,) = table[table["run"] == "bad"].to_dict("records")
    assert bad["reason"] == "network diverged: loss is nan"
    assert pd.isna(bad["example"])


def test_layers_say_what_they_share(tables):
    table = tables["dominant_layers.csv"]
    own = table[table["run"] == "ok"].set_index("layer")
    inside = [NAMES[k] for k in BLOCK]
    assert own.index[own["in_block"]].tolist() == inside
    assert (own.loc[inside, "shared_with_reference"] == 1).all()
    assert (own.drop(inside)["shared_with_reference"] < 0.5).all()
    assert own["is_reference"].sum() == 1
    assert (own.loc[inside, "carried_1"] > 0.9).all()
    assert (own.loc[inside, "bimodality"] > 5 / 9).all()
    bad = table[table["run"] == "bad"]
    assert len(bad) == len(NAMES)
    assert bad["carried_1"].isna().all()
    assert (bad["reason"] == "network diverged: loss is nan").all()


def test_removals_are_a_table_with_reasons(tables):
    table = tables["dominant_removal.csv"]
    own, bad = (table[table["run"] == run] for run in ("ok", "bad"))
    assert own["longest_run"].tolist() == [4, 1, 4, 4, 1, 4, 4]
    assert own["criterion"].tolist() == ["none", *["dominant", "random", "random"] * 2]
    assert bad["longest_run"].isna().all()
    assert (bad["reason"] == "network diverged: loss is nan").all()
    pairs_of = tables["dominant_similarity.parquet"]
    assert len(pairs_of) == 2 * 5 * 81, "two networks, first draws only"


def test_images_are_those_of_the_examples(tables):
    table = tables["dominant_images.parquet"]
    assert set(table["run"]) == {"ok"}
    assert table.groupby("shown").size().to_dict() == {"dominant": 32, "random": 32}
    first = table[(table["shown"] == "dominant") & (table["rank"] == 1)].iloc[0]
    assert first["example"] == N - 1 - PLANTED[-1]
    pixels = np.frombuffer(first["pixels"], np.uint8).reshape(3, 2, 2)
    np.testing.assert_array_equal(pixels, tables["images"][first["example"]])


def test_similarity_without_components_is_a_table_with_reasons(grid):
    table = without_table(grid)
    assert len(table) == 2 * 100
    bad = table[table["run"] == "bad"]
    assert bad["value"].isna().all()
    assert set(bad["reason"]) == {"network diverged: loss is nan"}
    metrics = block_table(grid).set_index("run")
    assert metrics.loc["ok", "longest_run"] == 4
    assert metrics.loc["ok", "longest_run_without_pc1"] == 1
    assert metrics.loc["ok", "longest_run_difference"] == -3
    assert metrics.loc["ok", "fraction_above_difference"] == pytest.approx(-6 / 36)
    assert metrics.loc["bad", "reason"] == "network diverged: loss is nan"
    assert np.isnan(metrics.loc["bad", "longest_run"])


def test_a_damaged_artifact_is_named(tmp_path):
    path = Path(tmp_path) / "x.npz"
    with pytest.raises(StoreError, match=r"x\.npz is missing"):
        read_arrays(path)
    write_arrays(path, {"a": np.arange(1000)})
    assert read_arrays(path)["a"][-1] == 999
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(StoreError, match=r"x\.npz is damaged"):
        read_arrays(path)
