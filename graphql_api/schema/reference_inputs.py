"""What a client says of airlines, airports, aircraft and weather that it writes.

Of a row that exists, what is left out stays as it is, and null clears.
"""

from datetime import datetime

import strawberry
from strawberry import Maybe

_KEPT = "Of a row that exists, what is left out stays as it is, and null clears."


@strawberry.input(description="An airline.")
class AirlineInput:
    code: str = strawberry.field(description="2 or 3 capital letters and digits, as in UA.")
    name: str = strawberry.field(description="Name.")


@strawberry.input(description=f"An airport. {_KEPT}")
class AirportInput:
    code: str = strawberry.field(description="3 or 4 capital letters and digits, as in EWR.")
    name: str = strawberry.field(description="Name.")
    latitude: Maybe[float | None] = strawberry.field(
        description="Latitude in degrees, -90 to 90; negative is south of the equator."
    )
    longitude: Maybe[float | None] = strawberry.field(
        description="Longitude in degrees, -180 to 180; negative is west of Greenwich."
    )
    altitude_ft: Maybe[int | None] = strawberry.field(description="Height above sea level in feet, -1,500 to 20,000.")
    timezone: Maybe[str | None] = strawberry.field(description="IANA time zone, as in America/New_York.")


@strawberry.input(description=f"An aircraft. {_KEPT}")
class AircraftInput:
    tail_number: str = strawberry.field(description="Registration, as in N14228.")
    manufacturer: Maybe[str | None] = strawberry.field(description="Manufacturer.")
    model: Maybe[str | None] = strawberry.field(description="Model, as in 737-824.")
    year: Maybe[int | None] = strawberry.field(description="Year of manufacture, 1903 to 2100.")
    seats: Maybe[int | None] = strawberry.field(description="Number of seats, 1 to 1,000.")
    engines: Maybe[int | None] = strawberry.field(description="Number of engines, 1 to 12.")
    engine_type: Maybe[str | None] = strawberry.field(description="Kind of engine, as in Turbo-fan.")


@strawberry.input(description=f"The weather at an airport in one hour. {_KEPT}")
class WeatherObservationInput:
    airport_code: str = strawberry.field(description="The airport's code, as in EWR.")
    observed_at: datetime = strawberry.field(description="The start of the hour, in UTC.")
    temperature_c: Maybe[float | None] = strawberry.field(description="Air temperature in degrees Celsius, -90 to 60.")
    dew_point_c: Maybe[float | None] = strawberry.field(description="Dew point in degrees Celsius, -100 to 40.")
    relative_humidity_pct: Maybe[float | None] = strawberry.field(description="Relative humidity in percent, 0 to 100.")
    wind_direction_deg: Maybe[float | None] = strawberry.field(
        description="Where the wind comes from, in degrees clockwise from true north, 0 to 360."
    )
    wind_speed_kt: Maybe[float | None] = strawberry.field(description="Sustained wind speed in knots, 0 to 150.")
    wind_gust_kt: Maybe[float | None] = strawberry.field(description="Speed of the gusts in knots, 0 to 200.")
    precipitation_mm: Maybe[float | None] = strawberry.field(
        description="Precipitation of the hour in millimetres, 0 to 310."
    )
    pressure_hpa: Maybe[float | None] = strawberry.field(
        description="Pressure at sea level in hectopascals, 850 to 1,100."
    )
    visibility_km: Maybe[float | None] = strawberry.field(description="Visibility in kilometres, 0 to 500.")
