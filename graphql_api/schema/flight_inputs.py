"""What a client says of a flight that it writes."""

from datetime import datetime

import strawberry
from strawberry import Maybe

from graphql_api.schema.status import FlightStatus

_TAIL_NUMBER = "The aircraft's registration. One that is not known yet becomes an aircraft."
_ARRIVAL = "Scheduled arrival, after the scheduled departure and within 24 hours."
_ACTUAL_DEPARTURE = "When it left the gate."
_ACTUAL_ARRIVAL = "When it reached the gate of its destination."
_DISTANCE = "Distance from origin to destination in statute miles, 1 to 12,500."
_AIR_TIME = "Time in the air in minutes, 1 to 1,440, of a flight that departed."


@strawberry.input(
    description="A flight. Carrier, number, origin and scheduled departure identify it. Delays are not given: they "
    "follow from the times. Of a flight that exists, an upsert leaves as it is what is left out, and clears what is "
    "null."
)
class CreateFlightInput:
    carrier_code: str = strawberry.field(description="The airline's code, as in UA.")
    flight_number: int = strawberry.field(description="The number without the carrier, 1 to 9999.")
    origin_code: str = strawberry.field(description="The origin's code, as in EWR.")
    destination_code: str = strawberry.field(description="The destination's code, as in IAH.")
    scheduled_departure: datetime = strawberry.field(description="Scheduled departure.")
    scheduled_arrival: Maybe[datetime | None] = strawberry.field(description=_ARRIVAL)
    tail_number: Maybe[str | None] = strawberry.field(description=_TAIL_NUMBER)
    actual_departure: Maybe[datetime | None] = strawberry.field(description=_ACTUAL_DEPARTURE)
    actual_arrival: Maybe[datetime | None] = strawberry.field(description=_ACTUAL_ARRIVAL)
    status: Maybe[FlightStatus | None] = strawberry.field(
        description="How far the flight has come. Left out of a new flight, it follows from the actual times: LANDED "
        "with an arrival, DEPARTED with a departure alone, else SCHEDULED."
    )
    distance_miles: Maybe[int | None] = strawberry.field(description=_DISTANCE)
    air_time_minutes: Maybe[int | None] = strawberry.field(description=_AIR_TIME)


@strawberry.input(description="Fields left out stay as they are; null clears a field that may be null.")
class FlightPatch:
    tail_number: Maybe[str | None] = strawberry.field(description=_TAIL_NUMBER)
    scheduled_arrival: Maybe[datetime | None] = strawberry.field(description=_ARRIVAL)
    actual_departure: Maybe[datetime | None] = strawberry.field(description=_ACTUAL_DEPARTURE)
    actual_arrival: Maybe[datetime | None] = strawberry.field(description=_ACTUAL_ARRIVAL)
    status: Maybe[FlightStatus | None] = strawberry.field(
        description="How far the flight has come. It must agree with the actual times, and cannot be null."
    )
    distance_miles: Maybe[int | None] = strawberry.field(description=_DISTANCE)
    air_time_minutes: Maybe[int | None] = strawberry.field(description=_AIR_TIME)
