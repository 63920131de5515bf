"""What a setting accepts, in words, from its JSON schema: one source for messages and manual."""

from collections.abc import Mapping, Sequence
from typing import Any

from repatlas.study.messages import shown

Schema = Mapping[str, Any]


def accepted(schema: Schema, definitions: Schema) -> str:
    """The values that `schema` accepts: 'a whole number, 1 or more'."""
    schema = resolved(schema, definitions)
    if phrase := schema.get("patternErrorMessage"):
        return phrase
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        text = _alternatives(schema["anyOf"], definitions)
        return text + "".join(f", such as {shown(e)}" for e in schema.get("examples", []))
    match schema.get("type"):
        case "boolean":
            return "true or false"
        case "integer":
            unit = f" of {schema['unit']}" if "unit" in schema else ""
            return f"a whole number{unit}{_bounds(schema)}"
        case "number":
            return "a number" + _bounds(schema)
        case "string":
            return "text"
        case "array":
            return _list(schema, definitions)
        case _:
            return "a mapping (`key: value` lines)"


def enumerated(schema: Schema, definitions: Schema) -> list[str]:
    """The words among the values that `schema` accepts."""
    schema = resolved(schema, definitions)
    words = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    for option in schema.get("anyOf", []):
        words += enumerated(option, definitions)
    return [word for word in dict.fromkeys(words) if isinstance(word, str)]


def schema_at(path: Sequence[str | int], schema: Schema, definitions: Schema) -> Schema:
    """The part of `schema` that a file's value at `path` must satisfy; {} where there is none."""
    schema = resolved(schema, definitions)
    if not path:
        return schema
    part, rest = path[0], path[1:]
    for option in schema.get("anyOf", [schema]):
        option = resolved(option, definitions)
        if isinstance(part, int):
            inner = option.get("items")
        else:
            inner = option.get("properties", {}).get(part)
            if inner is None:
                inner = _of_any_name(option)
        if inner and (found := schema_at(rest, inner, definitions)):
            return found
    return {}


def _of_any_name(schema: Schema) -> Schema | None:
    """The schema of the values of a mapping whose keys are names of the user's choice."""
    by_pattern = list(schema.get("patternProperties", {}).values())
    of_all = schema.get("additionalProperties")
    return by_pattern[0] if by_pattern else of_all if isinstance(of_all, Mapping) else None


def resolved(schema: Schema, definitions: Schema) -> Schema:
    """`schema` itself, or what it refers to."""
    if reference := schema.get("$ref"):
        return resolved(definitions[reference.rsplit("/", 1)[1]], definitions)
    return schema


def _alternatives(options: Sequence[Schema], definitions: Schema) -> str:
    options = [o for o in options if o.get("type") != "null"]
    # A list of what may also stand alone is not spelled out again.
    lists = [o for o in options if o.get("items") in options]
    phrases = [accepted(o, definitions) for o in options if o not in lists]
    return ", or ".join([*dict.fromkeys(phrases), *(["a list of such"] if lists else [])])


def _list(schema: Schema, definitions: Schema) -> str:
    items = accepted(schema.get("items", {}), definitions)
    least, most = schema.get("minItems"), schema.get("maxItems")
    number = f"of {least}" if least and least == most else ""
    return " ".join(filter(None, ["a list", number])) + f", each {items}"


def _bounds(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    lower = f"{low:g} or more" if low is not None else ""
    if above is not None:
        lower = f"above {above:g}"
    upper = f"at most {high:g}" if high is not None else ""
    if below is not None:
        upper = f"below {below:g}"
    bounds = " and ".join(filter(None, [lower, upper]))
    return f", {bounds}" if bounds else ""
