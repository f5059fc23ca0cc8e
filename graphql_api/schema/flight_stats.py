"""Statistics of flights, by group."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self

import strawberry
from strawberry.utils.str_converters import to_camel_case

from db.engine import Row
from db.queries.statistics import DELAYS, StatsGroup, StatsQuestion, flight_stats
from graphql_api.context import Info
from graphql_api.loaders import Loader, RowAsk
from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.filters import FlightFilter, flight_filter
from graphql_api.schema.flight_stats_inputs import (
    FlightDimension,
    FlightStatsHaving,
    FlightStatsOrder,
    dimensions,
    group_limit,
    group_order,
    having_conditions,
)
from graphql_api.schema.node import Node
from graphql_api.schema.status import FlightStatus
from graphql_api.selection import columns_for, selected_fields
from graphql_api.weights import QUANTILE, loaded, weighs

# The fields of a key that are objects: their type, and the key that names one.
_OBJECTS: Mapping[str, tuple[type[Node], str]] = {
    "carrier": (Airline, "carrier_code"),
    "origin": (Airport, "origin_code"),
    "destination": (Airport, "destination_code"),
    "aircraft": (Aircraft, "tail_number"),
}


@strawberry.type(
    description="What the flights of a group have in common: the fields of the dimensions that were asked for, and "
    "null in all others. Flights that lack a value are a group too, with null in its place."
)
class FlightStatsKey:
    carrier: Airline | None = strawberry.field(description="The airline.", metadata=loaded())
    origin: Airport | None = strawberry.field(description="Where the flights leave from.", metadata=loaded())
    destination: Airport | None = strawberry.field(description="Where the flights are bound for.", metadata=loaded())
    aircraft: Aircraft | None = strawberry.field(
        description="The aircraft, null for flights without a tail number.", metadata=loaded()
    )
    status: FlightStatus | None = strawberry.field(description="How far the flights have come.")
    hour_of_day: int | None = strawberry.field(
        description="Hour of the scheduled departure, 0 to 23, local at the origin; null where that has no time zone."
    )
    day_of_week: int | None = strawberry.field(
        description="ISO weekday of the scheduled departure, Monday 1 to Sunday 7, local at the origin."
    )
    day: str | None = strawberry.field(
        description="Date of the scheduled departure, as in 2013-01-31, local at the origin."
    )
    month: str | None = strawberry.field(
        description="Month of the scheduled departure, as in 2013-01, local at the origin."
    )

    @classmethod
    def of(cls, group: StatsGroup, objects: Mapping[str, Mapping[str, Node]]) -> Self:
        """`objects` holds for each field of a key the objects that were asked for, by their own key."""
        found: dict[str, Any] = {
            field: objects[field].get(group.keys.get(key, "")) if field in objects else None
            for field, (_, key) in _OBJECTS.items()
        }
        status = group.keys.get("status")
        return cls(
            **found,
            status=None if status is None else FlightStatus(status),
            hour_of_day=group.keys.get("local_hour"),
            day_of_week=group.keys.get("local_weekday"),
            day=group.keys.get("local_date"),
            month=group.keys.get("local_month"),
        )


@strawberry.type(
    description="A delay in minutes over the flights that have one; negative is early, null where none has one."
)
class DelayStats:
    mean: float | None = strawberry.field(description="Mean, in minutes.")
    p50: float | None = strawberry.field(
        description="Median, in minutes; linear between two flights, as PostgreSQL's percentile_cont is.",
        metadata=weighs(once=QUANTILE),
    )
    p90: float | None = strawberry.field(
        description="What nine flights in ten stay within, in minutes; linear between two flights.",
        metadata=weighs(once=QUANTILE),
    )
    max: int | None = strawberry.field(description="The longest, in minutes.")

    @classmethod
    def of(cls, group: StatsGroup, delay: str) -> Self:
        prefix = f"{delay}."
        instance = object.__new__(cls)
        instance.__dict__.update(
            {name.removeprefix(prefix): value for name, value in group.measures.items() if name.startswith(prefix)}
        )
        return instance


@strawberry.type(description="Figures of the flights that have the same key.")
class FlightStats:
    key: FlightStatsKey = strawberry.field(description="What the flights have in common.")
    flights: int = strawberry.field(description="How many flights, whatever their status.")
    landed: int = strawberry.field(description="How many landed.")
    cancelled: int = strawberry.field(description="How many were cancelled.")
    diverted: int = strawberry.field(description="How many were diverted.")
    delayed: int = strawberry.field(description="How many arrived 15 or more minutes late, were cancelled or diverted.")
    delayed_rate: float | None = strawberry.field(
        description="delayed / (landed + cancelled + diverted), 0 to 1; null where that is 0."
    )
    cancelled_rate: float | None = strawberry.field(
        description="cancelled / (landed + cancelled + diverted), 0 to 1; null where that is 0."
    )
    departure_delay_minutes: DelayStats = strawberry.field(
        description="Actual minus scheduled departure, in minutes. Flights that did not depart have none."
    )
    arrival_delay_minutes: DelayStats = strawberry.field(
        description="Actual minus scheduled arrival, in minutes. Cancelled and diverted flights have none."
    )

    @classmethod
    def of(cls, group: StatsGroup, key: FlightStatsKey) -> Self:
        """Holds the figures that were read, and no others: they are planned from the selection."""
        delays = {delay: DelayStats.of(group, delay) for delay in DELAYS}
        instance = object.__new__(cls)
        instance.__dict__.update({**group.measures, **delays, "key": key})
        return instance


async def statistics(
    info: Info,
    where: FlightFilter | None,
    group_by: list[FlightDimension],
    having: FlightStatsHaving | None,
    order_by: FlightStatsOrder | None,
    first: int | None,
) -> list[FlightStats]:
    """The statistics that a field with these arguments stands for; what was not selected is not computed.

    Raises:
        GraphQLError: BAD_USER_INPUT or LIMIT_EXCEEDED, naming the argument.
    """
    settings = info.context.settings
    question = StatsQuestion(
        where=flight_filter(where, settings),
        dimensions=dimensions(group_by),
        measures=_measures(info),
        having=having_conditions(having, settings),
        order=group_order(order_by),
        limit=group_limit(first, settings),
    )
    groups = await flight_stats(info.context.database, question)
    objects = await _objects(info, groups)
    return [FlightStats.of(group, FlightStatsKey.of(group, objects)) for group in groups]


def _measures(info: Info) -> frozenset[str]:
    """The measures that the selection asks for."""
    of_delays = {f"{delay}.{name}" for delay in DELAYS for name in columns_for(info, DelayStats, to_camel_case(delay))}
    return (columns_for(info, FlightStats) - {"key", *DELAYS}) | of_delays


async def _objects(info: Info, groups: Sequence[StatsGroup]) -> dict[str, dict[str, Node]]:
    """The objects of the keys by field and by their own key: one batch for each type, an object once for all groups."""
    selected = selected_fields(info._raw_info, FlightStatsKey.__name__, ("key",))
    fields = [field for field in _OBJECTS if field in selected]
    found = await asyncio.gather(*(_objects_of(info, field, groups) for field in fields))
    return dict(zip(fields, found, strict=True))


async def _objects_of(info: Info, field: str, groups: Sequence[StatsGroup]) -> dict[str, Node]:
    entity, key = _OBJECTS[field]
    columns = columns_for(info, entity, "key", field)
    codes = {code for group in groups if (code := group.keys.get(key)) is not None}
    rows = await _loader(info, entity).load_many([RowAsk(code, columns) for code in sorted(codes)])
    return {code: entity.from_row(row) for code, row in zip(sorted(codes), rows, strict=True) if row is not None}


def _loader(info: Info, entity: type[Node]) -> Loader[RowAsk, Row | None]:
    loaders = info.context.loaders
    return {Airline: loaders.airlines, Airport: loaders.airports, Aircraft: loaders.aircraft}[entity]
