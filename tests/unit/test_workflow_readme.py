"""The map in workflow/README.md: complete, without names of what is gone, and true."""

import ast
import re
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
PACKAGE = WORKFLOW / "repatlas"
TEXT = (WORKFLOW / "README.md").read_text(encoding="utf-8")
GRAPH = TEXT.split("```")[1]
SMK = [WORKFLOW / "Snakefile", *sorted((WORKFLOW / "rules").glob("*.smk"))]
MODULES = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
MODULES -= {"__init__", "__main__", "__pycache__"}


def rules():
    """Names of all rules, those made with `use rule ... as` included."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SMK)
    return set(re.findall(r"^(?:use rule \w+ as|rule) (\w+)", text, re.MULTILINE))


def named(table):
    """What stands in backticks in the first column of the README's table with that heading, a list
    for each row."""
    rows = TEXT.split(f"| {table} |")[1].split("\n\n")[0].splitlines()[2:]
    return [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in rows]


def test_every_rule_is_named_and_no_other():
    targets = TEXT.split("The targets are in `Snakefile`:")[1].split(".\n")[0]
    listed = [name for row in named("rules") for name in row]
    assert len(listed) == len(set(listed))
    assert {*listed, *re.findall(r"`(\w+)`", targets)} == rules()


def test_the_graph_has_every_rule_that_makes_what_others_need():
    drawn = set(re.findall(r"\w+", GRAPH))
    # A network's table follows from its analysis, and the record from the configuration.
    implied = {"train_with_checkpoints", "record", "layer_matching_table"}
    implied |= {f"{name}_table" for name in rules() if f"{name}_table" in rules()}
    targets = {"all", "networks", "grams", "tables", "figures"}
    assert rules() - drawn <= implied | targets


def test_every_module_is_named_once_and_no_other():
    listed = [name for row in named("module") for name in row]
    assert sorted(listed) == sorted(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_stands_in_its_row_or_above(module):
    place = {name: number for number, row in enumerate(named("module")) for name in row}
    imported = set()
    for path in (
        (PACKAGE / module).rglob("*.py")
        if (PACKAGE / module).is_dir()
        else [PACKAGE / f"{module}.py"]
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("repatlas."):
                imported.add(node.module.split(".")[1])
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names]
                assert not any((name or "").startswith("snakemake") for name in names), path
    below = {name for name in imported if place[name] > place[module]}
    assert not below, f"{module} imports {sorted(below)}, which stand below it"


@pytest.mark.parametrize("path", SMK, ids=lambda path: path.name)
def test_each_file_of_rules_opens_with_what_it_needs_and_gives(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    docstring = text.split('"""')[1]
    if path.name != "Snakefile":
        assert "Needs:" in docstring
        assert "Gives" in docstring
