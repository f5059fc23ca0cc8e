"""What a client says of a flight whose delay it asks for."""

from datetime import datetime

import strawberry
from strawberry import UNSET


@strawberry.input(
    description="Weather at the origin in the hour of departure. What is left out is looked up; null makes it unknown."
)
class WeatherInput:
    temperature_c: float | None = strawberry.field(
        default=UNSET, description="Air temperature in degrees Celsius, -90 to 60."
    )
    dew_point_c: float | None = strawberry.field(default=UNSET, description="Dew point in degrees Celsius, -100 to 40.")
    relative_humidity_pct: float | None = strawberry.field(
        default=UNSET, description="Relative humidity in percent, 0 to 100."
    )
    wind_direction_deg: float | None = strawberry.field(
        default=UNSET, description="Where the wind comes from, in degrees clockwise from true north, 0 to 360."
    )
    wind_speed_kt: float | None = strawberry.field(
        default=UNSET, description="Sustained wind speed in knots, 0 to 150."
    )
    wind_gust_kt: float | None = strawberry.field(default=UNSET, description="Speed of the gusts in knots, 0 to 200.")
    precipitation_mm: float | None = strawberry.field(
        default=UNSET, description="Precipitation of the hour in millimetres, 0 to 310."
    )
    pressure_hpa: float | None = strawberry.field(
        default=UNSET, description="Pressure at sea level in hectopascals, 850 to 1,100."
    )
    visibility_km: float | None = strawberry.field(default=UNSET, description="Visibility in kilometres, 0 to 500.")


@strawberry.input(
    description="How late flights are running two hours before the scheduled departure, and what they lose on the way. "
    "What is left out is looked up; null makes it unknown. All in minutes, -1,440 to 2,880; negative is early."
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


@strawberry.input(description="A flight, known to the service or not. Null is as good as left out.")
class PredictDelayInput:
    carrier_code: str = strawberry.field(description="The airline's IATA code, as in UA.")
    origin_code: str = strawberry.field(description="The origin's IATA code, as in EWR.")
    destination_code: str = strawberry.field(description="The destination's IATA code, as in IAH.")
    scheduled_departure: datetime = strawberry.field(description="Scheduled departure.")
    scheduled_arrival: datetime | None = strawberry.field(
        default=UNSET,
        description="Scheduled arrival, within 24 hours after the departure. Left out, it is looked up by "
        "flightNumber.",
    )
    flight_number: int | None = strawberry.field(
        default=UNSET,
        description="The number without the carrier. With it, what is left out of a known flight is looked up.",
    )
    tail_number: str | None = strawberry.field(
        default=UNSET, description="The aircraft's registration. Left out, it is looked up by flightNumber."
    )
    weather: WeatherInput | None = strawberry.field(default=UNSET, description="Weather at the origin.")
    operations: OperationsInput | None = strawberry.field(
        default=UNSET, description="How late flights are running, in minutes."
    )


@strawberry.input(
    description="Merged over the flight's own values field by field: left out keeps, null makes unknown. "
    "A changed departure, origin, destination or carrier looks weather and operations up again."
)
class PredictDelayOverrides:
    carrier_code: str | None = strawberry.field(default=UNSET, description="The airline's IATA code.")
    origin_code: str | None = strawberry.field(default=UNSET, description="The origin's IATA code.")
    destination_code: str | None = strawberry.field(default=UNSET, description="The destination's IATA code.")
    scheduled_departure: datetime | None = strawberry.field(default=UNSET, description="Scheduled departure.")
    scheduled_arrival: datetime | None = strawberry.field(
        default=UNSET, description="Scheduled arrival, within 24 hours after the departure."
    )
    tail_number: str | None = strawberry.field(default=UNSET, description="The aircraft's registration.")
    weather: WeatherInput | None = strawberry.field(default=UNSET, description="Weather at the origin.")
    operations: OperationsInput | None = strawberry.field(
        default=UNSET, description="How late flights are running, in minutes."
    )
