"""What serving knows of one flight when its delay is asked for."""

from dataclasses import dataclass, fields
from datetime import datetime


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

    `origin_flights` and `carrier_flights` count the flights that the timetable has leaving the origin within 30
    minutes before or after the scheduled departure, this one included: all, and those of its carrier. `weather` is that
    of the origin: first the UTC hour of the scheduled departure, then the `WEATHER_HOURS` hours before it, latest
    first; it may be shorter. The five delays are those of `OperationsInput` in the schema, in minutes.
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
    origin_block_delay_minutes: float | None = None
    destination_block_delay_minutes: float | None = None


DELAYS: tuple[str, ...] = tuple(field.name for field in fields(Leg))[-5:]
"""The five delays, in the order of a leg's fields."""
