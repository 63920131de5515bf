"""Figures as files: all of them, with the same bytes from the same tables."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image
from repatlas.catalogue import FIGURES
from repatlas.cli import main
from repatlas.figures import draw, save
from repatlas.figures.style import style

SUFFIXES = ["png", "pdf", "svg", "parquet", "txt"]


def command(study_folder, name, prefix, settings=None):
    return [
        *("figure", name, "--tables", str(study_folder / "tables"), "--output", str(prefix)),
        *("--settings", json.dumps(settings or {})),
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_needs_only_the_tables_it_names(study_folder, tmp_path, name):
    tables = tmp_path / "results" / "studies" / "made" / "tables"
    tables.mkdir(parents=True)
    for table in FIGURES[name].tables:
        shutil.copy(study_folder / "tables" / table, tables)
    assert main(command(tables.parent, name, tmp_path / "figures" / "v1.0-x")) == 0
    files = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert files == sorted(f"v1.0-x.{suffix}" for suffix in SUFFIXES)


def test_the_same_tables_give_the_same_bytes_in_another_process(study, study_folder, tmp_path):
    for name in ("across_seeds", "block_metrics"):
        save(draw(name, study), tmp_path / "here" / name)
        environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
        subprocess.run(
            [sys.executable, "-m", "repatlas", *command(study_folder, name, tmp_path / name)],
            check=True,
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for suffix in SUFFIXES:
            here, there = (tmp_path / part / f"{name}.{suffix}" for part in ("here", "."))
            assert here.read_bytes() == there.read_bytes(), suffix


def test_files_fit_a_page_and_carry_their_fonts(study, tmp_path):
    drawing = draw("accuracy", study)
    save(drawing, tmp_path / "accuracy")
    with Image.open(tmp_path / "accuracy.png") as image:
        assert image.size[0] == 3.5 * 300
        assert round(image.info["dpi"][0]) == 300
    pdf = (tmp_path / "accuracy.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/CreationDate" not in pdf
    assert "<dc:date>" not in (tmp_path / "accuracy.svg").read_text()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "accuracy.parquet"), drawing.data)
    assert (tmp_path / "accuracy.txt").read_text() == drawing.caption + "\n"


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_is_larger_than_a_page(study, name):
    width, height = draw(name, study).figure.get_size_inches()
    assert width <= 7.2 + 1e-9
    assert height <= 9


@pytest.mark.parametrize("name", FIGURES)
def test_texts_lie_inside_the_figure_and_do_not_touch(study, name):
    check_texts(study, name)


def test_texts_beside_long_names_do_not_touch_either(study_of):
    study = study_of(depths=(8,), widths=(1.0,))
    path = study.folder / "tables" / "layer_matching.csv"
    longest = "svcca(threshold_on=singular_values)"
    pd.read_csv(path).replace({"measure": {"svcca": longest}}).to_csv(path, index=False)
    assert longest in path.read_text()
    check_texts(study, "layer_matching")


def test_texts_beside_the_small_panels_of_three_seeds_do_not_touch(study_of):
    check_texts(study_of(depths=(8,), widths=(1.0,), seeds=(0, 1, 2)), "across_seeds")


def check_texts(study, name):
    """All texts of a figure lie inside it, none on another."""
    with style():
        drawing = draw(name, study)
        figure = drawing.figure
        figure.draw_without_rendering()
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts_of(figure)]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one, other)


def texts_of(figure):
    """The texts that are seen: of tick labels, those within the limits."""
    ticks, seen = set(), set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = axis.get_ticklabels(which="both")
            ticks.update(labels)
            if axis.get_tick_params().get("labelleft", axis.get_tick_params().get("labelbottom")):
                low, high = sorted(axis.get_view_interval())
                at = axis.get_majorticklocs()
                seen.update(t for t, x in zip(labels, at, strict=False) if low <= x <= high)
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and (text not in ticks or text in seen)
    ]


def test_a_mistake_in_the_settings_is_one_message(study_folder, tmp_path, capsys):
    wrong = command(study_folder, "accuracy", tmp_path / "x", {"max_colums": 2})
    assert main(wrong) == 1
    message = capsys.readouterr().err
    assert message.startswith(
        "repatlas: error: figure_settings.accuracy.max_colums: unknown setting; did you mean "
        "'max_columns'?"
    )
    assert not list(tmp_path.iterdir())


def test_a_study_whose_networks_failed_still_gets_its_figures(study_of, tmp_path):
    failed = [(8, 1.0, 0), (8, 2.0, 0), (14, 1.0, 1), (14, 2.0, 0)]
    study = study_of(diverged=failed)
    arguments = command(study.folder, "across_seeds", tmp_path / "across_seeds")
    assert main(arguments) == 0
    assert all((tmp_path / f"across_seeds.{suffix}").is_file() for suffix in SUFFIXES)
    caption = (tmp_path / "across_seeds.txt").read_text()
    assert "not drawn. No two seeds to compare" in caption
    assert pd.read_parquet(tmp_path / "across_seeds.parquet")["not_drawn"].iloc[0] in caption


def test_a_figure_that_the_study_has_no_data_for_is_an_error(study_of, tmp_path, capsys):
    study = study_of(seeds=(0,))
    assert main(command(study.folder, "across_seeds", tmp_path / "x")) == 1
    assert "repatlas: error: No two seeds to compare" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("name", FIGURES)
def test_the_number_of_networks_stands_on_every_figure(study, name):
    drawing = draw(name, study)
    seen = [text.get_text() for text in texts_of(drawing.figure)]
    found = [n for text in seen for n in re.findall(r"\bn = (\d+)", text)]
    assert found, seen
    (said,) = re.findall(r"\bn = (\d+) networks?\b", drawing.caption)
    if drawing.networks:
        assert found == [said], "in one place, and that of the caption"
        assert f"{drawing.networks}." in drawing.caption, "the seeds as well"
