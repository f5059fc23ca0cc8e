"""Weather at an airport."""

from datetime import datetime
from typing import Self

import strawberry

from db.engine import Row
from graphql_api.context import Info
from graphql_api.loaders import WeatherAsk
from graphql_api.selection import columns_for


@strawberry.type(description="The weather at an airport in one hour. What was not observed is null.")
class WeatherObservation:
    observed_at: datetime = strawberry.field(description="The start of the hour, in UTC.")
    temperature_c: float | None = strawberry.field(description="Air temperature in degrees Celsius.")
    dew_point_c: float | None = strawberry.field(description="Dew point in degrees Celsius.")
    relative_humidity_pct: float | None = strawberry.field(description="Relative humidity in percent, 0 to 100.")
    wind_direction_deg: float | None = strawberry.field(
        description="Where the wind comes from, in degrees clockwise from true north."
    )
    wind_speed_kt: float | None = strawberry.field(description="Sustained wind speed in knots.")
    wind_gust_kt: float | None = strawberry.field(
        description="Speed of the gusts in knots; null also where none were reported."
    )
    precipitation_mm: float | None = strawberry.field(description="Precipitation of the hour in millimetres.")
    pressure_hpa: float | None = strawberry.field(description="Pressure at sea level in hectopascals.")
    visibility_km: float | None = strawberry.field(description="Visibility in kilometres.")

    @classmethod
    def from_row(cls, row: Row) -> Self:
        instance = object.__new__(cls)
        instance.__dict__.update(row._mapping)
        return instance


async def weather_at(info: Info, airport_code: str, moment: datetime) -> WeatherObservation | None:
    """The observation for the hour (UTC) in which the moment lies, None where there is none."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    columns = columns_for(info, WeatherObservation)
    row = await info.context.loaders.weather.load(WeatherAsk(airport_code, hour, columns))
    return None if row is None else WeatherObservation.from_row(row)
