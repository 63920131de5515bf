"""Residual branches deleted: against networks built by hand without them; nothing left behind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from repatlas.analysis.block_deletion import deletion_summary, deletion_table
from repatlas.analysis.design import Grid
from repatlas.analysis.writing import write_checked_csv
from repatlas.data.selection import Examples
from repatlas.frozen import block_deletion
from repatlas.frozen.block_deletion import COLUMNS, delete_blocks, deletions, no_deletions
from repatlas.models.deletion import without_branches
from repatlas.models.registry import build
from repatlas.training.batches import as_input
from repatlas.training.evaluate import logits, score
from torch import nn

CPU = torch.device("cpu")
CLASSES = 10


def model(depth=14, architecture="resnet", width=0.5):
    base = {"architecture": architecture, "depth": depth, "width": width}
    return {**base, "init": "he_normal", "bn_momentum": 0.1}


def network(spec, seed=0):
    """A network whose batch normalisations are not the identity, as if it were trained."""
    draw = torch.Generator().manual_seed(seed)
    made = build(spec, (1, 8, 8), CLASSES, draw)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
            ):
                nn.init.uniform_(values, low, high, generator=draw)
    return made.to(memory_format=torch.channels_last).eval()


@pytest.fixture(scope="module")
def test():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (70, 1, 8, 8), dtype=np.uint8)
    return Examples(images, rng.integers(0, CLASSES, 70))


def by_deletion(rows):
    return {
        (row["stage"], row["deletion"], row["first_block"], row["n_deleted"]): row for row in rows
    }


def by_hand(net, images, deleted):
    """The network's function written out, deleted blocks as their shortcut and ReLU alone."""
    x = net.relu(net.bn(net.conv(images)))
    for stage in (1, 2, 3):
        for name, block in getattr(net, f"stage{stage}").named_children():
            shortcut = x if block.shortcut is None else block.shortcut(x)
            if f"stage{stage}.{name}" in deleted:
                x = torch.clamp(shortcut, min=0)
            else:
                branch = block.bn2(block.conv2(block.relu1(block.bn1(block.conv1(x)))))
                x = torch.clamp(shortcut + branch, min=0)
    return net.dense(x.mean(dim=(2, 3)))


def test_every_deletion_is_the_network_built_by_hand_without_those_blocks(test):
    net = network(model(20))
    rows = by_deletion(delete_blocks(net, model(20), test, CPU))
    # 3 stages of 3 blocks: none, 1, 2, 3 from the end; and each alone.
    assert len(rows) == 3 * (4 + 3)
    for (stage, kind, first, n), row in rows.items():
        deleted = [f"stage{stage}.block{first + k}" for k in range(n)]
        if kind == "from_the_end" and n:
            assert deleted[-1] == f"stage{stage}.block3"
        with torch.no_grad():
            values = by_hand(net, as_input(test.images, CPU), deleted)
        loss, accuracy = score(values.numpy(), test.labels)
        assert row["test_loss"] == pytest.approx(loss, rel=1e-5)
        assert row["test_accuracy"] == pytest.approx(accuracy, abs=1e-9)
    losses = [row["test_loss"] for row in rows.values() if row["n_deleted"]]
    # The last block of a stage alone is the first from its end; all else differs.
    assert len(set(np.round(losses, 6))) == 3 * 5


def test_the_whole_network_is_the_network_itself(test):
    net = network(model())
    expected = score(logits(net, test.images, CPU), test.labels)
    whole = [r for r in delete_blocks(net, model(), test, CPU) if r["n_deleted"] == 0]
    assert [(r["stage"], r["first_block"]) for r in whole] == [(1, None), (2, None), (3, None)]
    assert {(r["test_loss"], r["test_accuracy"]) for r in whole} == {expected}


def test_deleting_a_branch_that_adds_nothing_changes_nothing(test):
    net = network(model())
    nn.init.zeros_(net.stage2.block2.bn2.weight)
    nn.init.zeros_(net.stage2.block2.bn2.bias)
    rows = by_deletion(delete_blocks(net, model(), test, CPU))
    whole = rows[1, "from_the_end", None, 0]
    for kind in ("alone", "from_the_end"):
        row = rows[2, kind, 2, 1]
        assert (row["test_loss"], row["test_accuracy"]) == (
            whole["test_loss"],
            whole["test_accuracy"],
        )
    assert rows[2, "alone", 1, 1]["test_loss"] != whole["test_loss"]


def test_batches_of_another_size_give_the_same(test, monkeypatch):
    net = network(model())
    found = delete_blocks(net, model(), test, CPU)
    # Room for seven images: what enters the blocks has 8 channels of 8x8 positions three times,
    # 16 of 4x4 twice, and 32 of 2x2 once.
    monkeypatch.setattr(block_deletion, "KEPT", 7 * 4 * (3 * 8 * 64 + 2 * 16 * 16 + 32 * 4))
    sizes = []
    again = delete_blocks(net, model(), test, CPU, lambda done, total: sizes.append((done, total)))
    assert sizes == [(done, 70) for done in range(7, 71, 7)]
    for one, other in zip(found, again, strict=True):
        assert one["test_loss"] == pytest.approx(other["test_loss"], rel=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_left_behind_even_after_an_error(training):
    net = network(model()).train(training)
    modules, names = list(net.modules()), [name for name, _ in net.named_modules()]
    state = {k: v.clone() for k, v in net.state_dict().items()}
    x = torch.rand(4, 1, 8, 8)
    deleted = ["stage1.block2", "stage3.block1"]

    def fail():
        with without_branches(net, deleted), torch.no_grad():
            assert {m.training for m in net.modules()} == {training}
            net.eval()(x)
            net.train(training)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert all(a is b for a, b in zip(net.modules(), modules, strict=True))
    assert [name for name, _ in net.named_modules()] == names
    assert list(net.state_dict()) == list(state)
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_a_name_that_is_no_block_leaves_the_network_alone():
    net = network(model())
    modules = list(net.modules())
    with pytest.raises(KeyError), without_branches(net, ["stage1.block1", "stage1.block9"]):
        pass
    assert all(a is b for a, b in zip(net.modules(), modules, strict=True))


def test_a_network_without_residual_connections_has_a_reason_and_no_deletions():
    plain = model(8, "cnn")
    assert deletions(plain) == []
    wanted = without_branches(network(plain), ["stage1.block1"])
    with pytest.raises(ValueError, match=r"stage1\.block1 has no residual connection"), wanted:
        pass
    (row,) = no_deletions(plain, "no residual connections")
    assert row == dict.fromkeys(COLUMNS) | {"reason": "no residual connections"}


def test_a_diverged_network_has_undefined_rows_with_the_reason():
    rows = no_deletions(model(), "network diverged: loss is nan")
    assert len(rows) == len(deletions(model())) == 3 * 5
    assert {row["reason"] for row in rows} == {"network diverged: loss is nan"}
    assert {row["test_accuracy"] for row in rows} == {None}


def test_tables_over_networks_say_what_is_lost(tmp_path):
    """Two seeds, one diverged network and one without residual connections."""
    files, runs = {}, []
    for seed, accuracy in enumerate((0.9, 0.8)):
        rows = [dict.fromkeys(COLUMNS) | {"stage": 1, "blocks": 2, "reason": ""} for _ in range(2)]
        rows[0] |= {"deletion": "from_the_end", "n_deleted": 0, "test_accuracy": accuracy}
        rows[1] |= {"deletion": "alone", "first_block": 2, "n_deleted": 1, "test_accuracy": 0.5}
        files[f"r{seed}"] = rows
        runs.append({"run": f"r{seed}", "group": "g", "width": 1, "seed": seed})
    files["bad"] = no_deletions(model(8), "network diverged: nan")
    files["plain"] = no_deletions(model(8, "cnn"), "no residual connections")
    runs += [{"run": n, "group": n, "width": 1, "seed": 0} for n in ("bad", "plain")]
    paths = {}
    for name, rows in files.items():
        paths[name] = str(tmp_path / f"{name}.csv")
        write_checked_csv(pd.DataFrame(rows, columns=COLUMNS), Path(paths[name]))
    grid = Grid(pd.DataFrame(runs), ["width", "seed"], {}, {"block_deletion": paths})
    table = deletion_table(grid)
    assert len(table) == 2 + 2 + 9 + 1
    lost = table[table["deletion"].eq("alone") & table["run"].isin(["r0", "r1"])]["accuracy_lost"]
    np.testing.assert_allclose(lost, [0.4, 0.3])
    assert table[table["run"] == "plain"]["reason"].tolist() == ["no residual connections"]
    assert table[table["run"] == "bad"]["test_accuracy"].isna().all()
    summary = deletion_summary(grid, table)
    alone = summary[(summary["group"] == "g") & (summary["deletion"] == "alone")].iloc[0]
    assert (alone["n"], alone["accuracy_lost_mean"]) == (2, pytest.approx(0.35))
    assert alone["accuracy_lost_sd"] == pytest.approx(np.std([0.4, 0.3], ddof=1))
    assert np.isnan(alone["accuracy_lost_low"]), "two networks are too few for an interval"
    assert "plain" not in set(summary["group"])
    assert set(summary.loc[summary["group"] == "bad", "n"]) == {0}
