"""Values that are written in a document, compiled: what graphql-core's `coerce_input_literal` gives."""

from collections.abc import Callable
from typing import Any, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    ListValueNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

from graphql_api.compiled.coercion import CONSTANTS, Unlike

Read: TypeAlias = Callable[[VariableValues], Any]
"""Gives the value of a literal. Raises Unlike, or anything else, where the variables do not make a right one of it."""

NO_VARIABLES = VariableValues({}, {})


class Constant:
    """Reads what is the same each time, and may be, because nobody can change it or graphql-core shares it too."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self, _: VariableValues) -> Any:
        return self._value


def compile_literal(node: ValueNode, type_: Any) -> Read:
    """What reads a literal, in which there may be variables. A variable without a value is Undefined.

    Raises:
        Unlike: it is not of the type.
    """
    return _compiled(node, type_) if _has_variables(node) else constant(node, type_)


def compile_part(part: GraphQLArgument | GraphQLInputField, literal: ValueNode | None) -> Read:
    """What reads an argument, or a field of an input object; it gives Undefined where there is none.

    Raises:
        Unlike: the literal is not of its type, or there has to be one.
    """
    if is_non_null_type(part.type) and part.default is None and part.default_value is Undefined:
        if literal is None:
            raise Unlike
        return compile_literal(literal, part.type)
    default = coerce_default_value(part)
    if literal is None:
        return Constant(default)
    if not isinstance(literal, VariableNode):
        return compile_literal(literal, part.type)
    name, nullable = literal.name.value, not is_non_null_type(part.type)

    def read(values: VariableValues) -> Any:
        value = values.coerced.get(name, Undefined)
        if value is None and not nullable:
            raise Unlike
        return default if value is Undefined else value

    return read


def constant(node: ValueNode, type_: Any) -> Read:
    """What reads a literal without variables, lists and dictionaries anew each time.

    Raises:
        Unlike: it is not of the type.
    """
    value = coerce_input_literal(node, type_)
    if value is Undefined:
        raise Unlike
    if isinstance(value, CONSTANTS):
        return Constant(value)
    return (lambda _: _copied(value)) if _is_plain(value) else (lambda _: coerce_input_literal(node, type_))


def _has_variables(node: ValueNode) -> bool:
    nodes: list[Node] = [node]
    while nodes:
        found = nodes.pop()
        if isinstance(found, VariableNode):
            return True
        if isinstance(found, ListValueNode):
            nodes += found.values
        elif isinstance(found, ObjectValueNode):
            nodes += (field.value for field in found.fields)
    return False


def _is_plain(value: Any) -> bool:
    """Whether it is of lists, dictionaries and what nobody can change."""
    if type(value) is list:
        return all(_is_plain(each) for each in value)
    if type(value) is dict:
        return all(_is_plain(each) for each in value.values())
    return isinstance(value, CONSTANTS)


def _copied(value: Any) -> Any:
    if type(value) is list:
        return [_copied(each) for each in value]
    if type(value) is dict:
        return {name: _copied(each) for name, each in value.items()}
    return value


def _compiled(node: ValueNode, type_: Any) -> Read:
    if isinstance(node, VariableNode):
        return _variable(node.name.value, required=is_non_null_type(type_))
    nullable = type_.of_type if is_non_null_type(type_) else type_
    if is_list_type(nullable) and isinstance(node, ListValueNode):
        return _list(node, nullable.of_type)
    if is_list_type(nullable) and isinstance(node, ObjectValueNode):
        item = _compiled(node, nullable.of_type)
        return lambda values: [item(values)]
    if is_input_object_type(nullable) and isinstance(node, ObjectValueNode):
        return _object(node, nullable)
    if isinstance(node, ListValueNode | ObjectValueNode):
        return _scalar(node, nullable)
    return constant(node, type_)


def _variable(name: str, *, required: bool) -> Read:
    def read(values: VariableValues) -> Any:
        value = values.coerced.get(name, Undefined)
        if required and (value is None or value is Undefined):
            raise Unlike
        return value

    return read


def _list(node: ListValueNode, item_type: Any) -> Read:
    items = [_compiled(each, item_type) for each in node.values]

    def read(values: VariableValues) -> list[Any]:
        # A variable without a value is null in a list.
        return [None if (value := item(values)) is Undefined else value for item in items]

    return read


def _scalar(node: ValueNode, type_: Any) -> Read:
    """A scalar that is written as a list or an object with variables in it."""

    def read(values: VariableValues) -> Any:
        value = coerce_input_literal(node, type_, values)
        if value is Undefined:
            raise Unlike
        return value

    return read


def _object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Read:
    written = {field.name.value: field.value for field in node.fields}
    if not type_.fields.keys() >= written.keys():
        raise Unlike
    if type_.is_one_of and (len(written) != 1 or any(isinstance(each, NullValueNode) for each in written.values())):
        raise Unlike
    reads = [(field.out_name or name, compile_part(field, written.get(name))) for name, field in type_.fields.items()]

    def read(values: VariableValues) -> Any:
        out = {name: value for name, field in reads if (value := field(values)) is not Undefined}
        if type_.is_one_of and (len(out) != 1 or None in out.values()):
            raise Unlike
        return type_.out_type(out)

    return read
