"""What results/README.md explains: the columns of every table."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "results/README.md"
TABLE = re.compile(r"^\| column \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)
ENDING = re.compile(r"_(n|mean|sd|low|high)$")
SIDES = ("{}", "{}_a", "{}_b", "other_{}")


def sections() -> dict[str, str]:
    """The text below each heading of the second and third level."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^###? (.+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))


def columns_in(text: str) -> list[str]:
    """The first cells of the tables of columns; `x_mean`, `_sd` is x_mean and x_sd."""
    found: list[str] = []
    for row in "".join(TABLE.findall(text)).splitlines():
        stem = ""
        for name in re.findall(r"`([^`]+)`", row.split(" | ")[0]):
            found.append(stem + name if name.startswith("_") else name)
            stem = stem if name.startswith("_") else ENDING.sub("", name)
    return found


def explained() -> dict[str, list[str]]:
    """The columns that the section of each table explains, by the table's file."""
    return {
        file: columns_in(text)
        for heading, text in sections().items()
        for file in re.findall(r"`tables/([\w.]+)`", heading)
    }


def axes(config: Mapping) -> set[str]:
    """The settings that a study, by its config.json, varies."""
    changes = [entry["set"] for entry in config["overrides"]]
    return {axis for part in (config["grid"], *config["include"], *changes) for axis in part}


def unexplained(file: str, columns: Iterable[str], further: Collection[str]) -> list[str]:
    """Those of a table's `columns` that the page does not explain; `further` axes need not be."""
    common = [*columns_in(sections()["Columns that stand in every table"]), *further]
    known = {*explained().get(file, []), *(side.format(c) for c in common for side in SIDES)}
    return [f"{file}: {column}" for column in columns if column not in known]


def not_there(tables: Mapping[str, Iterable[str]]) -> list[str]:
    """Columns that the page explains and the `tables`, columns by file, do not have. Files that
    share a section share its columns."""
    lacking = []
    for heading, text in sections().items():
        files = [file for file in re.findall(r"`tables/([\w.]+)`", heading) if file in tables]
        present = {column for file in files for column in tables[file]}
        lacking += [f"{files[0]}: {c}" for c in columns_in(text) if files and c not in present]
    return lacking
