"""What surrounds flights: the timetable, the weather and the delays around them, for a whole batch in one statement.

A key whose parts are None, or whose hours no calendar has, is not looked up: what depends on them is unknown.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import String
from sqlalchemy.types import TypeEngine

from db.dialects import Instant, for_each_given, given_json, given_table, microseconds
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.queries.rows import FlightDescription
from db.queries.timetable import (
    Indexes,
    Instants,
    Numbering,
    Timetable,
    Window,
    flights_within,
    instant,
    instants,
    length,
    merged,
)
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
_ORIGIN, _DESTINATION = "origin_code", "destination_code"
_ITSELF = (_FLIGHTS.c.carrier_code, _FLIGHTS.c.flight_number, _FLIGHTS.c.destination_code)
_DELAYS = (
    _FLIGHTS.c.carrier_code,
    microseconds(_FLIGHTS.c.actual_departure),
    _FLIGHTS.c.departure_delay_minutes,
    microseconds(_FLIGHTS.c.actual_arrival),
    _FLIGHTS.c.arrival_delay_minutes,
)
_MINUTE = length(timedelta(minutes=1))
_HOUR = timedelta(hours=1)
_HOURS: dict[str, TypeEngine[Any]] = {"code": String(), "first": Instant(), "last": Instant()}
_NEVER = np.iinfo(np.int64).max
_NOT_AMONG_THEM = np.iinfo(np.int64).min
# Each has some two hundred flights around it.
_KEYS_AT_ONCE = 1_000
_AIRPORT_HOURS_AT_ONCE = 10_000
"""Some fifty thousand flights where an airport has five an hour."""
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


_Key = TypeVar("_Key", CrowdingKey, OperationsKey)


class HourKey(NamedTuple):
    """An airport and the start of an hour."""

    airport_code: str | None
    hour: datetime | None


class CrowdingKeys(NamedTuple):
    """Crowding keys column by column."""

    origin_code: Sequence[str | None]
    carrier_code: Sequence[str | None]
    scheduled_departure: Sequence[datetime | None]
    itself: Sequence[FlightDescription]


async def crowding(database: Database, keys: Sequence[CrowdingKey]) -> list[Crowding]:
    """How many flights leave each origin at most 30 minutes before or after, in the order of `keys`.

    See `crowding_of`.
    """
    columns = CrowdingKeys(*zip(*keys, strict=True)) if keys else CrowdingKeys((), (), (), ())
    found = (await crowding_of(database, columns)).tolist()
    return [Crowding(*(None if each != each else int(each) for each in counts)) for counts in found]  # noqa: PLR0124 — NaN


async def crowding_of(database: Database, keys: CrowdingKeys) -> NDArray[np.float64]:
    """How many flights leave the origin of each of n keys at most 30 minutes before or after: of all carriers, and of
    its own, shape (n, 2); NaN is unknown.

    They are those of the table and the flight itself, which counts once whether the table has it or not: so training
    counts. Where the table has none at all it is unknown, not one: where all others are missing, the timetable is.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    found = np.full((len(keys.origin_code), 2), np.nan)
    places = [
        number
        for number, (origin, departure) in enumerate(zip(keys.origin_code, keys.scheduled_departure, strict=True))
        if origin is not None and _is_in_reach(departure)
    ]
    if not places:
        return found
    asked = keys
    if len(places) < len(found):
        asked = CrowdingKeys(*([column[number] for number in places] for column in keys))  # type: ignore[arg-type]  # as they were
    windows = {
        Window(origin, departure - CROWDED_WITHIN, departure + CROWDED_WITHIN)
        for origin, departure in zip(asked.origin_code, asked.scheduled_departure, strict=True)
        if origin is not None and departure is not None
    }
    timetable = (await flights_within(database, "crowding_by_key", {_ORIGIN: windows}, _ITSELF))[_ORIGIN]
    found[places] = _crowding(timetable, asked)
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
    places, asked, departures = _in_reach(keys)
    found = [Operations()] * len(keys)
    order = sorted(range(len(asked)), key=departures.__getitem__)
    # Flights of hours that lie together are read once; those of a whole year would not fit into memory at once.
    parts = -(-_airport_hours(asked, departures) // _AIRPORT_HOURS_AT_ONCE)
    size = max(1, -(-len(order) // max(1, parts)))
    for start in range(0, len(order), min(size, _KEYS_AT_ONCE)):
        part = order[start : start + min(size, _KEYS_AT_ONCE)]
        of_part = [asked[number] for number in part]
        means = await _read_operations(database, of_part, [departures[number] for number in part])
        for number, delays in zip(part, means, strict=True):
            found[places[number]] = delays
    return found


async def _read_operations(
    database: Database, asked: Sequence[OperationsKey], departures: Sequence[datetime]
) -> list[Operations]:
    windows = _operations_windows(asked, departures)
    if not any(windows.values()):
        return [Operations()] * len(asked)
    read = await flights_within(database, "operations_by_key", windows, _DELAYS)
    at = instants(departures) - length(KNOWN_BEFORE)
    return [*_operations(_Delays(read[_ORIGIN]), _Delays(read[_DESTINATION]), asked, at)]


def _operations_windows(asked: Sequence[OperationsKey], departures: Sequence[datetime]) -> dict[str, set[Window]]:
    leaving, bound = set(), set()
    for (origin, _, destination, _), departure in zip(asked, departures, strict=True):
        at = departure - KNOWN_BEFORE
        if origin is not None:
            leaving.add(Window(origin, at - max(ORIGIN_WINDOW, ORIGIN_BLOCK_WINDOW), at))
        if destination is not None:
            bound.add(Window(destination, at - max(DESTINATION_WINDOW, DESTINATION_BLOCK_WINDOW), at))
    return {_ORIGIN: leaving, _DESTINATION: bound}


def _airport_hours(asked: Sequence[OperationsKey], departures: Sequence[datetime]) -> int:
    """How many hours of an airport's flights are read for these keys, each airport's once."""
    of_ends = _operations_windows(asked, departures).values()
    read = sum((window.last - window.first for of_end in of_ends for window in merged(of_end)), timedelta())
    return int(read / _HOUR)


async def weather_hours(
    database: Database, keys: Collection[HourKey], hours_before: int, columns: tuple[str, ...]
) -> dict[str, dict[int, Sequence[Any]]]:
    """The observations of the hours of `keys` and of the `hours_before` hours before each, those that exist.

    By the airport and by the hour in microseconds since 1970; each has the `columns` in their order.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    # An hour that many keys ask about is read once.
    windows = {
        Window(airport, hour - hours_before * _HOUR, hour)
        for airport, hour in set(keys)
        if airport is not None and _is_in_reach(hour)
    }
    found: dict[str, dict[int, Sequence[Any]]] = {}
    if not windows:
        return found
    given = given_json(database.dialect, _HOURS, merged(windows))
    statement = _weather_statement(database.dialect, columns)
    for airport, hour, *readings in await database.rows("weather_hours_by_key", statement, [given]):
        found.setdefault(airport, {})[hour] = readings
    return found


def hours_back(key: HourKey, hours_before: int) -> range:
    """A key's hour and the hours before it in microseconds since 1970, latest first; none where it is not looked up."""
    airport, hour = key
    if airport is None or not _is_in_reach(hour):
        return range(0)
    last = instant(hour)
    return range(last, last - (hours_before + 1) * length(_HOUR), -length(_HOUR))


@cache
def _weather_statement(dialect: str, columns: tuple[str, ...]) -> Prepared:
    given = given_table(dialect, _HOURS, place(0, String()))
    airport, observed = _WEATHER.c.airport_code, _WEATHER.c.observed_at
    on = (airport == given.c.code) & observed.between(given.c.first, given.c.last)
    read = (airport, microseconds(observed).label("hour"), *(_WEATHER.c[name] for name in columns))
    return prepared(for_each_given(dialect, given, read, _WEATHER, on), dialect, 1)


def _crowding(timetable: Timetable, keys: CrowdingKeys) -> NDArray[np.float64]:
    carriers, numbers, destinations = timetable.columns or ((), (), ())
    codes = Numbering()
    count, around = len(keys.origin_code), length(CROWDED_WITHIN)
    departures = instants([departure for departure in keys.scheduled_departure if departure is not None])
    key, flight = timetable.pairs(keys.origin_code, departures - around, departures + around)
    own_carriers, carrier = codes.of(keys.carrier_code), codes.of(carriers)
    counts = np.bincount(key, minlength=count)
    of_carrier = np.bincount(key[carrier[flight] == own_carriers[key]], minlength=count)
    own = np.array([*map(_place_among, keys.origin_code, keys.scheduled_departure, keys.itself)], dtype=np.int64)
    # Few of the pairs are a flight and itself.
    (same,) = np.nonzero(timetable.scheduled[flight] == own[key])
    there, counted = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for number, other in zip(key[same].tolist(), flight[same].tolist(), strict=True):
        itself = keys.itself[number]
        if (
            carriers[other] == itself.carrier_code
            and itself.flight_number in (None, numbers[other])
            and itself.destination_code in (None, destinations[other])
        ):
            there[number] = True
            counted[number] = itself.carrier_code == keys.carrier_code[number]
    crowds = np.stack((counts + ~there, of_carrier + ~counted), axis=1).astype(np.float64)
    crowds[counts == 0] = np.nan
    crowds[own_carriers == -1, 1] = np.nan
    return crowds


def _place_among(origin: str | None, departure: datetime | None, itself: FlightDescription) -> int:
    """When the flight itself leaves according to the table, where that is among those around it."""
    own = itself.scheduled_departure
    if own is None or departure is None or itself.origin_code != origin:
        return _NOT_AMONG_THEM
    if own is departure:
        return instant(own)
    return _NOT_AMONG_THEM if abs(own - departure) > CROWDED_WITHIN else instant(own)


class _Delays:
    """What is on record of the delays of the flights of a timetable, each array of shape (n,)."""

    def __init__(self, timetable: Timetable) -> None:
        carriers, left, delays, landed, arrival_delays = timetable.columns or ((),) * 5
        self.timetable = timetable
        self.carriers = carriers
        self.left, self.landed = (
            np.array([_NEVER if at is None else at for at in moments], dtype=np.int64) for moments in (left, landed)
        )
        # numpy reads None as NaN when the dtype is a float.
        self.delay = np.array(delays, dtype=np.float64)
        self.lost = np.array(arrival_delays, dtype=np.float64) - self.delay

    def known(self, at: Instants, flight: Indexes) -> NDArray[np.float64]:
        """How late each flight was at an instant, in minutes; NaN where that is not on record."""
        late = (at - self.timetable.scheduled[flight]) / _MINUTE
        return np.where(self.left[flight] <= at, self.delay[flight], late)

    def known_lost(self, at: Instants, flight: Indexes) -> NDArray[np.float64]:
        """The minutes that each flight that had landed lost on the way; NaN for the others."""
        return np.where(self.landed[flight] <= at, self.lost[flight], np.nan)


def _operations(
    origins: _Delays, destinations: _Delays, keys: Sequence[OperationsKey], at: Instants
) -> Iterator[Operations]:
    count = len(keys)
    means = []
    for delays, codes, window, block_window in (
        (origins, [key.origin_code for key in keys], ORIGIN_WINDOW, ORIGIN_BLOCK_WINDOW),
        (destinations, [key.destination_code for key in keys], DESTINATION_WINDOW, DESTINATION_BLOCK_WINDOW),
    ):
        key, flight = delays.timetable.pairs(codes, at - length(max(window, block_window)), at)
        since = at[key] - delays.timetable.scheduled[flight]
        recent = since <= length(window)
        known = delays.known(at[key[recent]], flight[recent])
        means.append(_means(key[recent], known, count))
        if delays is origins:
            carriers = Numbering()
            same = (
                carriers.of(delays.carriers)[flight[recent]] == carriers.of(k.carrier_code for k in keys)[key[recent]]
            )
            means.append(_means(key[recent][same], known[same], count))
        recent = since <= length(block_window)
        means.append(_means(key[recent], delays.known_lost(at[key[recent]], flight[recent]), count))
    origin, carrier, origin_block, destination, destination_block = means
    return map(Operations, origin, carrier, destination, origin_block, destination_block)


def _means(key: Indexes, values: NDArray[np.float64], count: int) -> list[float | None]:
    """The mean of what is known of each of `count` keys, None where nothing is."""
    known = ~np.isnan(values)
    numbers = np.bincount(key[known], minlength=count)
    sums = np.bincount(key[known], weights=values[known], minlength=count)
    return [total / number if number else None for total, number in zip(sums.tolist(), numbers.tolist(), strict=True)]


def _in_reach(keys: Sequence[_Key]) -> tuple[list[int], list[_Key], list[datetime]]:
    """The keys that are looked up, with their places and their departures."""
    found = [
        (place, key, departure) for place, key in enumerate(keys) if _is_in_reach(departure := key.scheduled_departure)
    ]
    places, asked, departures = zip(*found, strict=True) if found else ((), (), ())
    return list(places), list(asked), list(departures)


def _is_in_reach(moment: datetime | None) -> TypeGuard[datetime]:
    return moment is not None and _FIRST <= moment <= _LAST
