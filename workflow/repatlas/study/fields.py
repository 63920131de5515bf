"""The kinds of value that a study's settings have."""

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


Scalar = bool | int | float | str
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
