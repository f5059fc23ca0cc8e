"""The flights of windows of time, as arrays: many questions about neighbouring flights are answered by one reading."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, String, union_all
from sqlalchemy.types import TypeEngine

from db.dialects import Instant, for_each_given, given_json, given_table, microseconds
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.queries.columns import FLIGHTS
from db.reader import RawRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GIVEN: dict[str, TypeEngine[Any]] = {"end": String(), "code": String(), "first": Instant(), "last": Instant()}

Instants: TypeAlias = NDArray[np.int64]
"""Microseconds since 1970."""
Indexes: TypeAlias = NDArray[np.intp]
Columns: TypeAlias = tuple[ColumnElement[Any], ...]
"""What is read of each row; the same object each time, since the statement is kept for it."""


_ORDER = itemgetter(1, 2)
# No window reaches further from the scheduled departure than this.
_REACH = timedelta(days=2)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC) + _REACH, datetime.max.replace(tzinfo=UTC) - _REACH


class Window(NamedTuple):
    """The flights of an airport that are scheduled to depart between two instants, both of them included."""

    airport_code: str
    first: datetime
    last: datetime


class Timetable:
    """Flights by airport, and of each airport in the order of their scheduled departures."""

    def __init__(self, rows: Sequence[RawRow]) -> None:
        """Rows of the same text, an airport, a scheduled departure in microseconds, and further columns."""
        _, airports, scheduled, *columns = zip(*sorted(rows, key=_ORDER), strict=True) if rows else ((), (), ())
        self.scheduled: Instants = np.array(scheduled, dtype=np.int64)
        self.columns: Sequence[Sequence[Any]] = columns
        self._blocks: dict[str, slice] = {}
        start = 0
        for airport, of_airport in Counter(airports).items():
            self._blocks[airport] = slice(start, start := start + of_airport)

    def pairs(self, airports: Sequence[str | None], first: Instants, last: Instants) -> tuple[Indexes, Indexes]:
        """For each flight in one of k windows the window's place, and its own in this timetable."""
        starts, ends = np.zeros(len(airports), np.intp), np.zeros(len(airports), np.intp)
        windows: dict[str, list[int]] = {}
        for number, airport in enumerate(airports):
            if airport in self._blocks:
                windows.setdefault(airport, []).append(number)
        for airport, places in windows.items():
            block = self._blocks[airport]
            times = self.scheduled[block]
            starts[places] = block.start + times.searchsorted(first[places], "left")
            ends[places] = block.start + times.searchsorted(last[places], "right")
        counts = ends - starts
        before = np.cumsum(counts) - counts
        flights = np.arange(counts.sum()) + np.repeat(starts - before, counts)
        return np.repeat(np.arange(len(airports)), counts), flights


class Numbering:
    """Texts as numbers, so that arrays of them compare quickly. None is -1, which is equal to nothing in a table."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: -1}

    def of(self, texts: Iterable[str | None]) -> NDArray[np.int64]:
        numbers = self._numbers
        return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def instant(moment: datetime) -> int:
    """An aware instant in microseconds since 1970."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instants(moments: Sequence[datetime]) -> Instants:
    """Aware instants as an array of shape (n,)."""
    return np.array([instant(moment) for moment in moments], dtype=np.int64)


def length(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // timedelta(microseconds=1)


def is_in_reach(moment: datetime | None) -> TypeGuard[datetime]:
    """Whether all windows around a moment lie within the calendar."""
    return moment is not None and _FIRST <= moment <= _LAST


async def flights_within(
    database: Database, name: str, windows: Mapping[str, Iterable[Window]], columns: Columns
) -> dict[str, Timetable]:
    """By `origin_code` and `destination_code`, whichever has windows, the flights of airports within any of theirs.

    One statement of that name, whose text does not depend on the windows. Those of one airport do not overlap.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    wanted = [(end, *window) for end, of_end in windows.items() for window in of_end]
    statement = _statement(database.dialect, tuple(windows), columns)
    rows = await database.rows(name, statement, [given_json(database.dialect, _GIVEN, wanted)])
    if len(windows) == 1:
        return {end: Timetable(rows) for end in windows}
    return {end: Timetable([row for row in rows if row[0] == end]) for end in windows}


def windows_before(
    airports: Sequence[str | None], moments: Sequence[datetime], until: timedelta, reach: timedelta
) -> list[Window]:
    """The windows that hold what any airport has in the `reach` before `until` before its moment, none of it twice."""
    of_airport: dict[str | None, list[datetime]] = {}
    for airport, moment in zip(airports, moments, strict=True):
        of_airport.setdefault(airport, []).append(moment)
    of_airport.pop(None, None)
    found = []
    for code, times in of_airport.items():
        times.sort()
        first = last = times[0]
        for time in times:
            if time - last > reach:
                found.append((code, first, last))
                first = time
            last = time
        found.append((code, first, last))
    return [Window(code, first - until - reach, last - until) for code, first, last in found if code is not None]


@cache
def _statement(dialect: str, ends: tuple[str, ...], columns: Columns) -> Prepared:
    given = given_table(dialect, _GIVEN, place(0, String()))
    parts = []
    for end in ends:
        airport, scheduled = FLIGHTS.c[end], FLIGHTS.c.scheduled_departure
        on = (given.c.end == end) & (airport == given.c.code) & scheduled.between(given.c.first, given.c.last)
        read = (given.c.end, airport, microseconds(scheduled), *columns)
        named = [column.label(f"read_{number}") for number, column in enumerate(read)]
        parts.append(for_each_given(dialect, given, named, FLIGHTS, on))
    return prepared(union_all(*parts) if len(parts) > 1 else parts[0], dialect, 1)
