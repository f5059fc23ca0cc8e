"""placeholder until the branch is merged"""

from collections.abc import Callable
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLSchema
from graphql.execution import VariableValues
from graphql.execution.values import get_argument_values

Arguments = Callable[[VariableValues], dict[str, Any]]


def compile_arguments(
    schema: GraphQLSchema, field: GraphQLField, node: FieldNode, *, hide_suggestions: bool = False
) -> Arguments:
    if not field.args and not node.arguments:
        return lambda _variables: {}
    return lambda variables: get_argument_values(field, node, variables, None, hide_suggestions)


def compile_variables(schema: GraphQLSchema, definition: Any, *, hide_suggestions: bool = False) -> Any:
    from graphql.execution.values import get_variable_values

    return lambda raw: get_variable_values(
        schema, definition.variable_definitions or (), raw, max_errors=50, hide_suggestions=hide_suggestions
    )
