"""What surrounds flights: the timetable, the weather and the delays around them, for a whole batch in one statement.

A key whose parts are None, or whose hours no calendar has, is not looked up: what depends on them is unknown.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeGuard

from sqlalchemy import ColumnElement, Float, FromClause, Integer, Select, String, case, cast, func, or_, select
from sqlalchemy.types import TypeEngine

from db.dialects import Instant, given_rows, minutes_between
from db.engine import Database, Row
from db.queries.rows import FlightDescription, selectable
from db.tables import Base, Flight, WeatherObservation

CROWDED_WITHIN = timedelta(minutes=30)
KNOWN_BEFORE = timedelta(hours=2)
"""How long before the scheduled departure delays are looked at: T is the scheduled departure minus this."""
ORIGIN_WINDOW = timedelta(hours=3)
DESTINATION_WINDOW = timedelta(hours=6)
ORIGIN_BLOCK_WINDOW = timedelta(hours=6)
DESTINATION_BLOCK_WINDOW = timedelta(hours=24)
"""Longer than the others: a flight has to land before its block delay is known."""

_FLIGHTS = Base.metadata.tables[Flight.__tablename__]
_WEATHER = Base.metadata.tables[WeatherObservation.__tablename__]
_CROWDING_COLUMNS: dict[str, TypeEngine[Any]] = {
    "number": Integer(),
    "origin": String(),
    "carrier": String(),
    "first": Instant(),
    "last": Instant(),
    "own_carrier": String(),
    "own_number": Integer(),
    "own_destination": String(),
    "own_departure": Instant(),
}
_OPERATIONS_COLUMNS: dict[str, TypeEngine[Any]] = {
    "number": Integer(),
    "origin": String(),
    "carrier": String(),
    "destination": String(),
    "at": Instant(),
    "origin_first": Instant(),
    "destination_first": Instant(),
    "origin_block_first": Instant(),
    "destination_block_first": Instant(),
}
_OPERATIONS_WINDOWS = (ORIGIN_WINDOW, DESTINATION_WINDOW, ORIGIN_BLOCK_WINDOW, DESTINATION_BLOCK_WINDOW)
# No window reaches further from the scheduled departure than this.
_REACH = timedelta(days=2)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC) + _REACH, datetime.max.replace(tzinfo=UTC) - _REACH


class CrowdingKey(NamedTuple):
    """Where and when a flight leaves, and as what it stands in the table if it does: a what-if moves it from there."""

    origin_code: str | None
    carrier_code: str | None
    scheduled_departure: datetime | None
    itself: FlightDescription


class Crowding(NamedTuple):
    """How many flights leave the origin around a departure, this one included: of all carriers, and of its own."""

    origin_flights: int | None = None
    carrier_flights: int | None = None


class OperationsKey(NamedTuple):
    origin_code: str | None
    carrier_code: str | None
    destination_code: str | None
    scheduled_departure: datetime | None


class Operations(NamedTuple):
    """Mean delays in minutes as they were known at T, two hours before a scheduled departure.

    A block delay is the time from gate to gate less the scheduled one, the arrival delay less the departure delay.
    """

    origin_delay_minutes: float | None = None
    carrier_delay_minutes: float | None = None
    destination_delay_minutes: float | None = None
    origin_block_delay_minutes: float | None = None
    destination_block_delay_minutes: float | None = None


class HourKey(NamedTuple):
    """An airport and the start of an hour."""

    airport_code: str | None
    hour: datetime | None


async def crowding(database: Database, keys: Sequence[CrowdingKey]) -> list[Crowding]:
    """How many flights leave each origin at most 30 minutes before or after, in the order of `keys`.

    They are those of the table and the flight itself, which counts once whether the table has it or not: so training
    counts. Where the table has none at all it is unknown, not one: where all others are missing, the timetable is.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    rows = []
    for number, (origin, carrier, departure, itself) in enumerate(keys):
        if origin is not None and _is_in_reach(departure):
            own = _own_columns(itself, origin, departure)
            rows.append((number, origin, carrier, departure - CROWDED_WITHIN, departure + CROWDED_WITHIN, *own))
    found = [Crowding()] * len(keys)
    if not rows:
        return found
    for row in await database.fetch("crowding_by_key", _crowding(database.dialect, rows)):
        if row.origin_flights:
            key = keys[row.number]
            same_carrier = row.itself and key.itself.carrier_code == key.carrier_code
            of_carrier = None if key.carrier_code is None else row.carrier_flights + (not same_carrier)
            found[row.number] = Crowding(row.origin_flights + (not row.itself), of_carrier)
    return found


async def operations(database: Database, keys: Sequence[OperationsKey]) -> list[Operations]:
    """The mean delays around each flight as they were known at T, in the order of `keys`; None without flights.

    Flights from the origin count when they were scheduled in [T - 3 h, T], flights bound for the destination in
    [T - 6 h, T]. One that had left at T counts with its departure delay, any other with the minutes from its scheduled
    departure to T, whatever became of it. Block delays are those of the flights that had landed at T, of [T - 6 h, T]
    from the origin and of [T - 24 h, T] to the destination.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    rows = []
    for number, (origin, carrier, destination, departure) in enumerate(keys):
        if _is_in_reach(departure):
            at = departure - KNOWN_BEFORE
            rows.append((number, origin, carrier, destination, at, *(at - window for window in _OPERATIONS_WINDOWS)))
    found = [Operations()] * len(keys)
    if not rows:
        return found
    for row in await database.fetch("operations_by_key", _operations(database.dialect, rows)):
        found[row.number] = Operations(*row[1:])
    return found


async def weather_hours(
    database: Database, keys: Collection[HourKey], hours_before: int, columns: Collection[str]
) -> dict[HourKey, Row]:
    """The observations of the hours of `keys` and of the `hours_before` hours before each, those that exist.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    # An hour that many keys ask about is read once.
    wanted = {hour for key in set(keys) for hour in hours_back(key, hours_before)}
    if not wanted:
        return {}
    given = given_rows(database.dialect, {"airport": String(), "hour": Instant()}, wanted)
    statement = select(*selectable(_WEATHER, {"airport_code", "observed_at", *columns})).join_from(
        given, _WEATHER, (_WEATHER.c.airport_code == given.c.airport) & (_WEATHER.c.observed_at == given.c.hour)
    )
    rows = await database.fetch("weather_hours_by_key", statement)
    return {HourKey(row.airport_code, row.observed_at): row for row in rows}


def hours_back(key: HourKey, hours_before: int) -> list[HourKey]:
    """The hour of a key and the hours before it, latest first; none where the key is not looked up."""
    airport, hour = key
    if airport is None or not _is_in_reach(hour):
        return []
    return [HourKey(airport, hour - timedelta(hours=number)) for number in range(hours_before + 1)]


def _own_columns(itself: FlightDescription, origin: str, departure: datetime) -> tuple[Any, ...]:
    """What finds the flight itself among those around it; nothing where it is not among them."""
    own = itself.scheduled_departure
    if own is None or itself.origin_code != origin or abs(own - departure) > CROWDED_WITHIN:
        return (None, None, None, None)
    return (itself.carrier_code, itself.flight_number, itself.destination_code, own)


def _crowding(dialect: str, rows: Sequence[Sequence[Any]]) -> Select[Any]:
    given = given_rows(dialect, _CROWDING_COLUMNS, rows)
    at_origin = _FLIGHTS.c.origin_code == given.c.origin
    around = (at_origin, _within(given.c.first, given.c.last))
    itself = (
        at_origin,
        _FLIGHTS.c.scheduled_departure == given.c.own_departure,
        _FLIGHTS.c.carrier_code == given.c.own_carrier,
        or_(given.c.own_number.is_(None), _FLIGHTS.c.flight_number == given.c.own_number),
        or_(given.c.own_destination.is_(None), _FLIGHTS.c.destination_code == given.c.own_destination),
    )
    return select(
        given.c.number,
        _of_flights(given, func.count(), *around).label("origin_flights"),
        _of_flights(given, func.count(), *around, _FLIGHTS.c.carrier_code == given.c.carrier).label("carrier_flights"),
        _of_flights(given, func.count(), *itself).label("itself"),
    )


def _operations(dialect: str, rows: Sequence[Sequence[Any]]) -> Select[Any]:
    given = given_rows(dialect, _OPERATIONS_COLUMNS, rows)
    left, delay = _FLIGHTS.c.actual_departure, _FLIGHTS.c.departure_delay_minutes
    known = case((left <= given.c.at, delay), else_=minutes_between(_FLIGHTS.c.scheduled_departure, given.c.at))
    mean = func.avg(cast(known, Float))
    lost = case((_FLIGHTS.c.actual_arrival <= given.c.at, _FLIGHTS.c.arrival_delay_minutes - delay))
    mean_lost = func.avg(cast(lost, Float))
    origin = _FLIGHTS.c.origin_code == given.c.origin
    destination = _FLIGHTS.c.destination_code == given.c.destination
    carrier = _FLIGHTS.c.carrier_code == given.c.carrier
    from_origin = (origin, _within(given.c.origin_first, given.c.at))
    return select(
        given.c.number,
        _of_flights(given, mean, *from_origin),
        _of_flights(given, mean, *from_origin, carrier),
        _of_flights(given, mean, destination, _within(given.c.destination_first, given.c.at)),
        _of_flights(given, mean_lost, origin, _within(given.c.origin_block_first, given.c.at)),
        _of_flights(given, mean_lost, destination, _within(given.c.destination_block_first, given.c.at)),
    )


def _of_flights(given: FromClause, value: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    """An aggregate of the flights around each given row.

    As a correlated subquery it goes through an index for each row. A join looks the same to a reader, but PostgreSQL
    reads the whole table for it.
    """
    return select(value).select_from(_FLIGHTS).where(*where).correlate(given).scalar_subquery()


def _within(first: ColumnElement[Any], last: ColumnElement[Any]) -> ColumnElement[bool]:
    return _FLIGHTS.c.scheduled_departure.between(first, last)


def _is_in_reach(moment: datetime | None) -> TypeGuard[datetime]:
    return moment is not None and _FIRST <= moment <= _LAST
