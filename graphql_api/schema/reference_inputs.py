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
    latitude: Maybe[float | None] = strawberry.field(description="Degrees north of the equator.")
    longitude: Maybe[float | None] = strawberry.field(description="Degrees east of Greenwich.")
    altitude_ft: Maybe[int | None] = strawberry.field(description="Height above sea level in feet.")
    timezone: Maybe[str | None] = strawberry.field(description="IANA time zone, as in America/New_York.")


@strawberry.input(description=f"An aircraft. {_KEPT}")
class AircraftInput:
    tail_number: str = strawberry.field(description="Registration, as in N14228.")
    manufacturer: Maybe[str | None] = strawberry.field(description="Manufacturer.")
    model: Maybe[str | None] = strawberry.field(description="Model, as in 737-824.")
    year: Maybe[int | None] = strawberry.field(description="Year of manufacture.")
    seats: Maybe[int | None] = strawberry.field(description="Number of seats.")
    engines: Maybe[int | None] = strawberry.field(description="Number of engines.")
    engine_type: Maybe[str | None] = strawberry.field(description="Kind of engine, as in Turbo-fan.")


@strawberry.input(description=f"The weather at an airport in one hour. {_KEPT}")
class WeatherObservationInput:
    airport_code: str = strawberry.field(description="The airport's code, as in EWR.")
    observed_at: datetime = strawberry.field(description="The start of the hour.")
    temperature_c: Maybe[float | None] = strawberry.field(description="Air temperature in degrees Celsius.")
    dew_point_c: Maybe[float | None] = strawberry.field(description="Dew point in degrees Celsius.")
    relative_humidity_pct: Maybe[float | None] = strawberry.field(description="Relative humidity in percent, 0 to 100.")
    wind_direction_deg: Maybe[float | None] = strawberry.field(
        description="Where the wind comes from, in degrees clockwise from true north."
    )
    wind_speed_kt: Maybe[float | None] = strawberry.field(description="Sustained wind in knots.")
    wind_gust_kt: Maybe[float | None] = strawberry.field(description="Gusts in knots.")
    precipitation_mm: Maybe[float | None] = strawberry.field(description="Precipitation of the hour in millimetres.")
    pressure_hpa: Maybe[float | None] = strawberry.field(description="Pressure at sea level in hectopascals.")
    visibility_km: Maybe[float | None] = strawberry.field(description="Visibility in kilometres.")
