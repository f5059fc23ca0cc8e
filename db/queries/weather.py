"""The weather of many hours and of the hours before them, in one statement."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import String
from sqlalchemy.types import TypeEngine

from db.dialects import Instant, for_each_given, given_json, given_table, microseconds
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.queries.timetable import instant, is_in_reach, length, windows_before
from db.tables import Base, WeatherObservation

WEATHER = Base.metadata.tables[WeatherObservation.__tablename__]
_HOUR = timedelta(hours=1)
_HOURS: dict[str, TypeEngine[Any]] = {"code": String(), "first": Instant(), "last": Instant()}


Observed: TypeAlias = dict[str, dict[int, Sequence[Any]]]
"""Rows by the airport and by the hour in microseconds since 1970."""


class HourKey(NamedTuple):
    """An airport and the start of an hour."""

    airport_code: str | None
    hour: datetime | None


async def weather_hours(
    database: Database, keys: Collection[HourKey], hours_before: int, columns: tuple[str, ...]
) -> Observed:
    """The observations of the hours of `keys` and of the `hours_before` hours before each, those that exist.

    By the airport and by the hour in microseconds since 1970; each has the `columns` in their order.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    asked = [(airport, hour) for airport, hour in keys if is_in_reach(hour)]
    windows = windows_before(
        [airport for airport, _ in asked], [hour for _, hour in asked], timedelta(), hours_before * _HOUR
    )
    found: Observed = {}
    if not windows:
        return found
    given = given_json(database.dialect, _HOURS, windows)
    statement = _weather_statement(database.dialect, columns)
    for airport, hour, *readings in await database.rows("weather_hours_by_key", statement, [given]):
        found.setdefault(airport, {})[hour] = readings
    return found


def hours_back(key: HourKey, hours_before: int) -> range:
    """A key's hour and the hours before it in microseconds since 1970, latest first; none where it is not looked up."""
    airport, hour = key
    if airport is None or not is_in_reach(hour):
        return range(0)
    last = instant(hour)
    return range(last, last - (hours_before + 1) * length(_HOUR), -length(_HOUR))


@cache
def _weather_statement(dialect: str, columns: tuple[str, ...]) -> Prepared:
    given = given_table(dialect, _HOURS, place(0, String()))
    airport, observed = WEATHER.c.airport_code, WEATHER.c.observed_at
    on = (airport == given.c.code) & observed.between(given.c.first, given.c.last)
    read = (airport, microseconds(observed).label("hour"), *(WEATHER.c[name] for name in columns))
    return prepared(for_each_given(dialect, given, read, WEATHER, on), dialect, 1)
