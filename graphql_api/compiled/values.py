"""What a resolver gave, completed: https://spec.graphql.org/draft/#CompleteValue()."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLOutputType,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.pyutils import Path, inspect

from graphql_api.compiled.abstract import runtime_type_of
from graphql_api.compiled.leaves import serializer
from graphql_api.compiled.lists import Complete, Items
from graphql_api.compiled.objects import Objects
from graphql_api.compiled.records import CompiledResolveInfo, Record
from graphql_api.compiled.run import Run, is_awaitable
from graphql_api.compiled.selection import Field, Selection

if TYPE_CHECKING:
    from graphql_api.compiled.fields import Executing


def completing(executing: "Executing", field: Field) -> Complete:
    """What completes the values of a field."""
    return _of(executing, field, field.type)


def _of(executing: "Executing", field: Field, type_: GraphQLOutputType) -> Complete:
    never_null = is_non_null_type(type_)
    complete = _present(executing, field, type_.of_type if is_non_null_type(type_) else type_)

    def of(value: Any, path: Path, run: Run, info: CompiledResolveInfo) -> Any:
        if value is None or value is Undefined:
            completed = None
        elif isinstance(value, Exception):
            raise value
        else:
            completed = complete(value, path, run, info)
        if completed is None and never_null:
            raise TypeError(f"Cannot return null for non-nullable field {field.parent}.{field.name}.")
        return completed

    return of


def _present(executing: "Executing", field: Field, type_: GraphQLOutputType) -> Complete:
    """What completes values that are there."""
    if is_list_type(type_):
        item_type = type_.of_type
        of_type: Any = item_type.of_type if is_non_null_type(item_type) else item_type
        objects = {}
        if is_object_type(of_type) or is_abstract_type(of_type):
            non_null = is_non_null_type(item_type)
            objects = {
                name: Objects(executing, field, selection, non_null=non_null)
                for name, selection in field.selections.items()
            }
        return Items(field, item_type, _of(executing, field, item_type), objects)
    if is_leaf_type(type_):
        serialize = serializer(type_)
        return lambda value, _path, _run, _info: serialize(value)
    if is_object_type(type_):
        return _object(executing, field, field.selections[type_.name])
    if not is_abstract_type(type_):
        raise TypeError(f"{type_} is not a type of values")
    return _abstract(executing, field, type_)


def _object(executing: "Executing", field: Field, selection: Selection) -> Complete:
    objects, is_type_of = Objects(executing, field, selection, non_null=False), selection.type.is_type_of

    def complete(value: Any, path: Path, run: Run, info: CompiledResolveInfo) -> Any:
        if is_type_of is not None and value.__class__ is not Record:
            fits = is_type_of(value, info)
            if is_awaitable(fits):
                return when_it_fits(fits, value, path, run)
            if not fits:
                raise of_another_type(value)
        return objects.one(value, path, run)

    async def when_it_fits(fits: Awaitable[bool], value: Any, path: Path, run: Run) -> Any:
        if not await fits:
            raise of_another_type(value)
        completed = objects.one(value, path, run)
        return await completed if is_awaitable(completed) else completed

    def of_another_type(value: Any) -> GraphQLError:
        return GraphQLError(f"Expected value of type '{selection.type}' but got: {inspect(value)}.", field.nodes)

    return complete


def _abstract(executing: "Executing", field: Field, type_: GraphQLAbstractType) -> Complete:
    by_type = {name: _object(executing, field, selection) for name, selection in field.selections.items()}

    def complete(value: Any, path: Path, run: Run, info: CompiledResolveInfo) -> Any:
        name = value.layout.type_name if value.__class__ is Record else runtime_type_of(value, info, type_, field)
        if isinstance(name, str):
            return by_type[name](value, path, run, info)
        return when_known(name, value, path, run, info)

    async def when_known(name: Awaitable[str], value: Any, path: Path, run: Run, info: CompiledResolveInfo) -> Any:
        completed = by_type[await name](value, path, run, info)
        return await completed if is_awaitable(completed) else completed

    return complete
