"""What becomes of writing one flight."""

from typing import Annotated, Self

import strawberry

from db.faults import Values
from graphql_api.schema.flight import Flight
from graphql_api.schema.problems import IdempotencyConflict, InvalidInput, Problem


@strawberry.type(description="The flight was created.")
class FlightCreated:
    flight: Flight = strawberry.field(
        description="The flight as it was created; also in the answer to a repeated idempotencyKey."
    )


@strawberry.type(description="The flight is as the patch says.")
class FlightUpdated:
    flight: Flight = strawberry.field(
        description="The flight after the change. A patch that changed nothing leaves its version as it was."
    )


@strawberry.type(description="The flight was deleted.")
class FlightDeleted:
    id: strawberry.ID = strawberry.field(description="The ID that the flight had. No other flight gets it.")


@strawberry.type(description="A flight with this carrier, number, origin and scheduled departure exists.")
class FlightAlreadyExists(Problem):
    flight: Flight = strawberry.field(description="The flight that exists.")

    @classmethod
    def of(cls, values: Values) -> Self:
        message = (
            f"{values['carrier_code']} {values['flight_number']} from {values['origin_code']} at this scheduled "
            f"departure exists, at version {values['version']}. Change it with updateFlight."
        )
        return cls(message=message, flight=Flight.from_written(values))


@strawberry.type(description="No flight has the ID.")
class FlightNotFound(Problem):
    pass


@strawberry.type(description="The flight has another version than was expected; nothing was changed.")
class FlightVersionConflict(Problem):
    current: Flight = strawberry.field(description="The flight as it is.")

    @classmethod
    def of(cls, values: Values, expected_version: int) -> Self:
        message = (
            f"The flight is at version {values['version']}, not {expected_version}. "
            "Decide on what it is now, and send the change again with its version."
        )
        return cls(message=message, current=Flight.from_written(values))


def flight_not_found() -> FlightNotFound:
    return FlightNotFound(message="No flight has this ID. It was deleted, or the ID is not one of a flight.")


CreateFlightResult = Annotated[
    FlightCreated | FlightAlreadyExists | InvalidInput | IdempotencyConflict,
    strawberry.union("CreateFlightResult", description="The new flight, or why there is none."),
]
UpdateFlightResult = Annotated[
    FlightUpdated | FlightNotFound | FlightVersionConflict | InvalidInput,
    strawberry.union("UpdateFlightResult", description="The changed flight, or why it was not changed."),
]
DeleteFlightResult = Annotated[
    FlightDeleted | FlightNotFound | FlightVersionConflict,
    strawberry.union("DeleteFlightResult", description="The ID of the deleted flight, or why it was not deleted."),
]
