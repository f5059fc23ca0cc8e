"""What the clock at the origin shows when a flight is to leave: stored, since SQLite knows no time zones.

Whoever adds a flight adds these columns. Whoever changes an airport's time zone calls `refresh_local_clocks` in the
same transaction. For a whole frame of flights there is `db.local_time.with_local_clock`.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, Select, String, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from db.dialects import given_rows, row_id_type
from db.engine import Row
from db.tables import Airport, Base, Flight

_FLIGHTS = Base.metadata.tables[Flight.__tablename__]
_AIRPORTS = Base.metadata.tables[Airport.__tablename__]
# More would be no faster, and a service does nothing else while it works out so many clocks.
_FLIGHTS_AT_A_TIME = 2_000
_CLOCK_COLUMNS: dict[str, TypeEngine[Any]] = {
    "id": row_id_type(),
    "local_date": String(),
    "local_hour": Integer(),
    "local_weekday": Integer(),
}


class LocalClock(NamedTuple):
    """The columns of a flight that depend on its origin's time zone; all None where that is unknown.

    `local_date` is the date as 2013-01-31, `local_hour` 0 to 23, `local_weekday` ISO's: Monday is 1, Sunday 7.
    """

    local_date: str | None = None
    local_hour: int | None = None
    local_weekday: int | None = None


def local_clock(scheduled_departure: datetime, timezone: str | None) -> LocalClock:
    """The clock of an IANA time zone at an instant; `_asdict()` gives the columns to write."""
    zone = zone_of(timezone)
    if zone is None:
        return LocalClock()
    try:
        local = scheduled_departure.astimezone(zone)
    except OverflowError:  # The first and the last day that a datetime can hold.
        return LocalClock()
    return LocalClock(local.date().isoformat(), local.hour, local.isoweekday())


@lru_cache(maxsize=1024)
def zone_of(timezone: str | None) -> ZoneInfo | None:
    """The zone of that name; None where there is no name, or none that this machine knows."""
    if timezone is None:
        return None
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        return None


def zones_by_airport(codes: Iterable[str]) -> Select[tuple[str, str | None]]:
    """The statement that reads `code` and `timezone` of airports, for a transaction that adds flights from them.

    It locks the rows against another transaction that changes a zone: that one waits, and then finds the new flights.
    """
    return (
        select(_AIRPORTS.c.code, _AIRPORTS.c.timezone)
        .where(_AIRPORTS.c.code.in_(sorted(codes)))
        .order_by(_AIRPORTS.c.code)
        .with_for_update(read=True)
    )


def refresh_local_clocks(connection: Connection, origins: Collection[str] | None = None) -> None:
    """Write the local clock of every flight from these airports anew, of all flights without `origins`.

    A flight's version stays: nothing that clients see of the flight has changed. From an asynchronous transaction:
    `await connection.run_sync(refresh_local_clocks, {"EWR"})`.
    """
    last_id = 0
    while rows := connection.execute(_flights_after(last_id, origins)).all():
        _write(connection, rows)
        last_id = rows[-1].id


def _flights_after(last_id: int, origins: Collection[str] | None) -> Select[tuple[int, datetime, str | None]]:
    statement = (
        select(_FLIGHTS.c.id, _FLIGHTS.c.scheduled_departure, _AIRPORTS.c.timezone)
        .join_from(_FLIGHTS, _AIRPORTS, _FLIGHTS.c.origin_code == _AIRPORTS.c.code)
        .where(_FLIGHTS.c.id > last_id)
        .order_by(_FLIGHTS.c.id)
        .limit(_FLIGHTS_AT_A_TIME)
    )
    return statement if origins is None else statement.where(_FLIGHTS.c.origin_code.in_(sorted(origins)))


def _write(connection: Connection, rows: Sequence[Row]) -> None:
    clocks = [(row.id, *local_clock(row.scheduled_departure, row.timezone)) for row in rows]
    given = given_rows(connection.dialect.name, _CLOCK_COLUMNS, clocks)
    differs = or_(*(_FLIGHTS.c[name].is_distinct_from(given.c[name]) for name in LocalClock._fields))
    values = {name: given.c[name] for name in LocalClock._fields}
    connection.execute(update(_FLIGHTS).where(_FLIGHTS.c.id == given.c.id, differs).values(values))
