"""How the service's schema is compiled: what `graphql_api.compiled` has to know of Strawberry's fields."""

from typing import Any

import strawberry
from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graphql_api.compiled import Resolving, ResolvingOf, plain_resolving


def resolving_of(schema: strawberry.Schema) -> ResolvingOf:
    """How the fields of a schema get their values; each field is looked at once."""
    known: dict[int, tuple[GraphQLField, Resolving]] = {}

    def of(definition: GraphQLField) -> Resolving:
        # By identity: definitions cannot be hashed. Each is kept, so that its identity stays its own.
        if id(definition) not in known:
            known[id(definition)] = definition, _resolving(definition)
        return known[id(definition)][1]

    return of


def _resolving(definition: GraphQLField) -> Resolving:
    field: Any = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    plain = plain_resolving(definition)
    if not isinstance(field, StrawberryField):
        return plain
    if field.is_basic_field and field.default_resolver is getattr:
        return plain._replace(attribute=field.python_name)
    return plain
