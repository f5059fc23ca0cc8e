"""Rows by key: many at a time, with only the columns that were asked for."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, String, Table, and_, or_, select
from sqlalchemy.types import TypeEngine

from db.engine import Database, Instant, Row, given_rows, is_one_of
from db.prepared import SHAPES_MAX, Prepared, place, prepared
from db.queries.columns import FLIGHTS, FlightColumns, joined
from db.reader import RawRow
from db.tables import Aircraft, Airline, Airport, Base, Flight, WeatherObservation

# The name by which each table's rows are asked for. A flight's own number is `row_id`: `id` is its global ID.
KEY_COLUMNS: Mapping[str, str] = {
    "airlines": "code",
    "airports": "code",
    "aircraft": "tail_number",
    "flights": "row_id",
}
_DESCRIPTION_COLUMNS: dict[str, TypeEngine[Any]] = {
    "carrier_code": String(),
    "flight_number": Integer(),
    "origin_code": String(),
    "destination_code": String(),
    "scheduled_departure": Instant(),
}
FLIGHT_KEY = ("carrier_code", "flight_number", "origin_code", "scheduled_departure")
"""What identifies a flight in the world."""
_TABLES: Mapping[str, Table] = {
    entity.__tablename__: Base.metadata.tables[entity.__tablename__] for entity in (Airline, Airport, Aircraft, Flight)
}


class FlightDescription(NamedTuple):
    """What is said of one flight, which the table may have. None is unknown."""

    carrier_code: str | None
    flight_number: int | None
    origin_code: str | None
    destination_code: str | None
    scheduled_departure: datetime | None


def selectable(table: Table, names: Iterable[str]) -> list[ColumnElement[Any]]:
    """Columns by the names under which rows carry them, in a stable order."""
    return [table.c.id.label("row_id") if name == "row_id" else table.c[name] for name in sorted(names)]


async def rows_by_key(
    database: Database, table_name: str, keys: Collection[Hashable], columns: Collection[str]
) -> dict[Any, Row]:
    """The rows of those `keys` that exist, each with `columns` and its key.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    table, key = _TABLES[table_name], KEY_COLUMNS[table_name]
    column = table.c.id if key == "row_id" else table.c[key]
    statement = select(*selectable(table, {key, *columns})).where(column.in_(list(keys)))
    return {getattr(row, key): row for row in await database.fetch(f"{table_name}_by_key", statement)}


async def weather_by_hour(
    database: Database, hours: Collection[tuple[str, datetime]], columns: Collection[str]
) -> dict[tuple[str, datetime], Row]:
    """The observations of those (airport code, start of the hour) that exist.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    table = Base.metadata.tables[WeatherObservation.__tablename__]
    by_airport: dict[str, list[datetime]] = {}
    for airport, hour in hours:
        by_airport.setdefault(airport, []).append(hour)
    wanted = or_(
        *(and_(table.c.airport_code == code, table.c.observed_at.in_(times)) for code, times in by_airport.items())
    )
    statement = select(*selectable(table, {"airport_code", "observed_at", *columns})).where(wanted)
    return {(row.airport_code, row.observed_at): row for row in await database.fetch("weather_by_hour", statement)}


async def flight_by_key(
    database: Database, key: tuple[str, int, str, datetime], columns: FlightColumns
) -> RawRow | None:
    """The flight of a carrier, flight number, origin and scheduled departure.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    rows = await database.rows("flight_by_key", _by_key_statement(database.dialect, columns), key)
    return rows[0] if rows else None


@lru_cache(SHAPES_MAX)
def _by_key_statement(dialect: str, columns: FlightColumns) -> Prepared:
    selected, tables = joined(FLIGHTS, columns)
    key = [FLIGHTS.c[name] for name in FLIGHT_KEY]
    same = (column == place(position, column.type) for position, column in enumerate(key))
    return prepared(select(*selected).select_from(tables).where(*same), dialect, len(key))


async def flights_by_id(database: Database, row_ids: Collection[int], columns: FlightColumns) -> Mapping[int, RawRow]:
    """The flights of those row ids that exist.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    statement = _by_id_statement(database.dialect, columns)
    return {row[0]: row for row in await database.rows("flights_by_key", statement, (list(row_ids),))}


@lru_cache(SHAPES_MAX)
def _by_id_statement(dialect: str, columns: FlightColumns) -> Prepared:
    selected, tables = joined(FLIGHTS, columns)
    wanted = is_one_of(dialect, FLIGHTS.c.id, place(0), FLIGHTS.c.id.type)
    return prepared(select(*selected).select_from(tables).where(wanted), dialect, 1)


async def described_flights(database: Database, descriptions: Collection[FlightDescription]) -> dict[Any, Row]:
    """The flights of those `descriptions` that are complete and that the table has.

    Each row carries `scheduled_arrival` and, of the aircraft, `seats` and `year`, None where they are not known.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    complete = [description for description in descriptions if None not in description]
    if not complete:
        return {}
    flights, aircraft = _TABLES["flights"], _TABLES["aircraft"]
    rows = [(number, *description) for number, description in enumerate(complete)]
    given = given_rows(database.dialect, {"number": Integer(), **_DESCRIPTION_COLUMNS}, rows)
    same = and_(*(flights.c[name] == given.c[name] for name in _DESCRIPTION_COLUMNS))
    statement = (
        select(given.c.number, flights.c.scheduled_arrival, aircraft.c.seats, aircraft.c.year)
        .join_from(given, flights, same)
        .outerjoin(aircraft, aircraft.c.tail_number == flights.c.tail_number)
    )
    return {complete[row.number]: row for row in await database.fetch("flights_by_description", statement)}
