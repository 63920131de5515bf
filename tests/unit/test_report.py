"""Headline findings, and text that markup must leave alone."""

import json
import shutil
import zipfile

import pandas as pd
import pytest
from docutils.core import publish_parts
from jinja2 import Environment
from repatlas import load_study
from repatlas.cli import main
from repatlas.durations import spoken
from repatlas.errors import StoreError
from repatlas.files import read_json, sha256_file, write_json
from repatlas.report import page
from repatlas.report.archive import CRATE, NO_LICENSE, write_archive
from repatlas.report.findings import findings
from repatlas.report.pages import write_pages
from repatlas.report.publish import publish
from repatlas.report.restructured import literal
from repatlas.terminal import points

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def default():
    return load_study(ROOT / "results/published/default")


def test_findings_are_the_numbers_of_the_tables(default):
    accuracy, block, seeds = findings(default)
    means = default.accuracy["test_accuracy_mean"]
    assert f"{100 * means.min():.1f} % (ResNet-" in accuracy
    assert f"to {100 * means.max():.1f} % (ResNet-" in accuracy
    metrics = default.block_metrics.set_index("run")
    assert f"{metrics['longest_run'].max()} of the 37 ReLU layers" in block
    largest = metrics.loc[metrics["longest_run"].idxmax()]
    assert f"{largest['run_start_layer']} to {largest['run_end_layer']}" in block
    same = default.cross_seed.groupby("group")["value_mean"].mean()
    assert f"{same.mean():.2f} (by architecture {same.min():.2f} to {same.max():.2f})" in seeds
    assert f": {default.block_summary['mean_similarity_mean'].mean():.2f} (" in seeds


@pytest.mark.parametrize(
    ("groups", "failed", "said"),
    [(1, 1, ", mean over 2 seeds)."), (1, 2, ")."), (2, 1, "; means over seeds."), (2, 2, ").")],
)
def test_seeds_that_failed_are_not_counted(default, tmp_path, groups, failed, said):
    folder = tmp_path / "results/studies/default"
    shutil.copytree(default.folder, folder)
    table = default.accuracy.head(groups).assign(n=3, n_failed=failed)
    table.to_csv(folder / "tables/accuracy.csv", index=False)
    assert findings(load_study(folder))[0].endswith(said)
    assert ("over" in findings(load_study(folder))[0]) == ("over" in said)


def test_a_study_of_one_seed_says_that_seeds_are_not_compared():
    last = findings(load_study(ROOT / "results/published/cifar10-sixteenth-l2-0.001"))[-1]
    assert last.endswith("no networks that differ in the seed alone are compared.")


@pytest.mark.parametrize(
    "text",
    [
        "R_a and R_b_: *bold* `code` |X|² {{ config }} {% raw %} a\\b <i> http://x.y [1]_ #1",
        "1. Not a list: value**2, layer_similarity, 95 % of all.",
    ],
)
def test_markup_and_template_leave_a_caption_alone(text):
    rendered = Environment().from_string(literal(text)).render()
    body = publish_parts(rendered, writer="html", settings_overrides={"report_level": 1})["body"]
    assert body.strip() == page.paragraph(text).replace("&#x27;", "'")


def test_a_long_table_is_cut_and_says_so(default, tmp_path):
    long = pd.DataFrame({"x": range(2000), "y": 0.123456789})
    long.to_parquet(tmp_path / "long.parquet")
    (tmp_path / "empty.csv").write_text("a,b\n")
    write_pages(default, [], [tmp_path / "long.parquet", tmp_path / "empty.csv"], tmp_path / "out")
    text = (tmp_path / "out/tables/long.html").read_text()
    assert "2000 rows, 2 columns. The page shows the first 500 rows." in text
    assert text.count("<tr>") == 501
    assert '<td class="number" title="0.123456789">0.1235</td>' in text
    assert "has no rows" in (tmp_path / "out/tables/empty.html").read_text()


def test_a_table_is_said_to_be_explained_only_where_it_is(default, tmp_path):
    """results/README.md knows nothing of the tables of a user's own analyses."""
    (tmp_path / "counted.csv").write_text("a,b\n1,2\n")
    runs = default.path("runs")
    write_pages(default, [], [runs, tmp_path / "counted.csv"], tmp_path / "out")
    captions = [(tmp_path / f"out/tables/{name}.rst").read_text() for name in ("runs", "counted")]
    assert ["README" in caption for caption in captions] == [True, False]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "1.5 min"), (700, "12 min"), (5400, "1.5 h"), (2e6, "23 days")],
)
def test_durations(seconds, text):
    assert spoken(seconds) == text


def test_points_fit_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    (text,) = points(["word " * 40])
    assert max(map(len, text.splitlines())) <= 60
    assert text.startswith("  - word")


def finish(folder, **changes):
    """Write the provenance of a finished study with the tables and figures that are there."""
    write_json(folder / "grid.json", {})
    record = {
        "grid_sha256": sha256_file(folder / "grid.json"),
        "tables": {path.name: sha256_file(path) for path in (folder / "tables").iterdir()},
        "figures": [path.stem for path in (folder / "figures").glob("*.png")],
    }
    path = folder / "provenance.json"
    write_json(path, {**read_json(path), **record, **changes})


def test_only_a_finished_study_is_copied_and_only_what_is_its_own(default, tmp_path):
    folder, copy = tmp_path / "results/studies/default", tmp_path / "published"
    shutil.copytree(default.folder, folder)
    finish(folder)
    # What an analysis that the study no longer names has left.
    (folder / "tables/linear_probes.csv").write_text("run\n")
    (folder / "figures/linear_probes.png").write_text("")
    (copy / "tables").mkdir(parents=True)
    (copy / "tables/gone.csv").write_text("published before\n")
    (copy / "README.md").write_text("written by hand\n")
    assert main(["publish", str(folder), "--output", str(copy)]) == 0
    write_archive(load_study(folder), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert not [name for name in archive.namelist() if "linear_probes" in name]
    published = {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()}
    tables = {f"tables/{path.name}" for path in (default.folder / "tables").iterdir()}
    assert tables | {"README.md", "config.json", "provenance.json"} <= published
    assert not {"tables/gone.csv", "tables/linear_probes.csv"} & published

    def refused(match):
        with pytest.raises(StoreError, match=match):
            publish(folder, copy)
        with pytest.raises(StoreError, match=match):
            write_archive(load_study(folder), tmp_path / "a.zip")

    (folder / "tables/accuracy.csv").write_text("another\n")
    refused("accuracy.csv is not the table that the study was finished with")
    (folder / "tables/accuracy.csv").unlink()
    refused("accuracy.csv is missing")
    write_json(folder / "grid.json", {"runs": []})
    refused("is not finished: its tables and figures are of an earlier configuration")
    write_json(folder / "provenance.json", {"commit": None})
    refused("was written by an earlier version")
    (folder / "provenance.json").unlink()
    refused("provenance.json is missing")


def test_an_archive_has_what_a_crate_must_have(default, tmp_path):
    """RO-Crate 1.1, root data entity: name, description, datePublished and license."""
    folder = tmp_path / "results/studies/default"
    shutil.copytree(default.folder, folder)
    finish(folder, date="2026-03-01")
    for given, expected in (([], NO_LICENSE), (["--license", "CC BY 4.0"], "CC BY 4.0")):
        assert main(["archive", str(folder), "--output", str(tmp_path / "a.zip"), *given]) == 0
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            crate = json.loads(archive.read(f"default/{CRATE}"))
        (root,) = [entity for entity in crate["@graph"] if entity["@id"] == "./"]
        assert root["datePublished"] == "2026-03-01"
        assert root["license"] == expected
        assert root["name"]
        assert root["description"]
