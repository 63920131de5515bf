"""Validation errors as mistakes that people can correct."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from repatlas.errors import did_you_mean
from repatlas.study.accepted import accepted, enumerated, resolved, schema_at
from repatlas.study.axes import AXES, SETTINGS
from repatlas.study.messages import (
    Mistake,
    in_yaml,
    listed,
    number_as_text,
    shown,
)

# What other libraries call a setting, and what to write instead.
ALIASES = {
    "lr": "the setting is called learning_rate",
    "weight_decay": "the setting is called l2 and is half of torch's weight_decay",
    "batch": "the setting is called batch_size",
}

Path = tuple[str | int, ...]


def mistakes_in(error: ValidationError, model: type[BaseModel], config: Any) -> list[Mistake]:
    """The mistakes that made `model` refuse `config`, each key once."""
    schema = model.model_json_schema()
    found: dict[Path, Mistake] = {}
    for item in error.errors(include_url=False):
        path, value = _place(item, config)
        found.setdefault(path, Mistake(path, _sentence(item, path, value, schema)))
    # Of a value that may be one thing or another, every alternative complains: what lies deepest
    # is what was meant.
    return [m for p, m in found.items() if not any(p == q[: len(p)] != q for q in found)]


def _place(item: Mapping[str, Any], config: Any) -> tuple[Path, Any]:
    """Path of an error in the file, and the value there.

    Pydantic's own path also names alternatives of types and positions in lists that the file writes
    as one item; what the file does not have is left out.
    """
    path: list[str | int] = []
    for number, part in enumerate(item["loc"]):
        inside = isinstance(config, Mapping) and part in config
        inside |= isinstance(config, list) and isinstance(part, int) and part < len(config)
        last = number == len(item["loc"]) - 1
        if inside:
            config = config[part]
        if inside or (last and item["type"] == "missing"):
            path.append(part)
    return tuple(path), config


def _sentence(item: Mapping, path: Path, value: Any, schema: Mapping) -> str:
    definitions = schema.get("$defs", {})
    kind, here = item["type"], schema_at(path, schema, definitions)
    if kind == "extra_forbidden":
        return _unknown_key(path, schema)
    if kind == "missing":
        return f"this key is missing; give it {accepted(here, definitions)}"
    if kind == "value_error":
        # A mapping or list is not repeated: the text says what in it is wrong.
        start = "" if isinstance(value, (Mapping, list)) else f"found {shown(value)}; "
        return start + str(item["ctx"]["error"])
    if item["loc"][-1] == "[key]":
        names = schema_at(path[:-1], schema, definitions)["propertyNames"]
        if known := enumerated(names, definitions):
            return f"unknown name{did_you_mean(str(path[-1]), known)}{listed(known)}"
        return f"found the name {path[-1]!r}; accepted is {accepted(names, definitions)}"
    wanted = accepted(here, definitions)
    number = number_as_text(value)
    if number is not None and (kind == "float_type" or number.is_integer()):
        return f"found the text {value!r}; accepted is {wanted}. Write {in_yaml(number)}"
    if value == []:
        return f"found an empty list; accepted is {wanted}, at least one"
    hint = did_you_mean(value, enumerated(here, definitions)) if isinstance(value, str) else ""
    return f"found {shown(value)}{hint or ';'} accepted is {wanted}"


def _unknown_key(path: Path, schema: Mapping) -> str:
    key = str(path[-1])
    known = _properties(schema_at(path[:-1], schema, schema.get("$defs", {})), schema)
    if key in ALIASES:
        return f"unknown key; {ALIASES[key]}{listed(known)}"
    if key in AXES and len(path) == 1:
        place = f"`{AXES[key]}` or, to vary it, `grid`" if AXES[key] else "`grid`"
        return f"unknown key; {key!r} belongs under {place}"
    if key in SETTINGS and key not in AXES:
        return (
            f"{key!r} is no axis: it belongs under `{SETTINGS[key]}` or, for some of the networks, "
            "under `set` in `overrides`"
        )
    return f"unknown key{did_you_mean(key, known)}{listed(known)}"


def _properties(here: Mapping, schema: Mapping) -> list[str]:
    """The keys of a mapping, also of one that may stand for a list of such."""
    definitions = schema.get("$defs", {})
    options = [resolved(option, definitions) for option in here.get("anyOf", [here])]
    return [key for option in options for key in option.get("properties", {})]


def check_keys(config: Any) -> list[Mistake]:
    """The mistakes of a configuration that has no keys, or keys that are no text."""
    if isinstance(config, Mapping) and config:
        return list(_odd_keys(config, ()))
    found = "nothing" if not config else shown(config)
    return [
        Mistake((), f"found {found}; accepted are `key: value` lines, at least `study` and `grid`")
    ]


def _odd_keys(config: Any, path: Path) -> Iterator[Mistake]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if isinstance(key, str):
                yield from _odd_keys(value, (*path, key))
            else:
                yield Mistake(path, f"found the key {shown(key)}; accepted are keys that are text")
    elif isinstance(config, list):
        for number, item in enumerate(config):
            yield from _odd_keys(item, (*path, number))
