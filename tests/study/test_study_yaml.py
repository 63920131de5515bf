"""Mistakes of writing are found in the file itself, before a study is made of it."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from repatlas.errors import ConfigError
from repatlas.study.messages import in_yaml, number_as_text, shown
from repatlas.study.read import check_yaml, lines_of

CASES = {
    "a tab": (
        "study: x\ngrid:\n\tseed: 0\n",
        "study.yaml, line 3: there is a tab; YAML is indented with blanks alone.\n  seed: 0",
    ),
    "a key twice": (
        "study: x\ngrid:\n  seed: 0\n  depth: 8\n  seed: 1\n",
        "study.yaml, line 5: the key `seed` stands twice (first on line 3); YAML would take the "
        "last one. Take one out.",
    ),
    "a key twice in a list": (
        "study: x\nexclude:\n  - {depth: 8, depth: 14}\n",
        "study.yaml, line 3: the key `depth` stands twice (first on line 3)",
    ),
    "a key that is a truth value": (
        "study: x\non: 3\n",
        "study.yaml, line 2: the key `on` is no text to YAML; accepted are names of settings.",
    ),
    "a key that is a number": ("study: x\n8: 3\n", "study.yaml, line 2: the key `8` is no text"),
    "an open bracket": (
        "study: x\ngrid: {depth: [8, 14}\n",
        "study.yaml, line 2: while parsing a flow sequence, expected ',' or ']', but got '}'.\n"
        "  grid: {depth: [8, 14}",
    ),
    "a colon": (
        "study: x\ntitle: depth: 8\n",
        "study.yaml, line 2: mapping values are not allowed here. Put quotes around text that "
        "contains a colon, or correct the indentation.\n  title: depth: 8",
    ),
    "two documents": (
        "study: x\n---\ngrid: {}\n",
        "study.yaml, line 2: expected a single document in the stream, but found another document "
        "(since line 1).\n  ---",
    ),
    "another language's object": (
        "study: !!python/tuple [x]\n",
        "study.yaml, line 1: could not determine a constructor for the tag",
    ),
    "empty": (
        "",
        "study.yaml: found nothing in it; accepted are `key: value` lines, at least `study` and "
        "`grid`.",
    ),
    "comments alone": ("# hello\n", "study.yaml: found nothing in it; accepted are"),
    "a list": ("- study\n", "study.yaml: found a list in it; accepted are"),
    "a word": ("study\n", "study.yaml: found a text in it; accepted are"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_is_written_wrong(case, written):
    text, message = CASES[case]
    with pytest.raises(ConfigError) as error:
        check_yaml(written(text))
    assert str(error.value).startswith(message)


def test_a_missing_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="^mine.yaml does not exist. The shipped studies are"):
        check_yaml("mine.yaml")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "study.yaml").write_bytes(b"study: \xff\xfe\n")
    with pytest.raises(ConfigError, match="study.yaml is no text file in UTF-8; save it as one"):
        check_yaml(tmp_path / "study.yaml")


def test_a_folder(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        check_yaml(tmp_path)


def test_a_sound_file_is_read_with_its_anchors(written):
    file = written("study: x\ndata: &d {fraction: 0.5}\nprobe: {<<: *d, size: 3}\n")
    assert check_yaml(file)["probe"] == {"fraction": 0.5, "size": 3}


def test_every_key_and_item_has_its_line(written):
    file = written("study: x\ngrid:\n  depth:\n    - 8\n    - 14\n  seed: [0,\n    1]\n")
    assert lines_of(file) == {
        ("study",): 1,
        ("grid",): 2,
        ("grid", "depth"): 3,
        ("grid", "depth", 0): 4,
        ("grid", "depth", 1): 5,
        ("grid", "seed"): 6,
        ("grid", "seed", 0): 6,
        ("grid", "seed", 1): 7,
    }
    assert lines_of(written("a: [\n")) == {}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_advised_number_is_a_number_to_yaml(number):
    read = yaml.safe_load(f"x: {in_yaml(number)}")["x"]
    assert isinstance(read, (int, float))
    assert read == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 0.001), ("-2E5", -2e5), (".5e1", 5), ("7", 7), ("1/16", 0.0625), ("3 / 4", 0.75)],
)
def test_numbers_that_yaml_takes_for_text(text, number):
    assert number_as_text(text) == number


@pytest.mark.parametrize("value", ["1/0", "e3", "1e", "x1e3", "", "1.2.3", "1/2/3", 1e-3, None])
def test_other_text_is_no_number(value):
    assert number_as_text(value) is None


def test_values_are_shown_as_in_yaml_and_never_at_length():
    assert shown({"a": [True, None, 0.5, "x"]}) == "{a: [true, nothing, 0.5, 'x']}"
    assert shown("y" * 100) == "'" + "y" * 76 + "..."
