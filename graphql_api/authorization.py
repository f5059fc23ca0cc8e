"""What needs which scope, and what who lacks it is told."""

import shlex
from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from graphql_api.errors import Code, api_error
from graphql_api.principal import Principal, Scope

_READING = frozenset({Scope.FLIGHTS_READ, Scope.INTROSPECT})
_INTROSPECTION = frozenset({"__schema", "__type"})


def require(principal: Principal, scope: Scope, action: str) -> None:
    """Let pass whoever has a scope.

    Args:
        principal: who wants it.
        scope: what it takes.
        action: what it is for: the beginning of a sentence, such as the name of a mutation.

    Raises:
        GraphQLError: UNAUTHENTICATED without a key, FORBIDDEN with one that lacks the scope. The message says which
            scope it takes and how to get a key that has it.
    """
    if scope in principal.scopes:
        return
    name = shlex.quote(principal.name or "NAME")
    create = f"`python -m graphql_api keys create --name {name} --scope {scope}`"
    if principal.key_id is None:
        raise api_error(
            Code.UNAUTHENTICATED,
            f"{action} needs an API key with the scope {scope}. Make one with {create} where the service runs, and "
            "send it in the header `Authorization: Bearer KEY`.",
        )
    raise api_error(
        Code.FORBIDDEN,
        f"{action} needs the scope {scope}, which the key {principal.prefix} does not have. "
        f"Make one that has it with {create} where the service runs.",
    )


def authorize(type_: OperationType, fields: frozenset[str], principal: Principal) -> None:
    """Let pass an operation that may be executed or subscribed to: to be called before either, on every transport.

    Queries and subscriptions need `flights:read`, introspection `introspect`, where the settings have closed these.
    Each mutation asks for its own scope when it is executed, so that nothing is refused that comes before it.

    Args:
        type_: what it is.
        fields: what it selects at its root, as `root_fields` gives it.
        principal: who sent it.

    Raises:
        GraphQLError: UNAUTHENTICATED or FORBIDDEN.
    """
    if principal.scopes >= _READING or type_ is OperationType.MUTATION:
        return
    if fields & _INTROSPECTION:
        require(principal, Scope.INTROSPECT, "Introspection")
    if fields - _INTROSPECTION:
        require(principal, Scope.FLIGHTS_READ, f"This {type_.value}")


def root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> frozenset[str]:
    """The names of the fields of the root that an operation selects, but for `__typename`, which is open to all."""
    return frozenset(_root_fields(document, operation.selection_set)) - {"__typename"}


def _root_fields(document: DocumentNode, root: SelectionSetNode) -> Iterator[str]:
    """They are followed through fragments too, each once."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    waiting = [root]
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection.name.value
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and (fragment := fragments.pop(selection.name.value, None)):
                waiting.append(fragment.selection_set)
