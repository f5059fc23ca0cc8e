"""Of which object type a value is, where the schema names an interface or a union."""

from collections.abc import Awaitable
from typing import Any

from graphql import GraphQLAbstractType, GraphQLError, GraphQLSchema, is_object_type
from graphql.execution.executor import default_type_resolver
from graphql.pyutils import inspect

from graphql_api.compiled.records import CompiledResolveInfo
from graphql_api.compiled.run import is_awaitable
from graphql_api.compiled.selection import Field


def runtime_type_of(
    value: Any, info: CompiledResolveInfo, type_: GraphQLAbstractType, field: Field
) -> str | Awaitable[str]:
    """The name of the object type of a value, or an awaitable of it.

    Raises:
        GraphQLError: there is none, or it is not one that the field may have.
    """
    name = (type_.resolve_type or default_type_resolver)(value, info, type_)
    if is_awaitable(name):
        return _when_known(name, value, info, type_, field)
    return _checked(name, value, info.schema, type_, field)


async def _when_known(
    name: Awaitable[Any], value: Any, info: CompiledResolveInfo, type_: GraphQLAbstractType, field: Field
) -> str:
    return _checked(await name, value, info.schema, type_, field)


def _checked(name: Any, value: Any, schema: GraphQLSchema, type_: GraphQLAbstractType, field: Field) -> str:
    if isinstance(name, str) and name in field.selections:
        return name
    raise GraphQLError(_fault(name, value, schema, type_, field), field.nodes)


def _fault(name: Any, value: Any, schema: GraphQLSchema, type_: GraphQLAbstractType, field: Field) -> str:
    where = f"Abstract type '{type_}' must resolve to an Object type at runtime for field '{field.parent}.{field.name}'"
    if name is None:
        return (
            f"{where}. Either the '{type_}' type should provide a 'resolve_type' function "
            "or each possible type should provide an 'is_type_of' function."
        )
    if not isinstance(name, str):
        return (
            f"{where} with value {inspect(value)}, received '{inspect(name)}', which is not a valid Object type name."
        )
    runtime_type = schema.get_type(name)
    if runtime_type is None:
        return f"Abstract type '{type_}' was resolved to a type '{name}' that does not exist inside the schema."
    if not is_object_type(runtime_type):
        return f"Abstract type '{type_}' was resolved to a non-object type '{name}'."
    return f"Runtime Object type '{runtime_type}' is not a possible type for '{type_}'."
