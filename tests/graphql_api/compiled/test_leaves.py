"""Scalars and enums: what a resolver gives is shown as graphql-core shows it."""

from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLError, GraphQLScalarType, Undefined

from tests.graphql_api.compiled.both import answer, later, schema_of


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Shown:
    def __str__(self) -> str:
        return "shown"


class Colour(Enum):
    RED = "r"


class Level(IntEnum):
    LOW = 1


VALUES = [
    *(0, 1, -1, 2**31, -(2**31), 2**53, 2**64, 10**400, True, False, 1.0, 1.5, -0.0, 1e300, float("nan"), float("inf")),
    *("", "x", "1", "1.5", "RED", "true", "\ud800", b"x", Text("t"), Whole(3), Shown(), Colour.RED, Level.LOW),
    *(Decimal("1.5"), Decimal(2), Fraction(1, 2), None, Undefined, [], {}, [1], {"a": 1}, ValueError("given")),
]
TYPES = ["Int", "Float", "String", "Boolean", "ID", "Colour", "Any", "Strict", "Int!", "Colour!", "Strict!"]


def _strict(value: Any) -> Any:
    if value == 1:
        return None
    if value == "x":
        raise GraphQLError("not x", extensions={"code": "X"})
    if value == 0:
        return Undefined
    return {"shown": repr(value)}


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
async def test_value_is_shown_as_by_graphql_core(type_: str, value: Any) -> None:
    schema = schema_of(
        f"scalar Any scalar Strict enum Colour {{ RED GREEN }} type Query {{ nest: Query x: {type_} y: [{type_}] }}"
    )
    strict, colour = schema.type_map["Strict"], schema.type_map["Colour"]
    assert isinstance(strict, GraphQLScalarType)
    assert isinstance(colour, GraphQLEnumType)
    strict.coerce_output_value = _strict
    colour.values["RED"].value = Colour.RED
    await answer(schema, "{ a: nest { x } b: nest { y } }", lambda: {"nest": {"x": value, "y": [value, later(value)]}})
