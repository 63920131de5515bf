"""The numbers of results/published/FINDINGS.md are those of the published tables.

Each test computes the numbers of one section and looks for them in its text, as rounded there.
"""

import re

import pandas as pd
import pytest

from ..published import (
    PUBLISHED,
    cifar,
    deepest,
    from_to,
    larger_steps,
    listed,
    ranged,
    short,
    table,
)

TEXT = (PUBLISHED / "FINDINGS.md").read_text()


def section(title: str) -> str:
    """The text below a heading, on one line."""
    (text,) = re.findall(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S)
    return " ".join(text.split())


def inside(layers: pd.DataFrame, column: str, first: int, last: int) -> tuple[str, str]:
    """The range of a column over layers `first` to `last` of the ResNet-38 without the block, and
    of seed 2, which has it."""
    number = layers.groupby("seed").cumcount() + 1
    chosen = layers[number.between(first, last)]
    has_it = chosen["seed"] == 2
    return from_to(chosen.loc[~has_it, column], 2), from_to(chosen.loc[has_it, column], 2)


def test_size_of_the_block():
    text = section("Small networks on little data have the block")
    blocks = cifar("block_metrics").query("depth == 38")
    paper = cifar("comparison_with_paper").set_index("quantity")["paper_mean"]
    smaller = table("cifar10-sixteenth-l2-0.001", "block_metrics").query("depth == 38").iloc[0]
    assert (
        f"| the paper | {short(paper['fraction_above'], 3)} | {paper['longest_run']:.0f} of 37"
        in text
    )
    assert f"{short(paper['mean_similarity'])} |" in text
    assert (
        f"| {listed(blocks['fraction_above'], 3)} | {listed(blocks['longest_run'], 0)} of 37"
        in text
    )
    assert f"| {listed(blocks['mean_similarity'])} |" in text
    runs = [f"{a} to {b}" for a, b in zip(blocks["run_start"], blocks["run_end"], strict=True)]
    assert f"of 37, layers {', '.join(runs)} |" in text
    assert (
        f"l2 .001 | {short(smaller['fraction_above'], 3)} | {smaller['longest_run']} of 37" in text
    )
    assert f"layers {smaller['run_start']} to {smaller['run_end']}" in text
    (steps,) = larger_steps("block_metrics").to_dict("records")
    assert (
        f"five times the learning rate, seed 0 | {short(steps['fraction_above'], 3)} "
        f"| {steps['longest_run']} of 37, layers {steps['run_start']} to {steps['run_end']}, "
        f"stage 1 | {short(steps['mean_similarity'])} |" in text
    )


def test_first_and_last_layer():
    text = section("The first and the last layer are unlike")
    values = cifar("block_metrics").groupby("depth")["first_last"]
    found = [ranged(depth, 2) for _, depth in values]
    deep = deepest("block_metrics")["first_last"]
    assert f"{', '.join(found)}; ResNet-56: {short(deep.item())};" in text
    steps = larger_steps("block_metrics")["first_last"]
    assert f"with larger steps: {short(steps.item())}." in text
    above = (pd.concat([cifar("block_metrics")["first_last"], deep, steps]) > 0.2).sum()
    assert above == 8
    assert "eight of eleven networks lie just above .20" in text
    means = table("default", "block_summary")["first_last_mean"]
    single = table("default", "block_metrics")["first_last"]
    assert f"{from_to(means, 2)} on average over seeds, {from_to(single, 2)} in single" in text


def test_depth():
    text = section("Depth grows the block")
    for depth, blocks in cifar("block_metrics").groupby("depth"):
        row = (
            f"| {depth} | {ranged(blocks['fraction_above'], 3)} "
            f"| {from_to(blocks['longest_run'])} of {blocks['n_layers'].iloc[0]} |"
        )
        assert row in text
    (deep,) = deepest("block_metrics").to_dict("records")
    layers = f"layers {deep['run_start']} to {deep['run_end']}, stage 1"
    assert (
        f"56, one seed | {short(deep['fraction_above'], 3)} "
        f"| {deep['longest_run']} of 55, {layers} |" in text
    )
    assert deep["run_end_layer"].startswith("stage1")
    with_block = cifar("block_metrics").query("depth == 38 and seed == 2")
    assert deep["fraction_above"] < with_block["fraction_above"].item()
    assert deep["longest_run"] < with_block["longest_run"].item()
    for depth, blocks in table("default", "block_metrics").query("width == 1").groupby("depth"):
        share, run = blocks["fraction_above"].mean(), blocks["longest_run"].mean()
        assert f"| {depth} | {short(share)} | {run:.0f} of {blocks['n_layers'].iloc[0]} |" in text


def test_width():
    text = section("Width grows the block")
    for depth, blocks in table("default", "block_summary").groupby("depth"):
        shares, runs = listed(blocks["fraction_above_mean"]), listed(blocks["longest_run_mean"], 1)
        assert f"| ResNet-{depth} | {shares} | {runs} of {depth - 1} |" in text


def test_data_and_connections():
    blocks = table("default-full", "block_summary").query("pc_penalty == 0")
    less = section("Less data grows the block")
    for depth in (8, 38):
        rows = blocks[blocks["depth"] == depth].query("architecture == 'resnet' and width == 1")
        little, all_images = rows.sort_values("fraction")["fraction_above_mean"]
        assert f"{short(little)} " in less
        assert short(all_images) in less
    deep = blocks.query("architecture == 'resnet' and depth == 38").sort_values("fraction")
    little, all_images = deep["longest_run_mean"]
    assert f"longest runs {little:.0f} and {all_images:.1f} of 37" in less

    without = section("The block needs no residual connections")
    single = table("default-full", "block_metrics").query(
        "depth == 38 and fraction == 1 and pc_penalty == 0"
    )
    plain = single.query("architecture == 'cnn'")["longest_run"].item()
    first, other = single.query("architecture == 'resnet'")["longest_run"]
    assert (
        f"run is {plain} of 37, in ResNet-38 {first} (the same seed, all images) and {other}"
        in without
    )
    runs = table("default-full", "runs").query("architecture == 'cnn'")
    assert f"{100 * runs['test_accuracy'].item():.0f} % test accuracy" in without


def test_first_component():
    text = section("The block is the first principal component")
    layers = cifar("principal_components")
    deep = layers.query("depth == 38 and kind == 'relu'")
    others, block = inside(deep, "pc1_share", 18, 23)
    assert f"layers 18 to 23, its run, it holds {block} of the variance" in text
    assert f"in the other seeds {others}." in text
    relu = layers.query("kind == 'relu'").groupby("depth")["pc1_share"].max()
    logits = layers.query("layer == 'dense'")["pc1_share"]
    assert f"{short(relu[14])}, {short(relu[26])} and {short(relu[38])} in a ReLU layer" in text
    assert f"{from_to(logits, 2)} in the logits" in text
    correlation = cifar("principal_component_networks")["pc1_cka_correlation"]
    assert f"correlation {from_to(correlation, 2)} over pairs" in text
    plain = (
        table("default-full", "principal_component_networks").query("architecture == 'cnn'").iloc[0]
    )
    assert f"{short(plain['pc1_share_max'])} of the variance" in text
    assert f"correlation {short(plain['pc1_cka_correlation'])} (" in text


def test_without_the_component():
    text = section("Without the component the block goes")
    blocks = cifar("cka_without_pc1_blocks")
    for depth, rows in blocks.groupby("depth"):
        shares = listed(rows[["fraction_above", "fraction_above_without_pc1"]].mean(), 3)
        runs = f"{from_to(rows['longest_run'])}, {from_to(rows['longest_run_without_pc1'])}"
        assert f"| ResNet-{depth}, {len(rows)} seeds | {shares} | {runs} |" in text
    for name, rows in {
        "ResNet-38, the seed with the block": blocks.query("depth == 38 and seed == 2"),
        "ResNet-56, one seed": deepest("cka_without_pc1_blocks"),
    }.items():
        (row,) = rows.to_dict("records")
        shares = listed([row["fraction_above"], row["fraction_above_without_pc1"]], 3)
        runs = f"{row['longest_run']}, {row['longest_run_without_pc1']}"
        assert f"| {name} | {shares} | {runs} |" in text
    deep = blocks.query("depth == 38")[["mean_similarity", "mean_similarity_without_pc1"]].mean()
    assert f"ResNet-38 goes from {short(deep.iloc[0])} to {short(deep.iloc[1])}" in text
    assert f"correlates {from_to(blocks['without_pc1_cka_correlation'], 2)} with" in text
    plain = table("default-full", "cka_without_pc1_blocks").query("architecture == 'cnn'").iloc[0]
    shares = listed(plain[["fraction_above", "fraction_above_without_pc1"]])
    runs = listed(plain[["longest_run", "longest_run_without_pc1"]], 0)
    assert f"CNN-38 | {shares} | {runs} |" in text


def test_sparsity():
    text = section("ReLU sparsity does not change inside the block")
    layers = cifar("principal_components").query("kind == 'relu'")
    others, block = inside(layers.query("depth == 38"), "zero_share", 18, 23)
    assert f"has {block} of zeros in layers 18 to 23, the other two ResNet-38 {others};" in text
    zeros = layers.groupby("depth")["zero_share"].mean()
    deep = deepest("principal_components").query("kind == 'relu'")["zero_share"].mean()
    assert f"{listed([*zeros, deep])} at depths 14, 26, 38, 56" in text
    digits = table("default-full", "principal_components").query("kind == 'relu'")
    assert f"full: {from_to(digits.groupby('run')['zero_share'].mean(), 2)}." in text


def test_dominant_examples():
    text = section("Dominant examples make the block")
    removal = cifar("dominant_removal")

    def shares(rows, criterion, removed):
        chosen = rows.query("criterion == @criterion and removed == @removed")
        return chosen.groupby("seed")["fraction_above"].mean()

    deep = removal.query("depth == 38")
    whole = shares(deep, "none", 0)
    assert (
        f"shares of {listed(whole, 3)} become {listed(shares(deep, 'dominant', 0.01), 3)}" in text
    )
    assert f"without 10 %, {listed(shares(deep, 'dominant', 0.1), 3)}." in text
    for share in (0.01, 0.1):
        # But for one pair of 666 in one of three draws.
        pd.testing.assert_series_equal(shares(deep, "random", share), whole, rtol=0, atol=6e-4)
    for depth in (14, 26):
        rows = removal[removal["depth"] == depth]
        losses = [
            shares(rows, "none", 0) - shares(rows, "dominant", share) for share in (0.01, 0.1)
        ]
        assert f"{short(max(loss.max() for loss in losses), 3)} in ResNet-{depth}" in text

    layers = cifar("dominant_layers").query("depth == 38 and seed == 2 and kind == 'relu'")
    in_common = layers.query("not is_reference")["shared_with_reference"].iloc[:24]
    assert f"layers 1 to 25 have {from_to(in_common, 2)} of these hundred" in text
    alone = cifar("dominant_layers").query("depth == 38 and seed == 1 and kind == 'relu'")
    most = alone.query("not is_reference")["shared_with_reference"].max()
    assert f"in one ResNet-38 no other layer has more than {short(most)} of them" in text
    examples = cifar("dominant_examples")
    (airplanes, birds) = examples.query("depth == 38 and seed == 2")["class"].value_counts()[:2]
    assert f"airplanes are {airplanes} of the 100 largest projections, birds {birds}" in text
    largest = examples.groupby("run")["projection_to_median"].agg(lambda sizes: sizes.abs().max())
    assert f"is {from_to(largest)} times the median" in text

    layers = deepest("dominant_layers").query("kind == 'relu'")
    assert layers["is_reference"].iloc[0], "the first ReLU layer's component"
    in_common, last = (
        layers["shared_with_reference"].iloc[part] for part in (slice(1, 37), slice(37, 55))
    )
    assert f"have {from_to(in_common, 2)} of these hundred" in text
    assert f"those of stage 3 {short(last.max())} at most" in text
    (frogs, deer, *others) = deepest("dominant_examples")["class"].value_counts()
    assert len(others) == 7
    assert f"of the hundred {frogs} frogs, {deer} deer and seven other classes" in text
    rows = deepest("dominant_removal").query("criterion != 'random'").sort_values("removed")
    words = "ResNet-56: {} becomes {} without 1 %, {} without 10 %, and its run of {} one of {}."
    values, runs = rows["fraction_above"], rows["longest_run"]
    assert words.format(*(short(v, 3) for v in values), runs.iloc[0], runs.iloc[2]) in text

    plain = table("default-full", "dominant_removal").query("architecture == 'cnn'")
    whole, dominant, random = (
        plain.query("criterion == @criterion and removed == @removed")["fraction_above"].mean()
        for criterion, removed in (("none", 0), ("dominant", 0.1), ("random", 0.1))
    )
    assert (
        f"{short(whole)} becomes {short(dominant)}, without random ones it stays {short(random)}"
        in text
    )


def test_deleted_blocks():
    text = section("Blocks of layers can be deleted where the block structure is")
    digits = table("default-full", "block_deletion_summary").query("depth == 38")
    digits = digits.query("architecture == 'resnet' and fraction == 1 and pc_penalty == 0")
    networks = {
        f"ResNet-{depth}": rows for depth, rows in cifar("block_deletion_summary").groupby("depth")
    }
    networks["ResNet-56"] = deepest("block_deletion_summary")
    for name, rows in (networks | {"digits, full: ResNet-38": digits}).items():
        chosen = rows.query("deletion == 'from_the_end' and n_deleted <= 3")
        cells = [
            ", ".join(f"{100 * accuracy:.1f}" for accuracy in stage["test_accuracy_mean"])
            for _, stage in chosen.groupby("stage")
        ]
        n = rows["n"].iloc[0]
        seeds = "one seed" if n == 1 else f"{n} seeds"
        assert f"| {name}, {seeds} | {' | '.join(cells)} |" in text


def test_deletion_where_the_block_is():
    text = section("Blocks of layers can be deleted where the block structure is")
    alone = cifar("block_deletion").query("deletion == 'alone'")
    points = (
        100
        * alone.set_index(["depth", "stage", "first_block", "seed"]).sort_index()["accuracy_lost"]
    ).round(1)

    def cost(seed, stage, blocks):
        # + 0.0: no negative zero.
        return ", ".join(f"{points[38, stage, block, seed] + 0.0:.1f}" for block in blocks)

    one, other, has_it = (cost(seed, 2, (3, 4, 5)) for seed in (0, 1, 2))
    assert f"cost {has_it} points of accuracy there, {one} and {other} in the two other" in text
    one, other, has_it = (cost(seed, 3, (5, 6)) for seed in (0, 1, 2))
    assert f"those two cost {one} and {other}." in text
    assert f"whose run is elsewhere ({has_it})" in text
    assert points[26, 3, 4].abs().max() <= 0.2, "the last block of stage 3 of ResNet-26"


def test_linear_probes():
    text = section("Probes stand still inside the block")
    probes = cifar("linear_probe_summary").query("depth == 38")
    accuracy = probes.pivot_table(
        index=["stage", "block"], columns="position", values="accuracy_mean"
    )
    after, fall = accuracy["after"], accuracy["after"] - accuracy["before"]
    assert f"rises from {short(after[2].min(), 3)} to {short(after[2].max(), 3)} over six" in text
    assert f"lower by {from_to(fall[2].iloc[1:], 3)} from the second" in text
    assert fall.idxmax()[0] == 1
    assert f"in stage 1, {short(fall.max(), 3)} on average" in text


def test_matches():
    text = section("Layers match at the same relative depth")
    matches = cifar("best_matches")
    away = (matches["match_depth_mean"] - matches["relative_depth"]).abs()
    same = matches["depth"] == matches["other_depth"]
    for among, words in ((~same, "{} from its own relative depth on average"), (same, "depth {},")):
        means = away[among].groupby([matches["depth"], matches["other_depth"]]).mean()
        assert words.format(from_to(means, 2)) in text
        assert f"{short(away[among].max())} at most" in text

    digits = table("default", "best_matches")
    away = (digits["match_depth_mean"] - digits["relative_depth"]).abs()
    keys = [digits[key] for key in ("depth", "width", "other_depth", "other_width")]
    mean, most = away.groupby(keys).mean(), away.groupby(keys).max()
    for depth in (8, 20):
        narrow, wide = (depth, 1, 38, 1), (depth, 1, 38, 2)
        for words in (
            f" {short(most[narrow])} at most ({short(mean[wide])} and {short(most[wide])} in",
            f" {short(mean[narrow])}",
        ):
            assert words in text
    deeper = mean[[key for key in mean.index if key[0] > key[2] and key[1] == 1]]
    assert f"{from_to(deeper, 2)} away in shallower" in text


def test_seeds():
    text = section("Seeds are alike outside the block, unlike inside")
    for depth, layers in cifar("cross_seed").groupby("depth"):
        values = layers["value_mean"].reset_index(drop=True)
        row = (
            f"| CIFAR-10, ResNet-{depth} | {short(values.min())}, the {values.idxmin() + 1}th "
            f"| {short(values.max())} | {short(values.mean())} |"
        )
        assert row in text
    for depth, layers in table("default", "cross_seed").groupby("depth"):
        values = layers.groupby("width")["value_mean"]
        cells = " | ".join(listed(column) for column in (values.min(), values.max(), values.mean()))
        assert re.search(
            rf"\| digits, ResNet-{depth} of widths [\d, ]+ \| {re.escape(cells)} \|", text
        )


def test_predictions():
    text = section("Equally accurate wide and deep networks err differently")
    (digits,) = table("default-full", "prediction_pairs").to_dict("records")
    within = f"{short(digits['correlation_within_a'])} and {short(digits['correlation_within_b'])}"
    assert (
        f"correlates {short(digits['correlation_between'])} between the two, {within} between"
        in text
    )
    assert f"is larger by {short(digits['excess'], 4)} between" in text
    for column, digits_after in (("v2", 2), ("v2_exchanged", 2), ("dispersion_p", 3)):
        assert short(digits[column], digits_after) in text
    words = {}
    for row in cifar("prediction_pairs").to_dict("records"):
        a, b = f"ResNet-{row['depth_a']}", f"ResNet-{row['depth_b']}"
        words |= {
            f"two {a}": row["disagreement_within_a"],
            f"two {b}": row["disagreement_within_b"],
        }
        words |= {f"a {a} and a {b}": row["disagreement_between"]}
    assert len(words) == 6
    for pair, share in words.items():
        assert f"| {pair} | {100 * share:.1f} % |" in text


@pytest.mark.parametrize(
    ("title", "column", "epochs", "steps"),
    [
        (
            "The block is there early in training",
            "fraction_above",
            [0, 10 / 24, 10, 30, 100],
            [0, 10, 30, 100, 300, 800],
        ),
        (
            "Layers approach their final form slowly",
            "cka_to_final",
            [10, 100, 200],
            [0, 10, 100, 300],
        ),
    ],
)
def test_dynamics(title, column, epochs, steps):
    text = section(title)
    rows = cifar("dynamics_blocks")
    places = [
        text.index(short(rows.loc[rows["epoch"].sub(at).abs() < 0.01, column].item()))
        for at in epochs
    ]
    assert places == sorted(places)
    digits = table("default-full", "dynamics_blocks").query("pc_penalty == 0")
    means = digits.groupby("step")[column].mean()[steps]
    found = [re.search(rf"(?<![\d.]){re.escape(short(mean))}(?!\d)", text) for mean in means]
    assert all(found), means


def test_penalty():
    text = section("A penalty on the component takes the block away")
    blocks = table("default-full", "block_metrics").query(
        "depth == 38 and fraction == 1 and architecture != 'cnn'"
    )
    without, with_it = (
        blocks.query("pc_penalty == @weight")["fraction_above"].map(short) for weight in (0, 1)
    )
    assert f"above .9: {' and '.join(without)} without, {' and '.join(with_it)} with it" in text
    layers = table("default-full", "principal_components").query(
        "kind == 'relu' and depth == 38 and fraction == 1"
    )
    largest = (
        layers.query("architecture != 'cnn'").groupby(["pc_penalty", "seed"])["pc1_share"].max()
    )
    without, with_it = (largest[weight].map(short) for weight in (0, 1))
    assert (
        f"is {' and '.join(without)} without the penalty, {' and '.join(with_it)} with it" in text
    )
