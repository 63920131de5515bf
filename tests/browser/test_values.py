"""What stands on the screen is what stands in the tables."""

import numpy as np
import pandas as pd
import pytest

# One worker, so that browser and study are made once.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CKA, OTHER = "cka_minibatch", "svcca(keep=0.9)"


def run_of(made, depth, width, seed):
    runs = made.runs
    found = runs[(runs["depth"] == depth) & (runs["width"] == width) & (runs["seed"] == seed)]
    return found["run"].iloc[0]


def assert_same(shown, expected):
    """Equal to the single precision in which the page keeps numbers; undefined where undefined."""
    shown = np.array(shown, dtype=float)
    np.testing.assert_allclose(shown, np.asarray(expected, dtype=float), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("measure", [CKA, OTHER])
@pytest.mark.parametrize(
    ("one", "other"),
    [((14, 1, 0), (14, 1, 0)), ((8, 1, 0), (14, 2, 1)), ((14, 2, 1), (8, 1, 0))],
    ids=["itself", "across", "turned"],
)
def test_the_heat_map_is_the_table(window, made, measure, one, other):
    a, b = run_of(made, *one), run_of(made, *other)
    page = window(a=a, b=b, measure=measure)
    assert_same(page.values(), made.similarity(a, b, measure))


def test_standard_errors(window, made):
    a, b = run_of(made, 14, 1, 0), run_of(made, 8, 1, 1)
    page = window(a=a, b=b, show="se")
    assert_same(page.values(), made.standard_errors(a, b))
    page.choose("#measure", "SVCCA, keep 0.9")
    assert "has no standard errors" in page.text("#map")


def test_layers_of_one_kind(window, made):
    run = run_of(made, 14, 1, 0)
    page = window(a=run, layers="add")
    assert_same(page.values(), made.similarity(run, layers="add"))
    page.choose("#layers", "ReLU layers")
    assert_same(page.values(), made.similarity(run, layers="relu"))


def test_maps_of_the_first_component(window, made):
    run = run_of(made, 14, 1, 1)
    for name in ("pc_similarity", "cka_without_pc1"):
        table = made.table(name)
        own = table[table["run"].astype(str) == run]
        expected = own.pivot(index="index_a", columns="index_b", values="value")
        assert_same(window(a=run, measure=name).values(), expected)


def test_pointing_at_a_pair_names_it_and_gives_its_value(window, made):
    a, b = run_of(made, 8, 1, 0), run_of(made, 14, 1, 1)
    page = window(a=a, b=b)
    row = made.comparison(a, b).query("layer_a == 'stage2.block1.relu1'")
    for j in (0, 5, 12):
        expected = row.iloc[j]
        page.page.mouse.move(*page.cell(3, j))
        page.page.locator("#tip").filter(has_text=f"({j + 1} of 13)").wait_for()
        said = page.text("#tip")
        assert "stage2.block1.relu1 (4 of 7)" in said
        assert f"{expected['layer_b']} ({j + 1} of 13)" in said
        assert f"{expected['value']:.4f} ± {expected['se']:.2g}".rstrip("0") in said
        assert "8 batches" in said
        assert said.split(" B ")[0].removeprefix("A ") in page.text("#readout")


def test_an_undefined_value_is_hatched_and_says_why(window, made):
    run = run_of(made, 8, 1, 0)
    page = window(a=run, cell="relu stage3.block1.relu1")
    said = page.text("#readout")
    assert "undefined" in said
    assert "A’s layer is dead" in said
    undefined = int(made.similarity(run).isna().sum().sum())
    assert f"Hatched: {undefined} undefined values" in page.text("#map-note")
    fill = "getComputedStyle(document.querySelector('#map .bg')).fill"
    assert "#hatch" in page.page.evaluate(fill)


def test_the_reason_keeps_its_side_when_the_pair_is_turned(window, made):
    a, b = run_of(made, 14, 2, 1), run_of(made, 8, 1, 0)
    page = window(a=a, b=b, cell="relu stage3.block1.relu1")
    assert "B’s layer is dead" in page.text("#readout"), "stored the other way round as layer_a"


def test_the_block_is_outlined_where_the_table_has_it(window, made):
    run = run_of(made, 14, 1, 0)
    page = window(a=run)
    metrics = made.block_metrics.set_index("run").loc[run]
    names = made.layers(run)["layer"].tolist()
    first, last = (names.index(metrics[f"run_{end}_layer"]) for end in ("start", "end"))
    box = page.page.evaluate("document.getElementById('map').layout.shapes[1]")
    assert [box[k] for k in ("x0", "x1", "y0", "y1")] == [first + 0.5, last + 1.5] * 2
    assert f"reach {metrics['threshold']}, {metrics['longest_run']} layers" in page.text(
        "#map-note"
    )
    page.click("#outline")
    shapes = page.page.evaluate("document.getElementById('map').layout.shapes")
    assert all(shape["type"] == "line" for shape in shapes)


@pytest.mark.parametrize(
    ("title", "column"),
    [("Share of the first principal component", "pc1_share"), ("Sparsity", "zero_share")],
)
def test_lines_along_the_layers_are_the_table(window, made, title, column):
    a, b = run_of(made, 14, 1, 0), run_of(made, 8, 1, 1)
    page = window(a=a, b=b)
    table = made.table("principal_components")
    for run, (x, y) in zip((a, b), page.profile(title), strict=True):
        own = table[(table["run"] == run) & table[column].notna()].sort_values("index")
        depth = made.layers(run).set_index("layer")["relative_depth"]
        assert_same(y, 100 * own[column])
        assert_same(x, depth[own["layer"]])


def test_probes_before_and_after_the_residual_connection(window, made):
    run = run_of(made, 14, 1, 0)
    table = made.table("linear_probes")
    own = table[table["run"] == run]
    lines = window(a=run).profile("Accuracy of linear probes")
    for position, (_, y) in zip(("after", "before"), lines, strict=True):
        assert_same(y, 100 * own.loc[own["position"] == position, "accuracy"])


def test_the_same_layer_between_seeds(window, made):
    run = run_of(made, 14, 1, 0)
    group = made.runs.set_index("run").loc[run, "group"]
    own = made.cross_seed[made.cross_seed["group"] == group]
    ((x, y),) = window(a=run).profile("Same layer, between seeds")
    assert_same(y, own["value_mean"])
    assert_same(x, own["relative_depth"])


def test_best_matches_in_both_directions(window, made):
    a, b = run_of(made, 8, 1, 0), run_of(made, 14, 1, 0)
    groups = made.runs.set_index("run")["group"]
    table = made.table("best_matches")
    lines = window(a=a, b=b).profile("Depth of the best match")
    for (one, other), (_, y) in zip(((a, b), (b, a)), lines, strict=True):
        own = table[(table["group"] == groups[one]) & (table["other_group"] == groups[other])]
        assert_same(y, own.sort_values("index")["match_depth_mean"])


@pytest.mark.parametrize(("quantity", "factor"), [("accuracy", 100), ("loss", 1)])
def test_learning_curves(window, made, quantity, factor):
    a, b = run_of(made, 8, 1, 0), run_of(made, 14, 1, 1)
    page = window(a=a, b=b, curve=quantity)
    lines = page.lines(page.page.locator("#curves"))
    expected = []
    for run in (a, b):
        own = made.learning_curves[made.learning_curves["run"] == run]
        for part in ("train", "test"):
            kept = own[own[f"{part}_{quantity}"].notna()]
            expected.append((kept["epoch"], factor * kept[f"{part}_{quantity}"]))
    for (x, y), (epochs, values) in zip(lines, expected, strict=True):
        assert_same(x, epochs)
        assert_same(y, values)


def test_the_grid_shows_means_over_seeds(window, made):
    page = window()
    done = made.accuracy[made.accuracy["test_accuracy_mean"].notna()]
    for _, row in done.iterrows():
        said = page.page.locator(f"#grid [aria-label*='{_name(row)}:']").get_attribute("aria-label")
        assert f"{100 * row['test_accuracy_mean']:.1f}" in said
    page.choose("#metric", "Pairs above 0.9 (%)")
    for _, row in made.block_summary.iterrows():
        cell = page.page.locator(f"#grid [aria-label*='{_name(row)}:']")
        assert cell.inner_text().split()[0] == f"{100 * row['fraction_above_mean']:.1f}"


def _name(row):
    return f"ResNet-{row['depth']}, width {row['width']:g}"


def test_a_group_that_failed_shows_its_status(window):
    page = window()
    cell = page.page.locator("#grid [aria-label^='ResNet-8, width 2:']")
    assert cell.inner_text() == "diverged"
    partly = page.page.locator("#grid [aria-label^='ResNet-14, width 2:']")
    assert "1 failed" in partly.inner_text()


def test_a_network_that_failed_says_why_and_keeps_its_curve(window, made):
    run = run_of(made, 14, 2, 0)
    page = window(a=run)
    reason = "training loss is nan at epoch 2"
    assert f"diverged ({reason})" in page.text("#map")
    assert f"diverged: {reason}" in page.text("#choose-a")
    assert f"A diverged: {reason}" in page.text("#curves-note")
    assert len(page.lines(page.page.locator("#curves"))) == 2
    assert page.page.locator("#save").is_disabled()


def test_the_table_holds_every_network(window, made):
    for (_, run), cells in zip(made.runs.iterrows(), window().rows(), strict=True):
        expected = [f"{run['depth']}", f"{run['width']:g}", f"{run['seed']}", run["status"]]
        assert cells[1:5] == expected
        known = pd.notna(run["test_accuracy"])
        assert cells[6] == (f"{100 * run['test_accuracy']:.1f}" if known else "–")


def test_values_can_be_saved(window, made, tmp_path):
    a, b = run_of(made, 8, 1, 0), run_of(made, 14, 1, 1)
    page = window(a=a, b=b)
    with page.page.expect_download() as waiting:
        page.page.locator("#save").click()
    path = tmp_path / "values.csv"
    waiting.value.save_as(path)
    saved, expected = pd.read_csv(path, keep_default_na=False), made.comparison(a, b)
    assert saved["layer_a"].tolist() == expected["layer_a"].tolist()
    assert saved["layer_b"].tolist() == expected["layer_b"].tolist()
    assert_same(pd.to_numeric(saved["value"], errors="coerce"), expected["value"])
    assert saved["reason"].tolist() == expected["reason"].tolist()
