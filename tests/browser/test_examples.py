"""Images and links."""

import base64
import io
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
from PIL import Image

# One worker, so that browser and study are made once.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def pixels(image):
    """The pixels of an <img> with a data URI, (height, width, channels)."""
    data = image.get_attribute("src").split(",", 1)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def stored(row, height, width):
    shape = [int(row[name]) for name in ("channels", height, width)]
    return np.frombuffer(row["pixels"], dtype=np.uint8).reshape(shape).transpose(1, 2, 0)


def test_dominant_examples_are_the_tables_images(window, made):
    table = made.table("dominant_images")
    run = str(table["run"].iloc[0])
    page = window(a=run)
    own = table[(table["run"] == run) & (table["shown"] == "dominant")].sort_values("rank")
    images = page.page.locator("#dominant .strip").first.locator("img")
    assert images.count() == len(own)
    for k in (0, len(own) - 1):
        row = own.iloc[k]
        np.testing.assert_array_equal(
            pixels(images.nth(k)), stored(row, "image_height", "image_width")
        )
        assert f"{row['projection_to_median']:.1f} times" in images.nth(k).get_attribute("alt")
    assert page.page.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )


def test_dividing_examples_of_the_chosen_pair(window, made):
    page = window()
    table = made.table("dividing_examples")
    images = made.table("dividing_images").set_index(["dataset_folder", "example"])
    pairs = table[["group_a", "group_b"]].drop_duplicates()
    page.page.locator("#pair").select_option(str(len(pairs) - 1))
    page.drawn()
    a, b = pairs.iloc[-1]
    own = table[(table["group_a"] == a) & (table["group_b"] == b)]
    for strip, favours in zip(page.page.locator("#dividing .strip").all(), "ab", strict=True):
        rows = own[own["favours"] == favours].sort_values("rank")
        shown = strip.locator("img")
        assert shown.count() == len(rows)
        for k, (_, row) in enumerate(rows.iterrows()):
            image = images.loc[(row["dataset_folder"], row["example"])]
            np.testing.assert_array_equal(pixels(shown.nth(k)), stored(image, "height", "width"))
            said = strip.locator("figcaption").nth(k).inner_text()
            shares = [f"{100 * row[f'accuracy_{s}_confirmation']:.0f}" for s in "ab"]
            assert " | ".join(shares) in said


def test_every_link_leads_to_a_file(window, made):
    page = window()
    links = page.page.locator("#runs a, #links a")
    addresses = [link.evaluate("element => element.href") for link in links.all()]
    paths = [Path(unquote(urlparse(address).path)) for address in addresses]
    runs = made.folder.parents[1] / "runs"
    files = sum(1 for _ in runs.glob("*/test_logits.npy"))
    assert files == len(made.runs)
    assert sum(path.name == "test_logits.npy" for path in paths) == files
    missing = [str(p) for p in paths if not p.exists() and p.name not in ("figures", "grid.json")]
    assert missing == [], "the made study has neither figures nor a grid"
