"""The explorer's data: whatever the size of a table, each comparison is whole and where the index
says."""

import base64
import hashlib
import json
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from repatlas.errors import StoreError
from repatlas.explorer import similarity
from repatlas.explorer.images import png
from repatlas.explorer.page import write_page
from repatlas.explorer.pieces import Pieces, packed, plain
from repatlas.explorer.similarity import SimilarityPieces, comparisons

LAYERS = {"x": ["conv", "relu", "dense"], "y": ["conv", "relu"], "z": ["relu", "pool", "dense"]}


@pytest.fixture
def table(tmp_path):
    """Comparisons of three networks with known values; one is undefined."""
    rows = []
    runs = list(LAYERS)
    for measure in ("cka_minibatch", "rsa"):
        for k, a in enumerate(runs):
            for b in runs[k:]:
                rows += [
                    {
                        **dict(measure=measure, run_a=a, run_b=b),
                        **dict(layer_a=p, layer_b=q, kind_a=p, kind_b=q, index_a=i, index_b=j),
                        "value": len(rows) + i + j / 10,
                        **dict(se=0.01, n_batches=8, reason=""),
                    }
                    for i, p in enumerate(LAYERS[a])
                    for j, q in enumerate(LAYERS[b])
                ]
    frame = pd.DataFrame(rows)
    frame.loc[4, ["value", "se", "reason"]] = [np.nan, np.nan, "layer_a is dead"]
    path = tmp_path / "layer_similarity.parquet"

    def write(frame=frame):
        texts = frame.select_dtypes(exclude="number").columns
        frame.astype(dict.fromkeys(texts, "category")).to_parquet(path, index=False)
        return path

    return frame, write


@pytest.mark.parametrize("rows", [1, 5, 7, 1000])
def test_comparisons_are_whole_wherever_a_batch_ends(table, monkeypatch, rows):
    monkeypatch.setattr(similarity, "_ROWS", rows)
    frame, write = table
    found = list(comparisons(write()))
    expected = frame.groupby(["measure", "run_a", "run_b"], sort=False)
    assert [(c.measure, c.run_a, c.run_b) for c in found] == list(expected.groups)
    for one, (_, own) in zip(found, expected, strict=True):
        matrix = own.pivot(index="index_a", columns="index_b", values="value")
        np.testing.assert_array_equal(one.value, matrix)
        assert [name for _, name, _ in one.rows] == LAYERS[one.run_a]
        assert [name for _, name, _ in one.columns] == LAYERS[one.run_b]
    assert found[0].reasons[1, 1] == "layer_a is dead"
    assert np.isnan(found[0].value[1, 1])


def test_rows_in_another_order_make_the_same_matrix(table):
    frame, write = table
    expected = [one.value for one in comparisons(write())]
    part = ["measure", "run_a", "run_b"]
    shuffled = frame.sample(frac=1, random_state=0)
    together = shuffled.sort_values(part, kind="stable")
    for one, value in zip(comparisons(write(together)), expected, strict=True):
        np.testing.assert_array_equal(one.value, value)


def test_a_comparison_in_two_places_is_refused(table):
    frame, write = table
    apart = pd.concat([frame.iloc[1:], frame.iloc[:1]])
    with pytest.raises(StoreError, match="x and x by cka_minibatch do not stand together"):
        list(comparisons(write(apart)))


def test_a_pair_of_layers_that_is_missing_is_undefined(table):
    frame, write = table
    (first, *_) = comparisons(write(frame.drop(index=2)))
    assert np.isnan(first.value[0, 2])
    assert first.reasons[0, 2] == "not compared"


def test_the_index_leads_to_every_comparison(table, tmp_path, monkeypatch):
    monkeypatch.setattr(similarity, "PIECE_BYTES", 100)
    _, write = table
    found = [one for one in comparisons(write()) if one.measure == "rsa"]
    numbers = {run: number for number, run in enumerate(LAYERS)}
    writer = SimilarityPieces(Pieces(tmp_path), "rsa", numbers)
    for one in found:
        writer.add(one)
    writer.finish({"same_layer": {}})
    index = read(tmp_path / "similarity/rsa/index.js")
    entries = np.array(index["pairs"]).reshape(-1, 5)
    assert len(set(entries[:, 4])) > 1, "several pieces"
    for one, (a, b, rows, columns, piece) in zip(found, entries, strict=True):
        assert (a, b) == (numbers[one.run_a], numbers[one.run_b])
        assert index["axes"][rows]["layer"] == LAYERS[one.run_a]
        assert index["axes"][columns]["layer"] == LAYERS[one.run_b]
        entry = read(tmp_path / f"similarity/rsa/{piece}.js")[f"{a}-{b}"]
        values = np.frombuffer(base64.b64decode(entry["v"]), "<f4").reshape(one.value.shape)
        np.testing.assert_array_equal(values, one.value.astype(np.float32))
        assert entry["n"] == 8


def read(path):
    """The value that a piece registers."""
    text = path.read_text()
    assert text.startswith("repatlas.register(")
    name, value = json.loads(f"[{text.strip().removeprefix('repatlas.register(')[:-2]}]")
    assert name == path.relative_to(path.parents[2]).as_posix().removesuffix(".js")
    return value


def test_what_is_not_finite_is_null_and_packed_numbers_keep_it(tmp_path):
    values = {"a": [1.5, np.nan, np.inf], "b": np.array([2, 3]), "c": pd.Series([np.nan])}
    assert plain(values) == {"a": [1.5, None, None], "b": [2, 3], "c": [None]}
    again = np.frombuffer(base64.b64decode(packed(np.array([0.25, np.nan]))), "<f4")
    assert again[0] == 0.25
    assert np.isnan(again[1])


def test_a_text_cannot_leave_its_piece(tmp_path):
    text = '"});alert(1);//\u2028</script>'
    Pieces(tmp_path).write("x", {"reason": text})
    written = (tmp_path / "x.js").read_text()
    assert written.isascii()
    assert json.loads(written[len('repatlas.register("x",') : -3])["reason"] == text


@pytest.mark.parametrize("channels", [1, 3])
def test_images_keep_their_pixels(channels):
    import io

    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (channels, 5, 4), dtype=np.uint8)
    data = png(pixels.tobytes(), pixels.shape).removeprefix("data:image/png;base64,")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    np.testing.assert_array_equal(image.reshape(5, 4, channels), pixels.transpose(1, 2, 0))


class Broken:
    """A study of which reading a table fails."""

    name = "broken"

    def __getattr__(self, name):
        raise StoreError("damaged")


def test_a_page_that_fails_leaves_the_old_one(tmp_path):
    output = tmp_path / "explorer"
    output.mkdir()
    (output / "index.html").write_text("old")
    with pytest.raises(StoreError, match="damaged"):
        write_page(Broken(), "", output)
    assert (output / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["explorer"]


def test_the_plotting_library_is_the_published_one():
    """npm's plotly.js-cartesian-dist-min 4.1.1."""
    bundle = files("repatlas.explorer") / "assets" / "plotly-cartesian.min.js"
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() == (
        "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"
    )
