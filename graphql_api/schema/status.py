"""The states of a flight."""

from enum import Enum

import strawberry


@strawberry.enum(description="How far a flight has come.")
class FlightStatus(Enum):
    SCHEDULED = strawberry.enum_value("SCHEDULED", description="Has not left the gate.")
    DEPARTED = strawberry.enum_value("DEPARTED", description="Has left the gate and not arrived.")
    LANDED = strawberry.enum_value("LANDED", description="Arrived at its destination.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="Did not depart.")
    DIVERTED = strawberry.enum_value(
        "DIVERTED", description="Departed, and did not arrive at its destination as scheduled."
    )
