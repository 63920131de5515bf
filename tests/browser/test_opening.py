"""Opening the page: from the disk, quietly, in both themes, on any screen, in time."""

import shutil

import pytest
from large_study import make_large_study
from repatlas.explorer.page import write_page
from repatlas.results import load_study

# One worker, so that browser and study are made once.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_it_opens_from_the_disk_without_a_complaint_or_the_network(window, made):
    page = window()
    assert page.complaints == []
    assert page.text("h1") == "Made up"
    assert "8 networks (3 failed)" in page.text("#study-about")
    inside = [u for u in page.requests if u.startswith(f"file://{made.folder}/explorer/")]
    assert inside == [u for u in page.requests if not u.startswith("data:")]


def test_a_walk_through_everything_leaves_no_complaint(window):
    page = window()
    for select in ("#metric", "#measure", "#show", "#layers", "#curve", "#colours", "#theme"):
        options = page.page.locator(f"{select} option").all_inner_texts()
        for option in [*options, options[0]]:
            page.choose(select, option)
    for side in "ab":
        for select in page.page.locator(f"#choose-{side} select").all():
            for option in select.locator("option").all():
                select.select_option(option.get_attribute("value"))
                page.drawn()
    assert page.complaints == []
    assert page.page.locator("#notice").is_hidden()


def test_a_folder_with_odd_characters_opens(window, made, tmp_path):
    folder = tmp_path / "a b#c%20d é"
    shutil.copytree(made.folder / "explorer", folder)
    page = window(folder="")
    page.complaints.clear()
    page.go(folder.joinpath("index.html").as_uri())
    assert page.complaints == []
    assert page.values()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_the_reader_chooses(window, scheme):
    page = window(scheme=scheme)
    other = {"light": "dark", "dark": "light"}[scheme]
    theme = "document.documentElement.dataset.theme"
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.page.evaluate(theme) == scheme
    before = page.page.evaluate(background)
    page.choose("#theme", other)
    assert page.page.evaluate(theme) == other
    assert page.page.evaluate(background) != before
    page.page.reload()
    page.drawn()
    assert page.page.evaluate(theme) == other, "kept"


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_nothing_is_wider_than_the_screen(window, width):
    page = window(size=(width, 800))
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(window, scheme):
    """Contrast of at least 4.5 (WCAG AA) between text of every kind and what is behind it."""
    page = window(scheme=scheme)
    tokens = page.page.evaluate(
        """Object.fromEntries(['--page', '--panel', '--text', '--quiet', '--a', '--b', '--warn']
        .map(n => [n, getComputedStyle(document.documentElement).getPropertyValue(n).trim()]))"""
    )
    for name in ("--text", "--quiet", "--a", "--b", "--warn"):
        for behind in ("--page", "--panel"):
            assert _contrast(tokens[name], tokens[behind]) >= 4.5, (name, behind)


def _contrast(one, other):
    def luminance(colour):
        digits = colour.lstrip("#")
        digits = "".join(2 * c for c in digits) if len(digits) == 3 else digits
        parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_missing_piece_is_named(window, made, tmp_path):
    folder = tmp_path / "explorer"
    shutil.copytree(made.folder / "explorer", folder)
    shutil.rmtree(folder / "data" / "similarity")
    page = window(folder=folder)
    assert "data/similarity/cka_minibatch/index.js is missing" in page.text("#notice")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The page of 200 networks of 37 ReLU layers."""
    folder = make_large_study(tmp_path_factory.mktemp("large"))
    write_page(load_study(folder), "", folder / "explorer")
    return folder / "explorer"


def processor_seconds(page):
    """Processor time of the page's own process so far."""
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return {m["name"]: m["value"] for m in metrics}["ProcessTime"]


def test_two_hundred_networks_load_in_two_seconds(window, large):
    """Of an idle machine: what counts is the time in which the page itself is at work, of the best
    of three, because other tests run beside."""
    seconds = []
    for _ in range(3):
        page = window(folder=large)
        seconds.append(processor_seconds(page))
        assert len(page.values()) == 135
        assert page.page.locator("#runs tbody tr").count() == 200
        assert page.complaints == []
        if seconds[-1] < 2:
            break
    assert min(seconds) < 2


def test_two_hundred_networks_stay_smooth(window, large):
    """A move of the pointer costs less than 50 ms of work, another pair of networks less than
    500."""
    page = window(folder=large)
    run = page.page.evaluate("repatlas.about.runs.run")
    moves = 40
    before = processor_seconds(page)
    for k in range(moves):
        page.page.mouse.move(*page.cell(3 * k, 134 - 3 * k))
    page.page.wait_for_timeout(100)
    assert (processor_seconds(page) - before) / moves < 0.05
    before = processor_seconds(page)
    for a, b in ((3, 4), (11, 12), (57, 55)):
        page.page.evaluate(f"repatlas.state.set({{a: {a}, b: {b}}})")
        page.drawn()
        assert len(page.values()) == 37
        assert page.state["a"] == run[a]
    assert (processor_seconds(page) - before) / 3 < 0.5
