"""What to count flights by, which groups to keep, and in what order, as clients write it."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET

from db.filters import Condition
from db.queries.statistics import StatsOrder
from graphql_api.errors import bad_user_input
from graphql_api.schema.filters import IntFilter, conditions
from graphql_api.schema.ordering import SortDirection
from graphql_api.settings import Settings


@strawberry.enum(description="What flights are grouped by. Times are local at the origin.")
class FlightDimension(Enum):
    CARRIER = strawberry.enum_value("CARRIER", description="The airline: key.carrier.")
    ORIGIN = strawberry.enum_value("ORIGIN", description="Where it leaves from: key.origin.")
    DESTINATION = strawberry.enum_value("DESTINATION", description="Where it is bound for: key.destination.")
    ROUTE = strawberry.enum_value("ROUTE", description="Origin and destination: key.origin, key.destination.")
    AIRCRAFT = strawberry.enum_value("AIRCRAFT", description="The aircraft: key.aircraft.")
    STATUS = strawberry.enum_value("STATUS", description="How far it has come: key.status.")
    HOUR_OF_DAY = strawberry.enum_value(
        "HOUR_OF_DAY", description="The hour of the scheduled departure, 0 to 23: key.hourOfDay."
    )
    DAY_OF_WEEK = strawberry.enum_value(
        "DAY_OF_WEEK", description="The weekday of the scheduled departure: key.dayOfWeek."
    )
    DAY = strawberry.enum_value("DAY", description="The date of the scheduled departure: key.day.")
    MONTH = strawberry.enum_value("MONTH", description="The month of the scheduled departure: key.month.")


@strawberry.input(description="Which groups. All conditions must hold.")
class FlightStatsHaving:
    flights: IntFilter | None = strawberry.field(default=UNSET, description="How many flights the group has.")


@strawberry.enum(description="What groups are ordered by. Missing values come last, ascending and descending.")
class FlightStatsOrderField(Enum):
    FLIGHTS = strawberry.enum_value("FLIGHTS", description="The number of flights.")
    DELAYED_RATE = strawberry.enum_value("DELAYED_RATE", description="delayedRate.")
    CANCELLED_RATE = strawberry.enum_value("CANCELLED_RATE", description="cancelledRate.")
    MEAN_ARRIVAL_DELAY = strawberry.enum_value("MEAN_ARRIVAL_DELAY", description="The mean arrival delay in minutes.")
    KEY = strawberry.enum_value(
        "KEY",
        description="The key: its dimensions as groupBy lists them, one after another. Airlines, airports and "
        "aircraft compare by code, statuses by name.",
    )


@strawberry.input(description="An order of groups. Equal groups are ordered by their key, ascending.")
class FlightStatsOrder:
    field: FlightStatsOrderField = strawberry.field(description="What to order by.")
    direction: SortDirection = strawberry.field(default=SortDirection.DESC, description="Which end comes first.")


GroupBy = Annotated[
    list[FlightDimension],
    strawberry.argument(
        description="Which dimensions, each once, in any combination. An empty list asks for one group of all flights, "
        "which is there even if no flight matches."
    ),
]
Having = Annotated[FlightStatsHaving | None, strawberry.argument(description="Which groups; all when left out.")]
GroupOrder = Annotated[
    FlightStatsOrder | None, strawberry.argument(description="By what; by key, ascending, when left out.")
]
FirstGroups = Annotated[
    int | None, strawberry.argument(description="At most this many groups: 100 when left out, at most 1,000.")
]


def dimensions(group_by: list[FlightDimension]) -> tuple[str, ...]:
    """The names of the dimensions.

    Raises:
        GraphQLError: BAD_USER_INPUT where one is named twice.
    """
    names = tuple(dimension.name for dimension in group_by)
    for name in names:
        if names.count(name) > 1:
            raise bad_user_input(f"groupBy: {name} is named twice; name each dimension once.")
    return names


def having_conditions(having: FlightStatsHaving | None, settings: Settings) -> tuple[Condition, ...]:
    """The conditions that a group must meet.

    Raises:
        GraphQLError: BAD_USER_INPUT for a null operator, LIMIT_EXCEEDED for a list that is too long.
    """
    return conditions(having, settings, "having") if having else ()


def group_order(order_by: FlightStatsOrder | None) -> StatsOrder:
    """The order that a client asked for; by ascending key where it asked for none."""
    if not order_by:
        return StatsOrder("KEY", descending=False)
    return StatsOrder(order_by.field.name, order_by.direction is SortDirection.DESC)


def group_limit(first: int | None, settings: Settings) -> int:
    """How many groups are wanted.

    Raises:
        GraphQLError: BAD_USER_INPUT for a negative number.
    """
    if first is None:
        return settings.groups_default
    if first < 0:
        raise bad_user_input(f"first: {first} is negative; ask for 0 to {settings.groups_max} groups.")
    return first
