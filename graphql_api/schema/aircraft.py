"""Aircraft."""

from typing import ClassVar

import strawberry
from strawberry import UNSET

from graphql_api.context import Info
from graphql_api.schema.connection import (
    After,
    Before,
    First,
    FlightConnection,
    Last,
    OrderBy,
    PageArguments,
    Where,
    connect,
)
from graphql_api.schema.node import Node
from graphql_api.weights import page


@strawberry.type(description="An aircraft. Of those that no register describes, all but the tail number is null.")
class Aircraft(Node):
    key_column: ClassVar[str] = "tail_number"

    tail_number: str = strawberry.field(description="Registration, as in N14228.")
    manufacturer: str | None = strawberry.field(description="Manufacturer, as in BOEING.")
    model: str | None = strawberry.field(description="Model, as in 737-824.")
    year: int | None = strawberry.field(description="Year of manufacture.")
    seats: int | None = strawberry.field(description="Number of seats.")
    engines: int | None = strawberry.field(description="Number of engines.")
    engine_type: str | None = strawberry.field(description="Kind of engine, as in Turbo-fan.")

    @strawberry.field(description="The flights of the aircraft.", metadata=page())
    def flights(
        self,
        info: Info,
        where: Where = UNSET,
        order_by: OrderBy = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> FlightConnection:
        arguments = PageArguments(where, order_by, first, after, last, before)
        return connect(info, arguments, "tail_number", self.tail_number)
