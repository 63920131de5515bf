"""The JSON schema of a study file, for editors: completion, descriptions, mistakes as you type."""

import json
from collections.abc import Mapping
from typing import Any

from repatlas.study.analyses import ANALYSIS_SECTIONS
from repatlas.study.reruns import RERUNS, reruns
from repatlas.study.settings import StudySettings


def study_schema() -> dict[str, Any]:
    """JSON schema (2020-12) of a study file, from the typed model.

    Every key has its description, default and what changing it reruns; every axis of the grid
    accepts what the setting itself accepts.
    """
    schema = _tidy(StudySettings.model_json_schema())
    for key, about in schema["properties"].items():
        about["description"] += f" Changing it reruns: {RERUNS[key]}."
    for section, model in SECTION_MODELS.items():
        for key, about in schema["$defs"][model]["properties"].items():
            about["description"] += f" Changing it reruns: {reruns(f'{section}.{key}')}."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "repatlas study",
        **schema,
    }


# Sections that stand in the file once, and the models that describe them.
SECTION_MODELS = {
    "data": "DataSettings",
    "model": "ModelSettings",
    "training": "TrainingSettings",
    "probe": "ProbeSettings",
    "measure_options": "MeasureOptions",
    "comparisons": "ComparisonSettings",
    **{name: model.__name__ for name, model in ANALYSIS_SECTIONS.items()},
}


def schema_text() -> str:
    """The schema as it is kept in workflow/schemas/study.schema.json."""
    return json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(schema: Any, names: bool = False) -> Any:
    """`schema` without generated titles, texts on one line, and free names held to their pattern.

    `names` says that the mapping's keys are names of settings, not words of JSON schema.
    """
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if names:
        return {key: _tidy(value) for key, value in schema.items()}
    tidy = {
        key: " ".join(value.split())
        if key == "description"
        else _tidy(value, names=key in ("properties", "$defs", "patternProperties", "default"))
        for key, value in schema.items()
        if key != "title"
    }
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy
