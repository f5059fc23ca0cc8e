"""Airports."""

from datetime import datetime
from typing import Annotated, ClassVar

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
from graphql_api.schema.weather import WeatherObservation, weather_at
from graphql_api.weights import loaded, page


@strawberry.type(description="An airport. What is not known of it is null.")
class Airport(Node):
    key_column: ClassVar[str] = "code"

    code: str = strawberry.field(description="IATA code, as in EWR.")
    name: str = strawberry.field(description="Name, as in Newark Liberty Intl.")
    latitude: float | None = strawberry.field(
        description="Latitude in degrees, -90 to 90; negative is south of the equator."
    )
    longitude: float | None = strawberry.field(
        description="Longitude in degrees, -180 to 180; negative is west of Greenwich."
    )
    altitude_ft: int | None = strawberry.field(description="Height above sea level in feet.")
    timezone: str | None = strawberry.field(description="IANA time zone, as in America/New_York.")

    @strawberry.field(
        description="The flights that leave from here, also those that were cancelled.",
        metadata=page(),
    )
    def departures(
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
        return connect(info, arguments, "origin_code", self.code)

    @strawberry.field(
        description="The flights that are bound for here, also those that never arrived.",
        metadata=page(),
    )
    def arrivals(
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
        return connect(info, arguments, "destination_code", self.code)

    @strawberry.field(
        description="The weather here in the hour (UTC) of an instant, null where none was observed.",
        metadata=loaded(),
    )
    async def weather(
        self, info: Info, at: Annotated[datetime, strawberry.argument(description="An instant in the hour to look up.")]
    ) -> WeatherObservation | None:
        return await weather_at(info, self.code, at)
