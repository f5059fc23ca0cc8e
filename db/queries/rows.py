"""Rows by key: many at a time, with only the columns that were asked for."""

from collections import namedtuple
from collections.abc import Collection, Hashable, Iterable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, String, Table, and_, or_, select
from sqlalchemy.types import TypeEngine

from db.dialects import Instant, given_json, given_table, is_one_of, stored_instant
from db.engine import Database, Row
from db.prepared import SHAPES_MAX, Prepared, place, prepared
from db.queries.columns import FLIGHTS, FlightColumns, joined
from db.reader import RawRow
from db.tables import Aircraft, Base, WeatherObservation

KEY_COLUMNS: Mapping[str, str] = {"airlines": "code", "airports": "code", "aircraft": "tail_number"}
"""The name by which each table's rows are asked for."""
_DESCRIPTION_COLUMNS: dict[str, TypeEngine[Any]] = {
    "carrier_code": String(),
    "flight_number": Integer(),
    "origin_code": String(),
    "destination_code": String(),
    "scheduled_departure": Instant(),
}
_DESCRIBED: dict[str, TypeEngine[Any]] = {"number": Integer(), **_DESCRIPTION_COLUMNS}
FLIGHT_KEY = ("carrier_code", "flight_number", "origin_code", "scheduled_departure")
"""What identifies a flight in the world."""


class FlightDescription(NamedTuple):
    """What is said of one flight, which the table may have. None is unknown."""

    carrier_code: str | None
    flight_number: int | None
    origin_code: str | None
    destination_code: str | None
    scheduled_departure: datetime | None


class KnownFlight(NamedTuple):
    """What the table knows of a flight that was described, and of its aircraft. None is unknown."""

    scheduled_arrival: datetime | None
    seats: int | None
    year: int | None


def selectable(table: Table, names: Iterable[str]) -> list[ColumnElement[Any]]:
    """Columns in a stable order."""
    return [table.c[name] for name in sorted(names)]


async def rows_by_key(
    database: Database, table_name: str, keys: Collection[Hashable], columns: Collection[str]
) -> dict[Any, Any]:
    """The rows of those `keys` that exist: named tuples with `columns` and the key.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    key = KEY_COLUMNS[table_name]
    statement, named = _rows_statement(database.dialect, table_name, tuple(sorted({key, *columns})))
    rows = await database.rows(f"{table_name}_by_key", statement, (list(keys),))
    position = named._fields.index(key)
    return {row[position]: named._make(row) for row in rows}


@lru_cache(SHAPES_MAX)
def _rows_statement(dialect: str, table_name: str, columns: tuple[str, ...]) -> tuple[Prepared, Any]:
    table = Base.metadata.tables[table_name]
    key = table.c[KEY_COLUMNS[table_name]]
    statement = select(*(table.c[name] for name in columns)).where(is_one_of(dialect, key, place(0), key.type))
    return prepared(statement, dialect, 1), namedtuple(table_name, columns)


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


async def described_flights(
    database: Database, descriptions: Collection[FlightDescription]
) -> dict[FlightDescription, KnownFlight]:
    """The flights of those `descriptions` that are complete and that the table has.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    complete = [description for description in descriptions if None not in description]
    if not complete:
        return {}
    sqlite = database.dialect == "sqlite"
    rows = [(number, *description) for number, description in enumerate(complete)]
    given = given_json(database.dialect, _DESCRIBED, rows)
    found = {}
    for number, arrival, *aircraft in await database.rows(
        "flights_by_description", _described_statement(database.dialect), [given]
    ):
        at = stored_instant(arrival) if sqlite and arrival is not None else arrival
        found[complete[number]] = KnownFlight(at, *aircraft)
    return found


@cache
def _described_statement(dialect: str) -> Prepared:
    aircraft = Base.metadata.tables[Aircraft.__tablename__]
    given = given_table(dialect, _DESCRIBED, place(0, String()))
    same = and_(*(FLIGHTS.c[name] == given.c[name] for name in _DESCRIPTION_COLUMNS))
    statement = (
        select(given.c.number, FLIGHTS.c.scheduled_arrival, aircraft.c.seats, aircraft.c.year)
        .join_from(given, FLIGHTS, same)
        .outerjoin(aircraft, aircraft.c.tail_number == FLIGHTS.c.tail_number)
    )
    return prepared(statement, dialect, 1)
