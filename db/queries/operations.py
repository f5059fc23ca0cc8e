"""How late flights were running around a departure, as it was known two hours before: means for a whole batch.

A key whose parts are None, or whose hours no calendar has, is not looked up: what depends on them is unknown.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.dialects import microseconds
from db.engine import Database
from db.queries.columns import FLIGHTS
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
    merged,
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
_AIRPORT_HOURS_AT_ONCE = 10_000
"""Some fifty thousand flights where an airport has five an hour."""


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


def _in_reach(keys: Sequence[OperationsKey]) -> tuple[list[int], list[OperationsKey], list[datetime]]:
    """The keys that are looked up, with their places and their departures."""
    found = [
        (place, key, departure) for place, key in enumerate(keys) if is_in_reach(departure := key.scheduled_departure)
    ]
    places, asked, departures = zip(*found, strict=True) if found else ((), (), ())
    return list(places), list(asked), list(departures)
