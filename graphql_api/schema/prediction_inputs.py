"""What a client says of a flight whose delay it asks for."""

from datetime import datetime

import strawberry
from strawberry import UNSET


@strawberry.input(description="Weather at the origin in the hour of departure. What is left out is looked up.")
class WeatherInput:
    temperature_c: float | None = strawberry.field(default=UNSET, description="Air temperature in degrees Celsius.")
    dew_point_c: float | None = strawberry.field(default=UNSET, description="Dew point in degrees Celsius.")
    relative_humidity_pct: float | None = strawberry.field(default=UNSET, description="Relative humidity in percent.")
    wind_direction_deg: float | None = strawberry.field(
        default=UNSET, description="Where the wind comes from, degrees."
    )
    wind_speed_kt: float | None = strawberry.field(default=UNSET, description="Sustained wind in knots.")
    wind_gust_kt: float | None = strawberry.field(default=UNSET, description="Gusts in knots.")
    precipitation_mm: float | None = strawberry.field(
        default=UNSET, description="Precipitation of the hour, millimetres."
    )
    pressure_hpa: float | None = strawberry.field(default=UNSET, description="Pressure at sea level, hectopascals.")
    visibility_km: float | None = strawberry.field(default=UNSET, description="Visibility in kilometres.")


@strawberry.input(
    description="How late flights are running two hours before the scheduled departure, and what they lose on the way. "
    "What is left out is looked up."
)
class OperationsInput:
    origin_delay_minutes: float | None = strawberry.field(
        default=UNSET,
        description="T is two hours before the scheduled departure. Mean over the flights from the origin scheduled in "
        "[T - 3 h, T] of the departure delay known at T: the delay where the flight had left, the minutes it was "
        "already late where it had not.",
    )
    carrier_delay_minutes: float | None = strawberry.field(
        default=UNSET, description="The same, for this carrier at this origin."
    )
    destination_delay_minutes: float | None = strawberry.field(
        default=UNSET, description="The same, for all flights bound for the destination scheduled in [T - 6 h, T]."
    )
    origin_block_delay_minutes: float | None = strawberry.field(
        default=UNSET,
        description="Mean over the flights from the origin scheduled in [T - 6 h, T] that had landed at T of the "
        "minutes that they lost between the gates: the arrival delay less the departure delay, negative where time "
        "was made up. Headwinds and holding patterns show here first.",
    )
    destination_block_delay_minutes: float | None = strawberry.field(
        default=UNSET,
        description="The same, for all flights bound for the destination scheduled in [T - 24 h, T].",
    )


@strawberry.input(description="A flight, known to the service or not.")
class PredictDelayInput:
    carrier_code: str = strawberry.field(description="The airline's IATA code, as in UA.")
    origin_code: str = strawberry.field(description="The origin's IATA code, as in EWR.")
    destination_code: str = strawberry.field(description="The destination's IATA code, as in IAH.")
    scheduled_departure: datetime = strawberry.field(description="Scheduled departure.")
    scheduled_arrival: datetime | None = strawberry.field(
        default=UNSET, description="Scheduled arrival. Left out, it is looked up by flightNumber."
    )
    flight_number: int | None = strawberry.field(
        default=UNSET,
        description="The number without the carrier. With it, what is left out of a known flight is looked up.",
    )
    tail_number: str | None = strawberry.field(
        default=UNSET, description="The aircraft's registration. Left out, it is looked up by flightNumber."
    )
    weather: WeatherInput | None = strawberry.field(default=UNSET, description="Weather at the origin.")
    operations: OperationsInput | None = strawberry.field(default=UNSET, description="How late flights are running.")


@strawberry.input(
    description="Merged over the flight's own values field by field: left out keeps, null makes unknown. "
    "A changed departure, origin, destination or carrier looks weather and operations up again."
)
class PredictDelayOverrides:
    carrier_code: str | None = strawberry.field(default=UNSET, description="The airline's IATA code.")
    origin_code: str | None = strawberry.field(default=UNSET, description="The origin's IATA code.")
    destination_code: str | None = strawberry.field(default=UNSET, description="The destination's IATA code.")
    scheduled_departure: datetime | None = strawberry.field(default=UNSET, description="Scheduled departure.")
    scheduled_arrival: datetime | None = strawberry.field(default=UNSET, description="Scheduled arrival.")
    tail_number: str | None = strawberry.field(default=UNSET, description="The aircraft's registration.")
    weather: WeatherInput | None = strawberry.field(default=UNSET, description="Weather at the origin.")
    operations: OperationsInput | None = strawberry.field(default=UNSET, description="How late flights are running.")
