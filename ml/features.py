"""The model's inputs: one definition for training and for serving.

Both sides bring what they know of flights into `Columns`, training from Polars (`ml.dataset`), serving from `Leg`
objects (`columns_of`), and `matrix` turns columns into the float32 matrix that the model reads. A value that is not
known is NaN, and the model answers for it as for the average flight. Needs numpy and the standard library only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.columns import Columns, Floats
from ml.holidays import holiday_distance
from ml.leg import WEATHER_FIELDS, Leg

Group = Literal["SCHEDULE", "WEATHER", "OPERATIONS"]
Vocabularies = Mapping[str, Mapping[str, int]]

EARTH_RADIUS_MILES = 3958.7613
"""The mean radius 6371.0088 km (IUGG, as in Moritz, Geodetic Reference System 1980) in statute miles."""

STEPS_OF_ONE = 64
"""Inputs are rounded to 1/64 of their unit. The thresholds of a tree lie halfway between inputs: on such a grid they
are exact in float32, so that ONNX Runtime and scikit-learn decide alike. Unrounded, some fall on the other side."""

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


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
    Feature("origin_flights", "SCHEDULE", "flights", "Flights leaving the origin within 30 minutes before or after."),
    Feature("carrier_flights", "SCHEDULE", "flights", "Those of them that are of the same airline."),
    Feature("aircraft_seats", "SCHEDULE", "seats", "Seats of the aircraft."),
    Feature("aircraft_age", "SCHEDULE", "years", "Age of the aircraft."),
    Feature("temperature_c", "WEATHER", "°C", "Air temperature at the origin in the hour of departure."),
    Feature("dew_point_c", "WEATHER", "°C", "Dew point."),
    Feature("relative_humidity_pct", "WEATHER", "%", "Relative humidity."),
    Feature("wind_direction_deg", "WEATHER", "°", "Where the wind comes from, clockwise from true north."),
    Feature("wind_speed_kt", "WEATHER", "kt", "Sustained wind."),
    Feature("wind_gust_kt", "WEATHER", "kt", "Gusts."),
    Feature("precipitation_mm", "WEATHER", "mm", "Precipitation of the hour."),
    Feature("pressure_hpa", "WEATHER", "hPa", "Pressure at sea level."),
    Feature("visibility_km", "WEATHER", "km", "Visibility."),
    Feature("rain_3h_mm", "WEATHER", "mm", "Precipitation of the hour of departure and the 2 before."),
    Feature("rain_6h_mm", "WEATHER", "mm", "Precipitation of the hour of departure and the 5 before."),
    Feature("rain_12h_mm", "WEATHER", "mm", "Precipitation of the hour of departure and the 11 before."),
    Feature("lowest_visibility_3h_km", "WEATHER", "km", "Lowest visibility of these 3 hours."),
    Feature("lowest_visibility_6h_km", "WEATHER", "km", "Lowest visibility of these 6 hours."),
    Feature("highest_wind_3h_kt", "WEATHER", "kt", "Highest wind or gust of these 3 hours."),
    Feature("highest_wind_6h_kt", "WEATHER", "kt", "Highest wind or gust of these 6 hours."),
    Feature("pressure_change_3h_hpa", "WEATHER", "hPa", "Pressure minus that of 3 hours before."),
    Feature("pressure_change_6h_hpa", "WEATHER", "hPa", "Pressure minus that of 6 hours before."),
    Feature("origin_delay_minutes", "OPERATIONS", "min", "How late flights leave the origin 2 hours before."),
    Feature("carrier_delay_minutes", "OPERATIONS", "min", "How late the airline's flights leave the origin then."),
    Feature("destination_delay_minutes", "OPERATIONS", "min", "How late flights to the destination leave then."),
    Feature("origin_block_delay_minutes", "OPERATIONS", "min", "What landed flights from the origin lost on the way."),
    Feature("destination_block_delay_minutes", "OPERATIONS", "min", "What landed flights to the destination lost."),
)
"""In the order of the matrix's columns."""

BASES: dict[Group, tuple[Group, ...]] = {
    "SCHEDULE": ("SCHEDULE",),
    "WEATHER": ("SCHEDULE", "WEATHER"),
    "OPERATIONS": ("SCHEDULE", "WEATHER", "OPERATIONS"),
}
"""What is known where inputs up to a group are: a passenger months ahead, a forecast, a dispatcher two hours ahead."""

VOCABULARY_FEATURES: tuple[str, ...] = tuple(feature.name for feature in FEATURES if feature.unit == "position")


def matrix(columns: Columns, names: Sequence[str], vocabularies: Vocabularies) -> NDArray[np.float32]:
    """The inputs `names` of n flights, shape (n, k), float32, C-contiguous.

    Args:
        columns: the flights.
        names: of `FEATURES`, in the order in which the model was trained.
        vocabularies: for each position feature its codes and their positions; a code not in it is NaN.

    Raises:
        KeyError: a name is not in `FEATURES`, or a position feature has no vocabulary.
    """
    values = np.empty((len(names), len(columns.carrier_code)))
    for index, name in enumerate(names):
        values[index] = _COMPUTE[name](columns, vocabularies)
    return on_the_grid(values.T)


def on_the_grid(values: Floats) -> NDArray[np.float32]:
    """Inputs rounded to steps, C-contiguous."""
    rounded: NDArray[np.float32] = (np.rint(values * STEPS_OF_ONE) / STEPS_OF_ONE).astype(np.float32, order="C")
    return rounded


def known_up_to(basis: Group, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """A copy of a matrix with all of `FEATURES`, shape (n, features), in which groups beyond `basis` are unknown."""
    known = inputs.copy()
    known[:, [feature.group not in BASES[basis] for feature in FEATURES]] = np.nan
    return known


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
    # numpy reads None as NaN when the dtype is a float.
    return np.array([vocabulary.get(code) for code in codes], dtype=np.float64)


def _distance(columns: Columns) -> Floats:
    return haversine_miles(
        columns.origin_latitude,
        columns.origin_longitude,
        columns.destination_latitude,
        columns.destination_longitude,
    )


DELAY_FEATURES = tuple(feature.name for feature in FEATURES if feature.group == "OPERATIONS")


def _plain(name: str) -> Callable[[Columns, Vocabularies], Floats]:
    return lambda columns, _: getattr(columns, name)


def _in_the_hour(field: int) -> Callable[[Columns, Vocabularies], Floats]:
    return lambda columns, _: columns.weather[:, 0, field].astype(np.float64)


def _hours(columns: Columns, field: str, hours: int) -> Floats:
    """A reading of the hour of departure and the ones before it, shape (n, hours)."""
    return columns.weather[:, :hours, WEATHER_FIELDS.index(field)].astype(np.float64)


def _sum(columns: Columns, field: str, hours: int) -> Floats:
    # One hour that is not known makes the sum unknown: it could be the one with the rain.
    result: Floats = _hours(columns, field, hours).sum(axis=1)
    return result


def _highest_wind(columns: Columns, hours: int) -> Floats:
    """An hour without a gust is one whose wind was steady; `fmax` takes whichever is known."""
    in_each = np.fmax(_hours(columns, "wind_gust_kt", hours), _hours(columns, "wind_speed_kt", hours))
    result: Floats = in_each.max(axis=1)
    return result


def _change(columns: Columns, field: str, hours: int) -> Floats:
    readings = _hours(columns, field, hours + 1)
    result: Floats = readings[:, 0] - readings[:, hours]
    return result


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
    **{name: _plain(name) for name in ("origin_flights", "carrier_flights", "aircraft_seats")},
    # Built after it flies: one of the two years is wrong.
    "aircraft_age": lambda columns, _: np.where(columns.aircraft_age >= 0, columns.aircraft_age, np.nan),
    **{name: _in_the_hour(index) for index, name in enumerate(WEATHER_FIELDS)},
    "rain_3h_mm": lambda columns, _: _sum(columns, "precipitation_mm", 3),
    "rain_6h_mm": lambda columns, _: _sum(columns, "precipitation_mm", 6),
    "rain_12h_mm": lambda columns, _: _sum(columns, "precipitation_mm", 12),
    "lowest_visibility_3h_km": lambda columns, _: _hours(columns, "visibility_km", 3).min(axis=1),
    "lowest_visibility_6h_km": lambda columns, _: _hours(columns, "visibility_km", 6).min(axis=1),
    "highest_wind_3h_kt": lambda columns, _: _highest_wind(columns, 3),
    "highest_wind_6h_kt": lambda columns, _: _highest_wind(columns, 6),
    "pressure_change_3h_hpa": lambda columns, _: _change(columns, "pressure_hpa", 3),
    "pressure_change_6h_hpa": lambda columns, _: _change(columns, "pressure_hpa", 6),
    **{name: _plain(name) for name in DELAY_FEATURES},
}

_CODES: dict[str, Callable[[Leg], str | None]] = {
    "carrier": lambda leg: leg.carrier_code,
    "origin": lambda leg: leg.origin_code,
    "destination": lambda leg: leg.destination_code,
}
