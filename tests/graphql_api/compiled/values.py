"""JSON values and literals for GraphQL types, right ones most of the time."""

import json
import string
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    is_list_type,
    is_non_null_type,
)
from hypothesis import strategies as st

HOSTILE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**53 + 1,
    10**400,
    1.5,
    3.0,
    -0.0,
    float("nan"),
    float("inf"),
    "",
    "RED",
    "2013-01-01T10:15:00Z",
    "\ud83d\ude00",
    [],
    [[]],
    [None],
    {},
    {"x": 1},
    [{"name": "a"}],
    (1, 2),
]
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Int": st.integers(-5, 5),
    "Float": st.floats(-5, 5) | st.integers(-5, 5),
    "String": st.text(string.ascii_letters, max_size=3),
    "ID": st.text(string.ascii_letters, max_size=3) | st.integers(0, 9),
    "Boolean": st.booleans(),
    "DateTime": st.sampled_from(["2013-01-01T10:15:00Z", "2013-01-01t10:15:00.5+01:00", "2013-02-30T00:00:00Z"]),
}
_ANYTHING = st.text(max_size=3) | st.integers(0, 9) | st.lists(st.integers(0, 2), max_size=2)


@st.composite
def json_values(draw: st.DrawFn, type_: Any, depth: int = 0) -> Any:
    """A value for a type. One in thirty, at every level, is something else."""
    if draw(st.integers(0, 29)) == 13:
        return draw(st.sampled_from(HOSTILE))
    if not is_non_null_type(type_) and draw(st.integers(0, 9)) == 7:
        return None
    return draw(_right_values(type_.of_type if is_non_null_type(type_) else type_, depth))


def _right_values(type_: Any, depth: int) -> st.SearchStrategy[Any]:
    if is_list_type(type_):
        item = json_values(type_.of_type, depth + 1)
        return st.lists(item, max_size=2) | item
    if isinstance(type_, GraphQLInputObjectType):
        return _objects(type_, depth)
    if isinstance(type_, GraphQLEnumType):
        return st.sampled_from([*type_.values])
    return _SCALARS.get(type_.name, _ANYTHING)


@st.composite
def _objects(draw: st.DrawFn, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
    if type_.is_one_of and draw(st.integers(0, 9)) != 7:
        names = {draw(st.sampled_from([*type_.fields]))}
    else:
        wanted = {name for name, field in type_.fields.items() if is_non_null_type(field.type)}
        names = wanted | (draw(st.sets(st.sampled_from([*type_.fields]))) if depth < 3 else set())
        if draw(st.integers(0, 19)) == 7:
            names ^= {draw(st.sampled_from([*type_.fields, "unknown"]))}
    return {
        name: draw(json_values(type_.fields[name].type, depth + 1)) if name in type_.fields else 1
        for name in sorted(names)
    }


@st.composite
def literals(draw: st.DrawFn, type_: Any, variables: tuple[str, ...]) -> str:
    """The text of a value in a document; parts of it may be variables, of whatever type."""
    return _printed(draw, draw(json_values(type_).filter(_is_printable)), type_, variables)


def _printed(draw: st.DrawFn, value: Any, type_: Any, variables: tuple[str, ...]) -> str:
    if draw(st.integers(0, 7)) == 5:
        return f"${draw(st.sampled_from(variables))}"
    nullable = type_.of_type if is_non_null_type(type_) else type_
    item_type = nullable.of_type if is_list_type(nullable) else nullable
    if isinstance(value, list):
        return f"[{', '.join(_printed(draw, each, item_type, variables) for each in value)}]"
    if isinstance(value, dict):
        types = {name: field.type for name, field in getattr(item_type, "fields", {}).items()}
        fields = (f"{name}: {_printed(draw, each, types.get(name), variables)}" for name, each in value.items())
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, str) and isinstance(item_type, GraphQLEnumType) and value in item_type.values:
        return value
    return json.dumps(value)


def _is_printable(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return False
    return True
