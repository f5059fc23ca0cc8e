"""The schema: what clients see, a file for each kind of thing."""

from datetime import datetime

import strawberry
from graphql import GraphQLInputObjectType, GraphQLOneOfDirective
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.observation import observe
from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.flight import Flight
from graphql_api.schema.mutation import Mutation
from graphql_api.schema.query import Query
from graphql_api.schema.scalars import DATE_TIME
from graphql_api.schema.subscription import Subscription


def build_schema() -> strawberry.Schema:
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Flight, Airport, Airline, Aircraft],
        config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
    )
    for type_ in schema._schema.type_map.values():
        definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(type_, GraphQLInputObjectType) and definition is not None and definition.is_one_of:
            # Strawberry looks at what it was given only when it executes; the rule of validation is graphql-core's.
            type_.is_one_of = True
    observe(schema._schema)
    return schema


def print_schema() -> str:
    """The text of `schema.graphql`."""
    printed = build_schema().as_str() + "\n"
    # Strawberry leaves out of the text the description that introspection gives.
    directive = f"directive {GraphQLOneOfDirective}"
    return printed.replace(directive, f'"""{GraphQLOneOfDirective.description}"""\n{directive}', 1)
