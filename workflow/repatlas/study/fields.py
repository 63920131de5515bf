"""The kinds of value that a study's settings have."""

import itertools
import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema

from repatlas import own


class Settings(BaseModel):
    """Base of all sections: unknown keys and silently converted types are refused.

    The text under a field is its description in the JSON schema and in the manual.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class _ItemOrList:
    """Marks a list in the JSON schema as one that may be written as a single item."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        array = handler(core_schema)
        return {"anyOf": [array["items"], array]}


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Item = TypeVar("Item")
# A YAML value that is one item or a list of at least one, and one whose list may be empty.
OneOrMore = Annotated[list[Item], Field(min_length=1), BeforeValidator(_as_list), _ItemOrList()]
AnyOf = Annotated[list[Item], BeforeValidator(_as_list), _ItemOrList()]


def one_or_more(kind: Any) -> Any:
    """`OneOrMore` of a type that is known only where the program runs."""
    return OneOrMore[kind]


def _form(depth: int) -> int:
    if beyond := (depth - 2) % 6:
        below = depth - beyond
        raise ValueError(f"a depth has the form 6n+2; the nearest are {below} and {below + 6}")
    return depth


def _has_channels(width: float) -> float:
    if round(16 * width) < 1:
        raise ValueError(
            "16 * width rounds to no channels; accepted is a width that leaves at least one, "
            "such as 0.0625"
        )
    return width


def count(unit: str, least: int = 1) -> Any:
    """What makes an `int` a number of things, `least` or more; `unit` names them in the plural."""
    return Field(ge=least, json_schema_extra={"unit": unit})


class _AsMapping:
    """Marks a value that is one thing in the file and another when it is read, with the JSON schema
    of what is in the file."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "object"}


def _arguments(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    for name, value in given.items():
        if not (isinstance(name, str) and name.isidentifier()):
            raise ValueError(f"{name!r} cannot be the name of an argument")
        _plain(name, value)
    return dict(given)


def _plain(name: str, value: Any) -> None:
    """ValueError unless it is of numbers, text, true, false and null, alone or in lists."""
    for item in value if isinstance(value, list) else []:
        _plain(name, item)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` is {value}; accepted are finite numbers")
    if not (value is None or isinstance(value, (bool, int, float, str, list))):
        raise ValueError(
            f"`{name}` is of a kind that no argument may be; accepted are numbers, text, true, "
            "false and null, and lists of them"
        )


def _crossed(given: Any) -> Any:
    """Every combination of the arguments' values, of which each may be a list of them. A list of
    mappings, as the record of a study has it, is that already."""
    if isinstance(given, list):
        return [_arguments(one) for one in given]
    given = _arguments(given)
    if not isinstance(given, dict):
        return given
    values = [value if isinstance(value, list) else [value] for value in given.values()]
    if [] in values or not values:
        raise ValueError("an argument has no value; name at least one")
    return [dict(zip(given, chosen, strict=True)) for chosen in itertools.product(*values)]


Scalar = bool | int | float | str
# Arguments of the user's own code: a mapping from names to plain values.
Arguments = Annotated[dict[str, Any], BeforeValidator(_arguments), _AsMapping()]
# As an axis of the grid: a mapping of which every value may be a list, read as all combinations.
CrossedArguments = Annotated[list[dict[str, Any]], BeforeValidator(_crossed), _AsMapping()]
Own = Annotated[
    str, Field(pattern=own.PATTERN, json_schema_extra={"patternErrorMessage": own.ACCEPTED})
]
Fraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0)]
Depth = Annotated[int, Field(ge=8), AfterValidator(_form)]
Width = Annotated[float, Field(gt=0, le=64), AfterValidator(_has_channels)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=64,
        json_schema_extra={
            "patternErrorMessage": "a name of at most 64 letters, digits, dots, dashes and "
            "underscores that starts with a letter or digit"
        },
    ),
]
