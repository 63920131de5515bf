"""The command line: help that reads well, errors that fit the terminal, and `compare` by hand."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from repatlas.cli import COMMANDS, main
from repatlas.similarity import compare
from repatlas.terminal import fitted


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "repatlas", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def test_help_names_every_command():
    done = run("--help")
    assert done.returncode == 0
    for name, purpose in COMMANDS.items():
        assert name in done.stdout
        assert purpose.split()[0] in done.stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_eighty_columns(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert f"repatlas {command}" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_errors_fit_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    text = "repatlas: error: " + "word " * 20 + "\n  line 3, training.epochs: " + "other " * 12
    lines = fitted(text).splitlines()
    assert max(map(len, lines)) <= 50
    assert " ".join(fitted(text).split()) == " ".join(text.split())
    assert next(k for k in lines if "line 3" in k).startswith("  line 3")


def test_an_unknown_command_is_refused_with_the_known_ones():
    done = run("trian")
    assert done.returncode == 2
    assert "there is no command" in done.stderr
    assert "train" in done.stderr


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    layers = {"a": {"layer1": x, "layer2": x @ rng.standard_normal((5, 8))}, "b": {"only": x + 3}}
    for folder, arrays in layers.items():
        (tmp_path / folder).mkdir()
        for name, array in arrays.items():
            np.save(tmp_path / folder / f"{name}.npy", array)
    return tmp_path, layers


def test_compare_writes_a_table_and_a_heat_map(folders):
    tmp_path, layers = folders
    assert (
        main(
            ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--output", str(tmp_path / "out")]
        )
        == 0
    )
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table["layer_a"]) == ["layer1", "layer2"]
    assert table["value"][0] == pytest.approx(1, abs=1e-12)
    assert table["value"][1] == pytest.approx(compare(layers["a"]["layer2"], layers["b"]["only"]))
    for kind in ("png", "pdf", "svg", "txt"):
        assert (tmp_path / f"out.{kind}").stat().st_size > 50
    caption = (tmp_path / "out.txt").read_text()
    assert "On the vertical axis: 1 layer1, 2 layer2." in caption
    assert "On the horizontal axis: 1 only." in caption


def test_compare_says_what_was_compared_and_how(folders):
    tmp_path, _ = folders
    for weighting in ("pairs", "equal"):
        arguments = ["compare", str(tmp_path / "a"), "--measure", "cka_minibatch", "--options"]
        options = json.dumps({"batch_size": 9, "weighting": weighting})
        assert main([*arguments, options, "--output", str(tmp_path / "out")]) == 0
        told = json.loads((tmp_path / "out.json").read_text())
        assert told == {
            "a": str(tmp_path / "a"),
            "b": str(tmp_path / "a"),
            "measure": "cka_minibatch",
            "batch_size": 9,
            "passes": 1,
            "seed": 0,
            "weighting": weighting,
            "batches": told["batches"],
        }
        assert f"weighting {weighting}" in (tmp_path / "out.txt").read_text()
        assert f"batches {told['batches']}" in (tmp_path / "out.txt").read_text()


def test_compare_with_options_of_the_measure(folders):
    tmp_path, layers = folders
    arguments = ["compare", str(tmp_path / "a"), "--measure", "svcca", "--options", '{"keep": 0.5}']
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out.csv").set_index(["layer_a", "layer_b"])
    expected = compare(layers["a"]["layer1"], layers["a"]["layer2"], "svcca", keep=0.5)
    assert table.loc[("layer1", "layer2"), "value"] == pytest.approx(expected)


def test_compare_keeps_dots_in_names(folders):
    tmp_path, _ = folders
    (tmp_path / "a").rename(tmp_path / "width0.5")
    arguments = ["compare", str(tmp_path / "width0.5"), "--output", str(tmp_path / "cka-0.5")]
    assert main(arguments) == 0
    assert {p.name for p in tmp_path.glob("cka-0*")} == {
        f"cka-0.5.{kind}" for kind in ("csv", "json", "png", "pdf", "svg", "parquet", "txt")
    }
    assert "layers of width0.5 (vertical)" in (tmp_path / "cka-0.5.txt").read_text()


@pytest.mark.parametrize(
    ("options", "said"), [("{keep", "'{keep' is no JSON"), ("[1]", "a mapping like")]
)
def test_options_that_are_no_mapping_are_refused(folders, capsys, options, said):
    tmp_path, _ = folders
    with pytest.raises(SystemExit) as stop:
        main(["compare", str(tmp_path / "a"), "--measure", "svcca", "--options", options])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_an_error_of_the_user_is_one_message_here_and_in_the_log(tmp_path):
    done = run("compare", tmp_path / "nothing", "--log", tmp_path / "log.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("repatlas: error: There is nothing at")
    assert "Traceback" not in done.stderr
    log = (tmp_path / "log.txt").read_text()
    assert "There is nothing at" in log
    assert "Traceback" not in log


def test_each_command_run_in_one_program_says_its_own_mistake_once(tmp_path, capsys):
    log = tmp_path / "log"
    for _ in range(2):
        nowhere = [str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")]
        assert main(["compare", *nowhere, "--log", str(log)]) == 1
        assert capsys.readouterr().err.count("repatlas: error:") == 1
        assert log.read_text().count("ERROR") == 1
