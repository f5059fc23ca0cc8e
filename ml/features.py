"""The model's inputs: one definition for training and for serving.

Both sides bring what they know of flights into `Columns`, training from Polars (`ml.dataset`), serving from `Leg`
objects (`columns_of`), and `matrix` turns columns into the float32 matrix that the model reads. A value that is not
known is NaN, and the model answers for it as for the average flight. Needs numpy and the standard library only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ml.holidays import holiday_distance

Group = Literal["SCHEDULE", "WEATHER", "OPERATIONS"]
Floats = NDArray[np.float64]
Vocabularies = Mapping[str, Mapping[str, int]]

EARTH_RADIUS_MILES = 3958.7613
"""The mean radius 6371.0088 km (IUGG, as in Moritz, Geodetic Reference System 1980) in statute miles."""

_EPOCH_ORDINAL = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001  only the day counts
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an airport is: degrees north and east, and its IANA time zone. None is unknown."""

    latitude: float | None = None
    longitude: float | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """The weather at an airport in one hour. None is unknown."""

    temperature_c: float | None = None
    dew_point_c: float | None = None
    relative_humidity_pct: float | None = None
    wind_direction_deg: float | None = None
    wind_speed_kt: float | None = None
    wind_gust_kt: float | None = None
    precipitation_mm: float | None = None
    pressure_hpa: float | None = None
    visibility_km: float | None = None


WEATHER_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Weather))
WEATHER_HOURS = 12
"""How many hours before the hour of departure the model looks at."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What is known of one flight when its delay is asked for. Instants are aware; None is unknown.

    `origin_flights` and `carrier_flights` count the flights that the timetable has leaving the origin within 30 minutes
    before or after the scheduled departure, this one included: all of them, and those of its carrier. `weather` is that
    of the origin: first the UTC hour of the scheduled departure, then the `WEATHER_HOURS` hours before it, latest first;
    it may be shorter. The three delays are those of `OperationsInput` in the schema, in minutes.
    """

    carrier_code: str | None
    origin_code: str | None
    destination_code: str | None
    scheduled_departure: datetime | None
    scheduled_arrival: datetime | None
    origin: Place
    destination: Place
    aircraft_seats: int | None = None
    aircraft_year: int | None = None
    origin_flights: int | None = None
    carrier_flights: int | None = None
    weather: tuple[Weather, ...] = ()
    origin_delay_minutes: float | None = None
    carrier_delay_minutes: float | None = None
    destination_delay_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Flights column by column, each of shape (n,). NaN is unknown.

    Days count from 1970-01-01, minutes from midnight, both on the airport's own clock; coordinates are in degrees.
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


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model. `unit` says how its number is to be read, `group` when it is known."""

    name: str
    group: Group
    unit: str
    description: str
    dtype: str = "float32"


FEATURES: tuple[Feature, ...] = (
    Feature("carrier", "SCHEDULE", "position", "The airline, as its position in the model's vocabulary."),
    Feature("origin", "SCHEDULE", "position", "The airport of departure, as its position in the vocabulary."),
    Feature("destination", "SCHEDULE", "position", "The airport of arrival, as its position in the vocabulary."),
    Feature("departure_minute", "SCHEDULE", "clock", "Scheduled departure, minutes after midnight at the origin."),
    Feature("arrival_minute", "SCHEDULE", "clock", "Scheduled arrival, minutes after midnight at the destination."),
    Feature("duration_minutes", "SCHEDULE", "min", "Minutes from scheduled departure to scheduled arrival."),
    Feature("distance_miles", "SCHEDULE", "mi", "Great-circle distance from origin to destination."),
    Feature("weekday", "SCHEDULE", "weekday", "ISO weekday of the departure at the origin, 1 is Monday."),
    Feature("holiday_days", "SCHEDULE", "days", "Days to or from the nearest US federal holiday; 3 is three or more."),
)
"""In the order of the matrix's columns."""

VOCABULARY_FEATURES: tuple[str, ...] = tuple(feature.name for feature in FEATURES if feature.unit == "position")


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
    )


def matrix(columns: Columns, names: Sequence[str], vocabularies: Vocabularies) -> NDArray[np.float32]:
    """The inputs `names` of n flights, shape (n, k), float32, C-contiguous.

    Args:
        columns: the flights.
        names: of `FEATURES`, in the order in which the model was trained.
        vocabularies: for each position feature its codes and their positions; a code not in it is NaN.

    Raises:
        KeyError: a name is not in `FEATURES`, or a position feature has no vocabulary.
    """
    result = np.empty((len(columns.carrier_code), len(names)), dtype=np.float32)
    for index, name in enumerate(names):
        result[:, index] = _COMPUTE[name](columns, vocabularies)
    return result


def value_text(feature: Feature, leg: Leg, value: float) -> str | None:
    """What a person calls the input `feature` of `leg`, whose number in the matrix is `value`. None when unknown."""
    if feature.unit == "position":
        return _CODES[feature.name](leg)
    if np.isnan(value):
        return None
    number = round(float(value))
    if feature.unit == "clock":
        return f"{number // 60:02d}:{number % 60:02d}"
    if feature.unit == "weekday":
        return _WEEKDAYS[number - 1]
    return f"{number} {feature.unit}"


def haversine_miles(latitude: Floats, longitude: Floats, to_latitude: Floats, to_longitude: Floats) -> Floats:
    """Great-circle distance in statute miles between points in degrees, shape (n,).

    The haversine formula (Sinnott, Virtues of the Haversine, Sky & Telescope 68, 1984): exact on a sphere, and stable
    for near points.
    """
    phi, to_phi = np.radians(latitude), np.radians(to_latitude)
    half_phi = np.sin((to_phi - phi) / 2)
    half_lambda = np.sin(np.radians(to_longitude - longitude) / 2)
    chord = half_phi * half_phi + np.cos(phi) * np.cos(to_phi) * half_lambda * half_lambda
    distance: Floats = 2 * EARTH_RADIUS_MILES * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return distance


def _positions(codes: NDArray[np.object_], vocabulary: Mapping[str, int]) -> Floats:
    return _floats([vocabulary.get(code) for code in codes])


def _distance(columns: Columns) -> Floats:
    return haversine_miles(
        columns.origin_latitude,
        columns.origin_longitude,
        columns.destination_latitude,
        columns.destination_longitude,
    )


_COMPUTE: dict[str, Callable[[Columns, Vocabularies], Floats]] = {
    "carrier": lambda columns, vocabularies: _positions(columns.carrier_code, vocabularies["carrier"]),
    "origin": lambda columns, vocabularies: _positions(columns.origin_code, vocabularies["origin"]),
    "destination": lambda columns, vocabularies: _positions(columns.destination_code, vocabularies["destination"]),
    "departure_minute": lambda columns, _: columns.departure_minute,
    "arrival_minute": lambda columns, _: columns.arrival_minute,
    "duration_minutes": lambda columns, _: columns.duration_minutes,
    "distance_miles": lambda columns, _: _distance(columns),
    # 1970-01-01 was a Thursday, ISO weekday 4.
    "weekday": lambda columns, _: (columns.departure_day + 3) % 7 + 1,
    "holiday_days": lambda columns, _: holiday_distance(columns.departure_day),
}

_CODES: dict[str, Callable[[Leg], str | None]] = {
    "carrier": lambda leg: leg.carrier_code,
    "origin": lambda leg: leg.origin_code,
    "destination": lambda leg: leg.destination_code,
}


def _floats(values: Sequence[float | None]) -> Floats:
    # numpy reads None as NaN when the dtype is a float.
    return np.array(values, dtype=np.float64)


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
