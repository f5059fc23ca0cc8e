"""What is looked up for the flights of a file: places and aircraft in either source, the rest in a database."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from db.engine import Database, DatabaseUnavailableError
from db.migrate import schema_fault
from db.progress import Silent
from db.queries.crowding import Crowding, CrowdingKey, crowding
from db.queries.operations import Operations, OperationsKey, operations
from db.queries.rows import FlightDescription, rows_by_key
from db.queries.weather import HourKey, hours_back, weather_hours
from ml.leg import WEATHER_FIELDS, WEATHER_HOURS, Leg, Place, Weather
from ml.predict.flights import AskedFlight
from ml.runtime.bundle import Bundle
from ml.source import SourceError, is_database, open_database, read_tables, shown, unusable

Lookup: TypeAlias = Callable[[Sequence[AskedFlight]], list[Leg | str]]
"""The leg of each flight, or why there is none: a code that the source does not know."""


class Aircraft(NamedTuple):
    seats: int | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What the source knows of the codes that flights name."""

    airlines: Collection[str]
    airports: Mapping[str, Place]
    aircraft: Mapping[str, Aircraft]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around one flight."""

    crowding: Crowding = field(default_factory=Crowding)
    weather: tuple[Weather, ...] = ()
    operations: Operations = field(default_factory=Operations)


@contextmanager
def looking_up(source: str | Path, bundle: Bundle) -> Iterator[Lookup]:
    """A lookup in a source of all that the model of the bundle reads.

    In a database it is what the service looks up, by the service's own queries: a statement each for all flights of a
    call. The processed files say where airports are and what aircraft are; what surrounds a flight is then unknown.

    Raises:
        SourceError: the source cannot be read, now or when something is looked up.
    """
    if not is_database(source):
        reference = _of_files(source)
        yield lambda flights: [_leg(flight, reference, Surroundings()) for flight in flights]
        return
    database = open_database(str(source))
    with asyncio.Runner() as runner:
        try:
            if fault := runner.run(schema_fault(database)):
                raise SourceError(f"the database {shown(source)} cannot be read: {fault}")
            yield lambda flights: runner.run(_in_database(database, bundle, flights))
        except DatabaseUnavailableError as error:
            raise unusable(str(source), error) from error
        finally:
            runner.run(database.close())


def _of_files(source: str | Path) -> Reference:
    tables = read_tables(source, ("airlines", "airports", "aircraft"), Silent())
    airports = tables["airports"].select("code", "latitude", "longitude", "timezone")
    aircraft = tables["aircraft"].select("tail_number", "seats", "year")
    return Reference(
        airlines=set(tables["airlines"]["code"]),
        airports={code: Place(*place) for code, *place in airports.iter_rows()},
        aircraft={tail: Aircraft(*described) for tail, *described in aircraft.iter_rows()},
    )


async def _in_database(database: Database, bundle: Bundle, flights: Sequence[AskedFlight]) -> list[Leg | str]:
    names = {feature.name for feature in bundle.features}
    groups = {feature.group for feature in bundle.features}
    reference, around, weather, late = await asyncio.gather(
        _reference(database, flights),
        _crowding(database, flights, needed=not names.isdisjoint(Crowding._fields)),
        _weather(database, flights, needed="WEATHER" in groups),
        _operations(database, flights, needed="OPERATIONS" in groups),
    )
    surroundings = map(Surroundings, around, weather, late)
    return [_leg(flight, reference, each) for flight, each in zip(flights, surroundings, strict=True)]


async def _reference(database: Database, flights: Sequence[AskedFlight]) -> Reference:
    ends = {code for flight in flights for code in (flight.origin_code, flight.destination_code)}
    tails = {flight.tail_number for flight in flights if flight.tail_number is not None}
    airlines, airports, aircraft = await asyncio.gather(
        rows_by_key(database, "airlines", {flight.carrier_code for flight in flights}, ()),
        rows_by_key(database, "airports", ends, Place.__slots__),
        rows_by_key(database, "aircraft", tails, Aircraft._fields),
    )
    return Reference(
        airlines=airlines,
        airports={code: Place(row.latitude, row.longitude, row.timezone) for code, row in airports.items()},
        aircraft={tail: Aircraft(row.seats, row.year) for tail, row in aircraft.items()},
    )


async def _crowding(database: Database, flights: Sequence[AskedFlight], *, needed: bool) -> list[Crowding]:
    if not needed:
        return [Crowding()] * len(flights)
    return await crowding(database, [_crowding_key(flight) for flight in flights])


def _crowding_key(flight: AskedFlight) -> CrowdingKey:
    carrier, origin, departure = flight.carrier_code, flight.origin_code, flight.scheduled_departure
    itself = FlightDescription(carrier, flight.flight_number, origin, flight.destination_code, departure)
    return CrowdingKey(origin, carrier, departure, itself)


async def _operations(database: Database, flights: Sequence[AskedFlight], *, needed: bool) -> list[Operations]:
    if not needed:
        return [Operations()] * len(flights)
    keys = [
        OperationsKey(each.origin_code, each.carrier_code, each.destination_code, each.scheduled_departure)
        for each in flights
    ]
    return await operations(database, keys)


async def _weather(database: Database, flights: Sequence[AskedFlight], *, needed: bool) -> list[tuple[Weather, ...]]:
    if not needed:
        return [()] * len(flights)
    hours = [each.scheduled_departure.replace(minute=0, second=0, microsecond=0) for each in flights]
    keys = [HourKey(each.origin_code, hour) for each, hour in zip(flights, hours, strict=True)]
    found = await weather_hours(database, keys, WEATHER_HOURS, WEATHER_FIELDS)
    spans = []
    for key in keys:
        of_airport = found.get(key.airport_code or "", {})
        spans.append(tuple(Weather(*of_airport.get(hour, ())) for hour in hours_back(key, WEATHER_HOURS)))
    return spans


def _leg(flight: AskedFlight, reference: Reference, around: Surroundings) -> Leg | str:
    if flight.carrier_code not in reference.airlines:
        return f"carrier_code {flight.carrier_code} is not in airlines"
    for name, code in (("origin_code", flight.origin_code), ("destination_code", flight.destination_code)):
        if code not in reference.airports:
            return f"{name} {code} is not in airports"
    aircraft = reference.aircraft.get(flight.tail_number or "", Aircraft())
    return Leg(
        carrier_code=flight.carrier_code,
        origin_code=flight.origin_code,
        destination_code=flight.destination_code,
        scheduled_departure=flight.scheduled_departure,
        scheduled_arrival=flight.scheduled_arrival,
        origin=reference.airports[flight.origin_code],
        destination=reference.airports[flight.destination_code],
        aircraft_seats=aircraft.seats,
        aircraft_year=aircraft.year,
        weather=_with_given(flight, around.weather),
        **around.crowding._asdict(),
        **around.operations._asdict(),
    )


def _with_given(flight: AskedFlight, weather: tuple[Weather, ...]) -> tuple[Weather, ...]:
    """What is given stands for the hour of departure alone, as in the service."""
    given = {name: value for name, value in flight.given.items() if name in WEATHER_FIELDS}
    if not given:
        return weather
    now, before = (weather[0], weather[1:]) if weather else (Weather(), ())
    return (replace(now, **given), *before)
