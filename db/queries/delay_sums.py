"""How late flights were running around departures far apart: summed by the database, one row for each departure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, String, case, func, select
from sqlalchemy.sql.expression import FromClause
from sqlalchemy.types import TypeEngine

from db.dialects import Instant, as_list, given_json, given_table, microseconds, read_list
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.queries.columns import FLIGHTS
from db.queries.timetable import instant

_GIVEN: dict[str, TypeEngine[Any]] = {
    "number": Integer(),
    "origin": String(),
    "carrier": String(),
    "destination": String(),
    "at": Instant(),
    "at_microseconds": BigInteger(),
    "origin_since": Instant(),
    "origin_block_since": Instant(),
    "destination_since": Instant(),
    "destination_block_since": Instant(),
}
_MINUTE = 60_000_000
_NOTHING: tuple[Any, ...] = (None,) * 5


async def means_by_key(
    database: Database,
    keys: Sequence[tuple[str | None, str | None, str | None, datetime]],
    windows: Sequence[timedelta],
) -> list[tuple[float | None, ...]]:
    """For each origin, carrier, destination and T the five means of `Operations`, in its order.

    Args:
        database: where the flights are.
        keys: n of them.
        windows: before T: those of the origin's delays and block delays, and of the destination's; of each end the
            second is the longer one.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    rows = [
        (number, origin, carrier, destination, at, instant(at), *(at - window for window in windows))
        for number, (origin, carrier, destination, at) in enumerate(keys)
    ]
    given = given_json(database.dialect, _GIVEN, rows)
    found = [_NOTHING] * len(rows)
    for number, origin, destination in await database.rows("operations_by_key", _statement(database.dialect), [given]):
        leaving, bound = read_list(origin), read_list(destination)
        found[number] = (
            _mean(*leaving[:3]),
            _mean(*leaving[5:]),
            _mean(*bound[:3]),
            _mean(*leaving[3:5]),
            _mean(*bound[3:5]),
        )
    return found


def _mean(count: float, minutes: float | None, waited: float | None = None) -> float | None:
    return ((minutes or 0) + (waited or 0) / _MINUTE) / count if count else None


@cache
def _statement(dialect: str) -> Prepared:
    given = given_table(dialect, _GIVEN, place(0, String()))
    origin = FLIGHTS.c.origin_code == given.c.origin
    destination = FLIGHTS.c.destination_code == given.c.destination
    of_carrier = FLIGHTS.c.carrier_code == given.c.carrier
    since = FLIGHTS.c.scheduled_departure >= given.c.origin_since
    leaving = [*_known(given, since), *_lost(given), *_known(given, since & of_carrier)]
    bound = [*_known(given, FLIGHTS.c.scheduled_departure >= given.c.destination_since), *_lost(given)]
    return prepared(
        select(
            given.c.number,
            _of_flights(dialect, given, leaving, origin, given.c.origin_block_since),
            _of_flights(dialect, given, bound, destination, given.c.destination_block_since),
        ),
        dialect,
        1,
    )


def _known(given: FromClause, where: ColumnElement[bool]) -> list[ColumnElement[Any]]:
    """How many flights' delays are known at T; the minutes of those that had left, the microseconds of the others."""
    left, delay = FLIGHTS.c.actual_departure <= given.c.at, FLIGHTS.c.departure_delay_minutes
    waited = given.c.at_microseconds - microseconds(FLIGHTS.c.scheduled_departure)
    return [
        func.count(case((left, delay), else_=0)).filter(where),
        func.sum(case((left, delay))).filter(where),
        func.sum(case((left, None), else_=waited)).filter(where),
    ]


def _lost(given: FromClause) -> list[ColumnElement[Any]]:
    """How many flights had landed at T, and the minutes that they lost on the way."""
    lost = FLIGHTS.c.arrival_delay_minutes - FLIGHTS.c.departure_delay_minutes
    landed = case((FLIGHTS.c.actual_arrival <= given.c.at, lost))
    return [func.count(landed), func.sum(landed)]


def _of_flights(
    dialect: str,
    given: FromClause,
    sums: Sequence[ColumnElement[Any]],
    at_airport: ColumnElement[bool],
    since: ColumnElement[Any],
) -> ColumnElement[Any]:
    """Sums over the flights of an end: a correlated subquery goes through an index for each given row."""
    within = FLIGHTS.c.scheduled_departure.between(since, given.c.at)
    return (
        select(as_list(dialect, sums)).select_from(FLIGHTS).where(at_airport, within).correlate(given).scalar_subquery()
    )
