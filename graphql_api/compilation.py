"""How the service's operations are compiled: what `graphql_api.compiled` has to know of its fields."""

from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLSchema, OperationDefinitionNode
from graphql.execution import VariableValues

from graphql_api.batching import BATCH
from graphql_api.compiled import Resolution, Resolving, plain_resolution
from graphql_api.compiled.selection import ResolvingOf
from graphql_api.compiled.strawberry import Arguments, Attribute, NotConverted, Resolver, resolver_of
from graphql_api.observation import observer_of


def resolution_of() -> Resolution:
    """How the fields of a schema of Strawberry's get their values. What is known of a field is kept."""
    # By identity: definitions cannot be hashed. Each is kept, so that its identity stays its own.
    known: dict[int, tuple[GraphQLField, Attribute | Resolver | None]] = {}
    without_arguments: dict[int, Resolving] = {}

    def resolver(schema: GraphQLSchema, definition: GraphQLField) -> Attribute | Resolver | None:
        if id(definition) not in known:
            known[id(definition)] = definition, resolver_of(schema, definition)
        return known[id(definition)][1]

    def resolution(schema: GraphQLSchema, operation: OperationDefinitionNode, hide_suggestions: bool) -> ResolvingOf:
        plain = plain_resolution(schema, operation, hide_suggestions)

        def of(definition: GraphQLField, node: FieldNode) -> Resolving:
            how = resolver(schema, definition)
            if definition.args:
                return resolving(definition, node, how)
            if id(definition) not in without_arguments:
                without_arguments[id(definition)] = resolving(definition, node, how)
            return without_arguments[id(definition)]

        def resolving(definition: GraphQLField, node: FieldNode, how: Attribute | Resolver | None) -> Resolving:
            if how is None:
                return plain(definition, node)
            if isinstance(how, Attribute):
                return plain(definition, node)._replace(attribute=how.name)
            arguments = Arguments(schema, definition, node, operation, hide_suggestions=hide_suggestions)
            return _observed(definition, _calling(how, arguments))

        return of

    return resolution


def _observed(definition: GraphQLField, resolving: Resolving) -> Resolving:
    """The same, with the field's observer around it, which is around `definition.resolve` too: that is not called."""
    observer = observer_of(definition)
    if observer is None:
        return resolving
    batch = None if resolving.batch is None else observer.many(resolving.batch)
    return resolving._replace(call=observer.one(resolving.call), batch=batch)


def _calling(resolver: Resolver, arguments: Arguments) -> Resolving:
    def call(source: Any, raw_info: Any, variables: VariableValues) -> Any:
        info = resolver.info(raw_info)
        try:
            values = arguments(variables, info)
        except NotConverted as error:
            return resolver.failed(error.error)
        return resolver.call(source, info, values)

    function = resolver.field.metadata.get(BATCH)
    if function is None:
        return Resolving(call, ahead=arguments.ahead)

    def batch(sources: Any, raw_info: Any, variables: VariableValues) -> Any:
        info = resolver.info(raw_info)
        try:
            values = arguments(variables, info)
        except NotConverted as error:
            raise error.error from None
        return function(sources, info, **values)

    return Resolving(call, batch=batch, ahead=arguments.ahead)
