"""How late flights were running around a departure, as it was known two hours before: means for a whole batch.

A key whose parts are None, or whose hours no calendar has, is not looked up: what depends on them is unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.dialects import microseconds
from db.engine import Database
from db.queries.columns import FLIGHTS
from db.queries.delay_sums import means_by_key
from db.queries.timetable import (
    Indexes,
    Instants,
    Numbering,
    Timetable,
    Window,
    flights_within,
    instants,
    is_in_reach,
    length,
    windows_before,
)

KNOWN_BEFORE = timedelta(hours=2)
"""How long before the scheduled departure delays are looked at: T is the scheduled departure minus this."""
ORIGIN_WINDOW = timedelta(hours=3)
DESTINATION_WINDOW = timedelta(hours=6)
ORIGIN_BLOCK_WINDOW = timedelta(hours=6)
DESTINATION_BLOCK_WINDOW = timedelta(hours=24)
"""Longer than the others: a flight has to land before its block delay is known."""

_ORIGIN, _DESTINATION = "origin_code", "destination_code"
_DELAYS = (
    FLIGHTS.c.carrier_code,
    microseconds(FLIGHTS.c.actual_departure),
    FLIGHTS.c.departure_delay_minutes,
    microseconds(FLIGHTS.c.actual_arrival),
    FLIGHTS.c.arrival_delay_minutes,
)
_MINUTE = length(timedelta(minutes=1))
_HOUR = timedelta(hours=1)
_NEVER = np.iinfo(np.int64).max
# Each has some two hundred flights around it.
_KEYS_AT_ONCE = 1_000
_ORIGIN_REACH = max(ORIGIN_WINDOW, ORIGIN_BLOCK_WINDOW)
_DESTINATION_REACH = max(DESTINATION_WINDOW, DESTINATION_BLOCK_WINDOW)
_AIRPORT_HOURS_OF_A_KEY = 12
"""Of 30 that each has. Measured on SQLite: of a day's flights 4, read and counted, cost a quarter of being summed by
the database; a month's 18 nearly twice as much and a year's 29 more than four times. A board has 10."""


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
    for start in range(0, len(order), _KEYS_AT_ONCE):
        part = order[start : start + _KEYS_AT_ONCE]
        of_part, when = [asked[number] for number in part], [departures[number] for number in part]
        windows = _operations_windows(of_part, when)
        if _are_scattered(windows, len(part)):
            means = await _summed(database, of_part, when)
        else:
            means = await _counted(database, windows, of_part, when)
        for number, delays in zip(part, means, strict=True):
            found[places[number]] = delays
    return found


def _are_scattered(windows: Mapping[str, Sequence[Window]], keys: int) -> bool:
    """Whether so few of the keys share flights that the database adds them up sooner than they are read."""
    hours = sum((window.last - window.first for of_end in windows.values() for window in of_end), timedelta()) / _HOUR
    return hours > _AIRPORT_HOURS_OF_A_KEY * keys


async def _summed(
    database: Database, asked: Sequence[OperationsKey], departures: Sequence[datetime]
) -> Sequence[Operations]:
    windows = (ORIGIN_WINDOW, ORIGIN_BLOCK_WINDOW, DESTINATION_WINDOW, DESTINATION_BLOCK_WINDOW)
    keys = [(*key[:3], at - KNOWN_BEFORE) for key, at in zip(asked, departures, strict=True)]
    # A what-if asks several times about one flight.
    different = [*dict.fromkeys(keys)]
    means = dict(zip(different, await means_by_key(database, different, windows), strict=True))
    return [Operations(*means[key]) for key in keys]


async def _counted(
    database: Database,
    windows: Mapping[str, Sequence[Window]],
    asked: Sequence[OperationsKey],
    departures: Sequence[datetime],
) -> Sequence[Operations]:
    if not any(windows.values()):
        return [Operations()] * len(asked)
    read = await flights_within(database, "operations_by_key", windows, _DELAYS)
    at = instants(departures) - length(KNOWN_BEFORE)
    return [*_operations(_Delays(read[_ORIGIN]), _Delays(read[_DESTINATION]), asked, at)]


def _operations_windows(asked: Sequence[OperationsKey], departures: Sequence[datetime]) -> dict[str, list[Window]]:
    leaving = windows_before([key.origin_code for key in asked], departures, KNOWN_BEFORE, _ORIGIN_REACH)
    bound = windows_before([key.destination_code for key in asked], departures, KNOWN_BEFORE, _DESTINATION_REACH)
    return {_ORIGIN: leaving, _DESTINATION: bound}


class _Delays:
    """What is on record of the delays of the flights of a timetable, each array of shape (n,)."""

    def __init__(self, timetable: Timetable) -> None:
        carriers, left, delays, landed, arrival_delays = timetable.columns or ((),) * 5
        self.timetable, self.scheduled = timetable, timetable.scheduled
        self.carriers = carriers
        self.left, self.landed = (
            np.array([_NEVER if at is None else at for at in moments], dtype=np.int64) for moments in (left, landed)
        )
        # numpy reads None as NaN when the dtype is a float.
        self.delay = np.array(delays, dtype=np.float64)
        self.lost = np.array(arrival_delays, dtype=np.float64) - self.delay

    def known(self, key: Indexes, flight: Indexes, at: Instants, count: int) -> list[float | None]:
        """The mean of how late flights were at the instants of `count` keys, in minutes, where that is on record."""
        left = self.left[flight] <= at
        waited = np.where(left, 0, at - self.scheduled[flight])
        delay = np.where(left, self.delay[flight], 0.0)
        on_record = ~np.isnan(delay)
        return _means(key[on_record], delay[on_record], waited[on_record], count)

    def known_lost(self, key: Indexes, flight: Indexes, at: Instants, count: int) -> list[float | None]:
        """The mean of the minutes that the flights that had landed lost on the way."""
        lost = np.where(self.landed[flight] <= at, self.lost[flight], np.nan)
        on_record = ~np.isnan(lost)
        return _means(key[on_record], lost[on_record], None, count)


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
        since = at[key] - delays.scheduled[flight]
        recent = since <= length(window)
        of_key, of_flight = key[recent], flight[recent]
        means.append(delays.known(of_key, of_flight, at[of_key], count))
        if delays is origins:
            carriers = Numbering()
            own = carriers.of(delays.carriers)[of_flight] == carriers.of(k.carrier_code for k in keys)[of_key]
            means.append(delays.known(of_key[own], of_flight[own], at[of_key[own]], count))
        recent = since <= length(block_window)
        means.append(delays.known_lost(key[recent], flight[recent], at[key[recent]], count))
    origin, carrier, origin_block, destination, destination_block = means
    return map(Operations, origin, carrier, destination, origin_block, destination_block)


def _means(key: Indexes, minutes: NDArray[np.float64], microseconds: Instants | None, count: int) -> list[float | None]:
    """The mean in minutes of the values of each of `count` keys, None where there is none.

    The sums are of whole numbers, so that their order makes no difference, and the database's are the same.
    """
    numbers = np.bincount(key, minlength=count).tolist()
    # Of no keys it gives integers.
    sums = np.bincount(key, weights=minutes, minlength=count).astype(np.float64)
    if microseconds is not None:
        sums = sums + np.bincount(key, weights=microseconds, minlength=count) / _MINUTE
    return [total / number if number else None for total, number in zip(sums.tolist(), numbers, strict=True)]


def _in_reach(keys: Sequence[OperationsKey]) -> tuple[list[int], list[OperationsKey], list[datetime]]:
    """The keys that are looked up, with their places and their departures."""
    found = [
        (place, key, departure) for place, key in enumerate(keys) if is_in_reach(departure := key.scheduled_departure)
    ]
    places, asked, departures = zip(*found, strict=True) if found else ((), (), ())
    return list(places), list(asked), list(departures)
