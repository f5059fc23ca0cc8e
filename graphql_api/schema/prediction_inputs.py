"""What a client says of a flight whose delay it asks for, and the checks on it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from db.plausible import WEATHER_RANGES
from graphql_api.context import Info
from graphql_api.ids import shortened
from graphql_api.loaders import Loader, RowAsk
from graphql_api.schema.filters import is_storable
from graphql_api.schema.problems import Fault
from ml.runtime import Leg, Place

LONGEST_FLIGHT = timedelta(hours=24)
# A mean delay of flights within hours: no more than a day early or two days late.
OPERATIONS_RANGE = (-1440.0, 2880.0)
_PLACE_COLUMNS = frozenset({"latitude", "longitude", "timezone"})


@strawberry.input(description="Weather at the origin in the hour of departure. What is left out is looked up.")
class WeatherInput:
    temperature_c: float | None = strawberry.field(default=UNSET, description="Air temperature in degrees Celsius.")
    dew_point_c: float | None = strawberry.field(default=UNSET, description="Dew point in degrees Celsius.")
    relative_humidity_pct: float | None = strawberry.field(default=UNSET, description="Relative humidity in percent.")
    wind_direction_deg: float | None = strawberry.field(
        default=UNSET, description="Where the wind comes from, degrees."
    )
    wind_speed_kt: float | None = strawberry.field(default=UNSET, description="Sustained wind in knots.")
    wind_gust_kt: float | None = strawberry.field(default=UNSET, description="Gusts in knots.")
    precipitation_mm: float | None = strawberry.field(
        default=UNSET, description="Precipitation of the hour, millimetres."
    )
    pressure_hpa: float | None = strawberry.field(default=UNSET, description="Pressure at sea level, hectopascals.")
    visibility_km: float | None = strawberry.field(default=UNSET, description="Visibility in kilometres.")


@strawberry.input(
    description="How late flights are running two hours before the scheduled departure. What is left out is looked up."
)
class OperationsInput:
    origin_delay_minutes: float | None = strawberry.field(
        default=UNSET,
        description="T is two hours before the scheduled departure. Mean over the flights from the origin scheduled in "
        "[T - 3 h, T] of the departure delay known at T: the delay where the flight had left, the minutes it was "
        "already late where it had not.",
    )
    carrier_delay_minutes: float | None = strawberry.field(
        default=UNSET, description="The same, for this carrier at this origin."
    )
    destination_delay_minutes: float | None = strawberry.field(
        default=UNSET, description="The same, for all flights bound for the destination scheduled in [T - 6 h, T]."
    )


@strawberry.input(description="A flight, known to the service or not.")
class PredictDelayInput:
    carrier_code: str = strawberry.field(description="The airline's IATA code, as in UA.")
    origin_code: str = strawberry.field(description="The origin's IATA code, as in EWR.")
    destination_code: str = strawberry.field(description="The destination's IATA code, as in IAH.")
    scheduled_departure: datetime = strawberry.field(description="Scheduled departure.")
    scheduled_arrival: datetime | None = strawberry.field(default=UNSET, description="Scheduled arrival.")
    flight_number: int | None = strawberry.field(default=UNSET, description="The number without the carrier.")
    tail_number: str | None = strawberry.field(default=UNSET, description="The aircraft's registration.")
    weather: WeatherInput | None = strawberry.field(default=UNSET, description="Weather at the origin.")
    operations: OperationsInput | None = strawberry.field(default=UNSET, description="How late flights are running.")


@strawberry.input(
    description="Merged over the flight's own values field by field: left out keeps, null makes unknown. "
    "A changed departure, origin, destination or carrier looks weather and operations up again."
)
class PredictDelayOverrides:
    carrier_code: str | None = strawberry.field(default=UNSET, description="The airline's IATA code.")
    origin_code: str | None = strawberry.field(default=UNSET, description="The origin's IATA code.")
    destination_code: str | None = strawberry.field(default=UNSET, description="The destination's IATA code.")
    scheduled_departure: datetime | None = strawberry.field(default=UNSET, description="Scheduled departure.")
    scheduled_arrival: datetime | None = strawberry.field(default=UNSET, description="Scheduled arrival.")
    tail_number: str | None = strawberry.field(default=UNSET, description="The aircraft's registration.")
    weather: WeatherInput | None = strawberry.field(default=UNSET, description="Weather at the origin.")
    operations: OperationsInput | None = strawberry.field(default=UNSET, description="How late flights are running.")


@dataclass(frozen=True, slots=True)
class Question:
    """A flight whose delay is asked for. None is unknown."""

    carrier_code: str | None
    origin_code: str | None
    destination_code: str | None
    scheduled_departure: datetime | None
    scheduled_arrival: datetime | None
    flight_number: int | None = None
    weather: WeatherInput | None = None
    operations: OperationsInput | None = None
    arrival_kept: bool = False

    @classmethod
    def of_input(cls, asked: PredictDelayInput) -> "Question":
        """What a client says of a flight; what it left out is unknown."""
        values: dict[str, Any] = {field.name: getattr(asked, field.name, UNSET) for field in fields(cls)}
        return cls(**_UNKNOWN | {name: value for name, value in values.items() if value is not UNSET})

    def overridden(self, overrides: PredictDelayOverrides) -> "Question":
        """With the overrides merged: what was left out stays, null becomes unknown."""
        values = {field.name: getattr(overrides, field.name, UNSET) for field in fields(self)}
        given = {name: value for name, value in values.items() if value is not UNSET}
        return replace(self, **given, arrival_kept="scheduled_arrival" not in given)


_UNKNOWN: dict[str, Any] = dict.fromkeys(("scheduled_arrival", "flight_number", "weather", "operations"))


async def leg_of(info: Info, question: Question, path: tuple[str, ...]) -> Leg | list[Fault]:
    """The flight as the model needs it, or every fault that was found in it."""
    loaders = info.context.loaders
    faults = list(_faults(question, path))
    airline, origin, destination = (
        _ask(loaders.airlines, question.carrier_code, frozenset()),
        _ask(loaders.airports, question.origin_code, _PLACE_COLUMNS),
        _ask(loaders.airports, question.destination_code, _PLACE_COLUMNS),
    )
    rows = [None if asked is None else await asked for asked in (airline, origin, destination)]
    for row, code, name, kind in zip(
        rows,
        (question.carrier_code, question.origin_code, question.destination_code),
        ("carrierCode", "originCode", "destinationCode"),
        ("airline", "airport", "airport"),
        strict=True,
    ):
        if row is None and code is not None:
            faults.append(Fault((*path, name), f"No {kind} has the code {shortened(code)}. {_where_to_look(kind)}"))
    if faults:
        return faults
    return Leg(
        carrier_code=question.carrier_code,
        origin_code=question.origin_code,
        destination_code=question.destination_code,
        scheduled_departure=question.scheduled_departure,
        scheduled_arrival=question.scheduled_arrival,
        origin=_place(rows[1]),
        destination=_place(rows[2]),
    )


def _ask(loader: Loader[RowAsk, Any], code: str | None, columns: frozenset[str]) -> Any:
    """The row of a code to be awaited, or None where there is nothing to ask for."""
    if code is None or not is_storable(code):
        return None
    return loader.load(RowAsk(code, columns))


def _place(row: Any) -> Place:
    return Place() if row is None else Place(row.latitude, row.longitude, row.timezone)


def _where_to_look(kind: str) -> str:
    return (
        "The query airlines lists them all."
        if kind == "airline"
        else "The query airports(search:) finds codes by name."
    )


def _faults(question: Question, path: tuple[str, ...]) -> Iterator[Fault]:
    """Everything that cannot be, whatever the tables hold."""
    if question.origin_code is not None and question.origin_code == question.destination_code:
        yield Fault((*path, "destinationCode"), "A flight ends at another airport than the one it leaves from.")
    if question.flight_number is not None and question.flight_number < 1:
        yield Fault((*path, "flightNumber"), f"{question.flight_number} is not positive.")
    if message := _arrival_fault(question):
        kept = " The flight's own arrival was kept: override scheduledArrival too." if question.arrival_kept else ""
        yield Fault((*path, "scheduledArrival"), message + kept)
    for name, (low, high) in WEATHER_RANGES.items():
        yield from _range_fault((*path, "weather"), question.weather, name, low, high)
    for name in ("origin_delay_minutes", "carrier_delay_minutes", "destination_delay_minutes"):
        yield from _range_fault((*path, "operations"), question.operations, name, *OPERATIONS_RANGE)


def _arrival_fault(question: Question) -> str | None:
    departure, arrival = question.scheduled_departure, question.scheduled_arrival
    if departure is None or arrival is None:
        return None
    if arrival <= departure:
        return "The arrival must be after the departure; both are instants with offsets."
    if arrival - departure > LONGEST_FLIGHT:
        return "The arrival is more than 24 hours after the departure; no flight takes that long."
    return None


def _range_fault(path: tuple[str, ...], given: Any, name: str, low: float, high: float) -> Iterator[Fault]:
    value = None if given is None else getattr(given, name)
    if isinstance(value, float | int) and not low <= value <= high:
        yield Fault((*path, to_camel_case(name)), f"{value:g} is not between {low:g} and {high:g}.")
