"""The orders of flights as clients write them."""

from enum import Enum

import strawberry

from db.ordering import Order, Term


@strawberry.enum(description="What flights are ordered by. Missing values come last, ascending and descending.")
class FlightOrderField(Enum):
    SCHEDULED_DEPARTURE = strawberry.enum_value("SCHEDULED_DEPARTURE", description="Scheduled departure.")
    DEPARTURE_DELAY = strawberry.enum_value("DEPARTURE_DELAY", description="Departure delay in minutes.")
    ARRIVAL_DELAY = strawberry.enum_value("ARRIVAL_DELAY", description="Arrival delay in minutes.")
    DISTANCE = strawberry.enum_value("DISTANCE", description="Distance in statute miles.")
    FLIGHT_NUMBER = strawberry.enum_value("FLIGHT_NUMBER", description="Flight number.")


@strawberry.enum(description="Which end comes first.")
class SortDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Smallest or earliest first.")
    DESC = strawberry.enum_value("DESC", description="Largest or latest first.")


@strawberry.input(description="One term of an order. Equal flights are ordered by their ID.")
class FlightOrder:
    field: FlightOrderField = strawberry.field(description="What to order by.")
    direction: SortDirection = strawberry.field(default=SortDirection.ASC, description="Which end comes first.")


def flight_order(order_by: list[FlightOrder] | None) -> Order:
    """The order a client asked for; by scheduled departure where it asked for none."""
    return Order.by([Term(term.field.name, term.direction is SortDirection.DESC) for term in order_by or ()])
