"""Airlines."""

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


@strawberry.type(description="An airline, as it markets the flight.")
class Airline(Node):
    key_column: ClassVar[str] = "code"

    code: str = strawberry.field(description="IATA code, as in UA.")
    name: str = strawberry.field(description="Name, as in United Air Lines Inc.; the code where the source has none.")

    @strawberry.field(description="The flights of the airline.", metadata=page())
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
        return connect(info, arguments, "carrier_code", self.code)
