"""Scalars and enums: how a value becomes what the response shows."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect

Serialize = Callable[[Any], Any]

# What a value of a type may be so that it is shown as it is. {x} is the value.
_AS_IT_IS = {
    GraphQLString: "{x}.__class__ is str",
    GraphQLID: "{x}.__class__ is str",
    GraphQLInt: "{x}.__class__ is int and -2147483648 <= {x} <= 2147483647",
    GraphQLFloat: "{x}.__class__ is float and -inf < {x} < inf",
    GraphQLBoolean: "{x}.__class__ is bool",
}


class Unexpected(Exception):  # noqa: N818 — nothing is wrong yet: the careful way decides what this is.
    """A value that straight code does not handle: null where there must be one, an exception, an awaitable."""


def serializer(type_: GraphQLLeafType) -> Serialize:
    """What serialises the values of a type, as the specification's CompleteValue does.

    The function raises what the type raises, and TypeError where it gives nothing.
    """
    coerce = type_.coerce_output_value

    def serialize(value: Any) -> Any:
        coerced = coerce(value)
        if coerced is Undefined or coerced is None:
            raise TypeError(
                f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})` to return non-nullable value, "
                f"returned: {inspect(coerced)}"
            )
        return coerced

    return _remembering(serialize) if isinstance(type_, GraphQLEnumType) else serialize


def _remembering(serialize: Serialize) -> Serialize:
    """The same, with the names of an enum's members kept."""
    names: dict[Any, str] = {}

    def name_of(value: Any) -> Any:
        kind = value.__class__
        # Not numbers, of which several are equal.
        keeps = kind is str or (issubclass(kind, Enum) and not issubclass(kind, int | float))
        if not keeps:
            return serialize(value)
        name = names.get(value)
        if name is None:
            name = names[value] = serialize(value)
        return name

    return name_of


def unexpected(value: Any) -> bool:
    """Whether a value is one that straight code leaves to the careful way."""
    return value is None or value is Undefined or isinstance(value, Exception) or hasattr(value, "__await__")


def straight(type_: GraphQLLeafType) -> Serialize:
    """What serialises a value in straight code; it raises `Unexpected` for what is no value of a leaf."""
    serialize = serializer(type_)

    def otherwise(value: Any) -> Any:
        if unexpected(value):
            raise Unexpected
        return serialize(value)

    return otherwise


def shown_as_it_is(type_: GraphQLLeafType, name: str) -> str | None:
    """Python source of the condition on which a value of that name is shown as it is; None where there is none."""
    condition = None if isinstance(type_, GraphQLEnumType) else _AS_IT_IS.get(type_)
    return None if condition is None else condition.format(x=name)
