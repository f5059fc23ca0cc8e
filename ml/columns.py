"""Flights column by column: what training brings from Polars (`ml.dataset`) and serving from legs (`columns_of`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ml.leg import Leg, Place
from ml.legs import EPOCH, UNKNOWN, Instants, Legs

Floats = NDArray[np.float64]

_MINUTE = 60_000_000
_DAY = 86_400_000_000
_EPOCH_ORDINAL = EPOCH.toordinal()
# For fewer, arrays cost more than they save.
_FEW = 16
_IRREGULAR = np.iinfo(np.int64).min
_timezone = attrgetter("timezone")
_position = attrgetter("latitude", "longitude")


@dataclass(frozen=True, slots=True)
class Columns:
    """Flights column by column, each of shape (n,). NaN is unknown.

    Days count from 1970-01-01, minutes from midnight, both on the airport's own clock; coordinates are in degrees.
    `weather` has the shape (n, 1 + WEATHER_HOURS, WEATHER_FIELDS), the hour of departure first.
    """

    carrier_code: NDArray[np.object_]
    origin_code: NDArray[np.object_]
    destination_code: NDArray[np.object_]
    departure_day: Floats
    departure_minute: Floats
    arrival_minute: Floats
    duration_minutes: Floats
    origin_latitude: Floats
    origin_longitude: Floats
    destination_latitude: Floats
    destination_longitude: Floats
    aircraft_seats: Floats
    aircraft_age: Floats
    origin_flights: Floats
    carrier_flights: Floats
    weather: NDArray[np.float32]
    origin_delay_minutes: Floats
    carrier_delay_minutes: Floats
    destination_delay_minutes: Floats
    origin_block_delay_minutes: Floats
    destination_block_delay_minutes: Floats


def columns_of(legs: Sequence[Leg]) -> Columns:
    """The columns of n legs. A clock without a known zone, a position without coordinates is NaN."""
    if not isinstance(legs, Legs):
        legs = Legs.of(legs)
    day, minute = _local_clocks(legs.scheduled_departure, legs.departures, [*map(_timezone, legs.origin)])
    _, arrival_minute = _local_clocks(legs.scheduled_arrival, legs.arrivals, [*map(_timezone, legs.destination)])
    latitude, longitude = _positions(legs.origin)
    to_latitude, to_longitude = _positions(legs.destination)
    delays = legs.delays.T
    return Columns(
        carrier_code=np.array(legs.carrier_code, dtype=object),
        origin_code=np.array(legs.origin_code, dtype=object),
        destination_code=np.array(legs.destination_code, dtype=object),
        departure_day=day,
        departure_minute=minute,
        arrival_minute=arrival_minute,
        duration_minutes=_duration_minutes(legs),
        origin_latitude=latitude,
        origin_longitude=longitude,
        destination_latitude=to_latitude,
        destination_longitude=to_longitude,
        aircraft_seats=_floats(legs.aircraft_seats),
        aircraft_age=_floats([*map(aircraft_age, legs.aircraft_year, legs.scheduled_departure)]),
        origin_flights=legs.flights[:, 0],
        carrier_flights=legs.flights[:, 1],
        weather=legs.readings.astype(np.float32)[legs.hours],
        origin_delay_minutes=delays[0],
        carrier_delay_minutes=delays[1],
        destination_delay_minutes=delays[2],
        origin_block_delay_minutes=delays[3],
        destination_block_delay_minutes=delays[4],
    )


def aircraft_age(year: int | None, departure: datetime | None) -> float | None:
    """The years from that in which an aircraft was built; below 0 where one of the two is wrong."""
    return None if year is None or departure is None else departure.year - year


def local_clock(moment: datetime | None, timezone: str | None) -> tuple[float | None, float | None]:
    """Days since 1970-01-01 and minutes since midnight on the clock of `timezone`."""
    zone = _zone(timezone) if timezone else None
    if moment is None or zone is None:
        return None, None
    try:
        local = moment.astimezone(zone)
    except OverflowError:  # The first and the last day that a datetime can hold.
        return None, None
    return local.toordinal() - _EPOCH_ORDINAL, local.hour * 60 + local.minute


def _floats(values: Sequence[float | None]) -> Floats:
    # numpy reads None as NaN when the dtype is a float.
    return np.array(values, dtype=np.float64)


def _positions(places: Sequence[Place]) -> tuple[Floats, Floats]:
    latitudes, longitudes = zip(*map(_position, places), strict=True) if places else ((), ())
    return _floats(latitudes), _floats(longitudes)


def _duration_minutes(legs: Legs) -> Floats:
    known = (legs.departures != UNKNOWN) & (legs.arrivals != UNKNOWN)
    return np.where(known, (legs.arrivals - legs.departures) / 1_000_000 / 60, np.nan)


def _local_clocks(
    moments: Sequence[datetime | None], at: Instants, timezones: Sequence[str | None]
) -> tuple[Floats, Floats]:
    """The `local_clock` of each moment. On nearly all days a zone has one offset; it is looked up once for each day."""
    if len(moments) <= _FEW:
        clocks = [*map(local_clock, moments, timezones)]
        return _floats([day for day, _ in clocks]), _floats([minute for _, minute in clocks])
    numbers: dict[str | None, int] = {}
    zone = np.array([numbers.setdefault(timezone, len(numbers)) for timezone in timezones], dtype=np.int64)
    names = [*numbers]
    days = at // _DAY
    pairs, of_pair = np.unique(days * len(names) + zone, return_inverse=True)
    offsets = [_offset(names[pair % len(names)], pair // len(names)) for pair in pairs.tolist()]
    offset = np.array(offsets, dtype=np.int64)[of_pair]
    local = at + np.where(offset == _IRREGULAR, 0, offset)
    day, minute = (local // _DAY).astype(np.float64), (local % _DAY // _MINUTE).astype(np.float64)
    for number in np.flatnonzero((offset == _IRREGULAR) | (at == UNKNOWN)).tolist():
        found = local_clock(moments[number], timezones[number])
        day[number], minute[number] = (np.nan if each is None else each for each in found)
    return day, minute


@lru_cache(maxsize=8192)
def _offset(timezone: str | None, day: int) -> int:
    """Microseconds from UTC to the clock of a zone on a day in UTC; `_IRREGULAR` where that changes on the day."""
    zone = _zone(timezone) if timezone else None
    try:
        start = EPOCH + timedelta(days=day)
        ends = {(start + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in (0, 24)}
    except OverflowError:
        return _IRREGULAR
    (offset, *others) = ends
    if zone is None or others or offset is None:
        return _IRREGULAR
    return offset // timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """The zone of that name, or None: the tables may name a zone that this machine's database does not have."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
