"""First principal components: planted ones, NumPy's and scikit-learn's, streamed and in memory."""

from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
import torch
from repatlas.analysis.arrays import read_arrays
from repatlas.analysis.design import Grid
from repatlas.analysis.principal_components import (
    layer_table,
    network_table,
    pc_similarity,
    similarity_table,
    summary_table,
)
from repatlas.cli import principal_components as command
from repatlas.data.probe import make_probe
from repatlas.files import write_json
from repatlas.frozen import principal_components as pc
from repatlas.frozen.krylov import Krylov
from repatlas.frozen.principal_components import from_activations, principal_components
from repatlas.layers import CONSTANT, layers_of
from repatlas.models.registry import build
from repatlas.models.taps import tapped
from repatlas.training.batches import as_input
from sklearn.decomposition import PCA

CPU = torch.device("cpu")
MODEL = {
    "architecture": "resnet",
    "depth": 8,
    "width": 0.5,
    "init": "he_normal",
    "bn_momentum": 0.1,
}


def streamed(x, passes=16, tolerance=1e-10, batch=50, block=16):
    """The search space of activations (n, p) after as many passes as the tolerance needs."""
    space = Krylov(x.shape[1], len(x), CPU, block)
    for turn in range(passes):
        for start in range(0, len(x), batch):
            space.add(start, torch.from_numpy(x[start : start + batch]))
        space.finish()
        if turn and space.components().angle <= tolerance:
            break
    return space


def direct(x):
    """(variances, u1) by NumPy's SVD of the centred features in float64."""
    x = x.astype(np.float64)
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return s**2, u[:, 0]


def decaying(n=300, p=2000, seed=0, mean=0.0):
    """Features whose variances fall slowly, as those of convolutions do, far from the origin."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((n, 150)) / np.arange(1, 151) ** 0.5
    x = scores @ rng.standard_normal((150, p)) + 0.05 * rng.standard_normal((n, p)) + mean
    return x.astype(np.float32)


def same_direction(a, b):
    return 1 - abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_streamed_components_are_those_of_the_svd(mean):
    x = decaying(mean=mean)
    variances, u1 = direct(x)
    space = streamed(x)
    found = space.components()
    np.testing.assert_allclose(found.variances[0], variances[0], rtol=1e-10)
    np.testing.assert_allclose(space.norms @ space.norms, variances.sum(), rtol=1e-10)
    assert same_direction(found.projections, u1) < 1e-12
    centred = x.astype(float) - x.mean(axis=0, dtype=float)
    np.testing.assert_allclose(space.norms, np.linalg.norm(centred, axis=1), rtol=1e-10)
    assert space.zeros == 0


def test_scikit_learn_agrees():
    x = decaying(seed=1)
    # Not TruncatedSVD, whose ratio is taken of variances that are not about the features' means.
    theirs = PCA(n_components=5, svd_solver="full").fit(x.astype(np.float64))
    ours = from_activations(x, 1e-4)
    np.testing.assert_allclose(ours.shares, theirs.explained_variance_ratio_, rtol=1e-9)
    scores = theirs.transform(x.astype(np.float64))[:, 0]
    assert same_direction(ours.u1, scores) < 1e-12
    space = streamed(x)
    share = space.components().variances[0] / (space.norms @ space.norms)
    np.testing.assert_allclose(share, theirs.explained_variance_ratio_[0], rtol=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.94])
def test_a_planted_component_has_its_share(share):
    rng = np.random.default_rng(2)
    n, p = 400, 600
    # Orthonormal examples and directions, so that variances are what they are made to be.
    u = np.linalg.qr(rng.standard_normal((n, 101)) - 0)[0]
    u = np.linalg.qr(u - u.mean(axis=0))[0]
    v = np.linalg.qr(rng.standard_normal((p, 101)))[0]
    sizes = np.sqrt(np.r_[share, np.full(100, (1 - share) / 100)])
    x = (u * sizes) @ v.T + rng.standard_normal(p)
    for found in (from_activations(x, 1e-4), streamed(x, tolerance=1e-8)):
        if isinstance(found, Krylov):
            components = found.components()
            value, projections = components.variances[0], components.projections
        else:
            value, projections = found.shares[0], found.u1
        assert value == pytest.approx(share, rel=1e-9)
        assert same_direction(projections, u[:, 0]) < 1e-9


def test_the_bounds_hold_before_convergence():
    x = decaying(seed=3)
    variances, u1 = direct(x)
    before = np.inf
    for passes in range(2, 7):
        found = streamed(x, passes, tolerance=0, block=4).components()
        sine = np.sqrt(max(0, 1 - (1 - same_direction(found.projections, u1)) ** 2))
        error = 1 - found.variances[0] / variances[0]
        # The angle bound takes the gap to the second Ritz value, which is not above the true one.
        assert 0 <= error <= found.residuals[0] + 1e-14
        assert sine <= 1.5 * found.angle + 1e-9
        assert found.residuals[0] < before
        before = found.residuals[0]
    assert before < 0.02


@pytest.mark.parametrize("passes", [2, 3])
def test_the_residual_told_is_the_one_that_the_vector_has(passes):
    """|A v - lambda v| from the features, for each direction of the search space."""
    x = decaying(seed=4, mean=10.0)
    space = streamed(x, passes, tolerance=0, block=5)
    found = space.components()
    directions = torch.cat(space._basis[:-1]).numpy()
    centred = x.astype(float) - x.mean(axis=0, dtype=float)
    np.testing.assert_allclose(directions @ directions.T, np.eye(5 * passes), atol=1e-10)
    scores = centred @ directions.T
    values, vectors = np.linalg.eigh(scores.T @ scores)
    for k in range(3):
        v = directions.T @ vectors[:, -1 - k]
        direct = np.linalg.norm(centred.T @ (centred @ v) - values[-1 - k] * v) / values[-1]
        assert found.variances[k] == pytest.approx(values[-1 - k])
        assert found.residuals[k] == pytest.approx(direct, rel=1e-6)


def test_batches_of_any_size_give_the_same():
    x = decaying(n=130, p=40)
    a, b = (streamed(x, batch=size).components() for size in (130, 7))
    np.testing.assert_allclose(a.variances[:3], b.variances[:3], rtol=1e-12)


@pytest.mark.parametrize("p", [1, 3, 10, 16, 20])
def test_few_features_are_exact(p):
    x = decaying(n=60, p=p)
    variances, u1 = direct(x)
    found = streamed(x).components()
    np.testing.assert_allclose(found.variances[0], variances[0], rtol=1e-12)
    assert same_direction(found.projections, u1) < 1e-12
    assert found.angle < 1e-10


def test_fewer_examples_than_directions_are_exact():
    x = decaying(n=6, p=500)
    variances, u1 = direct(x)
    found = streamed(x).components()
    np.testing.assert_allclose(found.variances[0], variances[0], rtol=1e-12)
    assert same_direction(found.projections, u1) < 1e-12


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (120, 1, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    made = build(MODEL, (1, 8, 8), 10, torch.Generator().manual_seed(0))
    return made.eval().to(memory_format=torch.channels_last)


LAYERS = [la.name for la in layers_of(MODEL) if la.kind in ("relu", "dense")]


def activations(network, images):
    kept = {}
    with torch.no_grad(), tapped(network, LAYERS, lambda k, x: kept.update({k: x.clone()})):
        network(as_input(images, CPU))
    return [kept[k].numpy().reshape(len(images), -1) for k in range(len(LAYERS))]


def stream_all(monkeypatch, network, images, **options):
    """As a probe set that is too large to be taken at once."""
    monkeypatch.setattr(pc, "MOST", 0)
    monkeypatch.setattr(pc, "BATCH", 50)
    settings = {"tolerance": 1e-9, "most_passes": 16} | options
    return principal_components(network, LAYERS, images, CPU, **settings)


def test_a_network_is_the_same_streamed_and_at_once(monkeypatch, network, images):
    at_once = principal_components(network, LAYERS, images, CPU, 1e-9, 16)
    assert {own.passes for own in at_once} == {1}
    many = stream_all(monkeypatch, network, images)
    assert len(many) == len(LAYERS) == 8
    for x, a, b in zip(activations(network, images), at_once, many, strict=True):
        variances, u1 = direct(x)
        for own in (a, b):
            assert own.converged
            assert own.reason == ""
            # Forward passes of other batch sizes differ in the last bits of float32.
            assert own.shares[0] == pytest.approx(variances[0] / variances.sum(), rel=1e-5)
            assert same_direction(own.u1, u1) < 1e-8
            assert own.zeros == pytest.approx((x == 0).mean(), abs=1e-4)
        np.testing.assert_allclose(a.norms, b.norms, rtol=1e-4)
        assert 1 < b.passes <= 16


def test_layers_in_groups_are_the_same(monkeypatch, network, images):
    whole = stream_all(monkeypatch, network, images)
    monkeypatch.setattr(pc, "BUDGET", 1)
    alone = stream_all(monkeypatch, network, images)
    for a, b in zip(whole, alone, strict=True):
        np.testing.assert_array_equal(a.u1, b.u1)
        np.testing.assert_array_equal(a.shares, b.shares)


def test_too_few_passes_are_said_so(monkeypatch, network, images):
    found = stream_all(monkeypatch, network, images, most_passes=2, tolerance=1e-13)
    wide = found[0]
    assert not wide.converged
    assert wide.passes == 2
    assert wide.angle > 1e-13
    assert np.isfinite(wide.shares[0])


@pytest.mark.parametrize("most", [0, 1024])
def test_layers_without_components_have_a_reason(monkeypatch, images, most):
    monkeypatch.setattr(pc, "MOST", most)
    monkeypatch.setattr(pc, "BATCH", 50)
    made = build(MODEL, (1, 8, 8), 10, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        made.stage2.block1.bn2.weight.zero_()
        made.stage2.block1.shortcut.weight.zero_()
        made.stage2.block1.shortcut.bias.fill_(1.0)
        made.dense.bias.fill_(float("nan"))
    found = principal_components(made, LAYERS, images, CPU, 1e-6, 16)
    reasons = dict(zip(LAYERS, (own.reason for own in found), strict=True))
    assert reasons["stage1.block1.relu2"] == ""
    assert reasons["stage2.block1.relu2"] == CONSTANT
    assert reasons["dense"] == "not finite"
    for own in found:
        assert np.isnan(own.shares[0]) == bool(own.reason)
        assert np.isnan(own.u1).all() == bool(own.reason)


def test_zeros_are_counted_over_examples_and_features():
    x = np.random.default_rng(0).standard_normal((40, 30))
    x[x < 0.5] = 0
    assert from_activations(x, 1e-4).zeros == (x == 0).mean()


def test_similarity_of_components_has_no_sign():
    x = decaying(n=50, p=30)
    u = from_activations(x, 1e-4).u1
    v = from_activations(decaying(n=50, p=30, seed=5), 1e-4).u1
    found = pc_similarity(np.stack([u, -u, v]))
    np.testing.assert_allclose(np.diag(found), 1)
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] == pytest.approx((u @ v) ** 2)


@pytest.fixture(scope="module")
def grid(digits, network, tmp_path_factory):
    """Two networks read out by the command, the second of which failed."""
    folder = tmp_path_factory.mktemp("networks")
    make_probe(digits, 64, folder / "probe.json")
    status = {"a": {"status": "completed", "reason": ""}}
    status["b"] = {"status": "diverged", "reason": "training loss is nan"}
    for run in "ab":
        path = folder / run
        path.mkdir()
        write_json(path / "spec.json", {"model": MODEL, "training": {"threads": 1}})
        write_json(path / "status.json", status[run])
        torch.save(network.state_dict(), path / "model.pt")
        options = {"layers": ["relu", "dense"], "tolerance": 1e-4, "passes": 16}
        command.run(
            Namespace(
                run=path,
                dataset=digits,
                probe=folder / "probe.json",
                options=options,
                output=folder / f"{run}.npz",
                device="cpu",
            )
        )
    runs = pd.DataFrame({"run": ["a", "b"], "group": ["g", "g"], "seed": [0, 1]})
    artifacts = {run: str(folder / f"{run}.npz") for run in "ab"}
    return Grid(runs, ["seed"], {}, {"principal_components": artifacts})


def test_tables_say_what_the_command_left(grid, tmp_path):
    found = read_arrays(grid.artifacts["principal_components"]["a"])
    cka = np.random.default_rng(0).random((8, 8))
    cka += cka.T
    rows = [
        {"measure": "cka_minibatch", "run_a": "a", "run_b": "a", "layer_a": p, "layer_b": q}
        | {"value": cka[i, j]}
        for i, p in enumerate(LAYERS)
        for j, q in enumerate(LAYERS)
    ]
    # What belongs to another measure or pair of networks plays no part.
    rows += [r | {"measure": "rsa", "value": 0} for r in rows]
    rows += [r | {"run_b": "b", "value": 0} for r in rows[:64]]
    pd.DataFrame(rows).to_parquet(tmp_path / "s.parquet")
    layers = layer_table(grid).set_index(["run", "layer"])
    assert len(layers) == 16
    assert layers.loc["a", "pc1_share"].tolist() == found["shares"][:, 0].tolist()
    assert layers.loc["a", "zero_share"].isna().tolist() == [False] * 7 + [True]
    assert (layers.loc["a", "n_examples"] == 64).all()
    pairs = similarity_table(grid)
    own = pairs[pairs["run"] == "a"].pivot(index="index_a", columns="index_b", values="value")
    np.testing.assert_allclose(own, pc_similarity(found["u1"]))
    networks = network_table(grid, tmp_path / "s.parquet").set_index("run")
    upper = np.triu_indices(8, 1)
    expected = np.corrcoef(pc_similarity(found["u1"])[upper], cka[upper])[0, 1]
    assert networks.loc["a", "pc1_cka_correlation"] == pytest.approx(expected)
    assert networks.loc["a", "correlation_pairs"] == 28
    assert networks.loc["a", "pc1_share_max"] == found["shares"][:, 0].max()
    assert networks.loc["a", "zero_share_mean"] == pytest.approx(found["zeros"][:7].mean())
    summary = summary_table(grid, networks.reset_index())
    assert summary["pc1_share_max_n"].tolist() == [1]


def test_a_network_that_failed_has_rows_with_its_reason(grid, tmp_path):
    columns = ["measure", "run_a", "run_b", "layer_a", "layer_b"]
    empty = pd.DataFrame(columns=columns).assign(value=pd.Series(dtype=float))
    empty.to_parquet(tmp_path / "s.parquet")
    reason = "network diverged: training loss is nan"
    for table in (layer_table(grid), similarity_table(grid)):
        bad = table[table["run"] == "b"]
        assert len(bad) == len(table) / 2
        assert set(bad["reason"]) == {reason}
    networks = network_table(grid, tmp_path / "s.parquet").set_index("run")
    assert networks.loc["b", "reason"] == reason
    assert np.isnan(networks.loc["b", "pc1_share_max"])
    assert np.isnan(networks.loc["a", "pc1_cka_correlation"])
    assert networks.loc["a", "correlation_pairs"] == 0


def test_two_equal_largest_variances_have_no_first_direction():
    x = np.zeros((8, 2))
    x[[0, 1], 0], x[[2, 3], 1] = [1, -1], [1, -1]
    found = from_activations(x, 1e-4)
    assert not found.converged
    assert found.shares[0] == pytest.approx(0.5)
