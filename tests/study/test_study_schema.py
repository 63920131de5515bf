"""The JSON schema for editors: in step with the model, and as strict as can be."""

import copy
import difflib
import json
from pathlib import Path

import jsonschema
import pytest
from repatlas.cli import main
from repatlas.study.schema import schema_text, study_schema

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "workflow/schemas/study.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = study_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_file_is_that_of_the_model():
    kept, made = FILE.read_text(encoding="utf-8").splitlines(), schema_text().splitlines()
    diff = "\n".join(difflib.unified_diff(kept, made, FILE.name, "made", n=2, lineterm=""))
    assert not diff, f"{diff}\nrun: repatlas schema --output workflow/schemas/study.schema.json"


def test_every_key_has_a_description_and_says_what_it_reruns():
    schema = study_schema()
    for key, about in schema["properties"].items():
        assert "Changing it reruns: " in about["description"], key
        assert "\n" not in about["description"]
    for model in schema["$defs"].values():
        for key, about in model["properties"].items():
            assert about.get("description"), key
            assert "title" not in about


def test_axes_and_sections_have_the_settings_own_defaults():
    schema = study_schema()
    training = schema["$defs"]["TrainingSettings"]["properties"]
    assert training["learning_rate"]["default"] == 0.01
    assert training["epochs"] | {"description": ""} == {
        "default": 300,
        "description": "",
        "minimum": 1,
        "type": "integer",
        "unit": "epochs",
    }
    for name in ("Axes", "Selection", "Changes"):
        assert all("default" not in a for a in schema["$defs"][name]["properties"].values())


GOOD = [
    {"grid": {"depth": 8, "width": [1, 0.5], "dataset": "digits", "random_labels": [0, 0.5]}},
    {"taps": "relu", "measures": "cka", "figures": "accuracy"},
    {"taps": ["relu"], "figures": ["accuracy"], "figure_settings": {"accuracy": {"a": None}}},
    {"datasets": {"mine": {"source": "folder", "path": "x", "size": [8, 9], "channels": 1}}},
    {"comparisons": {"across_architectures": [[{"depth": 8}, {"depth": [14, 20]}]]}},
    {"overrides": [{"where": {"seed": 0}, "set": {"random_labels": None, "epochs": 3}}]},
    {"probe": {"size": None}, "comparisons": {"seed_pairs": None}},
]


@pytest.mark.parametrize("change", GOOD, ids=str)
def test_what_a_study_may_say_is_accepted(change, validator, small):
    validator.validate(copy.deepcopy(small) | change)


BAD = [
    {"study": "../x"},
    {"traning": {}},
    {"grid": {}},
    {"grid": {"depth": ["8"]}},
    {"grid": {"depth": 8.5}},
    {"grid": {"depth": []}},
    {"grid": {"seed": [-1]}},
    {"grid": {"learning_rate": "1e-3"}},
    {"grid": {"fraction": 2}},
    {"grid": {"init": "zeros"}},
    {"grid": {"epoch": 3}},
    {"training": {"epochs": 0}},
    {"measures": "ck"},
    {"figures": ["loss"]},
    {"figure_settings": {"loss": {}}},
    {"datasets": {"a b": {"source": "mnist"}}},
    {"datasets": {"a": {"source": "svhn"}}},
    {"overrides": [{"where": {"seed": 0}, "set": {"seed": 1}}]},
    {"overrides": [{"where": {"seed": 0}}]},
    {"comparisons": {"across_architectures": [[{"depth": 8}]]}},
    {"comparisons": {"across_architectures": [[{"seed": 0}, {"depth": 8}]]}},
    {"device": "gpu"},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_what_a_study_may_not_say_is_marked(change, validator, small):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(copy.deepcopy(small) | change)


def test_the_command_prints_writes_and_checks(capsys, tmp_path, written):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "repatlas study"
    assert main(["schema", "--output", str(tmp_path / "s.json")]) == 0
    assert (tmp_path / "s.json").read_text() == schema_text()
    manual = tmp_path / "manual.md"
    manual.write_text("before\n<!-- table: probe -->\nold\n<!-- end of table -->\nafter\n")
    assert main(["schema", "--manual", str(manual)]) == 0
    assert "| `passes` |" in manual.read_text()
    assert "old" not in manual.read_text()
    file = written("study: x\ngrid: {depth: [8, 14], seed: [0, 1]}\n")
    assert main(["schema", "--check", file]) == 0
    assert capsys.readouterr().out == "study.yaml: study x, 4 networks, 6 comparisons in 2 jobs\n"
    assert main(["schema", "--check", written("study: x\ngrid: {depth: 9}\n")]) == 1
