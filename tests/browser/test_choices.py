"""Choosing: by selects, grid, table, keyboard and address, all of which agree."""

import pytest

# One worker, so that browser and study are made once.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def run_of(made, depth, width, seed):
    runs = made.runs
    found = runs[(runs["depth"] == depth) & (runs["width"] == width) & (runs["seed"] == seed)]
    return found["run"].iloc[0]


def test_it_starts_with_the_largest_block(window, made):
    page = window()
    metrics = made.block_metrics
    assert page.state == {}
    start = metrics.loc[metrics["fraction_above"].idxmax(), "run"]
    assert page.page.evaluate("repatlas.about.content.start") == start


def test_selects_choose_by_each_axis(window, made):
    page = window(a=run_of(made, 8, 1, 0), b=run_of(made, 14, 1, 0))
    page.choose("#a-depth", "14")
    assert page.chosen("a") == run_of(made, 14, 1, 0)
    page.choose("#b-width", "2")
    page.choose("#b-seed", "1")
    assert page.chosen("b") == run_of(made, 14, 2, 1)
    assert "ResNet-14, width 1, seed 0 with" in page.text("#map-title")
    assert "ResNet-14, width 2, seed 1" in page.text("#map-title")


def test_alone_a_network_stays_alone(window, made):
    page = window(a=run_of(made, 8, 1, 0))
    page.choose("#a-seed", "1")
    assert page.state == {"a": run_of(made, 8, 1, 1)}
    assert page.page.locator("#b-seed").input_value() == "1"


def test_b_becomes_a_and_they_swap(window, made):
    one, other = run_of(made, 8, 1, 0), run_of(made, 14, 1, 1)
    page = window(a=one, b=other)
    page.click("#swap")
    assert (page.chosen("a"), page.chosen("b")) == (other, one)
    page.click("#same")
    assert page.state == {"a": other}
    assert page.page.locator("#same").is_disabled()


def test_the_grid_chooses_and_keeps_the_seed_of_a_network_alone(window, made):
    page = window(a=run_of(made, 8, 1, 1))
    page.click("#grid [aria-label^='ResNet-14, width 1:']")
    assert page.state == {"a": run_of(made, 14, 1, 1)}
    page.click("[name=pick][value=b]")
    page.click("#grid [aria-label^='ResNet-8, width 1:']")
    assert page.chosen("b") == run_of(made, 8, 1, 0), "beside another model in an unlike one"
    pressed = page.page.locator("#grid [aria-pressed=true]")
    assert pressed.count() == 2


def test_of_a_group_that_lacks_the_seed_the_first_that_completed_is_taken(window, made):
    page = window(a=run_of(made, 8, 1, 0))
    page.click("#grid [aria-label^='ResNet-14, width 2:']")
    assert page.chosen("a") == run_of(made, 14, 2, 1), "seed 0 diverged"


def test_the_table_chooses(window, made):
    page = window()
    run = run_of(made, 8, 1, 1)
    page.click("[aria-label='Choose ResNet-8, width 1, seed 1 as B']")
    assert page.chosen("b") == run


def test_two_networks_that_are_not_compared_offer_those_that_are(window, made):
    page = window(a=run_of(made, 8, 1, 0), b=run_of(made, 14, 1, 0), measure="pc_similarity")
    assert "compares a network with itself" in page.text("#map")
    page.click("#map button")
    assert page.chosen("b") == run_of(made, 8, 1, 0)
    assert page.values()


def test_a_view_is_in_its_address(window, made):
    state = dict(a=run_of(made, 14, 1, 1), b=run_of(made, 8, 1, 0), measure="svcca(keep=0.9)")
    state |= dict(outline="off", metric="longest_run", curve="loss", colours="cividis")
    state |= dict(sort="-test_accuracy", find="resnet", cell="relu stage1.block1.relu2", pick="b")
    page = window(**state)
    assert page.page.locator("#measure").input_value() == "svcca(keep=0.9)"
    assert page.page.locator("#metric").input_value() == "longest_run"
    assert page.page.locator("#curve").input_value() == "loss"
    assert page.page.locator("#colours").input_value() == "cividis"
    assert not page.page.locator("#outline").is_checked()
    assert page.page.locator("#find").input_value() == "resnet"
    assert page.page.locator("#runs [aria-sort=descending]").inner_text().startswith("Test acc")
    assert "stage1.block1.relu2" in page.text("#readout")
    before = page.values()
    page.click("#outline")
    page.click("#outline")
    assert page.state == state, "written as it was read"
    other = window()
    other.go(page.page.url)
    assert other.values() == before


def test_back_undoes_a_choice_of_networks(window, made):
    page = window(a=run_of(made, 8, 1, 0))
    first = page.values()
    page.choose("#a-depth", "14")
    page.choose("#colours", "viridis")
    page.page.go_back()
    page.drawn()
    assert page.chosen("a") == run_of(made, 8, 1, 0)
    assert page.values() == first


def test_an_address_of_another_study_says_what_is_missing(window):
    page = window(a="digits-resnet-d99-w1-f1-s0-00000000", measure="cka_rbf")
    said = page.text("#notice")
    assert "digits-resnet-d99-w1-f1-s0-00000000" in said
    assert "cka_rbf" in said
    assert page.values(), "and shows its own first network"


def test_arrow_keys_move_over_the_heat_map(window, made):
    page = window(a=run_of(made, 8, 1, 0), b=run_of(made, 14, 1, 0))
    page.page.locator("#map").focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowRight"):
        page.press(key)
    relu = made.similarity(run_of(made, 8, 1, 0), run_of(made, 14, 1, 0))
    assert f"{relu.index[1]} (2 of 7)" in page.text("#readout")
    assert f"{relu.iloc[1, 1]:.4f}" in page.text("#readout")
    page.press("Enter")
    assert page.state["cell"] == f"{relu.index[1]} {relu.columns[1]}"
    page.press("End")
    assert "(7 of 7)" in page.text("#readout")
    page.press("Escape")
    assert "cell" not in page.state


def test_arrow_keys_move_over_the_grid(window, made):
    page = window(a=run_of(made, 8, 1, 0))
    page.page.locator("#grid [aria-label^='ResNet-8, width 1:']").focus()
    page.press("ArrowRight")
    page.press("ArrowUp")
    page.press("Enter")
    assert page.chosen("a") == run_of(made, 14, 2, 1)
    focused = page.page.evaluate("document.activeElement.ariaLabel")
    assert focused.startswith("ResNet-14, width 2:"), "the focus stays"


def test_keys_for_what_is_used_most(window, made):
    one, other = run_of(made, 8, 1, 0), run_of(made, 14, 1, 0)
    page = window(a=one, b=other)
    page.press("x")
    assert page.chosen("a") == other
    page.press("s")
    assert page.state == {"a": other}
    page.press("o")
    assert page.state["outline"] == "off"


def test_everything_is_reached_by_the_tabulator_and_has_a_name(window):
    page = window()
    unnamed = page.page.evaluate(
        """[...document.querySelectorAll('button, select, input, a[href], [tabindex="0"]')]
        .filter(e => !(e.ariaLabel || e.innerText?.trim() || e.labels?.length
                       || e.getAttribute('aria-labelledby')))
        .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert unnamed == []
    reached = set()
    for _ in range(60):
        page.page.keyboard.press("Tab")
        reached.add(page.page.evaluate("document.activeElement.id"))
    assert {"a-depth", "b-seed", "same", "metric", "measure", "map", "save"} - {"same"} <= reached


def test_the_table_sorts_with_undefined_last(window, made):
    page = window()
    for expected, ascending in (("descending", False), ("ascending", True)):
        page.click("[data-key=test_accuracy]")
        assert page.page.locator(f"#runs [aria-sort={expected}]").count() == 1
        shown = [cells[6] for cells in page.rows()]
        known = made.runs["test_accuracy"].dropna().sort_values(ascending=ascending)
        assert shown == [f"{100 * v:.1f}" for v in known] + ["–"] * 3


@pytest.mark.parametrize(("text", "count"), [("diverged", 3), ("width 2, seed 1", 2), ("zebra", 0)])
def test_the_table_is_searched(window, text, count):
    page = window()
    page.page.locator("#find").fill(text)
    page.drawn()
    assert len(page.rows()) == count


def test_heat_map_and_lines_are_linked(window, made):
    run = run_of(made, 14, 1, 0)
    page = window(a=run, layers="relu")
    page.page.mouse.move(*page.cell(4, 4))
    rings = "document.querySelector('#profiles .plot').layout.shapes ?? []"
    page.page.wait_for_function(f"({rings}).length === 1")
    lines = page.profile("Share of the first principal component")
    ring = page.page.evaluate(rings)[0]
    assert (ring["xanchor"], ring["yanchor"]) == (lines[0][0][4], lines[0][1][4])
    marks = page.page.locator("#profiles figure").first.locator(".points path")
    box = marks.nth(2).bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    crossed = "document.getElementById('map').layout.shapes.filter(s => s.y0 === 2.5).length"
    page.page.wait_for_function(f"{crossed} === 2")


def test_another_architecture_comes_in_a_seed_that_is_compared(window, made):
    """Equal seeds of different models are not, where there are others."""
    page = window(a=run_of(made, 8, 1, 0), b=run_of(made, 8, 1, 0))
    page.choose("#b-depth", "14")
    assert page.chosen("a") == run_of(made, 8, 1, 0)
    assert page.chosen("b") == run_of(made, 14, 1, 1)
    page.choose("#b-seed", "0")
    assert page.chosen("b") == run_of(made, 14, 1, 0), "a seed that is asked for is taken"
