"""Flights column by column: what training brings from Polars (`ml.dataset`) and serving from legs (`columns_of`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ml.leg import WEATHER_FIELDS, WEATHER_HOURS, Leg, Weather

Floats = NDArray[np.float64]

_EPOCH_ORDINAL = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001  only the day counts
_UNKNOWN_HOURS = (Weather(),) * (1 + WEATHER_HOURS)
_readings = attrgetter(*WEATHER_FIELDS)


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
    departures = [_local_clock(leg.scheduled_departure, leg.origin.timezone) for leg in legs]
    arrivals = [_local_clock(leg.scheduled_arrival, leg.destination.timezone) for leg in legs]
    return Columns(
        carrier_code=np.array([leg.carrier_code for leg in legs], dtype=object),
        origin_code=np.array([leg.origin_code for leg in legs], dtype=object),
        destination_code=np.array([leg.destination_code for leg in legs], dtype=object),
        departure_day=_floats([day for day, _ in departures]),
        departure_minute=_floats([minute for _, minute in departures]),
        arrival_minute=_floats([minute for _, minute in arrivals]),
        duration_minutes=_floats([_duration_minutes(leg) for leg in legs]),
        origin_latitude=_floats([leg.origin.latitude for leg in legs]),
        origin_longitude=_floats([leg.origin.longitude for leg in legs]),
        destination_latitude=_floats([leg.destination.latitude for leg in legs]),
        destination_longitude=_floats([leg.destination.longitude for leg in legs]),
        aircraft_seats=_floats([leg.aircraft_seats for leg in legs]),
        aircraft_age=_floats([_aircraft_age(leg) for leg in legs]),
        origin_flights=_floats([leg.origin_flights for leg in legs]),
        carrier_flights=_floats([leg.carrier_flights for leg in legs]),
        weather=_weather(legs),
        origin_delay_minutes=_floats([leg.origin_delay_minutes for leg in legs]),
        carrier_delay_minutes=_floats([leg.carrier_delay_minutes for leg in legs]),
        destination_delay_minutes=_floats([leg.destination_delay_minutes for leg in legs]),
        origin_block_delay_minutes=_floats([leg.origin_block_delay_minutes for leg in legs]),
        destination_block_delay_minutes=_floats([leg.destination_block_delay_minutes for leg in legs]),
    )


def _floats(values: Sequence[float | None]) -> Floats:
    # numpy reads None as NaN when the dtype is a float.
    return np.array(values, dtype=np.float64)


def _weather(legs: Sequence[Leg]) -> NDArray[np.float32]:
    # Flights that leave an airport together have the same readings, and one hour's are the next hour's past: each
    # object is converted once, however many legs hold it.
    spans = {id(leg.weather): leg.weather for leg in legs}
    hours = [hour for span in spans.values() for hour in (span + _UNKNOWN_HOURS)[: 1 + WEATHER_HOURS]]
    identity = np.fromiter(map(id, hours), dtype=np.int64, count=len(hours))
    _, first, places = np.unique(identity, return_index=True, return_inverse=True)
    values = [*chain.from_iterable(_readings(hours[index]) for index in first.tolist())]
    readings = np.array(values, dtype=np.float32).reshape(-1, len(WEATHER_FIELDS))
    row = {span: number for number, span in enumerate(spans)}
    chosen = np.array([row[id(leg.weather)] for leg in legs], dtype=np.intp)
    return readings[places.reshape(-1, 1 + WEATHER_HOURS)[chosen]]


def _aircraft_age(leg: Leg) -> float | None:
    if leg.aircraft_year is None or leg.scheduled_departure is None:
        return None
    return leg.scheduled_departure.year - leg.aircraft_year


def _duration_minutes(leg: Leg) -> float | None:
    if leg.scheduled_departure is None or leg.scheduled_arrival is None:
        return None
    return (leg.scheduled_arrival - leg.scheduled_departure).total_seconds() / 60


def _local_clock(moment: datetime | None, timezone: str | None) -> tuple[float | None, float | None]:
    """Days since 1970-01-01 and minutes since midnight on the clock of `timezone`."""
    zone = _zone(timezone) if timezone else None
    if moment is None or zone is None:
        return None, None
    try:
        local = moment.astimezone(zone)
    except OverflowError:  # The first and the last day that a datetime can hold.
        return None, None
    return local.toordinal() - _EPOCH_ORDINAL, local.hour * 60 + local.minute


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """The zone of that name, or None: the tables may name a zone that this machine's database does not have."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
