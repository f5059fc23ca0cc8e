"""From a question to what the model reads of a flight: what is not given is looked up, what is not found is unknown."""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from strawberry import UNSET

from db.engine import Row
from db.faults import is_storable
from db.queries.rows import FlightDescription
from db.queries.surroundings import Crowding, CrowdingKey, HourKey, Operations, OperationsKey
from graphql_api.context import Info
from graphql_api.ids import shortened
from graphql_api.loaders import Loaders, RowAsk
from graphql_api.schema.problems import Fault
from graphql_api.schema.question import Question, faults_of
from ml.runtime import Bundle, Leg, Place, Weather

_PLACE_COLUMNS = frozenset({"latitude", "longitude", "timezone"})
_OF_ARRIVAL = frozenset({"arrival_minute", "duration_minutes"})
_AIRCRAFT_COLUMNS = frozenset({"seats", "year"})


@dataclass(frozen=True, slots=True)
class Lookups:
    """What a model reads that neither the question nor the airports say."""

    arrival: bool = False
    aircraft: bool = False
    crowding: bool = False
    weather: bool = False
    operations: bool = False

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """What the inputs of this model need."""
        groups = {feature.group for feature in bundle.features}
        names = {feature.name for feature in bundle.features}
        return cls(
            arrival=not names.isdisjoint(_OF_ARRIVAL),
            aircraft=any(name.startswith("aircraft_") for name in names),
            crowding=not names.isdisjoint(Crowding._fields),
            weather="WEATHER" in groups,
            operations="OPERATIONS" in groups,
        )


_NOTHING = Lookups()
_NO_FLIGHT = FlightDescription(None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class _Found:
    airline: Row | None
    origin: Row | None
    destination: Row | None
    described: Row | None
    aircraft: Row | None = None
    crowding: Crowding = field(default_factory=Crowding)
    weather: tuple[Weather, ...] = ()
    operations: Operations = field(default_factory=Operations)


async def leg_of(
    info: Info, question: Question, path: tuple[str, ...], lookups: Lookups = _NOTHING
) -> Leg | list[Fault]:
    """The flight with what `lookups` names looked up, or every fault that was found in it.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    faults = list(faults_of(question, path))
    found = await _look_up(info.context.loaders, question, _NOTHING if faults else lookups)
    faults += _unknown_codes(question, found, path)
    if faults:
        return faults
    arrival, aircraft = question.scheduled_arrival, found.aircraft
    if found.described is not None:
        arrival = arrival or found.described.scheduled_arrival
        aircraft = aircraft if question.tail_number is not None else found.described
    return Leg(
        carrier_code=question.carrier_code,
        origin_code=question.origin_code,
        destination_code=question.destination_code,
        scheduled_departure=question.scheduled_departure,
        scheduled_arrival=arrival,
        origin=_place(found.origin),
        destination=_place(found.destination),
        aircraft_seats=None if aircraft is None else aircraft.seats,
        aircraft_year=None if aircraft is None else aircraft.year,
        weather=_weather(question, found.weather),
        **found.crowding._asdict(),
        **_operations(question, found.operations)._asdict(),
    )


async def _look_up(loaders: Loaders, question: Question, lookups: Lookups) -> _Found:
    """Everything at once. What is unknown is asked for too, so that all flights of a wave wait for the same batches."""
    carrier, origin, destination, tail = (
        code if code is not None and is_storable(code) else None
        for code in (question.carrier_code, question.origin_code, question.destination_code, question.tail_number)
    )
    departure = question.scheduled_departure
    itself = question.stored or FlightDescription(carrier, question.flight_number, origin, destination, departure)
    asked: dict[str, Awaitable[Any]] = {
        "airline": loaders.airlines.load(RowAsk(carrier, frozenset())),
        "origin": loaders.airports.load(RowAsk(origin, _PLACE_COLUMNS)),
        "destination": loaders.airports.load(RowAsk(destination, _PLACE_COLUMNS)),
        "described": loaders.described_flights.load(itself if _leaves_out(question, lookups) else _NO_FLIGHT),
    }
    if lookups.aircraft:
        asked["aircraft"] = loaders.aircraft.load(RowAsk(tail, _AIRCRAFT_COLUMNS))
    if lookups.crowding:
        asked["crowding"] = loaders.crowding.load(CrowdingKey(origin, carrier, departure, itself))
    if lookups.weather:
        hour = None if departure is None else departure.replace(minute=0, second=0, microsecond=0)
        asked["weather"] = loaders.weather_hours.load(HourKey(origin, hour))
    if lookups.operations:
        asked["operations"] = loaders.operations.load(OperationsKey(origin, carrier, destination, departure))
    return _Found(**dict(zip(asked, await asyncio.gather(*asked.values()), strict=True)))


def _leaves_out(question: Question, lookups: Lookups) -> bool:
    """Whether an input leaves out what the table may know of the flight that it describes.

    Of a flight of the table everything is known already, and what an override made unknown stays so.
    """
    arrival = lookups.arrival and question.scheduled_arrival is None
    aircraft = lookups.aircraft and question.tail_number is None
    return question.stored is None and (arrival or aircraft)


def _weather(question: Question, found: tuple[Weather, ...]) -> tuple[Weather, ...]:
    """What is given stands for the hour of departure alone."""
    if question.weather is None:
        return ()
    given = _given(question.weather)
    if not given:
        return found
    now, before = (found[0], found[1:]) if found else (Weather(), ())
    return (replace(now, **given), *before)


def _operations(question: Question, found: Operations) -> Operations:
    return Operations() if question.operations is None else found._replace(**_given(question.operations))


def _given(group: Any) -> dict[str, Any]:
    """The fields of an input that were not left out; an explicit null makes unknown."""
    if not group:
        return {}
    values = {each.name: getattr(group, each.name) for each in fields(group)}
    return {name: value for name, value in values.items() if value is not UNSET}


def _unknown_codes(question: Question, found: _Found, path: tuple[str, ...]) -> Iterator[Fault]:
    for row, code, name, kind in (
        (found.airline, question.carrier_code, "carrierCode", "airline"),
        (found.origin, question.origin_code, "originCode", "airport"),
        (found.destination, question.destination_code, "destinationCode", "airport"),
    ):
        if row is None and code is not None:
            yield Fault((*path, name), f"No {kind} has the code {shortened(code)}. {_where_to_look(kind)}")


def _place(row: Row | None) -> Place:
    return Place() if row is None else Place(row.latitude, row.longitude, row.timezone)


def _where_to_look(kind: str) -> str:
    return (
        "The query airlines lists them all."
        if kind == "airline"
        else "The query airports(search:) finds codes by name."
    )
