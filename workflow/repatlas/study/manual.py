"""The tables of the manual (config/*.md), made from the typed model and so never out of date."""

import re
from collections.abc import Sequence
from typing import Any

from repatlas.catalogue import ANALYSES, FIGURE_SETTINGS, FIGURES, MEASURES
from repatlas.study.accepted import Schema, accepted, resolved
from repatlas.study.messages import in_yaml, shown
from repatlas.study.reruns import RERUNS, reruns
from repatlas.study.schema import SECTION_MODELS
from repatlas.study.settings import StudySettings

START, END = "<!-- table: {} -->", "<!-- end of table -->"
MODELS = SECTION_MODELS | {"datasets": "DatasetSettings"}
KEYS = ("Key", "Meaning", "Accepted", "Default", "Changing it reruns")


def with_tables(text: str) -> str:
    """`text` with the table after every `<!-- table: NAME -->` mark made anew; see `table`."""
    mark = re.escape(START).replace(re.escape("{}"), r"(\w+)")
    pattern = re.compile(mark + ".*?" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda m: f"{START.format(m[1])}\n{table(m[1])}{END}", text)


def table(name: str) -> str:
    """A Markdown table.

    `name` is `study` for the keys of the file itself, `datasets` for those of one data set, the
    name of a section for its keys, or `measures`, `measure_options`, `analyses`, `figures`,
    `figure_settings`. KeyError otherwise.
    """
    if name == "measures":
        rows = [(f"`{m}`", "activations" if needs else "Grams") for m, needs in MEASURES.items()]
        return _markdown(("Measure", "Made from"), rows)
    if name == "measure_options":
        head = ("Measure", "Option", "Meaning", "Accepted", "Default")
        definitions = StudySettings.model_json_schema()["$defs"]
        options = [
            (f"`{measure}`", *row[:-1])
            for measure, about in definitions["MeasureOptions"]["properties"].items()
            for row in _rows(
                resolved(about["anyOf"][0], definitions), "measure_options", definitions
            )
        ]
        return _markdown(head, options)
    if name == "analyses":
        analyses = [
            (
                f"`{key}`",
                about.title,
                ", ".join(f"`{table}`" for table in about.tables),
                ", ".join(f"`{k}`" for k, f in FIGURES.items() if f.analysis == key) or "-",
            )
            for key, about in ANALYSES.items()
        ]
        return _markdown(("Analysis", "Gives", "Tables", "Figures"), analyses)
    if name == "figures":
        figures = [
            (f"`{key}`", figure.title, ", ".join(_setting(*s) for s in figure.settings.items()))
            for key, figure in FIGURES.items()
        ]
        return _markdown(("Figure", "Shows", "Settings and defaults"), figures)
    if name == "figure_settings":
        kinds = {str: "text", int: "whole number", bool: "true or false"}
        settings = [(f"`{k}`", text, kinds[kind]) for k, (kind, text) in FIGURE_SETTINGS.items()]
        return _markdown(("Setting", "Meaning", "Accepted"), settings)
    return _markdown(KEYS, _keys(name))


def _keys(name: str) -> list[tuple[str, ...]]:
    schema = StudySettings.model_json_schema()
    section = schema if name == "study" else schema["$defs"][MODELS[name]]
    return _rows(section, "" if name == "study" else name, schema["$defs"])


def _rows(section: Schema, name: str, definitions: Schema) -> list[tuple[str, ...]]:
    """One row a key of a section; `name` is the section's, "" for the file itself."""
    required = section.get("required", [])
    return [
        (
            f"`{key}`",
            " ".join(about["description"].split()),
            accepted(about, definitions),
            "(required)" if key in required else _default(about.get("default")),
            reruns(f"{name}.{key}") if name else RERUNS[key],
        )
        for key, about in section["properties"].items()
    ]


def _setting(key: str, default: Any) -> str:
    return f"`{key}` (from the data)" if default is None else f"`{key}` ({shown(default)})"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _default(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, dict) and value:
        return "see below"
    if value in ("", [], {}):
        return "empty"
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, float):
        return f"`{in_yaml(value)}`"
    return f"`{value if isinstance(value, str) else shown(value)}`"
