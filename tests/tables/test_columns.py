"""results/README.md explains every column of the published tables, and no other.

Parquet tables, which are not published: tests/workflow/test_analyses.py.
"""

import json
import re
from pathlib import Path

import pytest
from repatlas.catalogue import ANALYSES
from repatlas.results import StudyResults
from repatlas.study.own import TABLES

from ..documented import ENDING, PAGE, axes, columns_in, explained, not_there, sections, unexplained

PUBLISHED = Path(__file__).resolve().parents[2] / "results/published"
STUDIES = ("cifar10-sixteenth", "default-full", "default", "layer-matching")
STUDIES += ("layer-matching-cifar10",)


def columns_of(study):
    """The columns of each table, by its file."""
    paths = sorted((PUBLISHED / study / "tables").glob("*.csv"))
    return {path.name: path.open(encoding="utf-8").readline().rstrip().split(",") for path in paths}


@pytest.mark.parametrize("study", STUDIES)
def test_every_column_is_explained(study):
    config = json.loads((PUBLISHED / study / "config.json").read_text())
    found = [unexplained(f, columns, axes(config)) for f, columns in columns_of(study).items()]
    assert found
    assert not sum(found, [])


def test_every_column_that_is_explained_is_there():
    tables: dict[str, list[str]] = {}
    for study in STUDIES:
        for file, columns in columns_of(study).items():
            tables[file] = [*tables.get(file, []), *columns]
    assert not not_there(tables)


def test_every_table_has_a_section_with_columns_given_once():
    of_analyses = {file for analysis in ANALYSES.values() for file in analysis.tables}
    others = {file for file in explained() if file not in of_analyses}
    assert of_analyses <= set(explained())
    assert {Path(file).stem for file in others} == TABLES
    for file, columns in explained().items():
        assert columns, file
        assert len(columns) == len(set(columns)), file


def test_the_index_lists_every_table_and_links_lead_to_headings():
    links = re.findall(r"^\| \[`([\w.]+)`\]\(#([^)]+)\)", sections()["Index"], re.MULTILINE)
    # As GitHub makes anchors of headings.
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"): heading
        for heading in sections()
    }
    assert [file for file, _ in links] == list(explained())
    for file, anchor in links:
        assert f"`tables/{file}`" in anchors[anchor]
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE.read_text(encoding="utf-8"))) <= set(anchors)


def test_a_family_is_written_out():
    table = "| column | meaning |\n|---|---|\n| `x_mean`, `_sd` | of `y` |\n| `z`, `_low` | |\n"
    assert columns_in(table) == ["x_mean", "x_sd", "z", "z_low"]
    assert not ENDING.search("low")


def test_every_attribute_of_a_study_is_explained():
    text = sections()["A study in Python"]
    rows = re.findall(r"^\| (`study\..*?) \|", text, re.MULTILINE)
    said = {name for row in rows for name in re.findall(r"`study\.(\w+)", row)}
    public = {name for name in vars(StudyResults) if not name.startswith("_")}
    assert said == public | {"folder"}
