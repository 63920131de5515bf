"""Axes: every setting of a network may vary over the grid, each with the type it has alone."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from repatlas.naming import canonical, canonical_json
from repatlas.study.fields import CrossedArguments, Seed, Settings, one_or_more
from repatlas.study.messages import shown
from repatlas.study.sections import NO_AXES, SECTIONS

# Every setting of a run and the section it belongs to; names are unique across sections.
SETTINGS: dict[str, str] = {
    field: section for section, model in SECTIONS.items() for field in model.model_fields
} | {"seed": ""}
AXES = {axis: section for axis, section in SETTINGS.items() if axis not in NO_AXES}


class Chosen(Settings):
    """Settings of which only some are named."""

    @model_validator(mode="after")
    def _not_empty(self) -> "Chosen":
        if not self.model_fields_set:
            raise ValueError("it names no setting; name at least one")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """What is named, in the order of the model, whatever the order in the file."""
        return {k: getattr(self, k) for k in type(self).model_fields if k in self.model_fields_set}

    @property
    def text(self) -> str:
        """What is named, as one would write it."""
        values = {k: canonical(v) for k, v in self.given.items()}
        alone = {k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in values.items()}
        return shown(alone)

    @model_serializer
    def _as_given(self) -> dict[str, Any]:
        return self.given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        for about in schema["properties"].values():
            del about["default"]
        schema["minProperties"] = 1
        return schema


def _each_once(values: list) -> list:
    if len({canonical_json(v) for v in values}) < len(values):
        raise ValueError(f"a value is named twice in {shown(values)}")
    return values


def _fields(axes: Mapping[str, str], several: bool) -> dict[str, Any]:
    fields = {}
    for axis, section in axes.items():
        model = SECTIONS.get(section)
        kind = get_type_hints(model, include_extras=True)[axis] if model else Seed
        about = model.model_fields[axis].description if model else "Seed of the network."
        if several and axis == "arguments":
            kind = CrossedArguments
        elif several:
            kind = Annotated[one_or_more(_set(kind)), AfterValidator(_each_once)]
        # The default stands only where nothing is named, and `given` leaves it out.
        fields[axis] = (kind, Field(default=None, description=about))
    return fields


def _set(kind: Any) -> Any:
    """The type of an optional setting where it is set."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    rest = tuple(k for k in get_args(kind) if k is not NoneType)
    return Union[rest]  # noqa: UP007 - a union of types known only here


_UNSEEDED = {axis: section for axis, section in AXES.items() if section}

if TYPE_CHECKING:
    # Their fields are those of the sections, which a type checker cannot follow.
    Axes = Chosen
    Selection = Chosen
    Changes = Chosen
else:
    Axes = create_model(
        "Axes",
        __base__=Chosen,
        __doc__="Values of settings: one, or a list.",
        **_fields(AXES, several=True),
    )
    Selection = create_model(
        "Selection",
        __base__=Chosen,
        __doc__="Settings that architectures must have, with all their seeds.",
        **_fields(_UNSEEDED, several=True),
    )
    Changes = create_model(
        "Changes",
        __base__=Chosen,
        __doc__="Settings and their new values.",
        **_fields({a: s for a, s in SETTINGS.items() if s and a != "dataset"}, several=False),
    )

Pair = Annotated[list[Selection], Field(min_length=2, max_length=2)]
