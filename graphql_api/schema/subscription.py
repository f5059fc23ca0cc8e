"""The root of all subscriptions."""

from collections.abc import AsyncIterator
from typing import Self

import strawberry
from graphql import GraphQLError
from strawberry import UNSET

from db.writes.changes import Change
from graphql_api.changes import ChangeStream
from graphql_api.context import Info
from graphql_api.errors import Code, api_error
from graphql_api.schema.change import FlightChange
from graphql_api.schema.connection import Where
from graphql_api.schema.filters import flight_filter
from graphql_api.schema.scalars import serialize_datetime


class FlightChanges:
    """A stream of changes as clients see them. An interruption is an error among them, after which they go on."""

    def __init__(self, stream: ChangeStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FlightChange | GraphQLError:
        event = await anext(self._stream)
        if isinstance(event, Change):
            return FlightChange.of(event)
        between = " and ".join(map(serialize_datetime, event))
        return api_error(
            Code.UNAVAILABLE,
            f"Changes between {between} may have been missed, because the connection to the database was lost. "
            "Read again what you show; this subscription goes on.",
        )

    async def aclose(self) -> None:
        await self._stream.aclose()


@strawberry.type(description="Everything that can be followed as it happens.")
class Subscription:
    @strawberry.subscription(
        description="Changes of flights from now on. Fires where the flight matches before or after the change."
    )
    async def flight_changed(self, info: Info, where: Where = UNSET) -> AsyncIterator[FlightChange]:
        context = info.context
        condition = flight_filter(where or None, context.settings)
        if not await context.feed.wait():
            raise api_error(Code.UNAVAILABLE, "Changes cannot be followed at the moment. Subscribe again later.")
        stream = context.changes.stream(condition)
        return FlightChanges(stream)  # type: ignore[return-value]  # An exception among the events is a faulty event.
