"""What the pages beside FINDINGS.md say of the published runs is in their tables."""

import re

import pandas as pd

from ..published import PUBLISHED, cifar, deepest, larger_steps, listed, short, table

ROOT = PUBLISHED.parents[1]


def text_of(page) -> str:
    """A page on one line."""
    return " ".join(page.read_text(encoding="utf-8").split())


def mean_and_spread(values: pd.Series, digits: int) -> str:
    return f"{short(values.mean(), digits)} ± {short(values.std(), digits)}"


def row_of(network, emphasis: str = "") -> str:
    """The row of one network, from its test accuracy on; `network` names one of its tables."""
    (blocks,) = network("block_metrics").to_dict("records")
    return (
        f"| {percent(network)} % | {short(blocks['fraction_above'], 3)} "
        f"| {blocks['longest_run']} of {blocks['n_layers']} "
        f"({blocks['run_start']}-{blocks['run_end']}) "
        f"| {emphasis}{short(blocks['mean_similarity'])}{emphasis} "
        f"| {short(blocks['first_last'])} |"
    )


def percent(network) -> str:
    return f"{100 * network('runs')['test_accuracy'].item():.1f}"


def test_networks_of_several_seeds():
    text = (PUBLISHED / "README.md").read_text()
    rows = cifar("block_metrics").merge(cifar("runs")[["run", "test_accuracy"]], on="run")
    for depth, networks in rows.groupby("depth"):
        row = re.search(rf"^\| ResNet-{depth}, {len(networks)} seeds \|.*$", text, re.M)[0]
        for column, digits in (("fraction_above", 3), ("mean_similarity", 2), ("first_last", 2)):
            assert mean_and_spread(networks[column], digits) in row
        assert f"| {mean_and_spread(100 * networks['test_accuracy'], 1)} % |" in row
        runs = ", ".join(str(run) for run in networks["longest_run"])
        assert f"| {runs} of {depth - 1} (" in row


def test_single_networks():
    text = text_of(PUBLISHED / "README.md")
    assert f"| ResNet-56, seed 0 | .005 {row_of(deepest)}" in text
    assert f"| ResNet-38, learning rate .05, seed 0 | .005 {row_of(larger_steps, '**')}" in text
    theirs = deepest("comparison_with_paper").query("quantity == 'test_accuracy'")["paper_mean"]
    words = f"{100 * theirs.item():.1f} % for ResNet-56 on 6 % of the images, ten seeds; ours has"
    assert f"{words} {percent(deepest)}." in text
    before = 100 * cifar("runs").query("depth == 38 and seed == 0")["test_accuracy"].item()
    assert f"{percent(larger_steps)} % in place of {before:.1f} (the same seed" in text


def test_front_page():
    text = text_of(ROOT / "README.md")
    blocks = cifar("block_metrics").query("depth == 38")
    paper = cifar("comparison_with_paper").set_index("quantity")["paper_mean"]
    for column, digits in (("fraction_above", 3), ("longest_run", 0), ("mean_similarity", 2)):
        theirs = short(paper[column], digits)
        assert f"| {listed(blocks[column], digits)} | {theirs} |" in text
    steps = larger_steps("block_metrics")["mean_similarity"].item()
    assert f"near its authors', it is {short(steps)}." in text
    shares = cifar("principal_components").query("depth == 38 and seed == 2 and kind == 'relu'")
    block = 100 * shares["pc1_share"].iloc[17:23]
    assert f"it holds {block.min():.0f} to {block.max():.0f} % of the variance" in text


def test_precision_on_cifar():
    text = text_of(ROOT / "config/PROTOCOL.md")
    rounded, full = table("precision-cifar10", "runs").sort_values("precision")["test_accuracy"]
    assert f"{100 * rounded:.1f} % in bfloat16 and {100 * full:.1f} % in float32" in text
    blocks = table("precision-cifar10", "block_metrics").sort_values("precision")
    means, shares = (
        " and ".join(short(value, 3) for value in blocks[column])
        for column in ("mean_similarity", "fraction_above")
    )
    assert f"mean similarity {means}, share of pairs above .9 {shares} (three" in text
    seeds = cifar("cross_seed").query("depth == 14")["value_mean"].mean()
    assert f"of two seeds {short(seeds)}." in text
