"""The report of the smoke study: one file, made without a network, that shows everything."""

import html
import json
import re
import zipfile

import pytest
from repatlas.cli import main

from .conftest import SMOKE, start

# One worker runs the workflow, so that the finished smoke study is made once.
pytestmark = pytest.mark.xdist_group("workflow")

STUDY = "results/studies/smoke"
# Whoever asks for a page gets no answer.
OFFLINE = dict.fromkeys(
    ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"], "http://[::1]:9"
)


@pytest.fixture(scope="module")
def report(smoke):
    """(text of the report, its results by path)"""
    outcome = start(smoke[0], SMOKE, "--report", f"{STUDY}/report.html", **OFFLINE)
    assert outcome.code == 0, outcome.output
    text = (smoke[0] / STUDY / "report.html").read_text(encoding="utf-8")
    results = json.loads(re.search(r"var results = (\{.*\})", text).group(1))
    return text, results


def plain(caption):
    text = re.sub(r"<.*?>", "", caption)
    return " ".join(html.unescape(text).split())


def test_every_figure_is_shown_with_its_own_caption(smoke, report):
    _, results = report
    captions = sorted((smoke[0] / STUDY / "figures").glob("*.txt"))
    assert len(captions) >= 6
    for path in captions:
        entry = results[f"{STUDY}/report/figures/{path.stem}.html"]
        expected = " ".join(path.read_text(encoding="utf-8").split())
        assert plain(entry["caption"]) == expected
        page = (smoke[0] / STUDY / "report/figures" / f"{path.stem}.html").read_text()
        assert "<svg" in page
        assert html.escape(expected) in page


def test_every_table_has_a_page_that_says_how_many_rows_it_has(smoke, report):
    _, results = report
    for path in (smoke[0] / STUDY / "tables").iterdir():
        caption = plain(results[f"{STUDY}/report/tables/{path.stem}.html"]["caption"])
        assert re.search(r"\d+ rows?, \d+ columns", caption), caption
        assert f"tables/{path.name}" in caption


def test_cost_configuration_and_software_are_there(smoke, report):
    _, results = report
    for name, part in {"cost": "jobs", "configuration": "smoke", "software": "commit"}.items():
        assert part in plain(results[f"{STUDY}/report/{name}.html"]["caption"])
    configuration = (smoke[0] / STUDY / "report/configuration.html").read_text()
    assert "learning_rate: 0.1" in configuration


def test_it_opens_with_the_findings(report):
    text, _ = report
    for part in ("4 networks", "Test accuracy", "Largest block", "5 epochs of SGD"):
        assert part in text


def test_nothing_in_it_is_fetched(report):
    """What a browser loads by itself: sources, style sheets, imports."""
    text, _ = report
    assert not re.findall(r"""<(?:script|img|iframe)[^>]+src=["']https?:""", text)
    assert not re.findall(r"""<link[^>]+href=["']https?:""", text)


def test_the_end_of_a_run_says_what_was_found_and_where(smoke):
    _, outcome = smoke
    end = outcome.output[outcome.output.index("The study smoke is finished.") :]
    for part in ("Test accuracy: ", "Largest block: ", "two seeds", f"{STUDY}/figures"):
        assert part in end


def test_a_start_says_first_what_there_is_to_do(smoke):
    _, outcome = smoke
    plan = outcome.output[: outcome.output.index("Select jobs to execute")]
    assert "to train      4 of 4 networks" in plan
    assert "in 3 of 3 jobs" in plan
    assert re.search(r"time          about [\d.]+ (s|min) on 2 cores", plan)
    assert re.search(r"disk          about \d+ MB, mostly activations; .* are free", plan)


def test_the_archive_holds_what_a_reader_needs_and_always_the_same_bytes(smoke, report, tmp_path):
    for name in ("first.zip", "second.zip"):
        assert main(["archive", str(smoke[0] / STUDY), "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert archive.testzip() is None
        names = {name.removeprefix("smoke/") for name in archive.namelist()}
        crate = json.loads(archive.read("smoke/ro-crate-metadata.json"))
    for part in ("report.html", "config.json", "provenance.json", "explorer/index.html"):
        assert part in names
    for folder in ("figures", "tables"):
        present = {f"{folder}/{path.name}" for path in (smoke[0] / STUDY / folder).iterdir()}
        assert present <= names
    described = {entity["@id"]: entity for entity in crate["@graph"]}
    assert names - {"ro-crate-metadata.json"} <= set(described)
    parts = {part["@id"] for part in described["./"]["hasPart"]}
    assert parts == names - {"ro-crate-metadata.json"}
    assert "Test accuracy" in described["./"]["description"]
    record = json.loads((smoke[0] / STUDY / "provenance.json").read_text())
    assert described["./"]["datePublished"] == record["date"]
    assert "n = 4 networks" in described["figures/accuracy.png"]["description"]
