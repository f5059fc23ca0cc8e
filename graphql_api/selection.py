"""Which fields of a type a request selects, and which columns those fields need.

Reads are planned from this: a statement fetches the columns that will be looked at, and no others.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

import strawberry
from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLResolveInfo,
    InlineFragmentNode,
    NamedTypeNode,
    SelectionNode,
    VariableNode,
    is_abstract_type,
)
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.utils.str_converters import to_camel_case

from graphql_api.compiled.records import remembered

ResolveInfo: TypeAlias = GraphQLResolveInfo[Any]
NEEDS = "needs"


def needs(*columns: str) -> dict[Any, Any]:
    """Metadata of a resolved field: the columns of its row that the resolver reads."""
    return {NEEDS: columns}


def columns_for(info: strawberry.Info[Any, Any], entity: type, *path: str) -> frozenset[str]:
    """The columns that the selection under the current field needs of `entity`.

    `path` leads from the current field to the fields whose type is `entity`: ("edges", "node") in a connection.
    """
    return remembered(info._raw_info, (entity, *path), lambda: columns_selected(info._raw_info, entity, path))


def columns_selected(info: ResolveInfo, entity: type, path: tuple[str, ...]) -> frozenset[str]:
    """As `columns_for`, worked out each time."""
    plan = _columns_by_field(entity)
    fields = selected_fields(info, get_object_definition(entity, strict=True).name, path)
    return frozenset(column for field in fields for column in plan.get(field, ()))


def selected_fields(info: ResolveInfo, type_name: str, path: tuple[str, ...] = ()) -> set[str]:
    """The names of the fields that are selected on `type_name` below the current field, along `path`."""
    nodes: Iterable[FieldNode] = info.field_nodes
    for name in path:
        nodes = [child for node in nodes for child in _children(info, node, None) if child.name.value == name]
    return {child.name.value for node in nodes for child in _children(info, node, type_name)}


def response_keys(info: ResolveInfo) -> dict[str, str]:
    """The names of the fields that are selected below the current field, by the names that they have in the answer."""
    children = (child for node in info.field_nodes for child in _children(info, node, None))
    return {(child.alias or child.name).value: child.name.value for child in children}


def _children(info: ResolveInfo, node: FieldNode, type_name: str | None) -> Iterator[FieldNode]:
    if node.selection_set is not None:
        yield from _fields(info, node.selection_set.selections, type_name, set())


def _fields(
    info: ResolveInfo, selections: Iterable[SelectionNode], type_name: str | None, seen: set[str]
) -> Iterator[FieldNode]:
    for selection in selections:
        if not _included(info, selection):
            continue
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            if _applies(info, selection.type_condition, type_name):
                yield from _fields(info, selection.selection_set.selections, type_name, seen)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            fragment = info.fragments[selection.name.value]
            if _applies(info, fragment.type_condition, type_name):
                yield from _fields(info, fragment.selection_set.selections, type_name, seen)


def _included(info: ResolveInfo, selection: SelectionNode) -> bool:
    """Whether @skip and @include leave the selection in."""
    for directive in selection.directives or ():
        name = directive.name.value
        if name not in ("skip", "include"):
            continue
        (argument,) = directive.arguments or ()
        value = argument.value
        if isinstance(value, VariableNode):
            condition = bool(info.variable_values.coerced.get(value.name.value))
        else:
            condition = isinstance(value, BooleanValueNode) and value.value
        if condition == (name == "skip"):
            return False
    return True


def _applies(info: ResolveInfo, condition: NamedTypeNode | None, type_name: str | None) -> bool:
    """Whether a fragment on `condition` can apply to `type_name`; None stands for any type."""
    if condition is None or type_name is None or condition.name.value == type_name:
        return True
    abstract, concrete = info.schema.get_type(condition.name.value), info.schema.get_type(type_name)
    return is_abstract_type(abstract) and concrete is not None and _is_sub_type(info, abstract, concrete)


def _is_sub_type(info: ResolveInfo, abstract: GraphQLAbstractType, concrete: Any) -> bool:
    return info.schema.is_sub_type(abstract, concrete)


@cache
def _columns_by_field(entity: type) -> Mapping[str, tuple[str, ...]]:
    """By the field's name in the schema: its own column for plain fields, what it declares for resolved ones."""
    definition: StrawberryObjectDefinition = get_object_definition(entity, strict=True)
    plan: dict[str, tuple[str, ...]] = {}
    for field in definition.fields:
        name = field.graphql_name or to_camel_case(field.python_name)
        declared = field.metadata.get(NEEDS)
        plan[name] = tuple(declared) if declared is not None else () if field.base_resolver else (field.python_name,)
    return plan
