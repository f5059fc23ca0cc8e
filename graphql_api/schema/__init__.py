"""The schema: what clients see, a file for each kind of thing."""

from datetime import datetime

import strawberry
from graphql import GraphQLOneOfDirective
from strawberry.schema.config import StrawberryConfig

from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.flight import Flight
from graphql_api.schema.mutation import Mutation
from graphql_api.schema.query import Query
from graphql_api.schema.scalars import DATE_TIME
from graphql_api.schema.subscription import Subscription


def build_schema() -> strawberry.Schema:
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Flight, Airport, Airline, Aircraft],
        config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
    )


def print_schema() -> str:
    """The text of `schema.graphql`."""
    printed = build_schema().as_str() + "\n"
    # Strawberry leaves out of the text the description that introspection gives.
    directive = f"directive {GraphQLOneOfDirective}"
    return printed.replace(directive, f'"""{GraphQLOneOfDirective.description}"""\n{directive}', 1)
